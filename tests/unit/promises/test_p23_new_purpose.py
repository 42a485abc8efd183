"""P23: a new purpose needs a new notice and a new consent; until then the old one serves nothing."""

import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edge.consent.policy import Event, State
from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.runtime.links import Links
from edge.runtime.notices import Notices
from edge.runtime.office import Office, Told
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import Purpose, Scope
from edge.wire.notice import read_notice
from tests.unit.runtime.rules import RULES

R, F, V = Scope.REGISTRATION, Scope.FACE_MATCH, Scope.RECORDING
WHO = PersonId("a" * 32)
TOKEN = "registration:" + "0" * 64
EXAMPLE: dict[str, Any] = tomllib.loads(
    (Path(str(resources.files("edge"))) / "notice.example.toml").read_text(encoding="utf-8")
)


def notices(office: Office) -> Notices:
    return Notices(office, Rights(office, Risk(office, RULES), "box-01", Links(office, None)))


@pytest.fixture
def agreed(office: Office) -> Iterator[Office]:
    """Somebody who agreed to two scopes at the page, and to recordings in a call."""
    notices(office).begin(read_notice(EXAMPLE))
    for scope in (R, F):
        office.agree(WHO, scope, "tap", TOKEN)
    office.agree(WHO, V, "key", TOKEN, Told("spoken_1", "1" * 64))
    yield office


def reword(office: Office, *scopes: Scope) -> None:
    """Put a later notice in force that says something else of `scopes`."""
    other = {"zh": "还用于别的目的。", "en": "And for something else."}
    offers = [s | {"detail": other} if s["scope"] in scopes else s for s in EXAMPLE["scopes"]]
    notices(office).begin(read_notice(EXAMPLE | {"version": "n2099", "scopes": offers}))


def states(office: Office) -> dict[Scope, str]:
    return {scope: row.state for scope, row in office.store.consents(WHO).items()}


def test_p23_a_scope_worded_anew_serves_nothing_until_it_is_agreed_to_again(agreed: Office) -> None:
    permit = agreed.gate.permit(Purpose.FACE_CONFIRMATION, WHO)
    reword(agreed, F)
    with pytest.raises(Refused, match="no_consent"):
        agreed.gate.permit(Purpose.FACE_CONFIRMATION, WHO)
    with pytest.raises(Refused, match="consent_changed"):
        agreed.store.templates(permit)
    assert notices(agreed).ask_again() == (WHO,)
    assert states(agreed) == {R: "ACTIVE", F: "RECONSENT", V: "ACTIVE"}
    agreed.agree(WHO, F, "tap", TOKEN)
    assert states(agreed)[F] == "ACTIVE"
    assert agreed.store.consent(WHO, F).notice_version == "n2099"
    assert notices(agreed).ask_again() == (), "once for each change"


def test_p23_another_version_that_says_the_same_of_a_scope_asks_nobody(agreed: Office) -> None:
    reword(agreed)
    assert notices(agreed).ask_again() == ()
    assert set(states(agreed).values()) == {"ACTIVE"}


def test_p23_what_was_agreed_to_in_a_call_rests_on_the_spoken_notice(agreed: Office) -> None:
    reword(agreed, *Scope)
    notices(agreed).ask_again()
    assert states(agreed) == {R: "RECONSENT", F: "RECONSENT", V: "ACTIVE"}


def test_p23_a_new_purpose_is_no_bar_to_withdrawing(agreed: Office) -> None:
    """P43 as well: who was put off may end it for good."""
    reword(agreed, F)
    notices(agreed).ask_again()
    agreed.change(WHO, F, Event.WITHDRAW, State.WITHDRAWN)
    assert states(agreed)[F] == "WITHDRAWN"
