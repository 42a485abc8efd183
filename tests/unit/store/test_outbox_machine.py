"""The outbox against a model: any order of writing, taking, receipts, erasures and restarts.

What must hold: no record is lost or sent under two numbers, numbers are contiguous in each epoch,
a batch without a receipt stays the same bytes, and an erased record goes or says Voided.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from edge.wire import (
    Batch,
    CommandAnswered,
    ConsentRecorded,
    DeviceHealth,
    ErasureReceipt,
    Receipt,
    VisitRecorded,
    Voided,
    canonical,
)
from edge.wire.batch import Entry
from tests.unit.store.world import Someone, World, committed

Name = str


@dataclass
class Waiting:
    name: Name
    urgent: bool
    person: str | None


@dataclass
class Sent:
    batch_id: str
    epoch: str
    previous: str | None
    rows: dict[int, Waiting | None]
    """By sequence; None says Voided."""
    bytes: dict[int, bytes] = field(default_factory=dict)


def name_of(entry: Entry) -> Name | None:
    """What the test called this record."""
    record = entry.record
    if isinstance(record, Voided):
        return None
    if isinstance(record, DeviceHealth):
        return record.code
    if isinstance(record, VisitRecorded):
        return record.visit_id
    if isinstance(record, ErasureReceipt | CommandAnswered):
        return record.command_id
    assert isinstance(record, ConsentRecorded)
    return record.kind + record.who


class OutboxMachine(RuleBasedStateMachine):
    people = Bundle("people")

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="gatehouse-outbox-"))
        self.world = World(self.directory)
        self.waiting: list[Waiting] = []
        self.sent: list[Sent] = []
        self.numbers: dict[str, int] = {}
        self.chain: list[str] = []
        self.counter = 0
        self.erased: set[str] = set()
        self.old_receipts: list[Receipt] = []

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.store.close()
            shutil.rmtree(self.directory)

    def _next(self) -> str:
        self.counter += 1
        return f"n{self.counter}"

    @rule(urgent=st.booleans())
    def note(self, urgent: bool) -> None:
        name = self._next()
        self.world.note(urgent, name)
        self.waiting.append(Waiting(name, urgent, None))

    @rule(target=people)
    def register(self) -> Someone:
        self.counter += 1
        who = self.world.register(f"+86138{self.counter:08d}")
        token = self.world.token("registration", who)
        self.waiting.append(Waiting("consent" + token, False, who.person))
        return who

    @rule(who=people)
    def visit(self, who: Someone) -> None:
        if who.person not in self.erased:
            self.waiting.append(Waiting(self.world.visit(who), False, who.person))

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        batch = self.world.store.take_batch(limit)
        order = sorted(range(len(self.waiting)), key=lambda n: (not self.waiting[n].urgent, n))[:limit]
        expected = [self.waiting[n] for n in order]
        self.waiting = [w for n, w in enumerate(self.waiting) if n not in set(order)]
        if batch is None:
            assert not expected
            return
        assert [name_of(e) for e in batch.entries] == [w.name for w in expected]
        first = self.numbers.get(batch.epoch, 0) + 1
        assert [e.sequence for e in batch.entries] == list(range(first, first + len(expected)))
        if batch.epoch not in self.numbers:
            assert batch.previous_epoch == (self.chain[-1] if self.chain else None)
            self.chain.append(batch.epoch)
        self.numbers[batch.epoch] = first + len(expected) - 1
        rows: dict[int, Waiting | None] = dict(
            zip(range(first, first + len(expected)), expected, strict=True)
        )
        self.sent.append(Sent(batch.batch_id, batch.epoch, batch.previous_epoch, rows, _bytes(batch)))

    @precondition(lambda self: bool(self.sent))
    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.sent))
        ended = data.draw(st.sets(st.sampled_from(sorted(sent.rows)), min_size=1))
        batch = next(b for b in self.world.store.pending_batches() if b.batch_id == sent.batch_id)
        whole = committed(batch)
        part = whole.model_copy(update={"results": tuple(r for r in whole.results if r.sequence in ended)})
        assert self.world.store.apply_receipt(part) == len(ended)
        self.old_receipts.append(part)
        sent.rows = {n: w for n, w in sent.rows.items() if n not in ended}
        self.sent = [s for s in self.sent if s.rows]

    @precondition(lambda self: bool(self.old_receipts))
    @rule(data=st.data())
    def old_receipt_again(self, data: st.DataObject) -> None:
        assert self.world.store.apply_receipt(data.draw(st.sampled_from(self.old_receipts))) == 0

    @rule(who=people)
    def erase(self, who: Someone) -> None:
        if who.person in self.erased:
            return
        self.erased.add(who.person)
        command = f"{self.counter:032x}"
        self.counter += 1
        held = [w for w in self.waiting if w.person == who.person]
        said = self.world.erase(who, command_id=command)
        assert said.rows.get("outbox", 0) == len(held)
        self.waiting = [w for w in self.waiting if w.person != who.person]
        self.waiting.append(Waiting(command, True, None))
        for sent in self.sent:
            hit = [n for n, w in sent.rows.items() if w is not None and w.person == who.person]
            if hit:
                pending = {
                    (b.epoch, e.sequence): b for b in self.world.store.pending_batches() for e in b.entries
                }
                after = pending[sent.epoch, hit[0]]
                before = next(b for b in [sent] if b.batch_id == sent.batch_id)
                self.old_receipts.append(_receipt_of(before))
                assert after.batch_id != sent.batch_id
                sent.batch_id = after.batch_id
                for n in hit:
                    sent.rows[n] = None
                sent.bytes = _bytes(after)

    @rule()
    def restart(self) -> None:
        self.world.reopen()

    @invariant()
    def nothing_lost_nothing_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        pending = self.world.store.pending_batches()
        assert [(b.batch_id, b.epoch, b.previous_epoch) for b in pending] == [
            (s.batch_id, s.epoch, s.previous) for s in self.sent
        ]
        for batch, sent in zip(pending, self.sent, strict=True):
            named = {e.sequence: name_of(e) for e in batch.entries}
            assert named == {n: w.name if w else None for n, w in sent.rows.items()}
            assert _bytes(batch) == {n: sent.bytes[n] for n in sent.rows}
        held = len(self.waiting) + sum(len(s.rows) for s in self.sent)
        assert self.world.store.depth() == held == sum(self.world.store.waiting().values())


def _bytes(batch: Batch) -> dict[int, bytes]:
    return {e.sequence: canonical(e.model_dump(mode="json")) for e in batch.entries}


def _receipt_of(sent: Sent) -> Receipt:
    results = [{"sequence": n, "outcome": "committed"} for n in sent.rows]
    return Receipt.model_validate(
        {"batch_id": sent.batch_id, "box": "box", "epoch": sent.epoch, "results": results}
    )


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_outbox_at_length() -> None:
    run_state_machine_as_test(
        OutboxMachine, settings=settings(max_examples=1000, stateful_step_count=60, deadline=None)
    )
