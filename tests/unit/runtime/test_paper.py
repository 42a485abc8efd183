"""A visit typed in from paper: what is kept at which time, what no typing may do, and when it is refused."""

import itertools
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.archive import AGREED
from edge.consent.policy import Event, State
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.paper import OLDEST_DAYS, Stay, code_of, overlap
from edge.ipc.operator import ReportRow
from edge.ipc.staff import EnterPaper
from edge.runtime.amends import Amends
from edge.runtime.corrections import Corrections
from edge.runtime.merging import Merging
from edge.runtime.notices import Notices
from edge.runtime.office import Office, Stamp
from edge.store.credentials import Credentials
from edge.store.rows import VisitRow
from edge.wire import (
    ConsentRecorded,
    ConsentWithdrawn,
    NoticeText,
    Purpose,
    Scope,
    TimeQuality,
    VerdictIssued,
    VisitRecorded,
    canonical,
)
from edge.wire.notice import read_notice
from tests.unit.runtime.rules import books
from tests.unit.runtime.test_departures import NAME, PHONE, Front, paper_of
from tests.unit.runtime.test_notices import EXAMPLE

R, RISK, FOLLOW = Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.FOLLOW_UP
HOUR = timedelta(hours=1)
FOLLOW_UP = {
    "scope": FOLLOW,
    "label": {"zh": "后续联系", "en": "Follow-up"},
    "detail": {"zh": "我们可以打电话给您", "en": "we may call you"},
}
FIRST = read_notice(EXAMPLE | {"scopes": [*EXAMPLE["scopes"], FOLLOW_UP]})


def other_words(scope: Scope) -> NoticeText:
    """The first notice with other words for one scope."""
    said = json.loads(FIRST.to_text())
    for offer in said["scopes"]:
        if offer["scope"] == scope:
            offer["detail"] = {"zh": "新的用途", "en": "a new use"}
    return read_notice(said | {"version": "v2"})


class WithPaper(Front):
    """A box at half past two, whose notice came into force ten days ago, and whose desk types forms in."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.now = self.clock.at
        self.notices = Notices(self.office, self.rights)
        self.at(self.now - timedelta(days=10))
        self.notices.begin(FIRST)
        self.at(self.now)
        self.paper = paper_of(self)

    def at(self, when: datetime) -> None:
        self.clock.at = when

    def form(self, **more: object) -> EnterPaper:
        """A form of half past twelve today; they left an hour later."""
        arrived = self.now - 2 * HOUR
        fields: dict[str, object] = {
            "session": "a" * 32, "code": code_of(self.office.notice.hash), "fourteen": True,
            "scopes": {R}, "phone": PHONE, "party_size": 2,
            "arrived_ms": _ms(arrived), "ended": "left", "departed_ms": _ms(arrived + HOUR),
        }  # fmt: skip
        return EnterPaper.model_validate(fields | more)

    def open_form(self, **more: object) -> EnterPaper:
        """A form that leaves open when they went."""
        return self.form(**{"ended": "unknown", "departed_ms": None} | more)

    def enter(self, form: EnterPaper | None = None, **more: object) -> VisitRow:
        form = form or self.form(**more)
        with self.paper.transaction():
            row = self.paper.open(form)
            self.paper.end(form, row)
        kept = self.office.store.visit(row.visit)
        assert kept is not None
        return kept

    def changes_words_on(self, scope: Scope) -> None:
        """Put a notice in force that says something else on one scope."""
        self.notices.begin(other_words(scope))

    def who(self, phone: str = PHONE) -> PersonId | None:
        return self.office.find(self.office.gate.permit_rights(), "registration", "+86" + phone)

    def states(self, phone: str = PHONE) -> dict[Scope, str]:
        person = self.who(phone)
        assert person is not None
        return {scope: row.state for scope, row in self.office.store.consents(person).items()}

    def everything(self) -> list[object]:
        """Every row of the box but those of the notice, to be compared."""
        tables = ("consents", "person_tokens", "contacts", "names", "visits", "evidence", "sources", "outbox")
        return [self.office.store._database.query(f"SELECT * FROM {table}") for table in tables]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@pytest.fixture
def box(office: Office) -> WithPaper:
    return WithPaper(office)


# ---- what is kept --------------------------------------------------------------------------


def test_the_record_says_when_it_was_given_and_when_it_was_typed_in(box: WithPaper) -> None:
    form = box.form(scopes={R, FOLLOW}, declined={RISK}, name=NAME)
    row = box.enter(form)
    assert (row.arrived_ms, row.departed_ms, row.estimated) == (form.arrived_ms, form.departed_ms, False)
    assert (row.entered_ms, row.quality) == (_ms(box.now), TimeQuality.UNKNOWN)
    assert [(e.kind, e.at_ms) for e in row.evidence] == [("paper", form.arrived_ms)]
    assert box.states() == {R: "ACTIVE", FOLLOW: "ACTIVE", RISK: "DECLINED"}
    told = box.told()
    consents = [r for r in told if isinstance(r, ConsentRecorded)]
    assert {(r.scope, r.act, r.at_ms, r.entered_ms) for r in consents} == {
        (scope, "paper", form.arrived_ms, _ms(box.now)) for scope in (R, FOLLOW)
    }
    visits = [r for r in told if isinstance(r, VisitRecorded)]
    assert [(v.revision, v.entered_ms, v.departed_ms) for v in visits] == [
        (1, _ms(box.now), None), (2, _ms(box.now), form.departed_ms),
    ]  # fmt: skip


def test_no_clock_is_said_to_have_seen_it(box: WithPaper) -> None:
    """The box's clock is synchronised; neither consent nor visit nor what leaves of them claims it."""
    assert box.clock.quality() is TimeQuality.SYNCHRONISED
    box.enter(scopes={R, RISK}, source="friend")
    database = box.office.store._database
    for table in ("consents", "visits", "evidence", "sources"):
        assert {row.text("quality") for row in database.query(f"SELECT quality FROM {table}")} == {"unknown"}
    batch = box.office.store.take_batch(100)
    assert batch is not None
    first = [e for e in batch.entries if isinstance(e.record, ConsentRecorded) or e.record.kind == "visit"]
    assert {e.time_quality for e in first[:3]} == {TimeQuality.UNKNOWN}


def test_the_proof_holds_over_both_times(box: WithPaper, tmp_path: Path) -> None:
    """P7: what the box signed names the form's notice, the act, the form's time and the time of typing."""
    box.enter()
    rights = box.office.gate.permit_rights(box.who())
    [held] = box.office.store.every_consent(rights)
    assert held.record is not None and held.proof is not None
    words = held.record.model_dump(mode="json")
    assert (words["act"], words["at_ms"], words["entered_ms"]) == ("paper", held.at_ms, _ms(box.now))
    assert words["notice_hash"] == box.office.notice.hash
    credentials = Credentials.load(tmp_path / "credentials")
    key = Ed25519PublicKey.from_public_bytes(credentials.public_key)
    key.verify(bytes.fromhex(held.proof), AGREED + canonical(words))


def test_what_was_tapped_is_signed_and_told_as_ever(box: WithPaper) -> None:
    """A field that only paper has changes not a byte of other proofs: old ones still verify."""
    box.register()
    [row] = box.office.store._database.query("SELECT record FROM signed_consents")
    assert "entered_ms" not in json.loads(row.text("record"))
    assert all("entered_ms" not in r.model_dump(mode="json") for r in box.told())


def test_who_left_unseen_has_an_estimate_at_closing_time(box: WithPaper) -> None:
    day = box.now - timedelta(days=2)
    row = box.enter(box.open_form(arrived_ms=_ms(day)))
    assert (row.departed_ms, row.estimated) == (_ms(day.replace(hour=21, minute=0)), True)


def test_today_the_closing_time_is_still_to_come(box: WithPaper) -> None:
    for ended, phone in (("unknown", PHONE), ("here", "13900139000")):
        assert box.enter(box.open_form(ended=ended, phone=phone)).departed_ms is None


def test_without_a_number_only_who_is_here_is_kept_and_leaves_with_the_departure(box: WithPaper) -> None:
    before = box.everything()
    with pytest.raises(InvalidInput, match="nothing_would_be_kept"):
        box.enter(phone=None)
    with pytest.raises(InvalidInput, match="number_needed"):
        box.enter(box.open_form(phone=None, ended="here", scopes={R, FOLLOW}))
    assert box.everything() == before
    row = box.enter(box.open_form(phone=None, ended="here"))
    assert box.told() == []
    box.departures.leave(row)
    assert box.rows()["visits"] == 0


# ---- who comes again -----------------------------------------------------------------------


def test_a_form_is_added_to_whom_the_number_belongs_to_in_the_order_of_arrivals(box: WithPaper) -> None:
    """P13: returning is whoever was here before that, not whoever is known by now."""
    box.register(name=NAME)
    known = box.who()
    earlier = box.enter(arrived_ms=_ms(box.now - timedelta(days=1)), ended="unknown", departed_ms=None)
    assert (earlier.person, earlier.returning) == (known, False)
    later = box.enter(name="写错的名字")
    assert (later.person, later.returning) == (known, True)
    permit = box.office.gate.permit(Purpose.RECEPTION, later.person)
    assert box.office.store.name(permit) == NAME, "what they said at the kiosk stands"
    assert box.states() == {R: "ACTIVE"} and len(box.office.store.visits(permit)) == 3


def test_a_form_typed_twice_or_beside_another_visit_is_refused(box: WithPaper) -> None:
    box.enter()
    before = box.everything()
    with pytest.raises(InvalidInput, match="visit_there"):
        box.enter()
    within = _ms(box.now - 2 * HOUR + timedelta(minutes=30))
    with pytest.raises(InvalidInput, match="visit_there"):
        box.enter(box.open_form(arrived_ms=within))
    assert box.everything() == before
    assert box.enter(arrived_ms=_ms(box.now - HOUR), departed_ms=_ms(box.now)).returning


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_two_stays_overlap_in_both_orders_alike_and_with_themselves(a: int, b: int, c: int, d: int) -> None:
    one, other = Stay(a, a + b), Stay(c, c + d)
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one)
    if overlap(one, other):
        assert a <= c < a + b or c <= a < c + d or a // 60_000 == c // 60_000


# ---- no typing turns a no into a yes -------------------------------------------------------


def _withdrew(box: WithPaper, scope: Scope) -> None:
    box.rights.withdraw(PHONE, frozenset({scope}))


def _erased(box: WithPaper, _scope: Scope) -> None:
    box.rights.erase_number("+86" + PHONE)


def _expired(box: WithPaper, scope: Scope) -> None:
    person = box.who()
    assert person is not None
    box.rights.expire(person, scope)


ENDINGS = {"withdrew": _withdrew, "erased": _erased, "expired": _expired}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("hours", [3, 1])
def test_p29_nobody_whose_registration_ended_is_entered_again(
    box: WithPaper, ending: str, hours: int
) -> None:
    """P29: whether before the form or after it, nothing is kept, and the refusal is the same for all."""
    box.at(box.now - timedelta(hours=4))
    box.register()
    box.departures.by_number(PHONE)
    box.at(box.now - timedelta(hours=hours))
    ENDINGS[ending](box, R)
    box.at(box.now)
    before = box.everything()
    with pytest.raises(Refused) as refused:
        box.enter(scopes={R, RISK, FOLLOW})
    assert (refused.value.code, refused.value.hint) == ("not_by_paper", "they register with it at the kiosk")
    assert box.everything() == before


@pytest.mark.parametrize("ending", ENDINGS)
def test_p29_a_form_older_than_the_end_stays_out_after_they_came_back(box: WithPaper, ending: str) -> None:
    """P29: their own later yes is to what comes after it."""
    box.at(box.now - timedelta(hours=4))
    box.register()
    box.departures.by_number(PHONE)
    box.at(box.now - HOUR)
    ENDINGS[ending](box, R)
    box.at(box.now - HOUR / 2)
    box.register()
    box.at(box.now)
    before = box.everything()
    with pytest.raises(Refused, match="not_by_paper"):
        box.enter()
    assert box.everything() == before


def test_p38_a_child_is_refused_by_the_pages_question_and_by_what_is_known(box: WithPaper) -> None:
    before = box.everything()
    with pytest.raises(InvalidInput, match="under_14"):
        box.enter(fourteen=False)
    assert box.everything() == before
    box.register()
    person = box.who()
    assert person is not None
    box.rights.withdraw(PHONE, frozenset({R}))
    box.office.change(person, FOLLOW, Event.FOUND_MINOR, State.MINOR)
    with pytest.raises(Refused, match="not_by_paper"):
        box.enter()


_WORDS = ("nothing", "yes", "no", "withdrew", "expired", "yes since")
_NUMBERS = itertools.count(10**7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(itertools.product(_WORDS, ("nothing", "yes", "no"), (3, 1)))))
def test_p29_paper_is_never_more_permissive_than_what_its_person_said(
    box: WithPaper, words: tuple[str, str, int]
) -> None:
    """P29: whatever they said of a scope before or after the form, and whatever is ticked on it."""
    said, ticked, hours = words
    phone = f"139{next(_NUMBERS)}"  # the examples share one box: nobody comes twice
    box.at(box.now - timedelta(hours=5))
    box.register(phone, **({"scopes": {R, FOLLOW}} if said in {"yes", "withdrew", "expired"} else {}))
    box.departures.by_number(phone)
    person = box.who(phone)
    assert person is not None
    box.at(box.now - timedelta(hours=hours))
    if said == "no":
        box.rights.decline(person, FOLLOW)
    elif said == "withdrew":
        box.rights.withdraw(phone, frozenset({FOLLOW}))
    elif said == "expired":
        box.rights.expire(person, FOLLOW)
    elif said == "yes since":
        box.at(box.now - HOUR / 2)
        box.register(phone, scopes={R, FOLLOW})
        box.departures.by_number(phone)
    box.at(box.now)
    box.enter(phone=phone, scopes={R, FOLLOW} if ticked == "yes" else {R},
              declined={FOLLOW} if ticked == "no" else frozenset())  # fmt: skip
    stood = {"nothing": None, "yes": "ACTIVE", "no": "DECLINED", "withdrew": "WITHDRAWN",
             "expired": "EXPIRED", "yes since": "ACTIVE"}[said]  # fmt: skip
    expected = stood
    if ticked == "yes" and said == "nothing":
        expected = "ACTIVE"
    elif ticked == "no":
        expected = {"nothing": "DECLINED", "yes": "WITHDRAWN", "expired": "DECLINED"}.get(said, stood)
        if said == "withdrew" and hours > 2:
            expected = "DECLINED"  # the form's no is the later one, and isn't asked about for 48 h (P50)
    assert box.states(phone).get(FOLLOW) == expected


def test_a_no_on_paper_leaves_at_once_where_a_yes_stood(box: WithPaper) -> None:
    box.at(box.now - timedelta(hours=4))
    box.register(scopes={R, RISK})
    box.departures.by_number(PHONE)
    box.at(box.now)
    box.enter(declined={RISK})
    assert [r.scope for r in box.told() if isinstance(r, ConsentWithdrawn)] == [RISK]


# ---- which notice --------------------------------------------------------------------------


def test_p23_words_that_changed_since_are_asked_again(box: WithPaper) -> None:
    """P23: a yes to what is no longer said stands as one to be asked again, with its proof."""
    old = box.form(scopes={R, FOLLOW})
    box.at(box.now - HOUR)
    box.changes_words_on(FOLLOW)
    box.at(box.now)
    box.enter(old)
    assert box.states() == {R: "ACTIVE", FOLLOW: "RECONSENT"}
    told = box.told()
    assert [(r.scope, r.by) for r in told if isinstance(r, ConsentWithdrawn)] == [(FOLLOW, "notice")]


def test_changed_words_on_registration_leave_nothing_to_keep(box: WithPaper) -> None:
    old = box.form()
    box.at(box.now - HOUR)
    box.changes_words_on(R)
    box.at(box.now)
    before = box.everything()
    for form in (old, box.open_form(ended="here", phone=None, code=old.code)):
        with pytest.raises(InvalidInput, match="words_changed"):
            box.enter(form)
    assert box.everything() == before
    assert box.enter(arrived_ms=_ms(box.now - HOUR / 2), ended="unknown", departed_ms=None).visit


def test_p7_a_form_carries_a_notice_that_was_in_force_then(box: WithPaper) -> None:
    box.at(box.now - HOUR)
    box.changes_words_on(FOLLOW)
    box.at(box.now)
    new, before = code_of(box.office.notice.hash), box.everything()
    with pytest.raises(InvalidInput, match="form_not_in_force"):
        box.enter(code=new)
    with pytest.raises(InvalidInput, match="form_not_in_force"):
        box.enter(box.open_form(code=code_of(FIRST.hash), arrived_ms=_ms(box.now - HOUR / 2)))
    with pytest.raises(InvalidInput, match="unknown_form"):
        box.enter(code="00000000")
    assert box.everything() == before


def test_a_yes_after_the_words_changed_counts_and_one_before_does_not(box: WithPaper) -> None:
    box.at(box.now - timedelta(days=1))
    box.register(scopes={R, FOLLOW})
    box.departures.by_number(PHONE)
    box.at(box.now - timedelta(hours=3))
    box.changes_words_on(FOLLOW)
    box.notices.ask_again()
    box.at(box.now)
    assert box.states()[FOLLOW] == "RECONSENT"
    box.enter(scopes={R, FOLLOW})
    assert box.states()[FOLLOW] == "ACTIVE"


# ---- times and choices ---------------------------------------------------------------------


@pytest.mark.parametrize("scope", sorted(set(Scope) - {R, RISK, FOLLOW}))
def test_p49_what_needs_somebody_in_person_is_never_given_on_paper(box: WithPaper, scope: Scope) -> None:
    with pytest.raises(InvalidInput, match="not_on_paper"):
        box.enter(scopes={R, scope})
    person, stamp = PersonId("d" * 32), Stamp(at_ms=1, quality=TimeQuality.UNKNOWN)
    with pytest.raises(Refused, match="not_on_paper"):
        box.office.agree(person, scope, "paper", None, when=stamp, entered_ms=2)


def test_the_gate_takes_no_form_that_poses_as_seen_by_a_clock(box: WithPaper) -> None:
    person = PersonId("d" * 32)
    with pytest.raises(Refused, match="no_clock_saw_it"):
        box.office.agree(person, R, "paper", None, entered_ms=_ms(box.now))


def test_without_a_yes_to_registration_nothing_is_kept(box: WithPaper) -> None:
    before = box.everything()
    for scopes, declined in (({FOLLOW}, set()), (set(), {R}), ({R}, {R})):
        with pytest.raises(InvalidInput):
            box.enter(scopes=scopes, declined=declined)
    assert box.everything() == before


def test_times_that_cannot_be_are_refused(box: WithPaper) -> None:
    ahead, arrived = box.now + timedelta(minutes=1), box.now - 2 * HOUR
    oldest = (box.now - timedelta(days=OLDEST_DAYS)).replace(hour=0, minute=0)
    yesterday = box.now - timedelta(days=1)
    wrong = {
        "arrival_in_future": box.open_form(arrived_ms=_ms(ahead)),
        "too_long_ago": box.open_form(arrived_ms=_ms(oldest) - 1),
        "before_they_came": box.form(departed_ms=_ms(arrived) - 1),
        "not_yet": box.form(departed_ms=_ms(ahead)),
        "not_here_any_more": box.open_form(ended="here", arrived_ms=_ms(yesterday)),
    }
    before = box.everything()
    for code, form in wrong.items():
        with pytest.raises(InvalidInput, match=code):
            box.enter(form)
    assert box.everything() == before
    assert box.enter(box.open_form(arrived_ms=_ms(oldest))).arrived_ms == _ms(oldest)


def test_before_the_first_notice_nobody_can_have_been_told(box: WithPaper, office: Office) -> None:
    box.office.store._database.run("UPDATE notices SET at_ms = ?", (_ms(box.now - HOUR),))
    with pytest.raises(InvalidInput, match="form_not_in_force"):
        box.enter()


# ---- what it is worth ----------------------------------------------------------------------


def _findings(box: WithPaper) -> tuple[str, tuple[str, ...], tuple[str, ...], int | None]:
    last = [r for r in box.told() if isinstance(r, VerdictIssued)][-1]
    return last.verdict, last.reasons, last.review_reasons, last.presence_ms


def test_a_typed_time_decides_nothing_on_an_agents_report(box: WithPaper) -> None:
    """An earlier form on paper is for a person to look at; neither RISK nor NORMAL comes or goes by it."""
    reported = _ms(box.now - HOUR)
    claim = ReportRow(ref="R1", phone=PHONE, channel="c", agent="a", reported_ms=reported)
    books(box.office, box.risk).import_rows((claim,))
    box.enter(scopes={R, RISK})
    alone = _findings(box)
    assert alone == ("UNKNOWN", ("no_evidence_of_presence",), ("paper_before_report",), None)
    box.at(box.now - HOUR / 2)
    box.register(scopes={R, RISK})
    assert _findings(box) == (
        "NORMAL", ("reported_before_presence",), ("paper_before_report",), _ms(box.now - HOUR / 2),
    )  # fmt: skip


def test_a_form_hides_no_presence_that_a_clock_saw(box: WithPaper) -> None:
    box.at(box.now - timedelta(days=1))
    box.register(scopes={R, RISK})
    box.departures.by_number(PHONE)
    box.at(box.now)
    claim = ReportRow(ref="R1", phone=PHONE, channel="c", agent="a", reported_ms=_ms(box.now))
    books(box.office, box.risk).import_rows((claim,))
    box.enter(arrived_ms=_ms(box.now - timedelta(days=2)), ended="unknown", departed_ms=None)
    assert _findings(box)[:2] == ("RISK", ("late_report",))


# ---- put right later -----------------------------------------------------------------------


def test_the_officers_correction_of_a_number_tells_both_times_again(box: WithPaper) -> None:
    box.enter(scopes={R, FOLLOW})
    person = box.who()
    assert person is not None
    with box.paper.transaction():
        Corrections(box.office, box.risk, box.rights).renumber(person, "+86" + PHONE, "+8613900139000")
    told = box.told()
    assert {(r.who, r.act, r.entered_ms) for r in told if isinstance(r, ConsentRecorded)} == {
        (box.office.tokens.token("registration", "+8613900139000"), "paper", _ms(box.now))
    }
    assert {r.entered_ms for r in told if isinstance(r, VisitRecorded)} == {_ms(box.now)}


def test_two_records_made_one_keep_what_came_on_paper(box: WithPaper) -> None:
    box.register("13900139000")
    box.enter(scopes={R, FOLLOW})
    person = box.who()
    assert person is not None
    with box.paper.transaction():
        kept, _ = Merging(box.office, box.risk, box.rights).merge(person, "13900139000")
    [given] = [c for c in box.office.store.every_consent(box.office.gate.permit_rights(kept))
               if c.scope is FOLLOW]  # fmt: skip
    assert given.record is not None and given.record.entered_ms == _ms(box.now)
    assert {v.entered_ms for v in box.office.store.visits(box.office.gate.permit_rights(kept))} == {
        None, _ms(box.now),
    }  # fmt: skip


@pytest.mark.parametrize("how", ["declined", "withdrew"])
def test_p50_who_says_no_again_on_a_form_is_not_asked_again(box: WithPaper, how: str) -> None:
    box.at(box.now - timedelta(days=4))
    if how == "declined":
        box.register(scopes={R}, declined={RISK})
    else:
        box.register(scopes={R, RISK})
        box.rights.withdraw(PHONE, frozenset({RISK}))
    box.departures.by_number(PHONE)
    box.at(box.now)
    box.enter(declined={RISK})
    answer, _visitor = box.desk.come_again(PHONE, 1)
    assert RISK not in answer.ask
    assert FOLLOW in answer.ask


def test_a_number_typed_wrongly_from_paper_takes_the_form_along(box: WithPaper) -> None:
    box.enter(scopes={R, FOLLOW}, declined={RISK}, phone="13800138009")
    amends = Amends(box.office, box.risk, box.rights)
    [visit] = box.office.store._database.query("SELECT visit FROM visits")
    with amends.transaction():
        _, erasure = amends.renumber(amends.visit(visit.text("visit")), PHONE)
    assert erasure is not None
    amends.conclude(erasure)
    assert box.who("13800138009") is None
    assert box.states() == {R: "ACTIVE", FOLLOW: "ACTIVE", RISK: "DECLINED"}
    told = box.told()
    assert {(r.act, r.entered_ms) for r in told if isinstance(r, ConsentRecorded)} == {
        ("paper", _ms(box.now))
    }
    assert all(r.entered_ms == _ms(box.now) for r in told if isinstance(r, VisitRecorded))
