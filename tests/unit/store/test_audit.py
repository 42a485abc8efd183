"""The audit: append-only, chained, and without a place for personal data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.store.audit import _SUBJECT, START
from tests.unit.store.world import World, new_id


def test_entries_are_chained_and_come_back_in_order(world: World) -> None:
    for n in range(5):
        world.store.audit("lease_granted", new_id() if n % 2 else None, n)
    rows = world.store.audit_tail(3)
    assert [r.sequence for r in rows] == [3, 4, 5]
    assert rows[1].prev_hash == rows[0].hash
    assert world.store.audit_tail(9)[0].prev_hash == START
    assert world.store.audit_broken_at() is None
    world.reopen()
    world.store.audit("later", None, 9)
    assert world.store.audit_tail(1)[0].prev_hash == rows[-1].hash


def test_no_entry_is_changed_or_cut(world: World) -> None:
    world.store.audit("one", None, 1)
    emptied = "UPDATE audit SET code = NULL, subject = NULL"
    for statement in (
        "UPDATE audit SET code = 'two'",
        "UPDATE audit SET subject = 'two'",
        f"{emptied}, at_ms = 2",
        f"{emptied}, hash = prev_hash",
        "DELETE FROM audit",
    ):
        with pytest.raises(InvalidInput, match="append-only"):
            world.store._database.run(statement)
    assert world.store.audit_tail(1)[0].code == "one"


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit SET code = 'other' WHERE sequence = 2",
        "UPDATE audit SET at_ms = 7 WHERE sequence = 2",
        "UPDATE audit SET subject = 'other' WHERE sequence = 2",
        "UPDATE audit SET sequence = 9 WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence = 2",
    ],
)
def test_p4_a_forged_chain_is_found(world: World, forgery: str) -> None:
    """Somebody with the key who removes the triggers first."""
    for n in range(3):
        world.store.audit("entry", None, n)
    for trigger in ("audit_is_never_changed", "audit_is_never_cut"):
        world.store._database.run(f"DROP TRIGGER {trigger}")
    world.store._database.run(forgery)
    assert world.store.audit_broken_at() in {2, 3}


@pytest.mark.parametrize("code", ["", "Not a code", "王小明", "a" * 49, "13800138000"])
def test_a_code_is_a_code(world: World, code: str) -> None:
    with pytest.raises(InvalidInput):
        world.store.audit(code, None, 1)


@given(st.one_of(st.from_regex(r"\+?[0-9 -]{5,18}", fullmatch=True), st.text("王小明ABC@:/ ", min_size=1)))
def test_p54_neither_a_number_nor_a_name_nor_a_token_is_a_subject(text: str) -> None:
    assert not _SUBJECT.fullmatch(text)


@given(st.from_regex(r"[0-9a-f]{32}", fullmatch=True))
def test_every_random_id_is_a_subject(subject: str) -> None:
    assert _SUBJECT.fullmatch(subject)
    assert _SUBJECT.fullmatch("desk-camera")
    assert not _SUBJECT.fullmatch("registration:" + subject * 2)
