"""What was said under either number counts after both records became one: for forms, reports and codes."""

from datetime import timedelta

import pytest

from edge.consent.policy import ASK_AGAIN_AFTER_MS, State
from edge.domain.errors import InvalidInput, Refused
from edge.ipc import officer as protocol
from edge.ipc.operator import ReportRow
from edge.runtime.access import Access
from edge.runtime.links import window
from edge.runtime.merging import Merging
from edge.runtime.office import Office
from edge.wire import ConsentWithdrawn, Scope
from tests.unit.runtime.place import OTHER, PHONE, Place
from tests.unit.runtime.rules import books
from tests.unit.runtime.test_amends import FACE, RISK, R
from tests.unit.runtime.test_corrections import ASKED
from tests.unit.runtime.test_merging import BEFORE, NOW, TwoRecords
from tests.unit.runtime.test_paper import WithPaper, _ms


@pytest.fixture
def front(office: Office) -> TwoRecords:
    return TwoRecords(office)


@pytest.fixture
def box(office: Office) -> WithPaper:
    return WithPaper(office)


@pytest.mark.parametrize("said_later", ["nothing", "no"])
@pytest.mark.parametrize("under_the_other", ["nothing", "no"])
def test_p29_no_report_enters_who_ended_channel_risk_under_the_number_of_now(
    front: TwoRecords, said_later: str, under_the_other: str
) -> None:
    front.come(BEFORE, days=30, scopes={R}, declined={RISK} if under_the_other == "no" else set())
    front.come(NOW, scopes={R, RISK})
    front.rights.withdraw(NOW, frozenset({RISK}))
    if said_later == "no":
        front.later()
        front.come(NOW, scopes={R}, declined={RISK})
    row = ReportRow(ref="r1", phone=NOW, channel="链家", agent="", reported_ms=1)
    assert books(front.office, front.risk).import_rows((row,)).suppressed == 1
    person = front.merge()
    assert books(front.office, front.risk).import_rows((row,)).suppressed == 1
    assert State(front.states(person)[RISK]) in {State.WITHDRAWN, State.DECLINED}
    front.register(NOW, scopes={R, RISK})
    assert books(front.office, front.risk).import_rows((row,)).new == 1, "their own later yes counts"


def test_p50_a_refusal_under_the_other_number_counts_from_its_own_time(front: TwoRecords) -> None:
    person = front.come(BEFORE, days=30, declined={FACE})
    front.come(NOW, declined={FACE})
    front.merge()
    refused = front.office.store.consent(person, FACE)
    assert front.office.clock.now_ms() - refused.at_ms < ASK_AGAIN_AFTER_MS


def test_p50_a_refusal_that_is_said_again_counts_from_then_on(front: TwoRecords) -> None:
    """Three days after the first they are asked again; after the second no they aren't."""
    front.come(BEFORE, days=3, declined={FACE})
    answer, visitor = front.desk.come_again(BEFORE, 1)
    assert FACE in answer.ask and visitor is not None
    front.rights.decline(visitor.person, FACE)
    front.departures.by_number(BEFORE)
    front.later()
    answer, _ = front.desk.come_again(BEFORE, 1)
    assert FACE not in answer.ask


def test_no_code_of_before_shows_who_comes_later_by_the_other_number(front: TwoRecords) -> None:
    """Whoever said that another's number was theirs learns nothing of when its owner comes again."""
    front.come(BEFORE, days=30)
    begun = front.office.clock.now_ms()
    was = front.come(NOW)
    front.code(was, verified=False, since_ms=begun)
    person = front.merge()
    front.later()
    front.desk.come_again(BEFORE, 1)
    visits = Access(front.office).describe((person,), None).visits
    (row,) = front.office.store.links_of(front.office.gate.permit_rights(person))
    assert [v.arrived_ms for v in visits if window(row).shows(v.arrived_ms)] == [begun], (
        "what it was given for"
    )


# ---- beside forms and other words ----------------------------------------------------------


def _merge(box: WithPaper, now: str, before: str) -> None:
    was = box.who(now)
    assert was is not None
    with box.office.store.transaction():
        _person, erasure = Merging(box.office, box.risk, box.rights).merge(was, before)
    box.office.store.finish_forgetting(erasure, _ms(box.clock.at))


def test_p29_no_form_of_before_an_end_enters_anything_after_a_merge(box: WithPaper) -> None:
    form = box.form(phone=NOW, scopes={R, RISK})
    box.register(BEFORE)
    box.register(NOW)
    box.rights.withdraw(NOW, frozenset({R}))
    box.at(box.now + timedelta(hours=1))
    box.register(NOW)
    _merge(box, NOW, BEFORE)
    for number in (NOW, BEFORE):
        before = box.everything()
        with pytest.raises(Refused) as refused, box.paper.transaction():
            box.paper.open(form.model_copy(update={"phone": number}))
        assert refused.value.code == "not_by_paper"
        assert box.everything() == before
    assert box.states(NOW)[R] == "ACTIVE"


def test_p23_headquarters_hears_that_words_changed_under_the_number_that_goes(box: WithPaper) -> None:
    box.register(BEFORE)
    box.register(NOW, scopes={R, RISK})
    box.told()
    box.changes_words_on(RISK)
    _merge(box, NOW, BEFORE)
    ended = {(r.who, r.scope, r.by) for r in box.told() if isinstance(r, ConsentWithdrawn)}
    assert ended == {(box.office.tokens.token("registration", "+86" + NOW), RISK, "notice")}


def test_a_yes_to_the_words_in_force_stands_at_headquarters_too(box: WithPaper) -> None:
    """The older words that make way are no end of it: headquarters would take that for the last word."""
    box.register(BEFORE)
    box.register(NOW, scopes={R, RISK})
    box.changes_words_on(RISK)
    box.departures.by_number(BEFORE)
    box.register(BEFORE, scopes={R, RISK})
    box.told()
    _merge(box, NOW, BEFORE)
    assert box.states(NOW)[RISK] == "ACTIVE"
    assert [r for r in box.told() if isinstance(r, ConsentWithdrawn)] == []


# ---- audit ---------------------------------------------------------------------------------


def test_p3_who_asked_for_a_merge_stands_in_the_audit_also_if_it_was_refused(office: Office) -> None:
    place = Place(office)
    visitor = place.register(scopes=frozenset({Scope.REGISTRATION}))
    for before, error in ((OTHER, Refused), (PHONE, InvalidInput)):
        asked = protocol.MergeRecords(phone=PHONE, before=before, reason=ASKED)
        with pytest.raises(error):
            place.officer.answer(asked, "privacy")
        assert place.audited(2) == [
            ("officer_merge_records", "account-privacy"),
            ("because_visitor_request", visitor.person),
        ]
