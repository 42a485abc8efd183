"""The box's audit anchored at headquarters: root cuts or rewrites it, and both ends notice.

The real store and the real intake, over signed bytes; root has every key, removes the triggers, and
computes a chain that is right in itself.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.fleet import boxes
from cloud.ingest import anchors
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.reports.fleet import box_states, summary
from cloud.store.database import open_database
from edge.ipc.kiosk import Notice
from edge.runtime import audit
from edge.runtime.audit import Audit
from edge.runtime.checks import audit as check
from edge.runtime.clock import Clock
from edge.runtime.office import Office
from edge.store import store
from edge.store.audit import START, _hash
from edge.store.rows import Head
from edge.sync.trust import Headquarters
from edge.wire import AuditHead, Receipt, Signed, Topics, canonical, signing_input
from tests.unit.store.world import World, committed

TOPICS = Topics("tenant", "site", "box")


class Pair:
    """A box and its headquarters."""

    def __init__(self, directory: Path, notice: Notice) -> None:
        self.world = World(directory)
        self.database = open_database(f"sqlite:///{directory / 'hq.db'}")
        own = self.world.credentials
        self.database.write(lambda c: boxes.enrol(c, TOPICS, own.public_key_hex, now_ms=1))
        key = SigningKey(bytes(32))
        self.intake = Intake(self.database, key)
        self.trust = Headquarters([key.public], "box")
        office = Office(self.world.store, self.world.gate, own.tokens, Clock("hypervisor"), notice, own.sign)
        self.audit = Audit(office)

    def act(self, entries: int) -> None:
        """Something happens that is audited."""
        for _ in range(entries):
            self.world.now += 1
            self.world.store.audit("lease_granted", "a" * 32, self.world.now)

    def sync(self) -> list[Receipt]:
        """Anchor, and send everything that waits, as the pump does."""
        self.audit._sent = float("-inf")
        self.audit.anchor()
        receipts = []
        while (batch := self.world.store.take_batch(100)) is not None:
            body = batch.model_dump(mode="json")
            own = self.world.credentials
            signature = own.sign(signing_input("batch", body)).hex()
            payload = Signed(body=body, key_id=own.key_id, signature=signature).to_bytes()
            answer = self.intake.accept(TOPICS.batch, payload)
            assert answer is not None
            receipt = self.trust.receipt(answer.payload)
            assert {result.outcome for result in receipt.results} == {"committed"}
            self.world.store.apply_receipt(receipt)
            receipts.append(receipt)
        return receipts

    @property
    def alarm(self) -> str | None:
        """What headquarters says of this box's audit."""
        with self.database.read() as connection:
            (state,) = box_states(connection, "tenant")
            assert summary(connection, "tenant")["boxes"][0]["audit_alarm"] == state.audit_alarm
        return state.audit_alarm

    @property
    def holds(self) -> bool | None:
        """What the box itself says."""
        known = self.world.store.audit_anchor()
        return known.holds if known else None

    def known(self) -> Head:
        with self.database.read() as connection:
            anchor = anchors.known(connection, "tenant", "box")
        assert anchor is not None
        return Head(anchor.size, anchor.root)

    # -- what root does ---------------------------------------------------------------------

    def as_root(self, *statements: str) -> None:
        database = self.world.store._database
        for trigger in ("audit_is_never_changed", "audit_is_never_cut"):
            database.run(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            database.run(statement)

    def forge(self, how: str) -> None:
        statements, chained = FORGERIES[how]
        self.as_root(*statements)
        if chained:
            self.chain_anew()

    def chain_anew(self) -> None:
        """Number the rows that are left from 1 on, and compute every hash anew."""
        before, database = START, self.world.store._database
        rows = database.query("SELECT * FROM audit ORDER BY sequence")
        database.run("DELETE FROM audit")
        for sequence, row in enumerate(rows, 1):
            code, subject, at = row.text("code"), row.maybe_text("subject"), row.integer("at_ms")
            digest = _hash(sequence, at, code, subject, before)
            database.insert(
                "audit", sequence=sequence, at_ms=at, code=code, subject=subject, prev_hash=before,
                hash=digest, basis="duty", purpose="rights",
            )  # fmt: skip
            before = digest
        assert self.world.store.audit_broken_at() is None


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(store, "COMPARED_S", 0.0)
    from importlib import resources

    from edge.runtime import notice as notices

    made = Pair(tmp_path, notices.load(Path(str(resources.files("edge"))) / "notice.example.toml"))
    yield made
    made.world.store.close()
    made.database.close()


def test_heads_go_up_and_every_receipt_names_the_newest(pair: Pair) -> None:
    for entries in (1, 3, 7, 20):
        pair.act(entries)
        (receipt,) = pair.sync()
        head = pair.world.store.audit_head()
        assert receipt.audit_head is not None
        assert (receipt.audit_head.size, receipt.audit_head.root) == (head.size, head.root)
        assert pair.known() == head
        assert pair.holds is True
    assert pair.alarm is None
    state = pair.audit.verify()
    assert (state.size, state.anchored_size, state.anchor_holds, state.broken_at) == (31, 31, True, None)


def test_a_log_that_did_not_grow_is_not_told_again(pair: Pair) -> None:
    pair.act(3)
    assert len(pair.sync()) == 1
    assert pair.sync() == []


def test_one_head_is_on_its_way_at_a_time(pair: Pair) -> None:
    """So the next one is proven from what headquarters has seen, and a loss of the link alarms nobody."""
    pair.act(2)
    assert pair.audit.anchor()
    for _ in range(3):
        pair.act(1)
        pair.audit._sent = float("-inf")
        assert not pair.audit.anchor()
    assert len(pair.sync()) == 1
    assert len(pair.sync()) == 1
    assert (pair.alarm, pair.known()) == (None, pair.world.store.audit_head())


def test_between_two_heads_some_time_passes(pair: Pair) -> None:
    pair.sync()
    pair.act(1)
    assert pair.audit.anchor()
    pair.world.store.apply_receipt(committed(pair.world.store.take_batch(9)))  # type: ignore[arg-type]  # one waits
    pair.act(1)
    assert audit.EVERY_S > 0 and not pair.audit.anchor()


FORGERIES: dict[str, tuple[tuple[str, ...], bool]] = {
    "the end cut off": (("DELETE FROM audit WHERE sequence > 6",), False),
    "all of it cut": (("DELETE FROM audit",), False),
    "an entry changed, and the chain computed anew": (
        ("UPDATE audit SET code = 'nothing_happened' WHERE sequence = 4",),
        True,
    ),
    "an entry cut out, and the chain computed anew": (("DELETE FROM audit WHERE sequence = 4",), True),
    "a time moved in the first entry": (
        ("UPDATE audit SET at_ms = at_ms - 3600000 WHERE sequence = 1",),
        True,
    ),
    "the anchor forgotten as well": (
        ("DELETE FROM audit WHERE sequence = 4", "DELETE FROM meta WHERE name = 'audit_anchor'"),
        True,
    ),
}
"""What root does, and whether the chain is computed anew after it."""


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("afterwards", [0, 1, 9])
def test_p4_what_root_does_to_anchored_entries_is_noticed_at_both_ends(
    pair: Pair, forgery: str, afterwards: int
) -> None:
    """At headquarters with the next head, on the box with the receipt for it; whatever is added since."""
    pair.act(10)
    pair.sync()
    seen = pair.known()
    assert (pair.alarm, pair.holds) == (None, True)
    pair.forge(forgery)
    pair.act(afterwards)
    pair.world.note()  # something to send, if nothing is left of the log
    pair.sync()
    assert pair.holds is False
    if pair.world.store.audit_head().size > 1:  # with no entry at all there is no head to tell
        pair.sync()
        assert pair.alarm in {"cut", "rewritten", "unproven"}
    assert pair.known() == seen
    assert "audit_mismatch" in {row.code for row in pair.world.store.audit_tail(99)}
    assert pair.audit.verify().anchor_holds is False


def test_what_root_does_after_the_last_anchor_is_not_noticed(pair: Pair) -> None:
    """The honest limit, as docs/threats.md has it: until the next head, the newest entries are root's."""
    pair.act(10)
    pair.sync()
    pair.act(5)
    pair.as_root("DELETE FROM audit WHERE sequence > 12")
    pair.act(2)
    pair.sync()
    assert (pair.alarm, pair.holds) == (None, True)


def test_content_changed_under_its_old_hash_is_found_on_the_box(pair: Pair) -> None:
    """The tree is over hashes: headquarters can't see this, `gatehouse audit verify` does."""
    pair.act(10)
    pair.sync()
    pair.as_root("UPDATE audit SET code = 'nothing_happened' WHERE sequence = 4")
    assert pair.audit.verify().broken_at == 4


def test_the_first_alarm_stands_until_the_log_is_accepted_anew(pair: Pair) -> None:
    pair.act(10)
    pair.sync()
    pair.forge("an entry cut out, and the chain computed anew")
    pair.act(1)
    pair.sync()
    first = pair.alarm
    for _ in range(3):
        pair.act(3)
        pair.sync()
    assert pair.alarm == first is not None
    pair.database.write(lambda c: anchors.accept_anew(c, "tenant", "box"))
    pair.act(1)
    pair.sync()
    pair.act(1)
    pair.sync()
    assert (pair.alarm, pair.holds, pair.known()) == (None, True, pair.world.store.audit_head())


def test_one_head_is_compared_once_a_minute(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of thousands of receipts names the same head in each."""
    pair.act(3)
    pair.sync()
    monkeypatch.setattr(store, "COMPARED_S", 60.0)
    pair.world.note()
    pair.sync()
    pair.as_root("DELETE FROM audit")
    pair.world.note()
    pair.sync()
    assert pair.holds is True
    monkeypatch.setattr(store, "COMPARED_S", 0.0)
    pair.world.note()
    pair.sync()
    assert pair.holds is False


def test_status_says_it(pair: Pair) -> None:
    pair.act(2)
    pair.sync()

    def line() -> tuple[str, str]:
        from dataclasses import dataclass

        @dataclass
        class OnlyAnchor:
            audit_anchor: object

        shown = check.check(OnlyAnchor(pair.world.store.audit_anchor()))  # type: ignore[arg-type]  # what it looks at
        return shown.state, shown.what

    assert line() == ("ok", "2 entries anchored at headquarters")
    pair.as_root("DELETE FROM audit")
    pair.world.note()
    pair.sync()
    assert line()[0] == "rewritten"


def test_a_box_that_sends_no_heads_gets_receipts_as_before(pair: Pair) -> None:
    """Its receipts have no field that an earlier version would refuse."""
    pair.world.note()
    (receipt,) = pair.sync()
    assert receipt.audit_head is None
    assert "audit_head" not in receipt.model_dump(mode="json")
    assert b"audit_head" not in canonical(receipt.model_dump(mode="json"))


def test_a_stranger_to_the_box_cant_claim_a_head(pair: Pair) -> None:
    """A head that proves nothing changes what headquarters knows by nothing but the alarm."""
    pair.act(4)
    pair.sync()
    seen = pair.known()
    forged = AuditHead(
        size=9, root=hashlib.sha256(b"x").hexdigest(), from_size=4, proof=("0" * 64,) * 3, at_ms=1
    )
    pair.database.write(lambda c: anchors.note(c, "tenant", "box", [forged], 5))
    assert (pair.alarm, pair.known()) == ("rewritten", seen)
