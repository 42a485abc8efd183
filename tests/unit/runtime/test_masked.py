"""Masked reports (隐号报备): on whom they are follows from what is known, whatever came first."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.consent.gate import Gate
from edge.domain.judging.case import Case
from edge.domain.judging.inputs import read
from edge.domain.judging.ruleset import read_rules
from edge.ipc.kiosk import Register, Source
from edge.reports import read_reports
from edge.runtime import notice as notices
from edge.runtime.clock import Clock
from edge.runtime.corrections import Corrections
from edge.runtime.desk import Desk
from edge.runtime.links import Links
from edge.runtime.merging import Merging
from edge.runtime.office import Office, new_id
from edge.runtime.orders import Orders
from edge.runtime.requests import Requests
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import CommandAnswered, FactsCommand, Scope, VerdictIssued
from edge.wire import facts as wire
from edge.wire.facts import FactRow
from tests.unit.runtime.rules import BOOK, RULES, books
from tests.unit.runtime.test_books import seal

PHONE, TWIN, OTHER = "+8613800138000", "+8613899998000", "+8613900139000"
MASK = "138****8000"
"""Of PHONE and of TWIN."""
EDGE = Path(__file__).parents[3] / "edge"
LATER_MS = 4_000_000_000_000
SCOPES = frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK})


class Box:
    """Books and desk of one box."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.risk = Risk(office, RULES)
        self.books = books(office, self.risk)
        links = self.links = Links(office, "https://hq.example")
        self.rights = Rights(office, self.risk, "b", links)
        self.desk = Desk(office, self.risk, self.rights, links)
        self.merging = Merging(office, self.risk, self.rights)
        self.corrections = Corrections(office, self.risk, self.rights)
        self._changed = 0

    def take(self, *rows: FactRow) -> None:
        with self.office.store.transaction():
            self.books._enter(list(rows))

    def report(self, ref: str, channel: str = "fang-a", phone: str = MASK, at_ms: int = LATER_MS) -> None:
        self._changed += 1
        self.take(
            wire.ReportRow(
                ref=ref, changed_ms=self._changed, phone=phone, channel=channel, agent=None, reported_ms=at_ms
            )
        )

    def channels(self) -> None:
        for code in ("fang-a", "fang-b"):
            self.take(wire.ChannelRow(ref=code, changed_ms=1, name=code.upper()))

    def come(
        self,
        phone: str = PHONE,
        source: Source | None = "agent",
        channel: str | None = None,
        scopes: frozenset[Scope] = SCOPES,
    ) -> None:
        request = Register(
            session="0" * 32,
            notice_hash=self.office.notice.hash,
            scopes=scopes,
            phone=phone,
            source=source if Scope.CHANNEL_RISK in scopes else None,
            channel=channel if Scope.CHANNEL_RISK in scopes else None,
        )
        self.desk.register(request)

    def case(self, ref: str = "M-1") -> Case:
        last = self.office.store.last_verdict(ref)
        assert last is not None and last.inputs is not None
        return read(last.inputs.encode())[0]

    def stands(self, ref: str = "M-1") -> tuple[str, str | None]:
        """Return how a claim stands, and what was found on it."""
        last, report = self.office.store.last_verdict(ref), self.case(ref).report
        assert last is not None and report is not None
        return report.masked, last.verdict

    def who(self, ref: str = "M-1") -> list[str]:
        """Under which token each version left the box."""
        batch = self.office.store.take_batch(500)
        told = [one.record for one in batch.entries] if batch else []
        return [one.who for one in told if isinstance(one, VerdictIssued) and one.report_ref == ref]

    def token(self, phone: str = PHONE) -> str:
        return self.office.tokens.token("channel_risk", phone)


def opened(directory: Path) -> Office:
    credentials = Credentials.create(directory / "credentials")
    identity = BoxIdentity(tenant="riverside", site="hefei-01", box="box-01")
    store = SqlStore.open(directory / "state", credentials, identity)
    notice = notices.load(EDGE / "notice.example.toml")
    return Office(store, Gate(store), credentials.tokens, Clock("hypervisor"), notice, credentials.sign)


@pytest.fixture
def box(office: Office) -> Iterator[Box]:
    one = Box(office)
    one.channels()
    yield one


def test_a_claim_on_nobody_yet_holds_nothing_of_anybody(box: Box) -> None:
    box.report("M-1")
    assert box.stands() == ("candidate", "UNKNOWN")
    box.come(source="walk_in")
    assert box.stands() == ("candidate", "UNKNOWN")
    assert box.case().presences == () and box.case().answers == ()
    assert box.who() == [box.office.tokens.masked("channel_risk", MASK)[0]]


def test_the_whole_number_and_their_own_answer_complete_it(box: Box) -> None:
    """P14: nobody is found by digits alone."""
    box.report("M-1")
    box.come()
    assert box.stands() == ("completed", "RISK")
    assert box.who() == [box.office.tokens.masked("channel_risk", MASK)[0], box.token()]


def test_two_customers_whom_it_fits_are_a_review_and_never_a_risk(box: Box) -> None:
    box.report("M-1")
    box.come()
    box.come(TWIN)
    assert box.stands() == ("ambiguous", "UNKNOWN")
    assert box.case().presences == ()


def test_without_an_answer_that_names_the_channel_two_channels_are_ambiguous(box: Box) -> None:
    box.report("M-1", "fang-a")
    box.report("M-2", "fang-b")
    box.come()
    assert {box.stands(ref)[0] for ref in ("M-1", "M-2")} == {"ambiguous"}
    box.come(channel="fang-b")
    assert (box.stands("M-1")[0], box.stands("M-2")[0]) == ("candidate", "completed")
    assert {answer.channel for answer in box.case("M-2").answers} == {None, "channel-1"}


def test_who_says_another_channel_brought_them_is_not_held_against_this_one(box: Box) -> None:
    box.report("M-1", "fang-a")
    box.come(channel="fang-b")
    assert box.stands() == ("candidate", "UNKNOWN")


def test_refusing_looks_as_never_having_come(box: Box) -> None:
    """P12: nobody can read from a finding that a customer said no."""
    box.report("M-1")
    box.come(scopes=frozenset({Scope.REGISTRATION}))
    assert len(box.office.store.verdicts("M-1")) == 1
    assert box.stands() == ("candidate", "UNKNOWN")


def test_a_withdrawal_leaves_the_claim_on_nobody(box: Box) -> None:
    """P43: nothing of theirs is used any more, and the record names the masked number's token again."""
    box.report("M-1")
    box.come()
    box.rights.withdraw(PHONE, frozenset({Scope.CHANNEL_RISK}))
    assert box.stands() == ("candidate", "UNKNOWN")
    assert box.who()[-1] == box.office.tokens.masked("channel_risk", MASK)[0]


@pytest.mark.parametrize("withdrew", [False, True])
def test_p41_an_erasure_finds_what_was_completed_on_them(box: Box, withdrew: bool) -> None:
    """P41: the claim goes, and of what was found on it hash and date are left; also after a withdrawal."""
    box.report("M-1")
    box.come()
    if withdrew:
        box.rights.withdraw(PHONE, frozenset({Scope.CHANNEL_RISK}))
    box.rights.erase_number(PHONE)
    database = box.office.store._database
    assert database.count("SELECT count(*) FROM reports") == 0
    assert database.count("SELECT count(*) FROM completions") == 0
    assert database.count("SELECT count(*) FROM verdicts WHERE inputs IS NOT NULL") == 0
    assert database.count("SELECT count(*) FROM person_tokens") == 0
    assert len(box.office.store.verdicts("M-1")) == (3 if withdrew else 2)


def test_an_erasure_leaves_a_claim_that_never_was_theirs_to_the_other(box: Box) -> None:
    box.come(source="walk_in")
    box.come(TWIN)
    box.report("M-1")
    assert box.stands()[0] == "ambiguous"
    box.rights.erase_number(PHONE)
    assert box.stands() == ("completed", "RISK")


def test_p40_a_person_is_shown_the_claims_that_were_completed_on_them(box: Box) -> None:
    """P40"""
    box.report("M-1")
    rights = box.office.gate.permit_rights()
    assert box.office.store.reports_by_token(rights, box.token()) == ()
    box.come()
    (mine,) = box.office.store.reports_by_token(rights, box.token())
    assert mine.report_ref == "M-1"


def test_p40_their_own_page_says_so_from_then_on(box: Box) -> None:
    """P40: a report that comes after they were here is told, like one by the whole number."""
    box.come()
    rights = box.office.gate.permit_rights()
    person = box.corrections.registered(PHONE)
    assert person is not None
    box.links.give(person, 0, verified=False)
    box.links.refresh()
    assert box.office.store.stale_links(rights, 9) == ()
    box.report("M-1")
    assert [row.person for row in box.office.store.stale_links(rights, 9)] == [person]


def test_both_ways_in_take_masked_rows(box: Box, tmp_path: Path) -> None:
    """A file on the box, and rows that headquarters carries sealed; a mask of another form is no row."""
    file = tmp_path / "reports.csv"
    file.write_text(f"ref,phone,channel,agent,reported_at\nF-1,{MASK},FANG-A,a,2026-11-23 14:05\n")
    assert box.books.import_rows(read_reports(file)).new == 1
    sealed = {"kind": "report", "ref": "S-1", "changed_ms": 1, "phone": MASK, "channel": "fang-a"}
    requests = Requests(box.office, box.rights, box.links)
    orders = Orders(box.office, box.rights, requests, box.books)
    for row in (sealed, sealed | {"phone": "138***8000"}):
        order = FactsCommand(command_id=new_id(), box="box-01", issued_ms=1, rows=(seal(row),))
        orders.carry_out(order)
    batch = box.office.store.take_batch(100)
    assert batch is not None
    answers = [one.record for one in batch.entries if isinstance(one.record, CommandAnswered)]
    assert [(one.outcome, one.code) for one in answers] == [("done", "ok"), ("refused", "row_wrong")]
    box.come()
    assert {box.stands(ref)[0] for ref in ("F-1", "S-1")} == {"completed"}


def test_a_corrected_number_takes_its_mask_along(box: Box) -> None:
    box.report("M-1")
    box.report("M-2", phone="139****9000")
    box.come()
    person = box.corrections.registered(PHONE)
    assert person is not None
    box.corrections.renumber(person, PHONE, OTHER)
    assert (box.stands("M-1")[0], box.stands("M-2")[0]) == ("candidate", "completed")


def test_after_a_merge_both_numbers_masks_find_the_person(box: Box) -> None:
    box.come(OTHER)
    box.come()
    was = box.corrections.registered(PHONE)
    assert was is not None
    with box.office.store.transaction():
        box.merging.merge(was, OTHER)
    box.report("M-1")
    box.report("M-2", phone="139****9000")
    assert {box.stands(ref) for ref in ("M-1", "M-2")} == {("completed", "RISK")}


def test_a_number_that_nobody_masks_has_no_mask(box: Box) -> None:
    for number in ("+85261234567", "+862162345678", "+14155552671"):
        box.come(number)
    masks = box.office.store._database.count("SELECT count(mask) FROM person_tokens")
    assert masks == 0


def test_a_deal_is_no_fabrication_while_its_channels_masked_claim_may_be_on_the_buyer(box: Box) -> None:
    """The buyer never said who brought them: nobody knows, so nobody is accused."""
    box.risk = Risk(box.office, read_rules(BOOK + "fabricated_order = {}\n"))
    box.books = books(box.office, box.risk)
    box.come(source=None)
    deal = wire.DealRow(ref="D-1", changed_ms=1, channel="fang-a", buyers=(PHONE,), contracted_ms=LATER_MS)
    box.take(deal)
    assert (last := box.office.store.last_verdict("D-1", "deal")) is not None and last.verdict == "RISK"
    box.report("M-1", "fang-b")
    assert (last := box.office.store.last_verdict("D-1", "deal")) is not None and last.verdict == "RISK"
    box.report("M-2", "fang-a")
    assert (last := box.office.store.last_verdict("D-1", "deal")) is not None and last.verdict == "UNKNOWN"


EVENTS = st.permutations(
    ["report-a", "report-b", "come", "come-b", "twin", "withdraw-twin", "walk-in", "withdraw"]
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, st.integers(2, 8))
def test_in_whatever_order_things_come_each_claim_stands_as_all_of_them_say(order: list[str], n: int) -> None:
    """What is known at the end decides; the oracle is written here once more, by hand."""
    with TemporaryDirectory() as directory:
        box = Box(opened(Path(directory)))
        box.channels()
        try:
            _play(box, order[:n])
        finally:
            box.office.store.close()


def _play(box: Box, events: list[str]) -> None:
    agreed: dict[str, bool] = {}
    said: list[tuple[str, str | None]] = []
    reported: set[str] = set()
    for event in events:
        match event:
            case "report-a" | "report-b":
                reported.add(event[-1])
                box.report(f"M-{event[-1]}", f"fang-{event[-1]}")
            case "come":
                box.come()
                agreed[PHONE] = True
                said.append(("agent", None))
            case "come-b":
                box.come(channel="fang-b")
                agreed[PHONE] = True
                said.append(("agent", "b"))
            case "walk-in":
                box.come(source="walk_in")
                agreed[PHONE] = True
                said.append(("walk_in", None))
            case "twin":
                box.come(TWIN, source="walk_in")
                agreed[TWIN] = True
            case _:
                phone = TWIN if event.endswith("twin") else PHONE
                box.rights.withdraw(phone, frozenset({Scope.CHANNEL_RISK}))
                agreed[phone] = False
                if phone == PHONE:
                    said.clear()  # what they said before a yes that was typed anew isn't opened by it
        fits = [phone for phone, stands in agreed.items() if stands]
        for one in reported:
            assert box.stands(f"M-{one}")[0] == _expected(one, reported, fits, said), (event, events)


def _expected(one: str, reported: set[str], fits: list[str], said: list[tuple[str, str | None]]) -> str:
    if len(fits) > 1:
        return "ambiguous"
    named = {which for source, which in said if source == "agent"} if PHONE in fits else set()
    if not named:
        return "candidate"
    if named == {None}:
        return "completed" if reported == {one} else "ambiguous"
    return "completed" if one in named else "candidate"
