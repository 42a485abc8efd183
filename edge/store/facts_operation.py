"""Rows of headquarters' commands, and of what is about no person; never whom a command was about."""

from edge.domain.facts import AuditAnchored, CommandDone, Noted
from edge.store.tables import Tables
from edge.store.writing import Ground, write


@write.register
def _command_done(fact: CommandDone, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "commands",
        command_id=fact.command.command_id,
        kind=fact.command.kind,
        outcome=fact.outcome,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _audit_anchored(_fact: AuditAnchored, _ground: Ground, _to: Tables) -> None:
    """Its record is all there is."""


@write.register
def _noted(fact: Noted, ground: Ground, to: Tables) -> None:
    """Its records are all there is, but for the time in which the box was off."""
    if fact.off is not None:
        to.database.insert(
            "outages",
            "ON CONFLICT DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
            from_ms=fact.off[0],
            until_ms=fact.off[1],
            basis=ground.basis,
            purpose=ground.purpose,
        )
