"""Commands on their way to boxes: which are due, sent, answered; never decides to give one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, select, update

from cloud.store.schema import commands
from edge.wire import (
    Command,
    CommandAnswered,
    EraseCommand,
    ErasureReceipt,
    Scope,
    Topics,
    WithdrawCommand,
)

AT_ONCE = 50
"""Commands that are published before their acknowledgements are waited for."""


@dataclass(frozen=True, slots=True)
class Due:
    """One command to publish now."""

    topics: Topics
    command: Command


def any_due(connection: Connection, now_ms: int) -> bool:
    """Tell whether a command waits to be published."""
    return bool(connection.execute(select(exists().where(*_due(now_ms)))).scalar_one())


def claim_due(connection: Connection, now_ms: int, resend_ms: int) -> tuple[Due, ...]:
    """Return the commands to publish, oldest first, and put each off until `now_ms + resend_ms`.

    Whoever claims publishes; if it dies before, the command is due again after that time.
    """
    asked = select(commands).where(*_due(now_ms)).order_by(commands.c.issued_ms).limit(AT_ONCE)
    rows = connection.execute(asked).all()
    for row in rows:
        where = (commands.c.tenant == row.tenant, commands.c.command_id == row.command_id)
        connection.execute(update(commands).where(*where).values(due_ms=now_ms + resend_ms))
    return tuple(Due(Topics(row.tenant, row.site, row.box), _command(row)) for row in rows)


def mark_sent(connection: Connection, tenant: str, command_id: str, now_ms: int) -> None:
    """Note that the broker took a command; it stays due until the box answers."""
    connection.execute(
        update(commands)
        .where(
            commands.c.tenant == tenant, commands.c.command_id == command_id, commands.c.state != "answered"
        )
        .values(state="sent", sent_ms=now_ms, sends=commands.c.sends + 1)
    )


def ordered_ms(connection: Connection, tenant: str, box: str, receipt: ErasureReceipt) -> int | None:
    """Return when headquarters ordered the erasure that `box` receipts; None: nobody here ordered it."""
    asked = select(commands.c.issued_ms).where(
        commands.c.tenant == tenant,
        commands.c.box == box,
        commands.c.command_id == receipt.command_id,
        commands.c.kind == "erase",
        commands.c.who == receipt.who,
    )
    issued_ms: int | None = connection.execute(asked).scalar_one_or_none()
    return issued_ms


def apply_answers(
    connection: Connection, tenant: str, box: str, answers: Sequence[ErasureReceipt | CommandAnswered]
) -> None:
    """End the commands that `box` answered; another box's answer, or one about another person, ends none."""
    for answer in answers:
        matching = [
            commands.c.tenant == tenant,
            commands.c.box == box,
            commands.c.command_id == answer.command_id,
            commands.c.state != "answered",
        ]
        if isinstance(answer, ErasureReceipt):
            matching += [commands.c.kind == "erase", commands.c.who == answer.who]
        code = answer.code if isinstance(answer, CommandAnswered) else "ok"
        connection.execute(
            update(commands)
            .where(*matching)
            .values(state="answered", answered_ms=answer.at_ms, outcome=answer.outcome, code=code)
        )


def _due(now_ms: int) -> tuple[Any, ...]:
    return commands.c.state.in_(("issued", "sent")), commands.c.due_ms <= now_ms


def _command(row: Row[Any]) -> Command:
    common = {"command_id": row.command_id, "box": row.box, "issued_ms": row.issued_ms, "who": row.who}
    if row.kind == "erase":
        return EraseCommand(**common)
    return WithdrawCommand(**common, scope=Scope(row.scope))
