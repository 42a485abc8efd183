"""Does to the real gate and the real store what a model says, and tries every use of a person's data."""

import contextlib
import dataclasses
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

from edge.consent.policy import Event, State
from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import Fact, PersonId, StaffId
from edge.domain.idcard import CardKind
from edge.ports import Cleared, Permit
from edge.wire import Basis, BasisKind, Evidence, Purpose, Scope, TimeQuality
from tests.unit.store.world import Someone, World, new_id

R = Scope.REGISTRATION
_AIM = {
    "notice": "NOTICED", "offer": "OFFERED", "decline": "DECLINED", "found_minor": "MINOR",
    "withdraw": "WITHDRAWN", "expire": "EXPIRED", "change": "RECONSENT", "agree": "CONSENTED",
    "guardian_agrees": "CONSENTED", "proof_stored": "ACTIVE", "erase": "ERASING", "erased": "TOMBSTONE",
}  # fmt: skip
"""The state that a caller who wants the event would name."""
_SCOPE_OF_EVIDENCE = {
    "registration": R, "appointment": R, "paper": R,
    "face_confirmed": Scope.FACE_MATCH, "id_card": Scope.ID_CARD, "announced_call": Scope.RECORDING,
}  # fmt: skip
READS: dict[str, Callable[[World, Permit], object]] = {
    "visits": lambda world, permit: world.store.visits(permit),
    "tokens_of": lambda world, permit: world.store.tokens_of(permit),
    "contact registration": lambda world, permit: world.store.contact(permit, R),
    "contact channel_risk": lambda world, permit: world.store.contact(permit, Scope.CHANNEL_RISK),
    "contact recording": lambda world, permit: world.store.contact(permit, Scope.RECORDING),
    "templates": lambda world, permit: world.store.templates(permit),
    "card": lambda world, permit: world.store.card(permit),
    "recordings_of": lambda world, permit: world.store.recordings_of(permit),
}
"""Every read about one person, and (READ_FOR) the one purpose that it serves."""
READ_FOR = {
    "visits": Purpose.RECEPTION, "tokens_of": Purpose.RECEPTION, "contact registration": Purpose.RECEPTION,
    "contact channel_risk": Purpose.CHANNEL_RISK, "contact recording": Purpose.CALL_HANDLING,
    "templates": Purpose.FACE_CONFIRMATION, "card": Purpose.IDENTITY_CHECK,
    "recordings_of": Purpose.CALL_HANDLING,
}  # fmt: skip


class _Undo(Exception):
    """Takes back what was tried; nothing is wrong."""


@contextlib.contextmanager
def tried(world: World) -> Iterator[None]:
    """Do something and take it back; nested as deep as wanted."""
    with contextlib.suppress(_Undo), world.store.transaction():
        yield
        raise _Undo


P = ParamSpec("P")


def refused(act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Return whether the product refused `act` by a typed error with a code; another error is passed on."""
    try:
        act(*args, **kwargs)
    except (Refused, InvalidInput) as error:
        assert error.code, "a refusal says why"
        return True
    return False


def happen(world: World, who: Someone, event: str, scope: Scope) -> None:
    """Let one event happen to one scope, by the gate and into the store."""
    if event in {"tap", "key", "guardian", "paper"}:
        shown = (
            facts.GuardianProof(new_id(), "signature", "{}", b"a drawing") if event == "guardian" else None
        )
        asked = _all(world.given(who, scope)) | {"act": event, "guardian": shown}
        if event == "paper":
            asked |= {"quality": TimeQuality.UNKNOWN, "entered_ms": asked["at_ms"]}
        fact = facts.ConsentGiven(**asked)
        world.store.apply(world.gate.agreed(fact))
        return
    version = world.store.consent(who.person, scope).version + 1
    change = facts.ConsentChanged(
        **world.stamp(), person=who.person, scope=scope, version=version, state=State(_AIM[event])
    )
    world.store.apply(world.gate.changed(change, Event(event)))


def _all(fact: Fact) -> dict[str, Any]:
    return {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}


def keep(world: World, who: Someone, what: str, visit: str) -> None:
    """Keep what KEEP names, by the gate and into the store."""
    world.store.apply(*clear(world, who, what, visit))


# ---- keeping -------------------------------------------------------------------------------


def clear(  # noqa: PLR0911, PLR0912 — one per kind of fact
    world: World, who: Someone, what: str, visit: str
) -> tuple[Cleared[Fact], ...]:
    """Ask the gate for what KEEP names."""
    gate, person, stamp = world.gate, who.person, world.stamp()
    kind, _, more = what.partition(" ")
    match kind:
        case "visit":
            return (world.opened(who, new_id()),)
        case "departure":
            closed = facts.VisitClosed(**stamp, visit=visit, person=person, departed_ms=stamp["at_ms"])
            return (gate.clear(person, closed),)
        case "reception":
            received = facts.VisitReceived(**stamp, visit=visit, person=person, staff=StaffId("5" * 32))
            return (gate.clear(person, received),)
        case "appointment":
            made = facts.AppointmentMade(
                **stamp, appointment=new_id(), person=person, made_in=visit, due_ms=1 << 42, party_size=1
            )
            return (gate.clear(person, made),)
        case "corrected":
            resized = facts.VisitCorrected(**stamp, visit=visit, person=person, party_size=3)
            return (gate.clear(person, resized),)
        case "moved":  # from somebody else; the first fact puts it there
            moved = facts.VisitMoved(
                **stamp, visit=visit, person=person, was=person, returning=False, since_ms=0, until_ms=0
            )
            return (gate.clear(person, moved),)
        case "renumbered":
            other = facts.PersonRenumbered(**stamp, person=person, tokens=(), phone="+8613900139000")
            return (gate.clear(person, other),)
        case "merged":  # with nobody in particular: what the other one holds is tried elsewhere
            merged = facts.PersonsMerged(**stamp, person=person, was=PersonId(new_id()), exchanged=())
            return (gate.clear(person, merged),)
        case "name":
            return (gate.clear(person, facts.NameKept(**stamp, person=person, name="张三")),)
        case "evidence":
            basis = Basis(kind=BasisKind.CONSENT, scope=_SCOPE_OF_EVIDENCE[more])
            piece = Evidence.model_validate({"kind": more, "at_ms": stamp["at_ms"], "basis": basis})
            fact = facts.EvidenceAdded(**stamp, visit=visit, person=person, evidence=piece)
            return (gate.clear(person, fact),)
        case "source":
            told = facts.SourceTold(**stamp, visit=visit, person=person, source="walk_in")
            return (gate.clear(person, told),)
        case "template":
            face = facts.TemplateEnrolled(**stamp, person=person, model="sface", vector=bytes(512))
            return (gate.clear(person, face),)
        case "card":
            card = facts.CardKept(
                **stamp,
                person=person,
                kind=CardKind.RESIDENT,
                name="张三",
                number="11010119900307123X",
                valid_until="20301231",
            )
            return (gate.clear(person, card),)
        case "index":
            token = f"{more}:{secrets.token_hex(32)}"
            return (
                gate.clear(
                    person, facts.PersonIndexed(**stamp, person=person, scope=Scope(more), tokens=(token,))
                ),
            )
        case "contact":
            kept = facts.ContactKept(**stamp, person=person, scope=Scope(more), phone=who.phone)
            return (gate.clear(person, kept),)
        case _:
            return _call(world, who, what, stamp)


def _call(world: World, who: Someone, what: str, stamp: dict[str, Any]) -> tuple[Cleared[Fact], ...]:
    call = new_id()
    noted = facts.CallNoted(
        **stamp, call=call, line="main", duration_ms=9000, answered=True, recorded=True,
        records=(world.call_record(call, world.token("recording", who)),),
    )  # fmt: skip
    cleared = world.gate.recorded_call(who.person, noted)
    if what == "call with its token":
        return (cleared,)
    kept = facts.RecordingKept(
        **stamp, call=call, person=who.person, spool=new_id(), duration_ms=5000, key=bytes(32)
    )
    return cleared, world.gate.clear(who.person, kept)


def contents(world: World) -> dict[str, int]:
    """Return how many rows each table of the database holds."""
    database = world.store._database
    names = [
        row.text("name") for row in database.query("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    row = database.one("SELECT " + ", ".join(f'(SELECT count(*) FROM "{n}") AS "{n}"' for n in names))
    assert row is not None
    return {name: row.integer(name) for name in names}


Ground = tuple[str, str, str]
"""Table, basis and purpose of a row."""


def grounds(world: World) -> Counter[Ground]:
    """Count the rows of every table that has a basis by it and their purpose."""
    database, found = world.store._database, Counter[Ground]()
    with_basis = database.query(
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND c.name = 'basis'"
    )
    for table in (row.text("name") for row in with_basis):
        for row in database.query(f'SELECT basis, purpose, count(*) AS held FROM "{table}" GROUP BY 1, 2'):
            found[(table, row.text("basis"), row.text("purpose"))] = row.integer("held")
    return found
