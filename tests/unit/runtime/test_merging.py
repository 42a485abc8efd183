"""Two records of one person become one: whose everything is, what stays a no, and what no code shows."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.consent.policy import State
from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.idcard import CardKind
from edge.ipc.operator import ReportRow
from edge.runtime.access import Access
from edge.runtime.links import window
from edge.runtime.merging import Merging
from edge.runtime.office import Office, new_id
from edge.wire import (
    ConsentRecorded,
    ConsentWithdrawn,
    EraseCommand,
    ErasureReceipt,
    Merged,
    Purpose,
    VerdictIssued,
    VisitRecorded,
)
from tests.unit.runtime.rules import books
from tests.unit.runtime.test_amends import CARD, FACE, RISK, Correcting, R
from tests.unit.runtime.test_departures import NAME

BEFORE, NOW = "13900139000", "13800138000"


class TwoRecords(Correcting):
    """A box that knows somebody by a number of earlier, who came today with another."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.merging = Merging(self.office, self.risk, self.rights)

    def come(self, phone: str, days: int = 0, **more: object) -> PersonId:
        """Register, stay for ten minutes, and leave; `days` later it is."""
        self.register(phone, **more)
        self.later(10)
        self.departures.by_number(phone)
        self.later(days * 24 * 60 + 1)
        found = self.who(phone)
        assert found is not None
        return found

    def merge(self, now: str = NOW, before: str = BEFORE) -> PersonId:
        """Make both one, as the desk does; return whose record it is."""
        was = self.who(now)
        assert was is not None
        with self.amends.transaction():
            person, erasure = self.merging.merge(was, before)
        self.amends.conclude(erasure)
        return person

    def visits(self, person: PersonId) -> list[tuple[int, bool]]:
        """Return size and "came again" of each visit of theirs, oldest first."""
        rows = self.office.store.visits(self.office.gate.permit(Purpose.RECEPTION, person))
        return [(row.party_size, row.returning) for row in reversed(rows)]

    def code(self, person: PersonId, *, verified: bool, since_ms: int = 0) -> None:
        made = facts.LinkMade(
            **self.office.stamp(),
            person=person,
            link=new_id(),
            since_ms=since_ms,
            verified=verified,
            secret=b"s" * 32,
        )
        self.office.store.apply(self.office.gate.on_other_basis(made))

    def card(self, person: PersonId, number: str) -> None:
        kept = facts.CardKept(
            **self.office.stamp(),
            person=person,
            kind=CardKind.RESIDENT,
            name=NAME,
            number=number,
            valid_until="",
        )
        self.office.store.apply(self.office.gate.clear(person, kept))


@pytest.fixture
def front(office: Office) -> TwoRecords:
    return TwoRecords(office)


def test_both_numbers_find_one_record_that_has_all_of_both(front: TwoRecords) -> None:
    person = front.come(BEFORE, days=30, party_size=2, name="李先生")
    was = front.come(NOW, party_size=3, name=NAME)
    assert front.merge() == person
    assert {front.who(BEFORE), front.who(NOW)} == {person}
    assert front.visits(person) == [(2, False), (3, True)]
    assert front.name_of(person) == NAME, "what they said last"
    permit = front.office.gate.permit(Purpose.RECEPTION, person)
    assert front.office.store.contact(permit, R) == "+86" + NOW
    assert not front.office.store.visits(front.office.gate.permit_rights(was))
    assert set(front.states(was).values()) == {"TOMBSTONE"}
    assert front.office.store._keys.held(was) == 0


def test_headquarters_is_told_that_they_are_one_and_the_visit_again(front: TwoRecords) -> None:
    front.come(BEFORE, days=30)
    front.come(NOW)
    front.receipted()
    front.merge()
    told = front.told()
    assert [r for r in told if isinstance(r, Merged)] == [
        Merged(old=front.token(BEFORE), new=front.token(NOW))
    ]
    (visit,) = [r for r in told if isinstance(r, VisitRecorded)]
    assert (visit.who, visit.returning, visit.revision) == (front.token(NOW), True, 3)
    assert len(told) == 2, "nothing else changed"


def test_what_waits_to_be_sent_is_sent_all_the_same_and_an_erasure_finds_it(front: TwoRecords) -> None:
    front.come(BEFORE)
    front.come(NOW)
    front.merge()
    assert sum(isinstance(r, VisitRecorded) for r in front.told()) == 5
    order = EraseCommand(command_id="c" * 32, box="b", issued_ms=0, who=front.token(BEFORE))
    front.rights.erase(order)
    (receipt,) = [r for r in front.told() if isinstance(r, ErasureReceipt)]
    assert {receipt.who, *receipt.also} >= {front.token(BEFORE), front.token(NOW)}
    pending = front.office.store.pending_batches()
    kinds = {entry.record.kind for batch in pending for entry in batch.entries}
    assert kinds == {"voided", "erasure_receipt"}
    for number in (BEFORE, NOW):
        assert front.who(number) is None
        assert front.office.store.suppressed(front.token(number)), "P29: both numbers"


def test_whoever_comes_again_by_either_number_is_known(front: TwoRecords) -> None:
    front.come(BEFORE, days=30)
    front.come(NOW, days=3)
    person = front.merge()
    for number in (BEFORE, NOW):
        answer, _visitor = front.desk.come_again(number, 1)
        assert (answer.outcome, answer.returning) == ("registered", True)
        front.departures.by_number(number)
        front.later()
    assert len(front.visits(person)) == 4


def test_the_other_record_may_have_begun_first(front: TwoRecords) -> None:
    front.come(NOW, days=10, party_size=1)
    front.come(BEFORE, days=10, party_size=2)
    front.come(NOW, party_size=3)
    front.receipted()
    person = front.merge()
    assert front.visits(person) == [(1, False), (2, True), (3, True)]
    again = {r.party_size: r.returning for r in front.told() if isinstance(r, VisitRecorded)}
    assert again == {1: False, 2: True, 3: True}


# ---- consents ------------------------------------------------------------------------------


def test_a_yes_comes_along_with_its_own_time_and_words(front: TwoRecords) -> None:
    front.come(BEFORE, days=30)
    front.register(NOW, scopes={R, RISK})
    agreed = front.office.clock.now_ms()
    front.later(10)
    front.departures.by_number(NOW)
    front.receipted()
    person = front.merge()
    assert front.states(person)[RISK] == "ACTIVE"
    (consent,) = [r for r in front.told() if isinstance(r, ConsentRecorded)]
    assert (consent.scope, consent.at_ms, consent.who) == (RISK, agreed, front.token(NOW))
    assert front.office.find(front.office.gate.permit_rights(), "channel_risk", "+86" + NOW) == person


def test_p29_a_no_under_either_number_is_a_no_and_headquarters_is_told(front: TwoRecords) -> None:
    person = front.come(BEFORE, days=30, scopes={R, RISK}, declined={FACE})
    front.come(NOW, scopes={R, FACE}, declined={RISK})
    front.receipted()
    front.merge()
    assert front.states(person) == {R: "ACTIVE", RISK: "WITHDRAWN", FACE: "DECLINED"}
    ended = {(r.who, r.scope) for r in front.told() if isinstance(r, ConsentWithdrawn)}
    assert ended == {(front.token(BEFORE), RISK), (front.token(NOW), FACE)}


def test_what_was_kept_under_a_no_does_not_come_along(front: TwoRecords) -> None:
    person = front.come(BEFORE, days=30, declined={FACE, CARD})
    was = front.come(NOW, scopes={R, FACE, CARD})
    enrolled = facts.TemplateEnrolled(**front.office.stamp(), person=was, model="m", vector=b"\0" * 2048)
    front.office.store.apply(front.office.gate.clear(was, enrolled))
    front.card(was, "110105194912310021")
    front.merge()
    rights = front.office.gate.permit_rights(person)
    assert front.office.store.templates(rights) == []
    assert front.office.store.card(rights) is None
    left = [
        t for t in ("templates", "cards") if front.office.store._database.count(f"SELECT count(*) FROM {t}")
    ]
    assert left == []


def test_a_face_and_a_card_come_along_sealed_anew(front: TwoRecords) -> None:
    person = front.come(BEFORE, days=30)
    was = front.come(NOW, scopes={R, FACE, CARD})
    enrolled = facts.TemplateEnrolled(**front.office.stamp(), person=was, model="m", vector=b"\1" * 2048)
    front.office.store.apply(front.office.gate.clear(was, enrolled))
    front.card(was, "110105194912310021")
    front.merge()
    rights = front.office.gate.permit_rights(person)
    assert front.office.store.templates(rights) == [("m", b"\1" * 2048)]
    kept = front.office.store.card(rights)
    assert kept is not None and kept.number == "110105194912310021"


def test_two_cards_are_two_people(front: TwoRecords) -> None:
    one = front.come(BEFORE, days=30, scopes={R, CARD})
    other = front.come(NOW, scopes={R, CARD})
    front.card(one, "110105194912310021")
    front.card(other, "11010519491231002X")
    with pytest.raises(Refused) as error:
        front.merge()
    assert error.value.code == "other_card"
    assert (front.who(BEFORE), front.who(NOW)) == (one, other), "nothing was changed"


@pytest.mark.parametrize("how", ["never", "withdrew", "erased"])
def test_p29_nobody_is_entered_again_and_the_desk_is_not_told_why(front: TwoRecords, how: str) -> None:
    if how != "never":
        front.come(BEFORE, days=30)
    if how == "withdrew":
        front.rights.withdraw(BEFORE, frozenset({R}))
    if how == "erased":
        front.rights.erase_number("+86" + BEFORE)
    front.come(NOW)
    with pytest.raises(Refused) as error:
        front.merge()
    assert (error.value.code, error.value.hint) == (
        "nothing_to_merge",
        "no registration stands under that number",
    )


@pytest.mark.parametrize("before", [NOW, "12"])
def test_a_number_has_to_be_another_one(front: TwoRecords, before: str) -> None:
    front.come(NOW)
    with pytest.raises(InvalidInput):
        front.merge(before=before)


def test_numbers_that_are_one_record_already(front: TwoRecords) -> None:
    front.come(BEFORE, days=30)
    front.come(NOW)
    front.merge()
    with pytest.raises(InvalidInput, match="same_number"):
        front.merge()


# ---- what rests on it ----------------------------------------------------------------------


def _row(ref: str, phone: str, reported_ms: int) -> ReportRow:
    return ReportRow(ref=ref, phone=phone, channel="链家", agent="", reported_ms=reported_ms)


def test_claims_on_both_numbers_are_judged_by_all_and_a_person_looks_at_them(front: TwoRecords) -> None:
    front.come(BEFORE, days=30, scopes={R, RISK})
    between = front.office.clock.now_ms() - 60_000
    books(front.office, front.risk).import_rows((_row("r-old", BEFORE, between), _row("r-new", NOW, between)))
    front.come(NOW, scopes={R, RISK})
    before = {r.report_ref: r.verdict for r in front.told() if isinstance(r, VerdictIssued)}
    assert before == {"r-old": "RISK", "r-new": "NORMAL"}
    front.receipted()
    front.merge()
    found = {r.report_ref: r for r in front.told() if isinstance(r, VerdictIssued)}
    assert {ref: one.verdict for ref, one in found.items()} == {"r-old": "RISK", "r-new": "RISK"}
    assert all(one.review_reasons == ("records_merged",) for one in found.values())


def test_p40_the_person_sees_the_claims_on_both_numbers(front: TwoRecords) -> None:
    front.come(BEFORE, days=30, scopes={R, RISK})
    front.come(NOW, scopes={R, RISK})
    books(front.office, front.risk).import_rows((_row("r-old", BEFORE, 1), _row("r-new", NOW, 2)))
    front.merge()
    held = front.rights.held_by("+86" + NOW)
    assert sorted(one.reported_ms or 0 for one in held.reports) == [1, 2]


def test_keys_can_be_exchanged_afterwards(front: TwoRecords) -> None:
    front.come(BEFORE, days=30, scopes={R, RISK})
    front.come(NOW, scopes={R, RISK})
    person = front.merge()
    rights = front.office.gate.permit_rights(person)
    assert set(front.office.store.standing_tokens(rights)) == {
        front.token(NOW),
        front.token(NOW, "channel_risk"),
    }


def test_a_box_that_dies_before_the_end_finishes_at_its_next_start(front: TwoRecords) -> None:
    front.come(BEFORE, days=30)
    was = front.come(NOW)
    with front.amends.transaction():
        front.merging.merge(was, BEFORE)
    assert front.office.store.finish_erasures(front.office.clock.now_ms()) == 1
    assert front.office.store._keys.held(was) == 0
    assert front.office.store.count_waiting_tokens() == 0
    assert not front.office.store.suppressed(front.token(NOW)), "nobody asked for an erasure"


# ---- codes ---------------------------------------------------------------------------------


def test_a_code_of_before_shows_nothing_of_the_other_record(front: TwoRecords) -> None:
    """Whoever claims another's number sees no visit of theirs: nobody proved to be both."""
    old = PersonId(front.come(NOW, days=10))
    front.code(old, verified=False)
    front.code(old, verified=True)
    begun = front.office.clock.now_ms()
    front.come(BEFORE, days=10)
    front.come(NOW)
    person = front.merge()
    store, rights = front.office.store, front.office.gate.permit_rights(person)
    everything = Access(front.office).describe((person,), "+86" + NOW)
    assert len(everything.visits) == 3
    for row in store.links_of(rights):
        shown = [v for v in everything.visits if window(row).shows(v.arrived_ms)]
        assert not row.verified and not window(row).covers(everything)
        assert all(v.arrived_ms < begun for v in shown), "only what came before the other record began"


# ---- no typing turns a no into a yes -------------------------------------------------------

_WORDS = ("nothing", "yes", "no", "withdrew")
_NUMBERS = itertools.count(10**7)


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(itertools.product(_WORDS, _WORDS))))
def test_the_stricter_word_stands_whatever_was_said(front: TwoRecords, words: tuple[str, str]) -> None:
    number = next(_NUMBERS)  # the examples share one box: nobody comes twice
    before, now = f"139{number}", f"137{number}"
    for phone, word in zip((before, now), words, strict=True):
        yes = {FACE} if word in {"yes", "withdrew"} else set()
        front.come(phone, scopes={R, *yes}, declined={FACE} if word == "no" else set())
        if word == "withdrew":
            front.rights.withdraw(phone, frozenset({FACE}))
    person = front.merge(now, before)
    standing = State(front.office.store.consent(person, FACE).stands)
    refused = {"no", "withdrew"} & set(words)
    assert (standing is State.ACTIVE) == (not refused and "yes" in words)
    assert not refused or standing in {State.DECLINED, State.WITHDRAWN}
