"""What the desk puts right: whose a visit is, what was given with it, and what nobody's typing may do."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.consent.policy import State
from edge.domain import facts
from edge.domain.amending import UNDO_MS
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.idcard import CardKind
from edge.ipc.operator import ReportRow
from edge.runtime.amends import Amends
from edge.runtime.office import Office
from edge.store.rows import VisitRow
from edge.wire import (
    ConsentRecorded,
    ConsentWithdrawn,
    EraseCommand,
    Purpose,
    Scope,
    VerdictIssued,
    VisitReattributed,
    VisitRecorded,
    Voided,
)
from tests.unit.runtime.rules import books
from tests.unit.runtime.test_departures import NAME, PHONE, Front

RIGHT, THIRD = "13900139000", "13700137000"
R, FACE, CARD, RISK = Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD, Scope.CHANNEL_RISK


class Correcting(Front):
    """A box whose desk corrects."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.amends = Amends(self.office, self.risk, self.rights)

    def renumber(self, phone: str = RIGHT) -> VisitRow:
        """Correct the newest open visit's number, as the desk does; return it as it is then."""
        row = self.office.store.open_visits()[-1]
        with self.amends.transaction():
            _, erasure = self.amends.renumber(row, phone)
        if erasure is not None:
            self.amends.conclude(erasure)
        after = self.office.store.visit(row.visit)
        assert after is not None
        return after

    def later(self, minutes: int = 1) -> None:
        self.clock.at += timedelta(minutes=minutes)

    def token(self, phone: str, purpose: str = "registration") -> str:
        return self.office.tokens.token(purpose, "+86" + phone)

    def who(self, phone: str) -> PersonId | None:
        return self.office.find(self.office.gate.permit_rights(), "registration", "+86" + phone)

    def name_of(self, person: PersonId) -> str | None:
        return self.office.store.name(self.office.gate.permit(Purpose.RECEPTION, person))

    def states(self, person: PersonId) -> dict[Scope, str]:
        return {scope: row.state for scope, row in self.office.store.consents(person).items()}

    def receipted(self) -> None:
        """Headquarters has all of it."""
        self.office.store._database.run("DELETE FROM outbox")
        self.office.store._database.run("DELETE FROM batches")


@pytest.fixture
def front(office: Office) -> Correcting:
    return Correcting(office)


def test_a_typing_error_is_destroyed_and_the_visit_is_its_persons(front: Correcting) -> None:
    """P4: token, contact and index of the wrong number are gone; name and consents are the right one's."""
    wrong = PersonId(front.register(name=NAME, scopes={R, RISK}))
    front.later()
    row = front.renumber()
    assert front.who(PHONE) is None and front.who(RIGHT) == row.person != wrong
    assert front.name_of(row.person) == NAME
    assert front.states(row.person) == {R: "ACTIVE", RISK: "ACTIVE"}
    assert front.office.store._keys.held(wrong) == 0
    tables = front.rows()
    assert (tables["contacts"], tables["names"], tables["visits"], tables["tombstones"]) == (1, 1, 1, 0)
    assert set(front.states(wrong).values()) == {"TOMBSTONE"}


def test_headquarters_is_told_under_the_right_token_alone_of_what_it_never_had(front: Correcting) -> None:
    front.register(scopes={R, RISK})
    front.renumber()
    told = front.told()
    [visit] = [r for r in told if isinstance(r, VisitRecorded)]
    assert (visit.who, visit.revision) == (front.token(RIGHT), 2)
    assert {r.who for r in told if isinstance(r, ConsentRecorded)} == {front.token(RIGHT)}
    [back] = [r for r in told if isinstance(r, VisitReattributed)]
    assert (back.who, back.visit_id) == (front.token(PHONE), visit.visit_id)
    assert set(back.scopes) == {R, RISK}


def test_what_a_batch_has_taken_is_voided(front: Correcting) -> None:
    front.register()
    (before,) = [front.office.store.take_batch(1000)]
    assert before is not None
    front.renumber()
    [pending] = front.office.store.pending_batches()
    assert pending.batch_id != before.batch_id
    assert [type(entry.record) for entry in pending.entries] == [Voided] * len(before.entries)


def test_a_proof_says_who_really_agreed_when_and_to_which_words(front: Correcting) -> None:
    """P7: the visitor's own act and time under the notice they saw; another token, so another signature."""
    front.register()
    [before] = [r for r in front.told() if isinstance(r, ConsentRecorded)]
    front.later()
    front.renumber()
    [after] = [r for r in front.told() if isinstance(r, ConsentRecorded)]
    assert after == before.model_copy(update={"who": front.token(RIGHT)})


def test_another_persons_record_is_left_as_it_was(front: Correcting) -> None:
    """The wrong number is somebody's who was here before: only this visit goes, and what came with it."""
    front.register(RIGHT)
    front.departures.by_number(RIGHT)
    owner = PersonId(front.register())
    front.departures.by_number(PHONE)
    before = front.states(owner)
    front.receipted()
    front.later(30)
    front.register(name=NAME, scopes={R, RISK}, declined={FACE})
    row = front.renumber()
    assert front.who(PHONE) == owner != row.person
    assert front.states(owner) == before | {RISK: "EXPIRED", FACE: "DECLINED"}
    assert front.name_of(owner) is None and front.name_of(row.person) == NAME
    assert front.states(row.person) == {R: "ACTIVE", RISK: "ACTIVE", FACE: "DECLINED"}
    assert len(front.office.store.visits(front.office.gate.permit(Purpose.RECEPTION, owner))) == 1
    [back] = [r for r in front.told() if isinstance(r, VisitReattributed)]
    assert back.scopes == (RISK,), "the owner's own registration stands at headquarters too"
    assert row.returning


def test_p1_a_yes_that_nobody_said_is_not_made_by_a_correction(front: Correcting) -> None:
    """Who comes again gives the number alone: a wrong one that stands registers nobody else."""
    owner = front.register()
    front.departures.by_number(PHONE)
    front.later()
    front.register()
    before = front.rows()
    with pytest.raises(Refused, match="not_by_correction"):
        front.renumber()
    assert front.rows() == before and front.who(PHONE) == owner


def test_the_right_number_is_somebodys_who_was_here_before(front: Correcting) -> None:
    known = PersonId(front.register(RIGHT, scopes={R, RISK}))
    front.departures.by_number(RIGHT)
    front.receipted()
    front.later(30)
    front.register(declined={RISK})
    row = front.renumber()
    assert row.person == known and row.returning
    assert front.states(known) == {R: "ACTIVE", RISK: "WITHDRAWN"}, "their no counts, as at the kiosk"
    told = front.told()
    assert [r.scope for r in told if isinstance(r, ConsentWithdrawn)] == [RISK]
    [visit] = [r for r in told if isinstance(r, VisitRecorded)]
    assert visit.returning and visit.who == front.token(RIGHT)


def test_p29_nobody_who_withdrew_or_was_erased_is_entered_again_by_a_correction(front: Correcting) -> None:
    front.register(RIGHT)
    front.rights.withdraw(RIGHT, frozenset({R}))
    front.register(THIRD)
    order = EraseCommand(command_id="c" * 32, box="b", issued_ms=1, who=front.token(THIRD))
    front.rights.erase(order)
    front.later()  # the newest visit is the one that is corrected
    wrong = front.register()
    before = front.rows()
    for phone in (RIGHT, THIRD):
        with pytest.raises(Refused, match="not_by_correction"):
            front.renumber(phone)
    assert front.rows() == before and front.who(PHONE) == wrong


def test_without_a_number_there_is_none_to_correct(front: Correcting) -> None:
    front.register(phone=None)
    with pytest.raises(Refused, match="no_number"):
        front.renumber()


def test_the_same_number_is_no_correction(front: Correcting) -> None:
    front.register()
    with pytest.raises(InvalidInput, match="same_number"):
        front.renumber(PHONE)


def test_a_report_is_judged_anew_for_both_numbers(front: Correcting) -> None:
    """An agent's claim on the wrong number's owner stays theirs, and this visit is no evidence for it."""
    at = front.clock.now_ms()
    for ref, phone in (("R1", PHONE), ("R2", RIGHT)):
        claim = ReportRow(ref=ref, phone=phone, channel="c", agent="a", reported_ms=at + 60_000)
        books(front.office, front.risk).import_rows((claim,))
    front.register(scopes={R, RISK})
    first = {r.report_ref: r.reasons for r in front.told() if isinstance(r, VerdictIssued)}
    assert first["R1"] != first["R2"] == ("no_evidence_of_presence",)
    front.renumber()
    second = {r.report_ref: r.reasons for r in front.told() if isinstance(r, VerdictIssued)}
    assert second == {"R1": ("no_evidence_of_presence",), "R2": first["R1"]}


def test_a_face_and_a_card_of_this_visit_come_along_sealed_anew(front: Correcting) -> None:
    front.register(scopes={R, FACE, CARD})
    visitor, stamp = front.office.store.open_visits()[-1].person, front.office.stamp()
    for fact in (
        facts.TemplateEnrolled(**stamp, person=visitor, model="sface", vector=bytes(512)),
        facts.CardKept(
            **stamp, person=visitor, kind=CardKind.RESIDENT, name="张三", number="1", valid_until="20301231"
        ),
    ):
        front.office.store.apply(front.office.gate.clear(visitor, fact))
    after = front.renumber()
    gate, store = front.office.gate, front.office.store
    assert store.templates(gate.permit(Purpose.FACE_CONFIRMATION, after.person)) == [("sface", bytes(512))]
    card = store.card(gate.permit(Purpose.IDENTITY_CHECK, after.person))
    assert card is not None and card.name == "张三"


def test_a_box_that_dies_before_the_end_finishes_at_its_next_start(front: Correcting) -> None:
    wrong = PersonId(front.register())
    row = front.office.store.open_visits()[-1]
    with front.amends.transaction():
        front.amends.renumber(row, RIGHT)
    assert front.office.store._keys.held(wrong) > 0
    assert front.office.store.finish_erasures(front.clock.now_ms()) == 1
    assert front.office.store._keys.held(wrong) == 0 and front.who(RIGHT) is not None


def test_the_size_of_a_party_is_told_again(front: Correcting) -> None:
    front.register(party_size=3)
    row = front.office.store.open_visits()[-1]
    front.amends.resize(row, 2)
    visits = [r for r in front.told() if isinstance(r, VisitRecorded)]
    assert [(v.revision, v.party_size) for v in visits] == [(1, 3), (2, 2)]


def test_a_visit_that_is_over_keeps_its_end_when_its_size_is_corrected(front: Correcting) -> None:
    front.register()
    front.later()
    row = front.office.store.open_visits()[-1]
    front.departures.leave(row)
    over = front.amends.visit(row.visit)
    front.amends.resize(over, 2)
    last = [r for r in front.told() if isinstance(r, VisitRecorded)][-1]
    assert (last.revision, last.departed_ms) == (3, over.departed_ms)


# ---- the end taken back --------------------------------------------------------------------


def test_a_tap_by_mistake_is_taken_back_and_told(front: Correcting) -> None:
    front.register()
    row = front.office.store.open_visits()[-1]
    front.departures.leave(row)
    front.amends.reopen(front.amends.visit(row.visit))
    assert [v.visit for v in front.office.store.open_visits()] == [row.visit]
    visits = [r for r in front.told() if isinstance(r, VisitRecorded)]
    assert [(v.revision, v.departed_ms is None) for v in visits] == [(1, True), (2, False), (3, True)]


def test_after_ten_minutes_it_stands(front: Correcting) -> None:
    front.register()
    row = front.office.store.open_visits()[-1]
    front.departures.leave(row)
    front.clock.at += timedelta(milliseconds=UNDO_MS)
    with pytest.raises(InvalidInput, match="too_late"):
        front.amends.reopen(front.amends.visit(row.visit))


def test_p43_the_end_of_a_withdrawn_visit_is_not_taken_back(front: Correcting) -> None:
    front.register()
    row = front.office.store.open_visits()[-1]
    front.departures.leave(row)
    front.rights.withdraw(PHONE, frozenset({R}))
    with pytest.raises(Refused):
        front.amends.reopen(front.amends.visit(row.visit))


def test_yesterdays_visits_are_not_the_desks_to_correct(front: Correcting) -> None:
    front.register()
    row = front.office.store.open_visits()[-1]
    front.departures.leave(row)
    front.clock.at += timedelta(days=1)
    with pytest.raises(InvalidInput, match="visit_is_over"):
        front.amends.visit(row.visit)


# ---- no typing turns a no into a yes -------------------------------------------------------


_WORDS = ("nothing", "yes", "no", "withdrew")
_NUMBERS = itertools.count(10**7)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(itertools.product(_WORDS, ("nothing", "yes", "no")))))
def test_a_correction_is_never_more_permissive_than_what_its_person_said(
    front: Correcting, words: tuple[str, str]
) -> None:
    """Whatever the number's owner said before, and whatever was said today under the wrong one."""
    before, today = words
    number = next(_NUMBERS)  # the examples share one box: nobody comes twice
    right, wrong = f"139{number}", f"137{number}"
    front.register(right, **_said(before))
    known = front.who(right)
    assert known is not None
    if before == "withdrew":
        front.rights.withdraw(right, frozenset({FACE}))
    front.departures.by_number(right)
    front.later()
    front.register(wrong, **_said(today))
    front.renumber(right)
    expected = {"nothing": None, "yes": "ACTIVE", "no": "DECLINED", "withdrew": "WITHDRAWN"}[before]
    if before == "nothing" and today != "nothing":
        expected = {"yes": "ACTIVE", "no": "DECLINED"}[today]
    elif today == "no":
        expected = {"yes": "WITHDRAWN", "no": "DECLINED", "withdrew": "DECLINED"}[before]
    assert front.states(known).get(FACE) == expected
    assert (State(expected) is State.ACTIVE if expected else False) == front.office.active(known, FACE)
    front.departures.by_number(right)


def _said(word: str) -> dict[str, object]:
    if word == "nothing":
        return {}
    return {"scopes": {R, FACE}} if word in {"yes", "withdrew"} else {"declined": {FACE}}
