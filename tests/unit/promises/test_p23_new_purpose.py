"""P23: a new purpose needs a new notice and a new consent; until then the old one serves nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.consent.policy import Event, State
from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.ipc.control import Notice
from edge.runtime.office import Office, Told
from edge.runtime.renewal import Renewal
from edge.wire import Purpose, Scope

R, F, V = Scope.REGISTRATION, Scope.FACE_MATCH, Scope.RECORDING
WHO = PersonId("a" * 32)
TOKEN = "registration:" + "0" * 64


@pytest.fixture
def agreed(office: Office) -> Iterator[Office]:
    """Somebody who agreed to two scopes at the page, and to recordings in a call."""
    Renewal(office).ask_again_where_words_changed()
    for scope in (R, F):
        office.agree(WHO, scope, "tap", TOKEN)
    office.agree(WHO, V, "key", TOKEN, Told("spoken_1", "1" * 64))
    yield office


def reworded(notice: Notice, *scopes: Scope) -> Notice:
    """Return a later notice that says something else of `scopes`."""
    offers = tuple(
        offer.model_copy(update={"detail": {"zh": "还用于别的目的。", "en": "And for something else."}})
        if offer.scope in scopes
        else offer
        for offer in notice.scopes
    )
    return notice.model_copy(update={"version": "n2099", "hash": "9" * 64, "scopes": offers})


def states(office: Office) -> dict[Scope, str]:
    return {scope: row.state for scope, row in office.store.consents(WHO).items()}


def test_p23_a_scope_worded_anew_serves_nothing_until_it_is_agreed_to_again(agreed: Office) -> None:
    later = replace(agreed, notice=reworded(agreed.notice, F))
    permit = agreed.gate.permit(Purpose.FACE_CONFIRMATION, WHO)
    assert Renewal(later).ask_again_where_words_changed() == 1
    assert states(later) == {R: "ACTIVE", F: "RECONSENT", V: "ACTIVE"}
    with pytest.raises(Refused, match="no_consent"):
        later.gate.permit(Purpose.FACE_CONFIRMATION, WHO)
    with pytest.raises(Refused, match="consent_changed"):
        later.store.templates(permit)
    later.agree(WHO, F, "tap", TOKEN)
    assert states(later)[F] == "ACTIVE"
    assert later.store.consent(WHO, F).notice_version == "n2099"
    assert Renewal(later).ask_again_where_words_changed() == 0, "once for each change"


def test_p23_another_version_that_says_the_same_of_a_scope_asks_nobody(agreed: Office) -> None:
    later = replace(agreed, notice=reworded(agreed.notice))
    assert Renewal(later).ask_again_where_words_changed() == 0
    assert set(states(later).values()) == {"ACTIVE"}


def test_p23_what_was_agreed_to_in_a_call_rests_on_the_spoken_notice(agreed: Office) -> None:
    everything = replace(agreed, notice=reworded(agreed.notice, *Scope))
    Renewal(everything).ask_again_where_words_changed()
    assert states(everything) == {R: "RECONSENT", F: "RECONSENT", V: "ACTIVE"}


def test_p23_a_new_purpose_is_no_bar_to_withdrawing(agreed: Office) -> None:
    """P43 as well: who was put off may end it for good."""
    later = replace(agreed, notice=reworded(agreed.notice, F))
    Renewal(later).ask_again_where_words_changed()
    later.change(WHO, F, Event.WITHDRAW, State.WITHDRAWN)
    assert states(later)[F] == "WITHDRAWN"
