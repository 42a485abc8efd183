"""Codes, packages and requests over a real store: what a code shows, what it may do, and what it can't."""

import json
import secrets
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Retention as Section
from edge.domain.errors import InvalidInput
from edge.domain.facts import PersonId
from edge.domain.reasons import Reason
from edge.domain.retention import CALL_NUMBER_MS
from edge.domain.rightslink import (
    REQUEST_ROOM,
    ROOM,
    address,
    new_secret,
    open_package,
    open_request,
    parts,
    seal_package,
    seal_request,
)
from edge.domain.workdays import is_working
from edge.ipc import officer as protocol
from edge.ipc.kiosk import Register
from edge.ipc.messages import CallEnded, CallStarted, CardRead
from edge.ipc.operator import ReportRow
from edge.runtime.calls import Calls
from edge.runtime.checks import Facts
from edge.runtime.checks.requests import check
from edge.runtime.clock import Clock
from edge.runtime.corrections import Corrections
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk, Visitor
from edge.runtime.links import Links
from edge.runtime.merging import Merging
from edge.runtime.office import Office, Told
from edge.runtime.officer import Officer
from edge.runtime.orders import Orders
from edge.runtime.requests import Requests
from edge.runtime.retention import Retention
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.runtime.waiting import WaitingRequests
from edge.wire import (
    CommandAnswered,
    EraseCommand,
    ErasureReceipt,
    RightsPackage,
    RightsRequest,
    Scope,
    TimeQuality,
)
from tests.unit.runtime.rules import RULES, books

PHONE, PAGE = "13800138000", "https://hq.example"
Said = dict[str, Any]


class Moved(Clock):
    """Wall time as the test wants it."""

    ahead_ms = 0

    def __init__(self) -> None:
        super().__init__("hypervisor")

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


class Site:
    def __init__(self, office: Office) -> None:
        self.office = office
        risk, self.links = Risk(office, RULES), Links(office, PAGE)
        self.rights = Rights(office, risk, "box-01", self.links)
        self.corrections = Corrections(office, risk, self.rights)
        self.merging = Merging(office, risk, self.rights)
        self.desk = Desk(office, risk, self.rights, self.links)
        self.orders = Orders(
            office, self.rights, Requests(office, self.rights, self.links), books(office, risk)
        )
        self.sent: list[RightsPackage] = []
        self.answers: list[tuple[str, str]] = []
        self.receipts: list[ErasureReceipt] = []

    def register(self, *scopes: Scope, phone: str = PHONE) -> tuple[Visitor, str, bytes]:
        """Register, and return the visitor with link and secret of their code."""
        chosen = frozenset({Scope.REGISTRATION, *scopes})
        request = Register(session="1" * 32, notice_hash=self.office.notice.hash, scopes=chosen, phone=phone)
        _, visitor = self.desk.register(request)
        assert visitor is not None
        link = self.desk.give_code(visitor)
        assert link is not None
        said = self.links.address(link)
        assert said is not None
        return visitor, *parts(said)

    def take(self) -> None:
        """Receipt-less, as a broker would hear them: every record that waits."""
        while batch := self.office.store.take_batch(500):
            for entry in batch.entries:
                match entry.record:
                    case RightsPackage():
                        self.sent.append(entry.record)
                    case CommandAnswered():
                        self.answers.append((entry.record.outcome, entry.record.code))
                    case ErasureReceipt():
                        self.receipts.append(entry.record)

    def page(self, link: str, secret: bytes) -> Said:
        """Return what the newest package of a code says."""
        while self.links.refresh():
            pass
        self.take()
        newest = max((p for p in self.sent if p.link_id == link), key=lambda p: p.revision)
        said: Said = json.loads(open_package(secret, link, newest.sealed))
        return said

    def ask(self, link: str, secret: bytes, act: str, **more: Any) -> tuple[PersonId, ...]:
        request = {
            "v": 1,
            "id": secrets.token_hex(16),
            "revision": self.page(link, secret)["revision"],
            "act": act,
        }
        return self.send(link, seal_request(secret, link, json.dumps(request | more).encode()))

    def send(self, link: str, sealed: str) -> tuple[PersonId, ...]:
        command = RightsRequest(
            command_id=secrets.token_hex(16), box="box-01", issued_ms=1, link_id=link, sealed=sealed
        )
        persons = self.orders.carry_out(command)
        self.take()
        return persons


@pytest.fixture
def site(office: Office) -> Site:
    return Site(office)


def scopes(said: Said) -> dict[str, str]:
    return {one["scope"]: one["state"] for one in said["scopes"]}


# -- the keys --------------------------------------------------------------------------------


@given(st.binary(max_size=ROOM).map(lambda b: b.rstrip(b" ")), st.integers(0, 8231))
def test_a_package_opens_with_its_own_key_and_link_only(plain: bytes, at: int) -> None:
    secret, link = new_secret(), secrets.token_hex(16)
    sealed = seal_package(secret, link, plain)
    assert open_package(secret, link, sealed) == plain
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
    for key, name, text in (
        (new_secret(), link, sealed),
        (secret, "0" * 32, sealed),
        (secret, link, changed),
    ):
        with pytest.raises(InvalidInput):
            open_package(key, name, text)


def test_every_package_and_every_request_is_equally_long() -> None:
    secret, link = new_secret(), "a" * 32
    assert {len(seal_package(secret, link, b"x" * n)) for n in (0, 1, 700, ROOM)} == {8232}
    assert {len(seal_request(secret, link, b"x" * n)) for n in (0, 1, 700, REQUEST_ROOM)} == {2768}
    with pytest.raises(InvalidInput):
        seal_package(secret, link, b"x" * (ROOM + 1))


def test_the_two_directions_have_different_keys() -> None:
    """Headquarters can't send a package back as a request."""
    secret, link = new_secret(), "a" * 32
    with pytest.raises(InvalidInput):
        open_request(secret, link, seal_package(secret, link, b"{}"))
    with pytest.raises(InvalidInput):
        open_package(secret, link, seal_request(secret, link, b"{}"))


@given(st.binary(min_size=32, max_size=32))
def test_an_address_is_read_back_and_nothing_else_is(secret: bytes) -> None:
    assert parts(address("https://hq.example/", "b" * 32, secret)) == ("b" * 32, secret)
    for wrong in ("https://hq.example/r/" + "b" * 32, f"/r/{'b' * 31}#{'c' * 43}", ""):
        with pytest.raises(InvalidInput):
            parts(wrong)


# -- what a code shows -----------------------------------------------------------------------


def test_a_new_visitor_sees_what_they_gave_under_which_scope_since_when_P40(site: Site) -> None:
    visitor, link, secret = site.register(Scope.FACE_MATCH)
    site.desk.enrol(visitor, "sface", bytes(512))
    said = site.page(link, secret)
    assert (said["state"], said["whole"], said["number"]) == ("held", True, "+86138****8000")
    assert scopes(said) == {"registration": "ACTIVE", "face_match": "ACTIVE"}
    assert {one["what"]: one["basis"] for one in said["held"]} == {
        "number": "consent:registration",
        "template": "consent:face_match",
    }
    assert len(said["visits"]) == 1 and said["visits"][0]["to_ms"] is None
    assert all(one["at_ms"] for one in said["scopes"])


def test_each_change_of_what_is_held_makes_a_newer_package_and_several_make_one(site: Site) -> None:
    visitor, link, secret = site.register(Scope.FACE_MATCH)
    before = site.page(link, secret)["revision"]
    assert site.links.refresh() == 0
    site.rights.withdraw_person(visitor.person, frozenset({Scope.FACE_MATCH}), "visitor")
    assert Departures(site.office, "21:00").by_number(PHONE)
    site.sent.clear()
    said = site.page(link, secret)
    assert len(site.sent) == 1 and said["revision"] > before
    assert scopes(said)["face_match"] == "WITHDRAWN" and said["visits"][0]["to_ms"] is not None


def test_a_waiting_package_is_replaced_so_that_a_backlog_holds_the_newest_only(site: Site) -> None:
    visitor, _, _ = site.register(Scope.FACE_MATCH, Scope.CHANNEL_RISK)
    for scope in (Scope.FACE_MATCH, Scope.CHANNEL_RISK):
        assert site.links.refresh() == 1
        site.rights.withdraw_person(visitor.person, frozenset({scope}), "visitor")
    assert site.links.refresh() == 1
    assert site.office.store.waiting()["rights_package"] == 1


def test_whoever_types_a_number_sees_nothing_of_what_others_gave_under_it_P40(site: Site) -> None:
    """Before and after: a number that is typed proves nobody."""
    first, link, secret = site.register(Scope.FACE_MATCH)
    site.desk.enrol(first, "sface", bytes(512))
    assert site.page(link, secret)["whole"]
    second, other_link, other_secret = site.register(Scope.CHANNEL_RISK)
    site.desk._tell_source(first.person, second.visit, "friend")
    later = site.page(other_link, other_secret)
    assert not later["whole"] and later["held"] == [] and later["number"] is None
    assert [visit["source"] for visit in later["visits"]] == ["friend"]
    shown_since = {one["scope"] for one in later["scopes"] if one["at_ms"]}
    assert shown_since == {"channel_risk"}
    earlier = site.page(link, secret)
    assert not earlier["whole"] and len(earlier["visits"]) == 1
    assert earlier["visits"][0]["source"] is None


def test_a_code_that_the_officer_gives_shows_all_and_may_erase_all_P40(site: Site) -> None:
    """The officer knows who the person is; looking is in the audit before the code is out."""
    visitor, _, _ = site.register(Scope.ID_CARD)
    site.register()
    officer = Officer(site.office, site.rights, site.corrections, site.merging, site.links, "0" * 16)
    ask = protocol.NewCode(phone=PHONE, reason=Reason.VISITOR_REQUEST)
    given = officer.answer(ask, "li").answer
    assert isinstance(given, protocol.CodeGiven) and given.address is not None
    assert [row.code for row in site.office.store.audit_tail(2)] == [
        "officer_new_code",
        "because_visitor_request",
    ]
    link, secret = parts(given.address)
    said = site.page(link, secret)
    assert said["whole"] and said["verified"] and len(said["visits"]) == 2
    assert site.ask(link, secret, "erase") == (visitor.person,)
    nobody = officer.answer(ask, "li").answer
    assert isinstance(nobody, protocol.CodeGiven) and nobody.address is None


def test_many_visits_fit_and_the_oldest_give_way(site: Site) -> None:
    visitor, _, _ = site.register()
    link = site.links.give(visitor.person, 0, verified=True)
    assert link is not None
    _, secret = parts(site.links.address(link) or "")
    for _n in range(60):
        site.register()
    said = site.page(link, secret)
    assert said["more_visits"] > 0 and len(said["visits"]) + said["more_visits"] == 61
    times = [visit["from_ms"] for visit in said["visits"]]
    assert times == sorted(times, reverse=True)


def test_without_a_page_to_go_to_there_is_no_code(office: Office) -> None:
    assert Links(office, None).give(PersonId("a" * 32), 0, verified=False) is None


# -- what a code may do ----------------------------------------------------------------------


def test_a_withdrawal_by_the_page_ends_the_use_and_shows_it_P43(site: Site) -> None:
    visitor, link, secret = site.register(Scope.FACE_MATCH)
    assert site.ask(link, secret, "withdraw", scopes=["face_match"]) == (visitor.person,)
    assert not site.office.active(visitor.person, Scope.FACE_MATCH)
    said = site.page(link, secret)
    assert [(r["act"], r["state"], r["code"]) for r in said["requests"]] == [
        ("withdraw", "done", "withdrawn")
    ]
    assert site.answers == [("done", "carried_out")]


def test_a_request_counts_once_and_only_with_its_key(site: Site) -> None:
    visitor, link, secret = site.register(Scope.FACE_MATCH)
    revision = site.page(link, secret)["revision"]
    request = {"v": 1, "id": "7" * 32, "revision": revision, "act": "withdraw", "scopes": ["face_match"]}
    sealed = seal_request(secret, link, json.dumps(request).encode())
    forged = seal_request(new_secret(), link, json.dumps(request).encode())
    assert site.send(link, forged) == ()
    assert site.office.active(visitor.person, Scope.FACE_MATCH)
    site.send(link, sealed)
    site.office.agree(
        visitor.person, Scope.FACE_MATCH, "tap", site.office.tokens.token("registration", "+86" + PHONE)
    )
    assert site.send(link, sealed) == ()
    assert site.office.active(visitor.person, Scope.FACE_MATCH), "a later act counts"
    assert site.send("0" * 32, sealed) == ()
    assert site.answers == [
        ("refused", "not_opened"),
        ("done", "carried_out"),
        ("refused", "replayed"),
        ("nothing_held", "unknown_link"),
    ]


def test_a_request_that_was_held_back_doesnt_undo_a_later_consent(site: Site) -> None:
    """Headquarters could deliver late: what the visitor agreed to after they asked stands."""
    visitor, link, secret = site.register(Scope.FACE_MATCH)
    revision = site.page(link, secret)["revision"]
    old = [
        seal_request(secret, link, json.dumps({"v": 1, "id": n * 32, "revision": revision, **act}).encode())
        for n, act in (("1", {"act": "withdraw", "scopes": ["face_match"]}), ("2", {"act": "erase"}))
    ]
    site.ask(link, secret, "withdraw", scopes=["face_match"])
    who = site.office.tokens.token("registration", "+86" + PHONE)
    while site.office.clock.now_ms() <= revision:
        pass
    site.office.agree(visitor.person, Scope.FACE_MATCH, "tap", who)
    for sealed in old:
        site.send(link, sealed)
    assert site.office.active(visitor.person, Scope.FACE_MATCH)
    assert [r["code"] for r in site.page(link, secret)["requests"]].count("overtaken") == 2


def test_a_complaint_waits_with_its_clock_and_headquarters_learns_that_there_is_one_P44(site: Site) -> None:
    visitor, link, secret = site.register()
    site.ask(link, secret, "complain", text="等了太久")
    (asked,) = site.page(link, secret)["requests"]
    assert (asked["state"], asked["code"]) == ("waits", "complaint_noted")
    assert asked["due_ms"] - asked["at_ms"] > 15 * 86_400_000
    assert site.answers == [("done", "complaint_noted")]
    rights = site.office.gate.permit_rights(visitor.person)
    assert site.office.store.written(rights, asked["id"]) == "等了太久"


def test_the_officer_reads_with_a_reason_and_what_they_decide_is_on_the_page_P44(site: Site) -> None:
    visitor, link, secret = site.register()
    officer = WaitingRequests(site.office)
    site.ask(link, secret, "correct", text="我姓李，不姓王")
    site.ask(link, secret, "copy")
    waiting = officer.answer(protocol.ShowRequests(), "li")
    assert isinstance(waiting, protocol.Waiting)
    assert {one.act for one in waiting.requests} == {"correct", "copy"}
    wanted = next(one.request for one in waiting.requests if one.act == "correct")
    ask = protocol.ReadRequest(request=wanted, reason=Reason.VISITOR_REQUEST)
    read = officer.answer(ask, "li")
    assert isinstance(read, protocol.Written)
    assert read.text == "我姓李，不姓王" and PHONE not in read.masked
    settle = protocol.SettleRequest(request=wanted, outcome="not_founded", reason=Reason.VISITOR_REQUEST)
    officer.answer(settle, "li")
    for again in (ask, settle):
        with pytest.raises(InvalidInput, match="not_waiting"):
            officer.answer(again, "li")
    shown = {r["act"]: (r["state"], r["code"]) for r in site.page(link, secret)["requests"]}
    assert shown == {"correct": ("refused", "not_founded"), "copy": ("waits", "a_person_decides")}
    audit = [(row.code, row.subject) for row in site.office.store.audit_tail(4)]
    assert audit == [
        ("officer_request_read", "account-li"),
        ("because_visitor_request", visitor.person),
        ("officer_request_refused", "account-li"),
        ("because_visitor_request", visitor.person),
    ]


def test_status_warns_from_the_tenth_working_day_on_and_says_when_one_is_overdue_P41() -> None:
    asked = 1_790_557_200_000  # Monday 28 September 2026, 09:00 in Hefei; 1 to 7 October are holidays
    day = 86_400_000

    def state(days: int) -> str:
        facts_of_day = Facts(
            state_directory=Path("/"), clock_quality=TimeQuality.SYNCHRONISED, outbox_depth=0,
            outbox_oldest_ms=None, link="up", link_code="ok", offline_ms=0, now_ms=asked + days * day,
            requests_asked_ms=(asked,),
        )  # fmt: skip
        return check(facts_of_day).state

    states = [state(days) for days in range(40)]
    assert states.index("warn") < states.index("overdue")
    worked = [n for n in range(1, 40) if is_working(date(2026, 9, 28) + timedelta(days=n))]
    assert states.index("warn") == worked[9] and states.index("overdue") == worked[14] + 1


def test_the_first_is_free_and_only_a_flood_is_refused_with_its_reason_P45(site: Site) -> None:
    _, link, secret = site.register(Scope.FACE_MATCH)
    for _n in range(6):
        site.ask(link, secret, "copy")
    states = [r["state"] for r in site.page(link, secret)["requests"]]
    assert sorted(states) == ["refused"] + ["waits"] * 5
    assert site.answers[-1] == ("refused", "too_many")
    site.ask(link, secret, "withdraw", scopes=["face_match"])
    assert site.answers[-1] == ("done", "carried_out"), "a withdrawal is never one too many"


@pytest.mark.parametrize(
    "plain",
    [
        b"", b"{}", b"[]", b'{"v":1}', b"\xff",
        b'{"v":1,"id":"' + b"1" * 32 + b'","revision":1,"act":"withdraw"}',
        b'{"v":1,"id":"' + b"1" * 32 + b'","revision":1,"act":"erase","text":"x"}',
        b'{"v":1,"id":"' + b"1" * 32 + b'","revision":1,"act":"erase","who":"x"}',
    ],
)  # fmt: skip
def test_a_request_of_another_form_changes_nothing_P11(site: Site, plain: bytes) -> None:
    visitor, link, secret = site.register()
    site.send(link, seal_request(secret, link, plain))
    assert site.answers == [("refused", "malformed")]
    assert site.office.active(visitor.person, Scope.REGISTRATION)


# -- the end ---------------------------------------------------------------------------------


def test_an_erasure_by_the_page_leaves_a_receipt_on_it_and_nothing_else_P41(site: Site) -> None:
    visitor, link, secret = site.register(Scope.FACE_MATCH)
    site.page(link, secret)
    assert site.ask(link, secret, "erase") == (visitor.person,)
    newest = max((p for p in site.sent if p.link_id == link), key=lambda p: p.revision)
    said = json.loads(open_package(secret, link, newest.sealed))
    assert newest.last and said["state"] == "erased" and said["scopes"] == said["visits"] == []
    (receipt,) = site.receipts
    assert said["receipt"] == {"at_ms": receipt.at_ms, "keys": receipt.keys_destroyed, "rows": receipt.rows}
    assert receipt.rows["rights_links"] == 1
    assert site.links.address(link) is None
    assert site.office.store.link(site.office.gate.permit_rights(), link) is None
    site.send(link, seal_request(secret, link, b"{}"))
    assert site.answers[-1] == ("nothing_held", "unknown_link")


def test_an_erasure_by_headquarters_says_so_on_the_page_too(site: Site) -> None:
    _, link, secret = site.register()
    site.page(link, secret)
    who = site.office.tokens.token("registration", "+86" + PHONE)
    site.orders.carry_out(EraseCommand(command_id="3" * 32, box="box-01", issued_ms=1, who=who))
    site.take()
    newest = max((p for p in site.sent if p.link_id == link), key=lambda p: p.revision)
    assert json.loads(open_package(secret, link, newest.sealed))["state"] == "erased"


def test_a_code_that_doesnt_show_all_doesnt_erase_all(site: Site) -> None:
    """P41: after an identity check. Whoever types a number must not destroy its owner's evidence."""
    visitor, _, _ = site.register(Scope.CHANNEL_RISK)
    _, link, secret = site.register()
    assert site.ask(link, secret, "erase") == ()
    assert site.office.active(visitor.person, Scope.REGISTRATION)
    (asked,) = site.page(link, secret)["requests"]
    assert (asked["state"], asked["code"]) == ("waits", "identity_needed")


def test_what_a_batch_has_taken_is_voided_and_what_waits_is_dropped_by_an_erasure(site: Site) -> None:
    visitor, link, secret = site.register()
    site.page(link, secret)
    site.rights.erase_person(visitor.person)
    kinds = [e.record.kind for batch in site.office.store.pending_batches() for e in batch.entries]
    assert "rights_package" not in kinds and "voided" in kinds


def test_the_secret_is_nowhere_in_the_rows_and_a_code_needs_somebody_held(site: Site) -> None:
    visitor, link, secret = site.register()
    database = site.office.store._tables.database
    row = database.one("SELECT sealed FROM rights_links WHERE link = ?", (link,))
    assert row is not None and secret not in row.blob("sealed")
    site.rights.erase_person(visitor.person)
    with pytest.raises(Exception, match="nothing_held"):
        site.links.give(visitor.person, 0, verified=False)


def test_a_card_that_is_read_later_appears_for_the_session_that_gave_it(site: Site) -> None:
    visitor, link, secret = site.register(Scope.ID_CARD)
    site.desk.card_read(
        visitor,
        CardRead(
            lease="1" * 32, device="card", at_ms=1, kind="resident", name="张三", sex="1", nation="01",
            birth="19491231",
            address="x", number="11010519491231002X", issuer="x", valid_from="20200101",
            valid_until="长期", confirmed_twice=True,
        ),
    )  # fmt: skip
    said = site.page(link, secret)
    assert "card" in {one["what"] for one in said["held"]}
    assert [sign for sign, _ in said["visits"][0]["signs"]] == ["registration", "id_card"]


# -- what is kept beside the visitor's own record ------------------------------------------------


class Line:
    """The office's line, with a caller of the visitor's number."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.calls = Calls(site.office, site.office.store.spool, lambda _line: Told("spoken_1", "0" * 64))

    def ring(self, *, agrees: bool, phone: str = "+86" + PHONE) -> None:
        now_ms = self.site.office.clock.now_ms()
        call = self.calls.started(
            CallStarted(device="line", call=secrets.token_hex(16), number=phone, at_ms=now_ms), "main"
        )
        if agrees:
            spool = self.calls.agreed(call)
            assert spool is not None
            spool.write_bytes(b"sealed")
        self.calls.ended(
            call,
            CallEnded(
                device="line", call=call.call, duration_ms=9, answered=True, notice_played=True,
                recorded_ms=9 if agrees else 0, loss_permille=None, mos_x100=None, at_ms=now_ms,
            ),
        )  # fmt: skip


def stale(site: Site) -> int:
    return site.office.store._database.count("SELECT count(*) FROM rights_links WHERE dirty = 1")


@pytest.fixture
def verified(site: Site) -> tuple[str, bytes]:
    """A visitor whose code shows all that is held of the number; and a stranger with one."""
    visitor, *_ = site.register()
    site.register(phone="13900139000")
    link = site.links.give(visitor.person, 0, verified=True)
    assert link is not None
    said = site.links.address(link)
    assert said is not None
    while site.links.refresh():
        pass
    assert stale(site) == 0
    return parts(said)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_call_of_the_same_number_renews_the_page_and_no_strangers_P40(
    site: Site, verified: tuple[str, bytes], agrees: bool
) -> None:
    """P40: what is held of a caller stands on the page as soon as it is kept."""
    Line(site).ring(agrees=agrees)
    assert stale(site) == 2, "both codes of this number"
    kinds = {one["what"] for one in site.page(*verified)["held"]}
    assert ("recording" if agrees else "caller") in kinds


def test_a_strangers_call_renews_nobodys_page(site: Site, verified: tuple[str, bytes]) -> None:
    Line(site).ring(agrees=True, phone="+8613700137000")
    assert stale(site) == 0


def test_what_goes_of_a_caller_leaves_the_page_too_P8(site: Site, verified: tuple[str, bytes]) -> None:
    """P8, P43: withdrawn by number; then each of the two kinds of call after its period."""
    line, clock = Line(site), Moved()
    line.ring(agrees=True)
    line.ring(agrees=False)
    site.page(*verified)
    assert stale(site) == 0
    site.rights.withdraw(PHONE, frozenset({Scope.RECORDING}))
    assert stale(site) == 2
    assert scopes(site.page(*verified))["recording"] == "WITHDRAWN"
    moved = replace(site.office, clock=clock)
    periods = Section().periods()
    keeper = Retention(moved, periods, Links(moved, PAGE), Rights(moved, Risk(moved, RULES), "b", site.links))
    for ahead_ms, gone in ((CALL_NUMBER_MS, "caller"), (periods.scopes[Scope.RECORDING], "recording")):
        assert gone in {one["what"] for one in site.page(*verified)["held"]}
        clock.ahead_ms = ahead_ms + 60_000
        keeper.apply()
        assert stale(site) == 2
        assert gone not in {one["what"] for one in site.page(*verified)["held"]}


def test_an_agents_report_on_the_number_renews_the_page(site: Site, verified: tuple[str, bytes]) -> None:
    row = ReportRow(ref="R-1", phone=PHONE, channel="c", agent="a", reported_ms=1)
    books(site.office, Risk(site.office, RULES)).import_rows((row,))
    assert stale(site) == 2
