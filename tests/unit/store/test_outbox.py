"""The outbox, case by case; test_outbox_machine.py drives it against a model."""

import json

import pytest

from edge.domain.errors import StoreError
from edge.domain.facts import Noted, PersonId
from edge.ports import ConsentReader, Outbox
from edge.wire import (
    Batch,
    ConsentWithdrawn,
    DeviceHealth,
    EntryResult,
    Receipt,
    Scope,
    VisitRecorded,
    canonical,
)
from edge.wire.batch import MAX_ENTRIES, MAX_PAYLOAD
from tests.unit.store.world import World, committed

PHONE = "+8613800138000"


def taken(world: World, limit: int = MAX_ENTRIES) -> Batch:
    batch = world.store.take_batch(limit)
    assert batch is not None
    return batch


def spelled(batches: tuple[Batch, ...]) -> list[bytes]:
    return [canonical(b.model_dump(mode="json")) for b in batches]


def test_nothing_waits_nothing_is_taken(world: World) -> None:
    assert world.store.take_batch(10) is None
    assert world.store.pending_batches() == ()
    assert (world.store.depth(), world.store.oldest_ms(), world.store.waiting()) == (0, None, {})


def test_urgent_rows_go_first_then_the_oldest(world: World) -> None:
    """A withdrawal isn't delayed by a backlog (domain.md, Consent)."""
    who = world.register(PHONE)
    for _ in range(20):
        world.note()
    world.withdraw(who, Scope.REGISTRATION)
    batch = taken(world, 5)
    assert isinstance(batch.entries[0].record, ConsentWithdrawn)
    assert [e.sequence for e in batch.entries] == [1, 2, 3, 4, 5]
    times = [e.wall_ms for e in batch.entries[1:]]
    assert times == sorted(times)


def test_a_batch_says_whose_and_on_which_ground(world: World) -> None:
    who = world.register(PHONE)
    world.visit(who)
    batch = taken(world)
    assert (batch.tenant, batch.site, batch.box) == ("tenant", "site", "box")
    grounds = {e.record.kind: (str(e.basis), str(e.purpose)) for e in batch.entries}
    assert grounds == {
        "consent": ("duty", "rights"),
        "visit": ("consent:registration", "reception"),
    }


def test_a_batch_comes_back_byte_for_byte_until_its_receipt(world: World) -> None:
    for _ in range(7):
        world.note()
    first, second = taken(world, 3), taken(world, 3)
    world.note()
    before = spelled((first, second))
    assert spelled(world.store.pending_batches()) == before
    world.reopen()
    assert spelled(world.store.pending_batches()) == before
    assert world.store.apply_receipt(committed(first)) == 3
    assert spelled(world.store.pending_batches()) == before[1:]
    assert world.store.apply_receipt(committed(first)) == 0
    assert world.store.depth() == 5


def test_epochs_are_new_each_start_and_name_the_last_that_numbered_something(world: World) -> None:
    epochs = []
    for _ in range(3):
        world.note()
        world.note()
        first, second = taken(world, 1), taken(world, 1)
        assert [b.entries[0].sequence for b in (first, second)] == [1, 2]
        assert first.epoch == second.epoch
        epochs.append((first.epoch, first.previous_epoch))
        world.reopen()
        world.reopen()  # a start that numbers nothing leaves no gap in the chain
    assert len({e for e, _ in epochs}) == 3
    assert [p for _, p in epochs] == [None, epochs[0][0], epochs[1][0]]


def test_a_restored_store_never_reuses_a_number(world: World) -> None:
    """The same rows, taken again after going back in time, come under another epoch."""
    world.note()
    world.store._database.checkpoint()
    backup = (world.state / "box.db").read_bytes()
    first = taken(world)
    world.store.apply_receipt(committed(first))
    world.store.close()
    for name in ("box.db-wal", "box.db-shm"):
        (world.state / name).unlink(missing_ok=True)
    (world.state / "box.db").write_bytes(backup)
    world.open()
    again = taken(world)
    assert again.entries[0].record == first.entries[0].record
    assert again.epoch != first.epoch


def test_a_receipt_ends_only_what_it_names(world: World) -> None:
    for _ in range(4):
        world.note()
    batch = taken(world)
    whole = committed(batch)
    for foreign in (
        whole.model_copy(update={"box": "other"}),
        whole.model_copy(update={"batch_id": "0" * 32}),
        whole.model_copy(update={"epoch": "0" * 32}),
        whole.model_copy(update={"results": (EntryResult(sequence=99, outcome="committed"),)}),
    ):
        assert world.store.apply_receipt(foreign) == 0
    part = Receipt(
        batch_id=batch.batch_id,
        box="box",
        epoch=batch.epoch,
        results=(
            EntryResult(sequence=2, outcome="quarantined", code="schema"),
            EntryResult(sequence=4, outcome="committed"),
        ),
    )
    assert world.store.apply_receipt(part) == 2
    (left,) = world.store.pending_batches()
    assert [e.sequence for e in left.entries] == [1, 3]
    assert world.store.apply_receipt(whole) == 2
    assert world.store.pending_batches() == ()
    assert world.store.depth() == 0


def test_a_batch_fits_into_one_payload(world: World) -> None:
    who = world.register(PHONE)
    cleared = world.opened(who, "0" * 32)
    record = cleared.fact.records[0]
    assert isinstance(record, VisitRecorded)
    large = record.model_copy(update={"evidence": record.evidence * 900})
    object.__setattr__(cleared.fact, "records", (large,) * 30)
    world.store.apply(cleared)
    sizes, numbers = [], []
    while (batch := world.store.take_batch(MAX_ENTRIES)) is not None:
        sizes.append(len(canonical(batch.model_dump(mode="json"))))
        numbers += [e.sequence for e in batch.entries]
    assert len(sizes) > 2
    assert max(sizes) < MAX_PAYLOAD - 1000
    assert numbers == list(range(1, 32))


def test_a_batch_never_has_more_than_the_wire_allows(world: World) -> None:
    health = DeviceHealth(device="camera", state="up", code="started", since_ms=1)
    world.note()
    cleared = world.gate.impersonal(Noted(**world.stamp(), records=(health,) * (MAX_ENTRIES + 5)))
    world.store.apply(cleared)
    assert len(taken(world, 10_000).entries) == MAX_ENTRIES
    assert len(taken(world, 10_000).entries) == 6


def test_nothing_is_taken_before_it_is_durable(world: World) -> None:
    with world.store.transaction():
        world.note()
        with pytest.raises(StoreError, match="inside a transaction"):
            world.store.take_batch(1)
    assert len(taken(world).entries) == 1


def test_an_old_receipt_never_ends_a_voided_row(world: World) -> None:
    who, other = world.register(PHONE), world.register("+8613900139000")
    world.visit(who)
    world.visit(other)
    before = taken(world)
    world.erase(who)
    after = world.store.pending_batches()[0]
    assert after.batch_id != before.batch_id
    assert (after.epoch, after.previous_epoch) == (before.epoch, before.previous_epoch)
    assert [e.sequence for e in after.entries] == [e.sequence for e in before.entries]
    kinds = [e.record.kind for e in after.entries]
    assert kinds == ["voided", "consent", "voided", "visit"]
    for old, new in zip(before.entries, after.entries, strict=True):
        assert new.record.kind == "voided" or old == new
    assert world.store.apply_receipt(committed(before)) == 0
    assert world.store.apply_receipt(committed(after)) == 4


def test_what_waits_is_told_by_kind_and_age(world: World) -> None:
    who = world.register(PHONE)
    world.visit(who)
    first = world.now
    world.note()
    world.note()
    assert world.store.waiting() == {"consent": 1, "health": 2, "visit": 1}
    assert world.store.depth() == 4
    oldest = world.store.oldest_ms()
    assert oldest is not None and oldest < first
    assert PHONE not in json.dumps(world.store.waiting())


def test_the_store_is_what_pump_and_gate_ask_for(world: World) -> None:
    """mypy reads this: a method that doesn't fit its protocol fails the check, not the sales office."""
    outbox: Outbox = world.store
    consents: ConsentReader = world.store
    assert outbox.depth() == 0
    assert consents.consent(PersonId("0" * 32), Scope.MARKETING).version == 0
