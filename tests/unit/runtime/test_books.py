"""What the channels' and the office's books say, sealed to the box: kept in any order alike, and judged."""

import base64
import json
import logging
import random
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import Retention
from edge.consent.gate import Gate
from edge.domain.judging import inputs
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import read_rules
from edge.ipc.kiosk import Notice
from edge.ipc.operator import ReportRow
from edge.runtime import notice as notices
from edge.runtime import sweep
from edge.runtime.appointments import Appointments
from edge.runtime.books import Books
from edge.runtime.links import Links
from edge.runtime.office import Office, new_id
from edge.runtime.orders import Orders
from edge.runtime.requests import Requests
from edge.runtime.sweep import Sweep
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import (
    BoxKeys,
    CommandAnswered,
    EraseCommand,
    FactsCommand,
    Record,
    Scope,
    TimeQuality,
    VerdictIssued,
)
from edge.wire.columns import BookKind
from edge.wire.facts import ROW_BYTES, box_keys_signing_input, row_info
from edge.wire.finding import evidence_signing_input
from tests.unit.runtime.place import Place
from tests.unit.runtime.rules import ENROLMENT, KEEPS

ANNA, BEN, CARL = "+8613800138001", "+8613800138002", "+8613800138003"
T = 1_790_000_000_000
HOUR = 3_600_000
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
RULES = read_rules(
    """
name = "all"
[[versions]]
version = 1
effective_from = 2020-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 0 }
intercept = { within_minutes = 10, suspected_minutes = 10 }
protection = { report_to_visit_days = 30, without_follow_up_days = 15 }
mode = { keeps = "first_report" }
known_customer = {}
short_deal = { within_hours = 24 }
joint_purchase = {}
id_at_deal = {}
fabricated_order = {}
answer = {}
"""
)
Row = dict[str, Any]
About = Literal["report", "deal"]


class Standing:
    """A clock that stands where it is put."""

    at_ms = T

    def now_ms(self) -> int:
        return self.at_ms

    def quality(self) -> TimeQuality:
        return TimeQuality.SYNCHRONISED


class Box(Place):
    """A box whose project has every rule."""

    def __init__(self, directory: Path, notice: Notice) -> None:
        self.credentials = Credentials.create(directory / "credentials")
        identity = BoxIdentity(tenant="riverside", site="hefei-01", box="box-01")
        store, self.clock = SqlStore.open(directory / "state", self.credentials, identity), Standing()
        super().__init__(
            Office(store, Gate(store), self.credentials.tokens, self.clock, notice, self.credentials.sign)  # type: ignore[arg-type]  # a clock of the tests
        )
        self.risk._book = RULES
        self.sweep = Sweep(self.office, self.risk)
        self.books = Books(self.office, self.risk, self.sweep, ENROLMENT, KEEPS)
        requests = Requests(self.office, self.rights, Links(self.office, None))
        self.orders = Orders(self.office, self.rights, requests, self.books)
        self.told: list[Record] = []

    def take(self, *rows: Row | str) -> tuple[str, str]:
        """Give the box an order with these rows; return its answer."""
        sealed = tuple(row if isinstance(row, str) else seal(row) for row in rows)
        self.orders.carry_out(FactsCommand(command_id=new_id(), box="box-01", issued_ms=1, rows=sealed))
        self.settle()
        answer = [r for r in self.sent() if isinstance(r, CommandAnswered)][-1]
        return answer.outcome, answer.code

    def settle(self) -> None:
        """Let what is judged later be judged."""
        while self.sweep.step():
            pass

    def come(self, phone: str, at_ms: int, *scopes: Scope) -> None:
        self.clock.at_ms = at_ms
        self.register(phone, frozenset({Scope.REGISTRATION, *(scopes or (Scope.CHANNEL_RISK,))}))

    def come_by_appointment(self, phone: str, at_ms: int) -> None:
        """Who is here now comes again at `at_ms`, as they said, and types nothing then."""
        desk = Appointments(self.office, self.risk)
        (person,) = self.rights.find(phone)
        last = self.office.store.visits(self.office.gate.permit_rights(person))[0]
        desk.make(last, at_ms, 1)
        self.office.store._database.run(
            "UPDATE visits SET departed_ms = arrived_ms WHERE person = ? AND departed_ms IS NULL", (person,)
        )
        self.clock.at_ms = at_ms
        desk.came(self.office.store.appointments_of(person)[0].appointment)

    def sent(self) -> list[Record]:
        while leaving := self.leaving():
            self.told += leaving
        return self.told

    def verdict(self, ref: str, about: About = "report") -> tuple[str | None, tuple[str, ...] | None]:
        row = self.office.store.last_verdict(ref, about)
        assert row is not None
        return row.verdict, row.reasons

    def findings(self) -> dict[tuple[str, str], str | None]:
        """What the newest finding on everything rests on."""
        found: dict[tuple[str, str], str | None] = {}
        for about in ("report", "deal"):
            for ref, row in self.office.store.newest_verdicts(about, "", 100):
                found[about, ref] = row.inputs
        return found

    def record(self, ref: str) -> VerdictIssued:
        """The last record on a report or a deal."""
        told = [r for r in self.sent() if isinstance(r, VerdictIssued)]
        return next(r for r in reversed(told) if ref in (r.deal_ref, r.report_ref))

    def everything(self) -> str:
        """All that the database holds, as text."""
        database = self.office.store._database
        names = [r.text("name") for r in database.query("SELECT name FROM sqlite_master WHERE type='table'")]
        return "\n".join(str(r.values()) for name in names for r in database.query(f"SELECT * FROM {name}"))


def seal(row: Row, key: X25519PrivateKey = ENROLMENT, box: str = "box-01", text: bytes | None = None) -> str:
    public = key.public_key()
    info = row_info("riverside", box, public.public_bytes_raw().hex())
    plain = (text or json.dumps(row).encode()).ljust(ROW_BYTES)
    return base64.b64encode(SUITE.encrypt(plain, public, info)).decode()


@pytest.fixture
def box(tmp_path: Path, notice: Notice) -> Any:
    made = Box(tmp_path, notice)
    yield made
    made.office.store.close()


def report(ref: str = "R-1", phone: str = ANNA, at: int | None = T, **more: Any) -> Row:
    said = {"kind": "report", "ref": ref, "changed_ms": T, "phone": phone, "channel": "alpha"}
    return said | {"reported_ms": at} | more


def deal(ref: str = "D-1", buyers: Sequence[str] = (ANNA,), **more: Any) -> Row:
    said = {"kind": "deal", "ref": ref, "changed_ms": T, "channel": "alpha", "buyers": list(buyers)}
    return said | {"subscribed_ms": T + 48 * HOUR} | more


LISTED: Row = {"kind": "customer_list", "ref": "all", "changed_ms": T}


def test_a_deal_is_judged_by_its_channels_claim_and_the_box_signs_it(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """P31: of a number nothing is left, and the finding is checked by the public key alone."""
    caplog.set_level(logging.DEBUG)
    box.come(ANNA, T + HOUR)
    assert box.take(report(), deal(), LISTED) == ("done", "ok")
    found = box.record("D-1")
    assert (found.verdict, found.channel, found.report_ref, found.also) == ("NORMAL", "alpha", None, ())
    assert {one.rule for one in found.outcomes} >= {"late_report", "fabricated_order", "known_customer"}
    where = {"tenant": "riverside", "site": "hefei-01", "box": "box-01"}
    evidence = found.evidence(where, TimeQuality.SYNCHRONISED)
    assert evidence is not None and found.signature is not None and found.inputs is not None
    key = Ed25519PublicKey.from_public_bytes(box.credentials.public_key)
    key.verify(bytes.fromhex(found.signature), evidence_signing_input(evidence))
    case, rules = inputs.read(found.inputs.encode())
    assert judge(case, rules).reasons == found.reasons
    assert ANNA[3:] not in box.everything() + caplog.text and "alpha" not in found.inputs


def test_the_channels_best_claim_counts_for_its_deal(box: Box) -> None:
    """A channel that reported too late once more hasn't lost the deal that its first report earned."""
    box.come(ANNA, T + HOUR)
    box.take(report(), report("R-2", at=T + 2 * HOUR), deal(), LISTED)
    assert box.verdict("R-2") == ("RISK", ("late_report",))
    assert box.verdict("D-1", "deal")[0] == "NORMAL"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ((deal(channel="beta"),), ("RISK", ("channel_never_reported",))),
        ((deal(owner="office"),), ("RISK", ("owner_is_office",))),
        ((report(at=T + 2 * HOUR), deal()), ("RISK", ("late_report", "only_came_before"))),
    ],
)
def test_deals_that_a_channel_had_no_part_in(box: Box, rows: tuple[Row, ...], found: tuple[str, Any]) -> None:
    box.come(ANNA, T + HOUR)
    box.take(*rows, LISTED)
    assert box.verdict("D-1", "deal") == found


def test_any_buyers_registration_counts_for_all_of_them(box: Box) -> None:
    box.come(BEN, T - HOUR)
    box.take(report(phone=ANNA), deal(buyers=(ANNA, BEN)), LISTED)
    verdict, reasons = box.verdict("D-1", "deal")
    assert verdict == "RISK" and "late_report" in (reasons or ())
    found = box.record("D-1")
    assert [found.who, *found.also] == [box.office.tokens.token("channel_risk", n) for n in (ANNA, BEN)]


def test_the_offices_own_deal_gets_no_finding(box: Box) -> None:
    box.take(deal(channel=None))
    assert box.findings() == {}


def test_the_list_has_everything_judged_again_by_and_by_and_over_a_restart(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = {f"R-{nth}": f"+86139000000{nth:02d}" for nth in range(5)}
    for ref, phone in refs.items():
        box.come(phone, T + HOUR)
        box.take(report(ref, phone=phone))
    monkeypatch.setattr(sweep, "AT_ONCE", 2)
    box.books.take(FactsCommand(command_id=new_id(), box="box-01", issued_ms=1, rows=(seal(LISTED),)))
    assert {box.verdict(ref)[0] for ref in refs} == {"UNKNOWN"}, "the desk doesn't wait for them"
    assert box.sweep.step()
    assert sorted(box.verdict(ref)[0] or "" for ref in refs) == ["NORMAL"] * 2 + ["UNKNOWN"] * 3
    box.sweep = Sweep(box.office, box.risk)  # as after a restart
    box.settle()
    assert {box.verdict(ref)[0] for ref in refs} == {"NORMAL"}
    assert box.office.store._database.count("SELECT max(version) FROM verdicts") == 2
    assert not Sweep(box.office, box.risk).step(), "it is over"


def test_who_is_on_the_offices_list_cant_be_reported_and_who_isnt_can(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    box.take(report())
    assert box.verdict("R-1") == ("UNKNOWN", ("no_customer_list",))
    box.take(LISTED)
    assert box.verdict("R-1")[0] == "NORMAL"
    box.take({"kind": "customer", "ref": "C-1", "changed_ms": T, "phone": ANNA, "since_ms": T - HOUR})
    assert box.verdict("R-1") == ("RISK", ("known_customer",))
    box.take({"kind": "customer", "ref": "C-1", "changed_ms": T + 1, "phone": BEN, "since_ms": T - HOUR})
    assert box.verdict("R-1")[0] == "NORMAL", "the list named somebody else"


def test_following_up_and_extensions_count_whichever_comes_first(box: Box) -> None:
    day = 24 * HOUR
    follow = {"kind": "follow_up", "ref": "F-1", "changed_ms": T, "report": "R-1", "at_ms": T + 14 * day}
    longer: Row = {"kind": "extension", "ref": "E-1", "changed_ms": T, "report": "R-1"}
    longer |= {"logged_ms": T + day, "until_ms": T + 40 * day}
    box.take(follow, longer, LISTED)
    box.come(ANNA, T + 29 * day)
    box.take(report())
    assert box.verdict("R-1")[0] == "NORMAL"
    box.take(follow | {"changed_ms": T + 1, "withdrawn": True})
    assert box.verdict("R-1") == ("RISK", ("nobody_followed_up",))


def test_what_its_book_took_back_is_judged_no_more_and_an_older_row_doesnt_revive_it(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    box.take(report(), deal(), LISTED)
    box.take(report(withdrawn=True, changed_ms=T + 5), deal(withdrawn=True, changed_ms=T + 5))
    assert box.verdict("R-1") == box.verdict("D-1", "deal") == ("UNKNOWN", ("taken_back",))
    box.take(report(changed_ms=T + 4), deal(changed_ms=T + 4))
    assert box.verdict("R-1") == box.verdict("D-1", "deal") == ("UNKNOWN", ("taken_back",))
    box.take(report(changed_ms=T + 6))
    assert box.verdict("R-1")[0] == "NORMAL"
    assert len(box.office.store.verdicts("R-1")) == 3


def test_a_corrected_number_moves_the_claim_and_both_customers_are_judged_again(box: Box) -> None:
    box.come(BEN, T - HOUR)
    box.take(report(phone=ANNA), report("R-2", phone=ANNA, channel="beta", at=T + HOUR), LISTED)
    assert box.verdict("R-2") == ("RISK", ("another_reported_first",))
    box.take(report(phone=BEN, changed_ms=T + 1))
    assert box.verdict("R-1") == ("RISK", ("late_report",))
    assert "no_evidence_of_presence" in (box.verdict("R-2")[1] or ())


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (seal(report(), X25519PrivateKey.from_private_bytes(bytes(32))), "does_not_open"),
        (seal(report(), box="box-02"), "does_not_open"),
        (seal({}, text=b"{}"), "row_wrong"),
        (seal(report() | {"name": "x"}), "row_wrong"),
        (seal(report(ref="R-13800138001")), "row_wrong"),
        (seal(report(phone="+86138001")), "not_a_phone_number"),
    ],
)
def test_one_wrong_row_and_nothing_of_the_order_is_taken(
    box: Box, row: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """P9: and no word of what it said."""
    caplog.set_level(logging.DEBUG)
    assert box.take(report("R-9"), row) == ("refused", code)
    assert box.findings() == {} and "R-9" not in box.everything()
    assert "138001" not in caplog.text


@pytest.mark.parametrize(
    ("book", "rows", "code"),
    [
        ("report", (report(),), "ok"),
        ("report", (report(), deal()), "other_book"),
        ("customer", (LISTED,), "ok"),
        ("deal", (LISTED,), "other_book"),
    ],
)
def test_a_book_that_whoever_sealed_it_may_not_bring_in_is_refused(
    box: Box, book: BookKind, rows: tuple[Row, ...], code: str
) -> None:
    """Headquarters knows by which key an order came and can't see what is in it: the box does."""
    sealed = tuple(seal(row) for row in rows)
    box.orders.carry_out(FactsCommand(command_id=new_id(), box="box-01", issued_ms=1, book=book, rows=sealed))
    (answer,) = (r for r in box.sent() if isinstance(r, CommandAnswered))
    assert (answer.outcome, answer.code) == ("done" if code == "ok" else "refused", code)
    assert ("R-1" in box.everything()) == (code == "ok" and book == "report")


def test_the_same_order_again_changes_nothing(box: Box) -> None:
    command = FactsCommand(command_id=new_id(), box="box-01", issued_ms=1, rows=(seal(report()),))
    for _ in range(2):
        box.orders.carry_out(command)
    assert len(box.office.store.verdicts("R-1")) == 1
    assert sum(isinstance(r, CommandAnswered) for r in box.sent()) == 1


def test_p29_a_book_doesnt_enter_again_who_was_erased(box: Box) -> None:
    """P29, P46: what the books said of them goes; a deal with another buyer is UNKNOWN, never RISK by it."""
    box.come(ANNA, T + HOUR)
    box.come(BEN, T + 2 * HOUR)
    listed = {"kind": "customer", "ref": "C-1", "changed_ms": T, "phone": ANNA, "since_ms": T}
    rows = (report(), deal(buyers=(ANNA, BEN)), deal("D-2"), listed, LISTED)
    box.take(*rows)
    token = box.office.tokens.token("channel_risk", ANNA)
    order = EraseCommand(
        command_id=new_id(), box="box-01", issued_ms=1, who=box.office.tokens.token("registration", ANNA)
    )
    box.sent()
    box.orders.carry_out(order)
    assert box.office.store.report(box.office.gate.permit_rights(), "R-1") is None
    left = box.office.store.deal(box.office.gate.permit_rights(), "D-1")
    assert left is not None and [place for place, _ in left.buyers] == [2]
    assert box.office.store.deal(box.office.gate.permit_rights(), "D-2") is None
    assert _holding(box, token) <= {"outbox"}, "the receipt names whom headquarters named"
    found = box.record("D-1")
    assert (found.who, found.also) == (box.office.tokens.token("channel_risk", BEN), ())
    assert (found.version, found.verdict, found.reasons) == (2, "UNKNOWN", ("buyer_unknown",))
    box.take(*(row | {"changed_ms": T + 9} for row in rows))
    assert box.office.store.report(box.office.gate.permit_rights(), "R-1") is None
    left = box.office.store.deal(box.office.gate.permit_rights(), "D-1")
    assert left is not None and [place for place, _ in left.buyers] == [2]


def _holding(box: Box, needle: str) -> set[str]:
    """Return in which tables a text is found."""
    database = box.office.store._database
    names = [r.text("name") for r in database.query("SELECT name FROM sqlite_master WHERE type='table'")]
    return {n for n in names if any(needle in str(r.values()) for r in database.query(f"SELECT * FROM {n}"))}


def test_p40_a_person_sees_what_the_books_say_of_them(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    listed = {"kind": "customer", "ref": "C-1", "changed_ms": T, "phone": ANNA, "since_ms": T}
    box.take(report(), deal(), listed)
    person = box.office.find(box.office.gate.permit_rights(), "registration", ANNA)
    assert person is not None
    held = Links(box.office, None).everything(person)
    assert [(d.channel, d.subscribed_ms, len(d.findings)) for d in held.deals] == [
        ("alpha", T + 48 * HOUR, 1)
    ]
    assert [one.since_ms for one in held.listings] == [T]


def test_the_box_says_once_to_which_key_rows_are_sealed(box: Box) -> None:
    box.books.announce(None)
    box.books.announce(None)
    box.books.announce("riverside-phase-2")
    told = [r for r in box.sent() if isinstance(r, BoxKeys)]
    assert [one.project for one in told] == [None, "riverside-phase-2"]
    said = box_keys_signing_input("riverside", "hefei-01", "box-01", told[1].project, told[1].enrolment_key)
    Ed25519PublicKey.from_public_bytes(box.credentials.public_key).verify(
        bytes.fromhex(told[1].signature), said
    )


DAY = 24 * HOUR
FACTS: tuple[Row, ...] = (
    LISTED,
    report(),
    report(changed_ms=T - 1, channel="beta", at=T + 3 * HOUR),
    report("R-2", channel="beta", at=T - DAY),
    report("R-2", channel="beta", at=T - DAY, changed_ms=T + 1, withdrawn=True),
    report("R-3", channel="gamma", at=None),
    report("R-4", phone=BEN, at=T + DAY),
    report("R-4", phone=CARL, at=T + DAY, changed_ms=T + 2),
    deal(buyers=(ANNA, BEN)),
    deal(buyers=(ANNA, CARL), changed_ms=T + 3, contracted_ms=T + 50 * HOUR),
    deal("D-2", buyers=(CARL,), channel="gamma"),
    {"kind": "customer", "ref": "C-1", "changed_ms": T, "phone": CARL, "since_ms": T + HOUR},
    {"kind": "follow_up", "ref": "F-1", "changed_ms": T, "report": "R-1", "at_ms": T + 2 * HOUR},
    {
        "kind": "extension",
        "ref": "E-1",
        "changed_ms": T,
        "report": "R-1",
        "logged_ms": T,
        "until_ms": T + 60 * DAY,
    },
)
COMING: dict[int | str, tuple[str, int]] = {
    "anna": (ANNA, T + 5 * HOUR),
    "carl": (CARL, T - 5 * HOUR),
    "anna again": (ANNA, T + 9 * HOUR),
    "anna by appointment": (ANNA, T + 5 * DAY),
}


def _play(directory: Path, order: Sequence[int | str]) -> dict[tuple[str, str], str | None]:
    box = Box(directory, notices.load(Path(str(resources.files("edge"))) / "notice.example.toml"))
    try:
        for one in order:
            if one == "anna by appointment":
                box.come_by_appointment(*COMING[one])
            elif isinstance(one, str):
                box.come(*COMING[one])
            else:
                assert box.take(FACTS[one]) == ("done", "ok")
        standing = box.findings().items()
        return {name: said for name, said in standing if said and '"taken_back":true' not in said}
    finally:
        box.office.store.close()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_facts_in_any_order_and_more_than_once_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    """Who comes when is told by the clock; when a book's row arrives says nothing.

    What was taken back before it was ever judged has no finding; after, one that says so.
    """
    rows: list[int] = sorted(data.draw(st.sets(st.integers(0, len(FACTS) - 1), min_size=6)))
    first: list[int | str] = [*rows, *COMING]
    shuffled: list[int | str] = [*rows, *rows[::2], *COMING]
    random.Random(seed).shuffle(shuffled)
    visits = [one for one in shuffled if isinstance(one, str)]
    inorder = iter(sorted(visits, key=lambda name: COMING[name][1]))
    shuffled = [next(inorder) if isinstance(one, str) else one for one in shuffled]
    first[len(rows) :] = sorted(COMING, key=lambda name: COMING[name][1])
    one, other = (tmp_path_factory.mktemp("box") for _ in range(2))
    assert _play(one, first) == _play(other, shuffled)


def _purge(box: Box, now_ms: int) -> None:
    box.clock.at_ms = now_ms
    box.office.store.purge_due(Retention().periods(), now_ms)


def test_p8_a_claim_is_kept_as_long_as_a_deal_that_rests_on_it(box: Box) -> None:
    """Without it the channel would never have reported: RISK, because the box deleted something."""
    box.come(ANNA, T + HOUR)
    box.take(report(), report("R-2", phone=BEN), deal(), LISTED)
    assert box.verdict("D-1", "deal")[0] == "NORMAL"
    _purge(box, T + 31 * DAY)
    assert set(box.findings()) == {("report", "R-1"), ("deal", "D-1")} | {("report", "R-2")}
    assert box.findings()["report", "R-2"] is None, "nobody bought anything: it is over"
    person = box.office.find(box.office.gate.permit_rights(), "registration", ANNA)
    assert person is not None
    held = Links(box.office, None).everything(person)
    assert [one.until_ms for one in held.reports] == [one.until_ms for one in held.deals]
    box.come(ANNA, T + 32 * DAY)
    assert box.verdict("D-1", "deal")[0] == "NORMAL"
    _purge(box, T + 1010 * DAY)
    assert box.office.store.report(box.office.gate.permit_rights(), "R-1") is None
    assert box.office.store.deal(box.office.gate.permit_rights(), "D-1") is None


def test_p8_an_extended_claim_is_kept_until_the_extension_ends(box: Box) -> None:
    longer: Row = {"kind": "extension", "ref": "E-1", "changed_ms": T, "report": "R-1", "logged_ms": T}
    box.take(report(), longer | {"until_ms": T + 60 * DAY})
    _purge(box, T + 59 * DAY)
    assert box.office.store.report(box.office.gate.permit_rights(), "R-1") is not None
    _purge(box, T + 60 * DAY)
    assert box.office.store.report(box.office.gate.permit_rights(), "R-1") is None


def test_of_a_deal_that_came_after_reports_were_deleted_nobody_says_that_there_was_none(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    box.come(BEN, T + HOUR)
    box.take(report(), LISTED)
    _purge(box, T + 31 * DAY)
    box.take(deal(), deal("D-2", buyers=(BEN,), subscribed_ms=T + 31 * DAY))
    assert box.verdict("D-1", "deal") == ("UNKNOWN", ("reports_deleted",))
    assert box.verdict("D-2", "deal") == ("RISK", ("channel_never_reported",)), "30 days are held"
    box.take(report(changed_ms=T + 1))
    assert box.verdict("D-1", "deal")[0] == "NORMAL", "the channel supplied it again"


def test_a_number_that_everybody_reports_is_no_customers(box: Box) -> None:
    """Agents who write their own number don't fill the disk, stop the orders, or make one another a RISK."""
    box.come(ANNA, T + HOUR)
    box.take(*(report(f"R-{n}", at=T + n, channel=f"chan-{n % 7}") for n in range(50)), LISTED)
    assert box.verdict("R-48") == ("RISK", ("another_reported_first",))
    box.take(report("R-50", at=T + 50), deal())
    said = ("UNKNOWN", ("too_many_reports",))
    assert box.verdict("R-0") == box.verdict("R-50") == box.verdict("D-1", "deal") == said
    box.take(report("R-50", at=T + 50, changed_ms=T + 1, withdrawn=True))
    assert box.verdict("R-0")[0] == "NORMAL"


def test_a_finding_that_rests_on_more_than_is_sent_goes_without_it(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    box.take(report())
    for some in range(25):
        follow = {"kind": "follow_up", "changed_ms": T, "report": "R-1"}
        box.take(*(follow | {"ref": f"F-{some}-{n}", "at_ms": T + some * DAY + n} for n in range(100)))
    found, kept = box.record("R-1"), box.office.store.last_verdict("R-1")
    assert (found.inputs, found.signature) == (None, None) and found.outcomes
    assert kept is not None and kept.inputs is not None and kept.inputs_hash == found.inputs_hash


def test_p29_what_a_book_takes_back_of_somebody_who_ended_it_goes_and_the_rest_stands(box: Box) -> None:
    """P29, P43: nothing is entered; what was lawful before stays, unless the book takes it back."""
    box.come(ANNA, T + HOUR)
    listed = {"kind": "customer", "ref": "C-1", "changed_ms": T, "phone": ANNA, "since_ms": T + HOUR}
    box.take(report(), report("R-2", phone=BEN), deal(), listed, LISTED)
    person = box.office.find(box.office.gate.permit_rights(), "registration", ANNA)
    assert person is not None
    box.rights.withdraw_person(person, frozenset({Scope.CHANNEL_RISK}), "visitor")
    ended = box.verdict("R-1")
    assert ended[0] == "UNKNOWN" and "consent_withdrawn" in (ended[1] or ())
    box.take(report(changed_ms=T + 1), report("R-9", changed_ms=T + 1))
    assert box.verdict("R-1") == ended and box.office.store.last_verdict("R-9") is None
    box.take(report("R-2", phone=ANNA, changed_ms=T + 1))
    assert box.verdict("R-2") == ("UNKNOWN", ("taken_back",)), "it isn't on this number, and nobody else's"
    later: Row = {"changed_ms": T + 2, "withdrawn": True}
    box.take(report(**later), deal(**later), listed | later)
    assert box.verdict("R-1") == box.verdict("D-1", "deal") == ("UNKNOWN", ("taken_back",))


@pytest.mark.parametrize("named_first", [True, False])
def test_a_file_names_the_company_and_a_deal_its_code_and_they_are_one_channel(
    box: Box, named_first: bool
) -> None:
    box.come(ANNA, T + HOUR)
    named = {"kind": "channel", "ref": "alpha", "changed_ms": T, "name": "甲渠道"}
    rows = ([named], [deal(), LISTED]) if named_first else ([deal(), LISTED], [named])
    box.take(*rows[0])
    box.books.import_rows((ReportRow(ref="R-1", phone=ANNA, channel="甲渠道", agent="", reported_ms=T),))
    box.take(*rows[1])
    assert box.verdict("D-1", "deal")[0] == "NORMAL"
    assert box.record("R-1").channel == "alpha"


def test_a_correction_of_whom_or_whose_alone_is_told_too(box: Box) -> None:
    """P46: what headquarters has of a finding has to be found when the customer asks for it to be erased."""
    box.take(report(phone=ANNA), LISTED)
    for change, (phone, channel) in enumerate([(ANNA, "beta"), (BEN, "beta")], 1):
        box.take(report(phone=phone, channel=channel, changed_ms=T + change))
        told = box.record("R-1")
        assert (told.version, told.channel) == (change + 1, channel)
        assert told.who == box.office.tokens.token("channel_risk", phone)
