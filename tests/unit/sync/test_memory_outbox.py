"""The outbox that the pump's tests rest on obeys ports.Outbox itself, whatever happens in which order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.ports import Outbox
from edge.wire import Batch, DeviceHealth, Receipt, Topics
from tests.fakes.outbox import MemoryOutbox, health


def receipt_for(batch: Batch, upto: int) -> Receipt:
    results = [{"sequence": entry.sequence, "outcome": "committed"} for entry in batch.entries[:upto]]
    return Receipt.model_validate(
        {"batch_id": batch.batch_id, "box": batch.box, "epoch": batch.epoch, "results": results}
    )


class OutboxModel(RuleBasedStateMachine):
    """A plain list of what waits, and a dict of what was taken, against the real thing."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = MemoryOutbox(Topics("t", "s", "box"))
        self.port: Outbox = self.outbox
        self.waiting: list[tuple[bool, int]] = []
        self.taken: dict[str, Batch] = {}
        self.keys: set[tuple[str, int]] = set()
        self.made = 0

    @rule(urgent=st.booleans())
    def add(self, urgent: bool) -> None:
        self.made += 1
        self.outbox.add(health(self.made), urgent)
        self.waiting.append((not urgent, self.made))

    @rule(limit=st.integers(1, 4))
    def take(self, limit: int) -> None:
        batch = self.port.take_batch(limit)
        expected = sorted(self.waiting)[:limit]
        if not expected:
            assert batch is None
            return
        assert batch is not None
        records = [entry.record for entry in batch.entries]
        assert [r.since_ms for r in records if isinstance(r, DeviceHealth)] == [n for _, n in expected]
        for entry in batch.entries:
            assert (batch.epoch, entry.sequence) not in self.keys
            self.keys.add((batch.epoch, entry.sequence))
        self.waiting = [one for one in self.waiting if one not in expected]
        self.taken[batch.batch_id] = batch

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(list(self.taken.values())))
        upto = data.draw(st.integers(1, len(batch.entries)))
        receipt = receipt_for(batch, upto)
        assert self.port.apply_receipt(receipt) == upto
        assert self.port.apply_receipt(receipt) == 0
        rest = batch.entries[upto:]
        if rest:
            self.taken[batch.batch_id] = batch.model_copy(update={"entries": rest})
        else:
            del self.taken[batch.batch_id]

    @rule()
    def restart(self) -> None:
        self.outbox.next_epoch()

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.port.pending_batches() == tuple(self.taken.values())
        assert self.port.depth() == len(self.waiting) + sum(len(b.entries) for b in self.taken.values())


TestOutboxModel = OutboxModel.TestCase
TestOutboxModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
