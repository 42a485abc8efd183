"""Writes one judged batch in one transaction, idempotently by (box, epoch, sequence); never commits.

The rules, each independent of the order and the number of times batches arrive:
- an entry that is known by the same bytes changes nothing and gets the same answer again;
- a known sequence with other bytes is quarantined, except `Voided`, which takes the other's place;
- what was made about a person up to the time of an erasure is deleted, or dropped as `erased`: a box's
  receipt covers that box's own rows; the rows of others only as far as headquarters itself ordered it;
- of a visitor's sealed packages only the highest revision of each link stays;
- what a box sent under a token that it exchanged stands under the token that took its place (names.py);
- what is past its period at its arrival, or was deleted by it before, is receipted and not kept;
- what a box told of a visit under a number typed wrongly, and says so, goes (amends.py);
- a withdrawal is a row like any other: which consents it ends is asked by time (reports/lawful.py).
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from cloud.config import Retention
from cloud.fleet.commands import apply_answers, ordered_ms
from cloud.ingest import amends, anchors, names
from cloud.ingest.judge import Delivery, Judged
from cloud.retention.keeper import over_at_arrival
from cloud.rights.links import newest_only
from cloud.rights.orders import extend
from cloud.risk.opinions import SUBJECT, forget
from cloud.store.schema import (
    ERASED_VERDICT,
    EVERY_BOX,
    FACTS,
    PERSONAL,
    boxes,
    entries,
    epochs,
    quarantine,
    retokened,
    suppression,
    verdicts,
)
from cloud.store.upsert import upsert
from edge.wire import (
    AuditHead,
    CommandAnswered,
    Entry,
    EntryResult,
    ErasureReceipt,
    Receipt,
    RightsPackage,
    VerdictIssued,
    Voided,
)

_LASTING = frozenset({"erasure_receipt", "answer"})
"""Kinds that no `Voided` may replace: they are proofs, and hold no data of a person."""
_FORGOTTEN = ""
"""The fingerprint of a row whose record went long ago (retention): nothing by this number lives again."""
_FAST_MS = 3_600_000
"""How far ahead of ours a box's clock may be; what it dates later keeps nobody out for longer than this."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch. `receipt` is None when not one entry could be named."""

    receipt: Receipt | None
    erased: bool
    new: int


@dataclass(slots=True)
class _Plan:
    """What one transaction is going to do."""

    ledger: dict[int, dict[str, Any]] = field(default_factory=dict)
    facts: dict[Table, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    voided: list[tuple[Judged, str]] = field(default_factory=list)
    aside: list[tuple[Judged, str]] = field(default_factory=list)
    erasures: list[ErasureReceipt] = field(default_factory=list)
    answers: list[ErasureReceipt | CommandAnswered] = field(default_factory=list)
    late: dict[str, int] = field(default_factory=dict)
    """Who was erased everywhere by an order, and came again from here; the newest time of it."""
    links: set[str] = field(default_factory=set)
    heads: list[AuditHead] = field(default_factory=list)
    results: dict[int, EntryResult] = field(default_factory=dict)


class _Writer:
    def __init__(
        self, connection: Connection, delivery: Delivery, now_ms: int, keep: Retention | None
    ) -> None:
        self.connection, self.delivery, self.now_ms, self.keep = connection, delivery, now_ms, keep
        self.box, self.frame = delivery.box, delivery.frame
        self.plan = _Plan()
        self.known = self._read_known()
        self.erased_here, self.erased_everywhere = self._read_erased()
        self.emptied = False

    # -- deciding --------------------------------------------------------------------------

    def decide(self) -> None:
        for judged in self.delivery.entries:
            if judged.sequence is None:
                self.plan.aside.append((judged, judged.reason))
            elif judged.sequence in self.known:
                self._decide_known(judged, judged.sequence)
            else:
                self._decide_new(judged, judged.sequence)

    def _decide_known(self, judged: Judged, sequence: int) -> None:
        known = self.known[sequence]
        if known["sha256"] in (judged.sha256, _FORGOTTEN):
            self._answer(sequence, known["outcome"], known["code"])
        elif known["kind"] == "voided" and judged.entry:
            self._answer(sequence, "committed", "voided")
        elif judged.entry and isinstance(judged.entry.record, Voided) and known["kind"] not in _LASTING:
            self.plan.voided.append((judged, known["kind"]))
            self.known[sequence] = self._ledger_row(judged, sequence, "committed", "ok")
            self._answer(sequence, "committed", "ok")
        else:
            self.plan.aside.append((judged, "conflict"))
            self._answer(sequence, "quarantined", "conflict")

    def _decide_new(self, judged: Judged, sequence: int) -> None:
        outcome: Literal["committed", "quarantined"] = "committed"
        code = judged.reason
        if judged.entry is None:
            outcome = "quarantined"
            self.plan.aside.append((judged, code))
        elif self._is_erased(judged.entry):
            code = "erased"
            self._note_late(judged.entry)
            if isinstance(judged.entry.record, VerdictIssued):
                self.plan.facts[verdicts].append(self._fact_row(judged.entry) | dict(ERASED_VERDICT))
        elif self.keep and over_at_arrival(self.keep, self.box.site, judged.entry, self.now_ms):
            code = "lapsed"
        else:
            self._keep(judged.entry)
        row = self._ledger_row(judged, sequence, outcome, code)
        self.plan.ledger[sequence] = self.known[sequence] = row
        self._answer(sequence, outcome, code)

    def _is_erased(self, entry: Entry) -> bool:
        if isinstance(entry.record, ErasureReceipt):
            return False
        return any(
            entry.wall_ms <= max(self.erased_here.get(who, -1), self.erased_everywhere.get(who, (-1, ""))[0])
            for who in _about(entry)
        )

    def _note_late(self, entry: Entry) -> None:
        for who in _about(entry):
            everywhere_ms, ordered = self.erased_everywhere.get(who, (-1, ""))
            if entry.wall_ms <= everywhere_ms:
                self.plan.late[ordered] = max(entry.wall_ms, self.plan.late.get(ordered, 0))

    def _keep(self, entry: Entry) -> None:
        record = entry.record
        table = FACTS.get(record.kind)
        if table is not None:
            self.plan.facts[table].append(self._fact_row(entry))
        if isinstance(record, ErasureReceipt):
            self.plan.erasures.append(record)
        if isinstance(record, RightsPackage):
            self.plan.links.add(record.link_id)
        if isinstance(record, ErasureReceipt | CommandAnswered):
            self.plan.answers.append(record)
        if isinstance(record, AuditHead):
            self.plan.heads.append(record)

    def _answer(self, sequence: int, outcome: Literal["committed", "quarantined"], code: str) -> None:
        self.plan.results.setdefault(sequence, EntryResult(sequence=sequence, outcome=outcome, code=code))

    # -- rows ------------------------------------------------------------------------------

    def _key(self, sequence: int) -> dict[str, Any]:
        return {
            "tenant": self.box.tenant,
            "box": self.box.box,
            "epoch": self.frame.epoch,
            "sequence": sequence,
        }

    def _ledger_row(self, judged: Judged, sequence: int, outcome: str, code: str) -> dict[str, Any]:
        return self._key(sequence) | {
            "sha256": judged.sha256,
            "kind": judged.kind,
            "received_ms": self.now_ms,
            "outcome": outcome,
            "code": code,
        }

    def _fact_row(self, entry: Entry) -> dict[str, Any]:
        absent = dict.fromkeys(type(entry.record).model_fields.keys() - {"kind", "v"})
        return (
            self._key(entry.sequence)
            | absent
            | entry.record.model_dump(mode="json", exclude={"kind", "v"})
            | {
                "site": self.box.site,
                "wall_ms": entry.wall_ms,
                "time_quality": entry.time_quality.value,
                "basis": str(entry.basis),
                "basis_scope": entry.basis.scope,
                "purpose": entry.purpose.value,
            }
        )

    # -- reading ---------------------------------------------------------------------------

    def _read_known(self) -> dict[int, dict[str, Any]]:
        sequences = {j.sequence for j in self.delivery.entries if j.sequence is not None}
        asked = select(entries).where(
            entries.c.tenant == self.box.tenant,
            entries.c.box == self.box.box,
            entries.c.epoch == self.frame.epoch,
            entries.c.sequence.in_(sequences),
        )
        return {row["sequence"]: dict(row) for row in self.connection.execute(asked).mappings()}

    def _read_erased(self) -> tuple[dict[str, int], dict[str, tuple[int, str]]]:
        """Return until when whose records stay out: by this box's receipts, and by order (which token's)."""
        people = {who for j in self.delivery.entries if j.entry for who in _about(j.entry)}
        here: dict[str, int] = {}
        everywhere: dict[str, tuple[int, str]] = {}
        for row, who in self._suppressions(self._names(people)):
            if row.box == EVERY_BOX:
                everywhere[who] = max(everywhere.get(who, (-1, "")), (row.erased_ms, row.who))
            else:
                here[who] = max(here.get(who, -1), row.erased_ms)
        return here, everywhere

    def _names(self, people: set[Any]) -> dict[str, list[str]]:
        """Return every name of `people` with those of them that it is a name of."""
        pairs = names.pairs(self.connection, self.box.tenant, self.box.box, people)
        renamed = people & {token for pair in pairs for token in pair}
        found: dict[str, list[str]] = {who: [who] for who in people}
        for who in renamed:
            for name in self._all_names(who) - {who}:
                found.setdefault(name, []).append(who)
        return found

    def _all_names(self, who: str) -> frozenset[str]:
        return names.all_names(self.connection, self.box.tenant, self.box.box, who)

    def _suppressions(self, known_as: dict[str, list[str]]) -> list[tuple[Row[Any], str]]:
        asked = select(suppression).where(
            suppression.c.tenant == self.box.tenant,
            suppression.c.box.in_((EVERY_BOX, self.box.box)),
            suppression.c.who.in_(known_as),
        )
        rows = self.connection.execute(asked).all() if known_as else ()
        return [(row, who) for row in rows for who in known_as[row.who]]

    # -- writing ---------------------------------------------------------------------------

    def write(self) -> None:
        if self.plan.ledger:
            self.connection.execute(insert(entries), list(self.plan.ledger.values()))
        for table, rows in self.plan.facts.items():
            self.connection.execute(insert(table), rows)
        self._rename()
        for judged, former in self.plan.voided:
            self._void(judged, former)
        if self.plan.links:
            newest_only(self.connection, self.box.tenant, self.box.box, self.plan.links)
        for erasure in self.plan.erasures:
            self._erase(erasure)
        for who, made_ms in self.plan.late.items():
            extend(self.connection, self.box.tenant, who, {self.box.box}, made_ms, self.now_ms)
        anchors.note(self.connection, self.box.tenant, self.box.box, self.plan.heads, self.now_ms)
        apply_answers(self.connection, self.box.tenant, self.box.box, self.plan.answers)
        for judged, reason in self.plan.aside:
            set_aside(
                self.connection, self.now_ms, tenant=self.box.tenant, box=self.box.box, reason=reason,
                sha256=judged.sha256, size=judged.size, epoch=self.frame.epoch,
                sequence=judged.sequence, kind=judged.kind,
            )  # fmt: skip
        self._note_epoch()

    def _rename(self) -> None:
        """Bring this batch's rows, and those that an exchange in it is about, under the newest tokens."""
        exchanged = {row["old"] for row in self.plan.facts.get(retokened, ())}
        sent = {str(row["who"]) for rows in self.plan.facts.values() for row in rows if row.get("who")}
        names.rename(self.connection, self.box.tenant, self.box.box, {*sent, *exchanged})
        amends.take_back(self.connection, self.box.tenant, self.box.box, self._names({*sent, *exchanged}))
        for old in sorted(exchanged):
            self._erase_again(self._all_names(old))

    def _erase_again(self, known_as: frozenset[str]) -> None:
        """One of these names may have been erased before it was known that they are one person's."""
        for row, _ in self._suppressions({name: [name] for name in known_as}):
            held = self._purge(self.box.box, known_as, row.erased_ms, row.erased_ms)
            if row.box == EVERY_BOX:
                extend(self.connection, self.box.tenant, row.who, held, row.erased_ms, self.now_ms)

    def _erase(self, receipt: ErasureReceipt) -> None:
        """Delete this box's rows of everyone that it names; of others' what our own order named."""
        until_ms = min(receipt.at_ms, self.now_ms + _FAST_MS)
        known_as = {name for who in (receipt.who, *receipt.also) for name in self._all_names(who)}
        self._purge(self.box.box, known_as, receipt.at_ms, until_ms)
        issued_ms = ordered_ms(self.connection, self.box.tenant, self.box.box, receipt)
        if issued_ms is not None:
            self._erase_everywhere(receipt.who, issued_ms)

    def _erase_everywhere(self, who: str, issued_ms: int) -> None:
        tenant = self.box.tenant
        held = self._purge(EVERY_BOX, {who}, issued_ms, issued_ms)
        for box in names.boxes_that_renamed(self.connection, tenant, who):
            known_as = names.all_names(self.connection, tenant, box, who)
            held |= self._purge(box, known_as, issued_ms, issued_ms)
        extend(self.connection, tenant, who, held, issued_ms, self.now_ms)

    def _purge(self, box: str, known_as: Collection[str], erased_ms: int, until_ms: int) -> set[str]:
        self.emptied = True
        held = set[str]()
        for who in sorted(known_as):
            held |= purge(self.connection, self.box.tenant, box, who, erased_ms, until_ms)
        return held

    def _void(self, judged: Judged, former: str) -> None:
        assert judged.sequence is not None
        key = self._key(judged.sequence)
        if former in FACTS:
            self.connection.execute(delete(FACTS[former]).where(_is(FACTS[former], key)))
        changed = {"kind": "voided", "sha256": judged.sha256, "outcome": "committed", "code": "ok"}
        self.connection.execute(update(entries).where(_is(entries, key)).values(**changed))

    def _note_epoch(self) -> None:
        mine = and_(boxes.c.tenant == self.box.tenant, boxes.c.box == self.box.box)
        self.connection.execute(update(boxes).where(mine).values(last_seen_ms=self.now_ms))
        row = {
            "tenant": self.box.tenant,
            "box": self.box.box,
            "epoch": self.frame.epoch,
            "previous_epoch": self.frame.previous_epoch,
            "first_seen_ms": self.now_ms,
            "highest": max(self.plan.ledger, default=0),
            "received": len(self.plan.ledger),
        }
        upsert(
            self.connection,
            epochs,
            row,
            lambda new: {
                "highest": case((new.highest > epochs.c.highest, new.highest), else_=epochs.c.highest),
                "received": epochs.c.received + new.received,
            },
        )


def apply(connection: Connection, delivery: Delivery, now_ms: int, keep: Retention | None = None) -> Applied:
    """Write `delivery` and return what the receipt says of each entry; what is past `keep` isn't kept."""
    writer = _Writer(connection, delivery, now_ms, keep)
    writer.decide()
    writer.write()
    frame, results = delivery.frame, tuple(writer.plan.results.values())
    head = anchors.known(connection, delivery.box.tenant, delivery.box.box)
    receipt = (
        Receipt(batch_id=frame.batch_id, box=frame.box, epoch=frame.epoch, results=results, audit_head=head)
        if results
        else None
    )
    return Applied(receipt, writer.emptied, len(writer.plan.ledger))


def purge(
    connection: Connection, tenant: str, box: str, who: str, erased_ms: int, until_ms: int
) -> frozenset[str]:
    """Delete what `box` sent of `who` and made up to `erased_ms`; late arrivals up to `until_ms` stay out.

    With EVERY_BOX, what any of them sent. Returns which boxes had such rows. A verdict keeps its finding,
    hash and date, about nobody.
    """
    upsert(
        connection,
        suppression,
        {"tenant": tenant, "box": box, "who": who, "erased_ms": until_ms},
        lambda new: {
            "erased_ms": case(
                (new.erased_ms > suppression.c.erased_ms, new.erased_ms), else_=suppression.c.erased_ms
            )
        },
    )
    holding = set[str]()
    for table in PERSONAL:
        doomed = and_(table.c.tenant == tenant, _names_whom(table, who), table.c.wall_ms <= erased_ms)
        if box != EVERY_BOX:
            doomed = and_(doomed, table.c.box == box)
        holding.update(connection.execute(select(table.c.box).where(doomed).distinct()).scalars())
        keys = select(table.c.box, table.c.epoch, table.c.sequence).where(doomed)
        in_ledger = tuple_(entries.c.box, entries.c.epoch, entries.c.sequence).in_(keys)
        connection.execute(update(entries).where(entries.c.tenant == tenant, in_ledger).values(code="erased"))
        if table is verdicts:
            forget(connection, tenant, connection.execute(select(*SUBJECT).where(doomed)).all())
            connection.execute(update(table).where(doomed).values(**ERASED_VERDICT))
        else:
            connection.execute(delete(table).where(doomed))
    return frozenset(holding)


def set_aside(
    connection: Connection,
    now_ms: int,
    *,
    tenant: str,
    box: str,
    reason: str,
    sha256: str,
    size: int,
    epoch: str | None = None,
    sequence: int | None = None,
    kind: str | None = None,
) -> None:
    """Note in the quarantine that something was refused: its fingerprint and size, never its content."""
    row = {
        "tenant": tenant, "box": box, "reason": reason, "sha256": sha256, "epoch": epoch,
        "sequence": sequence, "kind": kind, "size": size,
        "first_ms": now_ms, "last_ms": now_ms, "times": 1,
    }  # fmt: skip
    upsert(
        connection,
        quarantine,
        row,
        lambda new: {"last_ms": new.last_ms, "times": quarantine.c.times + 1},
    )


def _about(entry: Entry) -> tuple[str, ...]:
    """Return whom an entry names: of a finding on a deal every buyer."""
    who = getattr(entry.record, "who", None)
    also = entry.record.also if isinstance(entry.record, VerdictIssued) else ()
    return (who, *also) if isinstance(who, str) else ()


def _names_whom(table: Table, who: str) -> ColumnElement[bool]:
    if table is not verdicts:
        return table.c.who == who
    return or_(
        table.c.who == who, and_(table.c.deal_ref.is_not(None), cast(table.c.also, Text).like(f"%{who}%"))
    )


def _is(table: Table, key: dict[str, Any]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in key.items()))
