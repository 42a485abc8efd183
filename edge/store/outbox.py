"""The outbox: what headquarters hasn't receipted; never drops a record and never numbers two alike.

A row gets its sequence when a batch takes it, and leaves only on a receipt that names that batch.
"""

import json
import logging
import secrets
from collections.abc import Sequence

from edge.domain.errors import StoreError
from edge.store.database import Database, Row
from edge.store.tables import Part, basis_value
from edge.wire import Basis, BasisKind, Batch, Purpose, Receipt, TimeQuality, Voided, canonical
from edge.wire.batch import MAX_ENTRIES, MAX_PAYLOAD

log = logging.getLogger(__name__)

ROOM = MAX_PAYLOAD * 3 // 4
"""Bytes of records in a batch; the rest of a payload is for what stands around them."""
_AROUND = 400
"""Bytes that stand around one record at most: sequence, time, basis, purpose."""
_VOIDED = canonical(Voided().model_dump(mode="json")).decode()


class OutboxTable(Part):
    """Implements ports.Outbox."""

    def take_batch(self, limit: int) -> Batch | None:
        """Number the next rows, urgent first, then oldest; None if nothing waits.

        At most `limit` rows, and at most what one payload holds. Durable at return.
        """
        if self._database.in_transaction:
            raise StoreError("take a batch", "inside a transaction", "it would leave before it is durable")
        with self._database.transaction():
            taken = _fitting(self._waiting(min(limit, MAX_ENTRIES)))
            if not taken:
                return None
            ordinal, last = self._number(len(taken))
            first = last - len(taken) + 1
            self._database.run_many(
                "UPDATE outbox SET batch = ?, sequence = ? WHERE id = ?",
                [(ordinal, first + n, row.integer("id")) for n, row in enumerate(taken)],
            )
        return self._compose(ordinal)

    def _waiting(self, limit: int) -> list[Row]:
        return self._database.query(
            "SELECT id, length(CAST(record AS BLOB)) AS size FROM outbox WHERE batch IS NULL"
            " ORDER BY urgent DESC, id LIMIT ?",
            (limit,),
        )

    def _number(self, count: int) -> tuple[int, int]:
        """Take `count` numbers of this epoch for a new batch; return its ordinal and the last of them."""
        epoch = self._tables.epoch
        raised = self._database.run(
            "UPDATE epochs SET last_sequence = last_sequence + ? WHERE epoch = ?", (count, epoch)
        )
        if not raised:
            before = self._database.one("SELECT epoch FROM epochs ORDER BY ordinal DESC LIMIT 1")
            previous = before.text("epoch") if before else None
            self._database.insert("epochs", epoch=epoch, previous_epoch=previous, last_sequence=count)
        self._database.insert("batches", batch_id=secrets.token_hex(16), epoch=epoch)
        return (
            self._database.count("SELECT max(ordinal) FROM batches"),
            self._database.count("SELECT last_sequence FROM epochs WHERE epoch = ?", (epoch,)),
        )

    def pending_batches(self) -> tuple[Batch, ...]:
        """Return the batches without a receipt, oldest first, as they were taken.

        A batch in which something was erased comes back under a new id, with `Voided` in its place.
        """
        rows = self._database.query("SELECT ordinal FROM batches ORDER BY ordinal")
        return tuple(self._compose(row.integer("ordinal")) for row in rows)

    def _compose(self, ordinal: int) -> Batch:
        batch = self._database.one(
            "SELECT batch_id, epoch, previous_epoch FROM batches JOIN epochs USING (epoch)"
            " WHERE batches.ordinal = ?",
            (ordinal,),
        )
        assert batch is not None
        rows = self._database.query("SELECT * FROM outbox WHERE batch = ? ORDER BY sequence", (ordinal,))
        identity = self._tables.identity
        return Batch.model_validate(
            {
                "batch_id": batch.text("batch_id"),
                "tenant": identity.tenant,
                "site": identity.site,
                "box": identity.box,
                "epoch": batch.text("epoch"),
                "previous_epoch": batch.maybe_text("previous_epoch"),
                "entries": tuple(_entry(row) for row in rows),
            }
        )

    def apply_receipt(self, receipt: Receipt) -> int:
        """Delete the rows that `receipt` ends and return how many; what it doesn't know of is ignored."""
        if receipt.box != self._tables.identity.box:
            return 0
        batch = self._database.one(
            "SELECT ordinal FROM batches WHERE batch_id = ? AND epoch = ?", (receipt.batch_id, receipt.epoch)
        )
        if batch is None:
            return 0
        for result in receipt.results:
            if result.outcome == "quarantined":
                log.warning("record quarantined sequence=%d code=%s", result.sequence, result.code)
        return self._end(batch.integer("ordinal"), [result.sequence for result in receipt.results])

    def _end(self, ordinal: int, sequences: Sequence[int]) -> int:
        with self._database.transaction():
            ended = self._database.run(
                "DELETE FROM outbox WHERE batch = ? AND sequence IN (SELECT value FROM json_each(?))",
                (ordinal, json.dumps(sequences)),
            )
            if not self._database.one("SELECT 1 FROM outbox WHERE batch = ? LIMIT 1", (ordinal,)):
                self._database.run("DELETE FROM batches WHERE ordinal = ?", (ordinal,))
        return ended

    def depth(self) -> int:
        """Return how many rows have no receipt yet."""
        return self._database.count("SELECT count(*) FROM outbox")

    def oldest_ms(self) -> int | None:
        """Return when the oldest of them was made, or None if there is none."""
        row = self._database.one("SELECT at_ms FROM outbox ORDER BY id LIMIT 1")
        return row.integer("at_ms") if row else None

    def waiting(self) -> dict[str, int]:
        """Return how many rows have no receipt yet, by kind of record."""
        rows = self._database.query("SELECT kind, count(*) AS held FROM outbox GROUP BY kind ORDER BY kind")
        return {row.text("kind"): row.integer("held") for row in rows}

    def _drop_waiting(self, persons: Sequence[str], tokens: Sequence[str]) -> int:
        """Delete the rows about these persons that no batch has taken."""
        return drop_waiting(self._database, *_about(persons, tokens))

    def _void_taken(
        self, persons: Sequence[str], tokens: Sequence[str], at_ms: int, quality: TimeQuality
    ) -> int:
        """Void those that a batch has taken."""
        return void_taken(self._database, at_ms, quality, *_about(persons, tokens))


def drop_waiting(database: Database, condition: str, values: tuple[str | int, ...]) -> int:
    """Delete the rows of which `condition` (constant SQL) holds and that no batch has taken."""
    return database.run(f"DELETE FROM outbox WHERE batch IS NULL AND ({condition})", values)  # noqa: S608 — constant


def void_taken(
    database: Database, at_ms: int, quality: TimeQuality, condition: str, values: tuple[str | int, ...]
) -> int:
    """Void those that a batch has taken: same epoch and sequence, and a new id for the batch.

    A receipt for the batch as it was can then not end the row that says Voided.
    """
    batches = database.query(
        f"SELECT DISTINCT batch FROM outbox WHERE batch IS NOT NULL AND ({condition})",  # noqa: S608 — constant
        values,
    )
    for row in batches:
        database.run(
            "UPDATE batches SET batch_id = ? WHERE ordinal = ?", (secrets.token_hex(16), row.integer("batch"))
        )
    return database.run(
        "UPDATE outbox SET kind = 'voided', person = NULL, who = NULL, record = ?, at_ms = ?,"  # noqa: S608 — constant
        f" quality = ?, basis = ?, purpose = ? WHERE batch IS NOT NULL AND ({condition})",
        (_VOIDED, at_ms, quality, Basis(kind=BasisKind.DUTY).kind, Purpose.RIGHTS, *values),
    )


def _about(persons: Sequence[str], tokens: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A finding on a deal names its other buyers too."""
    condition = (
        "person IN (SELECT value FROM json_each(?)) OR who IN (SELECT value FROM json_each(?))"
        " OR several = 1 AND EXISTS (SELECT 1 FROM json_each(record, '$.also') a"
        " WHERE a.value IN (SELECT value FROM json_each(?)))"
    )
    return condition, (json.dumps(persons), json.dumps(tokens), json.dumps(tokens))


def _fitting(rows: list[Row]) -> list[Row]:
    """Return the rows that fit into one payload, from the first on; the first always does."""
    room, fitting = ROOM, list[Row]()
    for row in rows:
        room -= row.integer("size") + _AROUND
        if room < 0 and fitting:
            break
        fitting.append(row)
    return fitting


def _entry(row: Row) -> dict[str, object]:
    return {
        "sequence": row.integer("sequence"),
        "wall_ms": row.integer("at_ms"),
        "time_quality": row.text("quality"),
        "basis": basis_value(row.text("basis")),
        "purpose": row.text("purpose"),
        "record": json.loads(row.text("record")),
    }
