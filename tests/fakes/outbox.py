"""A whole `ports.Outbox` in memory, for tests of the pump: real numbering, batches and receipts, no disk."""

from dataclasses import dataclass, field
from secrets import token_hex

from edge.wire import (
    Basis,
    BasisKind,
    Batch,
    DeviceHealth,
    Entry,
    Purpose,
    Receipt,
    Record,
    TimeQuality,
    Topics,
    Voided,
)

IMPERSONAL = Basis(kind=BasisKind.IMPERSONAL)


def health(number: int) -> DeviceHealth:
    """Return a record that tells `number` again in `since_ms`."""
    return DeviceHealth(device="cam-1", state="up", code="ok", since_ms=number)


@dataclass(slots=True)
class _Row:
    record: Record
    urgent: bool
    sequence: int | None = None


@dataclass
class MemoryOutbox:
    """Rows of one box; `next_epoch` is a restart. Not for use by two threads at once."""

    topics: Topics
    epoch: str = field(default_factory=lambda: token_hex(16))
    previous_epoch: str | None = None
    _rows: list[_Row] = field(default_factory=list)
    _batches: dict[str, tuple[str, str | None, list[_Row]]] = field(default_factory=dict)
    _last: int = 0

    def add(self, record: Record, urgent: bool = False) -> None:
        """Let a record wait."""
        self._rows.append(_Row(record, urgent))

    def void(self, since_ms: int) -> bool:
        """Erase the health record of `since_ms`: drop it if it waits, void it if it is in a batch.

        The batch gets a new id, so that a receipt for what it was can't end the row that says Voided.
        """
        for row in self._rows:
            if isinstance(row.record, DeviceHealth) and row.record.since_ms == since_ms:
                if row.sequence is None:
                    self._rows.remove(row)
                else:
                    row.record = Voided()
                    self._batches = {
                        token_hex(16) if any(row is one for one in batch[2]) else batch_id: batch
                        for batch_id, batch in self._batches.items()
                    }
                return True
        return False

    def next_epoch(self) -> None:
        """Restart: a new epoch that names its predecessor, sequences from 1."""
        self.epoch, self.previous_epoch, self._last = token_hex(16), self.epoch, 0

    def pending_batches(self) -> tuple[Batch, ...]:
        """See ports.Outbox."""
        return tuple(self._batch(batch_id) for batch_id in self._batches)

    def take_batch(self, limit: int) -> Batch | None:
        """See ports.Outbox."""
        waiting = sorted((row for row in self._rows if row.sequence is None), key=lambda row: not row.urgent)
        taken = waiting[:limit]
        if not taken:
            return None
        for row in taken:
            self._last += 1
            row.sequence = self._last
        batch_id = token_hex(16)
        self._batches[batch_id] = (self.epoch, self.previous_epoch, taken)
        return self._batch(batch_id)

    def apply_receipt(self, receipt: Receipt) -> int:
        """See ports.Outbox."""
        epoch, previous, rows = self._batches.get(receipt.batch_id, ("", None, []))
        if epoch != receipt.epoch:
            return 0
        sequences = {result.sequence for result in receipt.results}
        ended = [row for row in rows if row.sequence in sequences]
        kept = [row for row in rows if row.sequence not in sequences]
        self._rows = [row for row in self._rows if not any(row is one for one in ended)]
        if kept:
            self._batches[receipt.batch_id] = (epoch, previous, kept)
        else:
            del self._batches[receipt.batch_id]
        return len(ended)

    def depth(self) -> int:
        """See ports.Outbox."""
        return len(self._rows)

    def _batch(self, batch_id: str) -> Batch:
        epoch, previous, rows = self._batches[batch_id]
        return Batch(
            batch_id=batch_id,
            tenant=self.topics.tenant,
            site=self.topics.site,
            box=self.topics.box,
            epoch=epoch,
            previous_epoch=previous,
            entries=tuple(_entry(row) for row in rows),
        )


def _entry(row: _Row) -> Entry:
    assert row.sequence is not None
    return Entry(
        sequence=row.sequence,
        wall_ms=1_700_000_000_000,
        time_quality=TimeQuality.SYNCHRONISED,
        basis=IMPERSONAL,
        purpose=Purpose.OPERATION,
        record=row.record,
    )
