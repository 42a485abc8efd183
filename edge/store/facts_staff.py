"""Rows of receptionists, their shifts and receptions; never a PIN, never a name in the clear."""

from edge.domain.errors import InvalidInput
from edge.domain.facts import (
    ShiftBegan,
    ShiftChanged,
    StaffCardDropped,
    StaffCardKept,
    StaffChanged,
    StaffEnrolled,
    StaffTold,
    VisitReceived,
)
from edge.store.cardmarks import STAFF, mark_of
from edge.store.keys import EMPLOYMENT, KeyName
from edge.store.tables import Tables
from edge.store.writing import Ground, keys_of, write


@keys_of.register
def _staff_key(fact: StaffEnrolled) -> tuple[KeyName, ...]:
    return ((fact.staff, EMPLOYMENT),)


@write.register
def _staff_enrolled(fact: StaffEnrolled, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "staff",
        staff=fact.staff,
        number=fact.number,
        sealed=to.keys.seal((fact.staff, EMPLOYMENT), "staff", fact.staff, fact.name.encode()),
        pin=fact.pin_hash,
        active=1,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _staff_changed(fact: StaffChanged, _ground: Ground, to: Tables) -> None:
    to.database.run(
        "UPDATE staff SET active = ?, pin = coalesce(?, pin), at_ms = ? WHERE staff = ?",
        (int(fact.active), fact.pin_hash, fact.at_ms, fact.staff),
    )
    if not fact.active:
        to.database.run("DELETE FROM staff_cards WHERE staff = ?", (fact.staff,))


@keys_of.register
def _staff_card_key(_fact: StaffCardKept) -> tuple[KeyName, ...]:
    return (STAFF,)


@write.register
def _staff_card_kept(fact: StaffCardKept, ground: Ground, to: Tables) -> None:
    mark = mark_of(to, STAFF, fact.kind, fact.number)
    if to.database.one("SELECT 1 FROM staff_cards WHERE mark = ? AND staff <> ?", (mark, fact.staff)):
        raise InvalidInput("keep a card to sign in with", "card_taken", "one card signs in one person")
    to.database.insert(
        "staff_cards",
        "ON CONFLICT (staff) DO UPDATE SET mark = excluded.mark, at_ms = excluded.at_ms",
        staff=fact.staff,
        mark=mark,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _staff_card_dropped(fact: StaffCardDropped, _ground: Ground, to: Tables) -> None:
    to.database.run("DELETE FROM staff_cards WHERE staff = ?", (fact.staff,))


@write.register
def _staff_told(fact: StaffTold, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "staff_told",
        "ON CONFLICT DO NOTHING",
        staff=fact.staff,
        notice_hash=fact.notice_hash,
        notice_version=fact.notice_version,
        at_ms=fact.at_ms,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _shift_began(fact: ShiftBegan, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "shifts",
        shift=fact.shift,
        staff=fact.staff,
        began_ms=fact.at_ms,
        since_ms=fact.since_ms,
        paused=0,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _shift_changed(fact: ShiftChanged, _ground: Ground, to: Tables) -> None:
    changed = to.database.run(
        "UPDATE shifts SET since_ms = ?, paused = ?, ended_ms = ? WHERE staff = ? AND ended_ms IS NULL",
        (fact.since_ms, int(fact.paused), fact.ended_ms, fact.staff),
    )
    if not changed:
        raise InvalidInput("change a shift", "not_on_shift")


@write.register
def _visit_received(fact: VisitReceived, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "receptions",
        "ON CONFLICT (visit) DO UPDATE SET staff = excluded.staff, at_ms = excluded.at_ms",
        visit=fact.visit,
        staff=fact.staff,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
