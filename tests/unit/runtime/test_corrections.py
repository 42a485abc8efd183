"""What the privacy officer corrects: a name, a whole record's number, an older visit."""

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud.store import schema
from cloud.store.database import open_database
from edge.domain.amending import LONGEST_MS, departure_fault
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.reasons import Reason
from edge.ipc import officer as protocol
from edge.runtime.departures import Departures
from edge.runtime.links import window
from edge.runtime.office import Office
from edge.wire import ConsentRecorded, Entry, Purpose, Scope, VerdictIssued, VisitReattributed, VisitRecorded
from tests.unit.cloud.signer import hexid
from tests.unit.cloud.test_erasure_scope import Site, _site
from tests.unit.runtime.place import ALL, OTHER, PHONE, Place

ASKED, THIRD = Reason.VISITOR_REQUEST, "+8613700137000"
BASIC = frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK})


class Correcting(Place):
    """A place whose privacy officer corrects."""

    def renumber(self, old: str = PHONE, new: str = OTHER) -> protocol.Corrected:
        asked = protocol.CorrectNumber(phone=old, new=new, reason=ASKED)
        answer = self.officer.answer(asked, "privacy").answer
        assert isinstance(answer, protocol.Corrected)
        return answer

    def visits(self, phone: str = PHONE) -> tuple[protocol.VisitLine, ...]:
        answer = self.officer.answer(protocol.ShowVisits(phone=phone, reason=ASKED), "privacy").answer
        assert isinstance(answer, protocol.Visits)
        return answer.visits

    def revisit(self, visit: str, party: int | None = None, left: int | None = None) -> None:
        asked = protocol.CorrectVisit(visit=visit, party_size=party, departed_ms=left, reason=ASKED)
        self.officer.answer(asked, "privacy")

    def leave(self, phone: str = PHONE) -> None:
        assert Departures(self.office, "21:00").by_number(phone)

    def who(self, phone: str) -> PersonId | None:
        return self.office.find(self.office.gate.permit_rights(), "registration", phone)

    def token(self, phone: str) -> str:
        return self.office.tokens.token("registration", phone)


@pytest.fixture
def place(office: Office) -> Correcting:
    return Correcting(office)


# ---- another number ------------------------------------------------------------------------


def test_p4_p40_the_whole_record_has_the_other_number_and_nothing_else_changes(place: Correcting) -> None:
    """P4, P40: contact, tokens of every purpose and page are the new one's; consents and proofs stand."""
    visitor = place.register()
    place.card(visitor)
    before = place.rights.held_by(PHONE)
    assert place.renumber() == protocol.Corrected(changed=True)
    after = place.rights.held_by(OTHER)
    assert place.rights.held_by(PHONE).nothing
    assert place.who(PHONE) is None and place.who(OTHER) == visitor.person
    assert [c.phone for c in after.contacts] == [OTHER]
    assert {t.token for t in after.tokens} == {
        place.office.tokens.token(purpose, OTHER) for purpose in ("registration", "channel_risk")
    }
    assert after.consents == before.consents, "who agreed, when, to what: as the box signed it then"
    assert (after.card, after.templates) == (before.card, before.templates)
    assert place.audited(3) == [
        ("officer_correct_number", "account-privacy"),
        ("because_visitor_request", visitor.person),
        ("number_changed", visitor.person),
    ]


def test_who_comes_again_by_the_new_number_is_known_and_by_the_old_one_is_not(place: Correcting) -> None:
    """A number is given to a stranger after a while: they find nothing of who had it."""
    visitor = place.register()
    place.leave()
    place.renumber()
    stranger = place.register(PHONE)
    assert stranger.person != visitor.person
    assert len(place.rights.held_by(PHONE).visits) == len(place.rights.held_by(OTHER).visits) == 1
    place.leave(PHONE)
    assert place.register(OTHER).person == visitor.person


def test_headquarters_is_told_under_the_new_number_and_takes_back_what_it_had(place: Correcting) -> None:
    place.register()
    place.leave()
    place.register()
    place.rights.withdraw(PHONE, frozenset({Scope.FACE_MATCH}))
    consents = [r for r in place.leaving() if isinstance(r, ConsentRecorded)]
    place.renumber()
    told = place.leaving()
    back = [r for r in told if isinstance(r, VisitReattributed)]
    visits = [r for r in told if isinstance(r, VisitRecorded)]
    assert {r.visit_id for r in back} == {r.visit_id for r in visits} and len(visits) == 2
    assert {r.who for r in back} == {place.token(PHONE)}
    assert {r.who for r in visits} == {place.token(OTHER)}
    again = [r for r in told if isinstance(r, ConsentRecorded)]
    expected = [
        r.model_copy(update={"who": place.token(OTHER)}) for r in consents if r.scope is not Scope.FACE_MATCH
    ]
    assert sorted(again, key=str) == sorted(expected, key=str), "what they ended isn't told as agreed to"


@pytest.fixture
def headquarters(tmp_path: Path) -> Iterator[Site]:
    database = open_database(f"sqlite:///{tmp_path / 'headquarters.db'}")
    yield _site(database)
    database.close()


def test_a_new_owner_of_the_old_number_is_never_joined_at_headquarters(
    place: Correcting, headquarters: Site
) -> None:
    """In whichever order batches arrive: each has their own visits and consents, nobody another's."""
    place.register(scopes=BASIC)
    place.leave()
    said = told(place)
    place.renumber()
    place.register(PHONE, scopes=BASIC)
    said += told(place)
    mine, theirs = place.rights.held_by(OTHER).visits, place.rights.held_by(PHONE).visits
    expected = {(place.token(OTHER), v.visit) for v in mine} | {(place.token(PHONE), v.visit) for v in theirs}
    for visits, consents in in_many_orders(headquarters, said):
        assert visits == expected
        assert consents == set(itertools.product((place.token(OTHER), place.token(PHONE)), BASIC))


def test_a_number_that_was_given_back_is_theirs_again_at_headquarters_too(
    place: Correcting, headquarters: Site
) -> None:
    place.register(scopes=BASIC)
    said = told(place)
    for old, new in ((PHONE, OTHER), (OTHER, PHONE)):
        time.sleep(0.002)  # what is told in one millisecond has no order
        place.renumber(old, new)
        said += told(place)
    [visit] = place.rights.held_by(PHONE).visits
    for visits, consents in in_many_orders(headquarters, said):
        assert visits == {(place.token(PHONE), visit.visit)}
        assert consents == set(itertools.product((place.token(PHONE),), BASIC))


def told(place: Correcting) -> list[Entry]:
    batch = place.office.store.take_batch(500)
    return list(batch.entries) if batch else []


Rows = set[tuple[str, str]]


def in_many_orders(headquarters: Site, said: list[Entry]) -> Iterator[tuple[Rows, Rows]]:
    """Whose visits and consents there are (token and visit, token and scope), after each order of arrival."""
    for seed in range(12):
        for signer in headquarters.boxes.values():
            signer.epoch = hexid(3000 + seed)
        for entry in random.Random(seed).sample(said, len(said)):
            headquarters.say("box-1", entry.record, entry.wall_ms)
        with headquarters.database.read() as connection:
            visits = connection.execute(select(schema.visits.c.who, schema.visits.c.visit_id)).all()
            consents = connection.execute(select(schema.consents.c.who, schema.consents.c.scope)).all()
        yield {(v.who, v.visit_id) for v in visits}, {(c.who, c.scope) for c in consents}


def test_what_waits_is_never_sent_under_the_old_number(place: Correcting) -> None:
    place.register()
    (taken,) = [place.office.store.take_batch(2)]
    assert taken is not None
    place.renumber()
    said = [e.record for b in place.office.store.pending_batches() for e in b.entries] + place.leaving()
    assert {r.who for r in said if isinstance(r, ConsentRecorded | VisitRecorded)} == {place.token(OTHER)}


def test_consents_whose_visits_are_past_their_period_are_taken_back_too(place: Correcting) -> None:
    place.register()
    place.office.store._database.run("DELETE FROM evidence")
    place.office.store._database.run("DELETE FROM sources")
    place.office.store._database.run("DELETE FROM visits")
    place.renumber()
    [back] = [r for r in place.leaving() if isinstance(r, VisitReattributed)]
    assert set(back.scopes) == ALL


def test_claims_stay_with_the_number_they_name_and_are_judged_anew(place: Correcting) -> None:
    """Presence is evidence for the new number's claims. For the old one's there is none: UNKNOWN."""
    place.register()
    place.report(PHONE, "old")
    place.report(OTHER, "new")
    place.leaving()
    place.renumber()
    found = {r.report_ref: r for r in place.leaving() if isinstance(r, VerdictIssued)}
    assert found["old"].verdict == "UNKNOWN" and found["new"].verdict != "UNKNOWN"
    # The office has an interest in who was here before: a person looks at what it moved.
    assert "number_corrected" in found["new"].review_reasons
    assert found["old"].review_reasons == ()


def test_an_erasure_by_the_new_number_leaves_nothing(place: Correcting) -> None:
    """P41: and doesn't suppress the number that was given back."""
    place.register()
    place.renumber()
    asked = protocol.EraseAll(phone=OTHER, reason=ASKED)
    place.officer.answer(asked, "privacy")
    assert place.rights.held_by(OTHER).nothing
    tokens = place.office.tokens.tokens("registration", PHONE)
    assert not place.office.store.suppressed(*tokens)
    assert place.register(PHONE).person


def test_two_records_are_never_joined_by_a_correction(place: Correcting) -> None:
    place.register()
    place.register(OTHER)
    place.rights.withdraw(OTHER, ALL)
    with pytest.raises(Refused, match="number_of_another"):
        place.renumber()
    assert place.audited(2)[0] == ("officer_correct_number", "account-privacy"), "who tried is known"
    assert place.who(PHONE) != place.who(OTHER)


def test_p29_an_erased_number_is_entered_again_by_its_owners_act_alone(place: Correcting) -> None:
    """P29: suppressed stays suppressed, however it is typed."""
    place.register()
    place.register(OTHER)
    place.rights.erase_number(OTHER)
    place.leaving()
    with pytest.raises(Refused, match="not_by_correction"):
        place.renumber()
    assert place.who(OTHER) is None and place.who(PHONE) is not None
    assert place.leaving() == []


def test_a_registration_that_has_ended_has_no_number_to_correct(place: Correcting) -> None:
    assert place.renumber() == protocol.Corrected(changed=False)
    place.register()
    place.rights.withdraw(PHONE, ALL)
    assert place.renumber() == protocol.Corrected(changed=False)
    assert place.who(OTHER) is None


def test_the_same_number_is_no_correction(place: Correcting) -> None:
    place.register()
    with pytest.raises(InvalidInput, match="same_number"):
        place.renumber(new="138 0013 8000")


def test_recorded_calls_stay_under_the_number_they_came_from_and_the_officer_hears_of_it(
    place: Correcting,
) -> None:
    place.register()
    place.call(PHONE, agrees=True)
    place.call(OTHER, agrees=True)
    assert place.renumber() == protocol.Corrected(changed=True, calls=1)
    assert len(place.rights.held_by(PHONE).recordings) == len(place.rights.held_by(OTHER).recordings) == 1


def test_after_a_merge_the_number_in_use_is_the_one_that_changes(place: Correcting) -> None:
    """Neither of the two numbers finds them any more; and none of the two is taken for a new one."""
    place.register()
    place.leave()
    place.register(OTHER)
    merged = protocol.MergeRecords(phone=OTHER, before=PHONE, reason=ASKED)
    place.officer.answer(merged, "privacy")
    for old, new in ((PHONE, THIRD), (OTHER, PHONE)):
        with pytest.raises(InvalidInput, match="earlier_number"):
            place.renumber(old, new)
    assert len(place.rights.held_by(OTHER).visits) == 2
    place.renumber(OTHER, THIRD)
    assert place.rights.held_by(OTHER).nothing and place.rights.held_by(PHONE).nothing
    assert len(place.rights.held_by(THIRD).visits) == 2


def test_no_code_by_the_old_number_shows_what_comes_under_the_new_one(place: Correcting) -> None:
    """The old number may have been typed by who has it now: their code shows nothing that follows."""
    visitor = place.register()
    link = place.desk.give_code(visitor)
    place.leave()
    place.renumber()
    place.register(OTHER)
    rights = place.office.gate.permit_rights(visitor.person)
    (row,) = place.office.store.links_of(rights)
    held = place.rights.held_by(OTHER)
    times = [v.arrived_ms for v in held.visits]
    assert row.link == link and len(times) == 2
    assert [window(row).shows(at_ms) for at_ms in sorted(times)] == [True, False]
    assert not window(row).shows(held.contacts[0].at_ms)


def test_a_number_may_change_twice_and_come_back(place: Correcting) -> None:
    visitor = place.register()
    for old, new in ((PHONE, OTHER), (OTHER, THIRD), (THIRD, PHONE)):
        place.renumber(old, new)
    assert place.who(PHONE) == visitor.person
    assert place.rights.held_by(OTHER).nothing and place.rights.held_by(THIRD).nothing


# ---- an older visit ------------------------------------------------------------------------


def test_p4_a_visit_that_is_over_gets_its_party_and_its_end_and_keeps_its_beginning(
    place: Correcting,
) -> None:
    """P4, P40: by the id that the officer's list shows; headquarters gets the next revision."""
    visitor = place.register()
    place.leave()
    [before] = place.visits()
    now = place.office.clock.now_ms()
    place.leaving()
    place.revisit(before.visit, party=5)
    assert before.departed_ms is not None
    place.revisit(before.visit, left=now)
    [after] = place.visits()
    assert after == before.model_copy(update={"party_size": 5, "departed_ms": now})
    told = [r for r in place.leaving() if isinstance(r, VisitRecorded)]
    assert [(r.revision, r.party_size, r.departed_ms) for r in told] == [
        (3, 5, before.departed_ms),
        (4, 5, now),
    ]
    assert {r.arrived_ms for r in told} == {before.arrived_ms}
    assert ("officer_correct_visit", "account-privacy") in place.audited(6)
    assert ("because_visitor_request", visitor.person) in place.audited(6)


def test_an_end_that_the_officer_was_told_is_no_estimate(place: Correcting) -> None:
    place.register()
    [visit] = place.office.store.open_visits()
    Departures(place.office, "21:00").close(visit, visit.arrived_ms + 1, estimated=True)
    place.revisit(visit.visit, party=2)
    assert place.visits()[0].estimated
    place.revisit(visit.visit, left=visit.arrived_ms)
    assert not place.visits()[0].estimated


def test_what_cannot_be_is_not_kept(place: Correcting) -> None:
    place.register()
    [line] = place.visits()
    with pytest.raises(InvalidInput, match="still_open"):
        place.revisit(line.visit, party=2)
    with pytest.raises(InvalidInput, match="no_such_visit"):
        place.revisit("0" * 32, party=2)
    place.leave()
    for left, code in ((line.arrived_ms - 1, "before_they_came"), (line.arrived_ms + 10**9, "not_yet")):
        with pytest.raises(InvalidInput, match=code):
            place.revisit(line.visit, left=left)


def test_an_end_of_another_day_is_a_wrong_date() -> None:
    assert departure_fault(0, LONGEST_MS, LONGEST_MS * 9) is None
    assert departure_fault(0, LONGEST_MS + 1, LONGEST_MS * 9) == "longer_than_a_day"


def test_a_visit_of_an_ended_registration_is_not_kept_anew(place: Correcting) -> None:
    """P43: what was lawful before stays as it was."""
    place.register()
    place.leave()
    [line] = place.visits()
    place.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    with pytest.raises(Refused):
        place.revisit(line.visit, party=2)
    permit = place.office.gate.permit_rights(place.who(PHONE))
    assert permit.purpose is Purpose.RIGHTS
    assert place.office.store.visits(permit)[0].party_size == line.party_size
