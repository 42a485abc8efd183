"""Coming again by the number alone: what stands isn't asked, what was refused of late isn't either (P50)."""

import pytest

from edge.ipc.kiosk import Registered
from edge.wire import Scope
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

NUMBER = "13800138000"
ASK = (Scope.CHANNEL_RISK, Scope.FACE_MATCH)
BACK = Registered(
    outcome="registered",
    returning=True,
    visits_before=1,
    visit="7" * 32,
    active=(Scope.REGISTRATION,),
    ask=ASK,
)


def come(browser: Browser, **fields: str) -> str:
    browser.get("/again")
    return browser.post("/again", **({"phone": NUMBER, "party_size": "1"} | fields))


def asked_uses(html: str) -> list[str]:
    return [scope for scope in Scope if f'data-scope="{scope}"' in html]


def test_the_number_opens_the_visit_and_nothing_is_asked_on_the_way(
    browser: Browser, core: CoreDouble
) -> None:
    """P50: neither the notice's scopes nor a yes or no to any."""
    core.script("come_again", BACK)
    html = come(browser, party_size="3")
    (asked,) = core.of("come_again")
    assert (asked.phone, asked.party_size) == (NUMBER, 3)
    assert (browser.path, browser.shows("returning")) == ("/done", "true")
    assert "scope_" not in html
    assert 'href="/uses"' in html


def test_only_what_may_be_asked_is_on_the_page_of_further_uses(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", BACK)
    come(browser)
    html = browser.get("/uses")
    assert sorted(asked_uses(html)) == sorted(ASK)
    assert "checked" not in html


def test_with_nothing_to_ask_there_is_no_such_page(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", BACK.model_copy(update={"ask": ()}))
    assert "/uses" not in come(browser)
    browser.get("/uses")
    assert browser.path == "/done"


def test_the_answers_are_passed_on_and_shown(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", BACK)
    told = BACK.model_copy(update={"active": (Scope.REGISTRATION, Scope.CHANNEL_RISK), "ask": ()})
    core.script("choose", told)
    come(browser)
    browser.get("/uses")
    browser.post(
        "/uses", notice_hash=NOTICE.hash, scope_channel_risk="yes", scope_face_match="no", source="friend"
    )
    (asked,) = core.of("choose")
    assert (asked.scopes, asked.declined, asked.source) == (
        {Scope.CHANNEL_RISK},
        {Scope.FACE_MATCH},
        "friend",
    )
    assert (browser.path, browser.shows("active")) == ("/done", "registration channel_risk")
    browser.post("/uses", notice_hash=NOTICE.hash, scope_face_match="yes")
    assert len(core.of("choose")) == 1, "once a visit"


def test_what_was_not_asked_cant_be_answered(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", BACK)
    come(browser)
    browser.get("/uses")
    browser.post("/uses", notice_hash=NOTICE.hash, scope_id_card="yes")
    assert (browser.status, core.of("choose")) == (400, [])


def test_a_number_without_a_registration_leads_to_the_form_with_the_number_in_it(
    browser: Browser, core: CoreDouble
) -> None:
    core.script("come_again", Registered(outcome="unknown"))
    html = come(browser, party_size="2")
    assert f'value="{NUMBER}"' in html
    assert 'id="register-form"' in html
    assert 'id="alert"' in html
    browser.register(scope_registration="yes", phone=NUMBER)
    assert browser.path == "/done"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"phone": ""}, "error-phone"),
        ({"phone": "12"}, "error-phone"),
        ({"party_size": "0"}, "error-party_size"),
    ],
)
def test_what_is_wrong_is_said_beside_it(
    browser: Browser, core: CoreDouble, fields: dict[str, str], wrong: str
) -> None:
    html = come(browser, **fields)
    assert (browser.status, core.of("come_again")) == (422, [])
    assert f'id="{wrong}"' in html


def test_a_number_that_the_core_finds_wrong_is_said_too(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", refusal("not_a_phone_number"))
    assert 'id="error-phone"' in come(browser)
    assert browser.status == 422


def test_a_silent_core_loses_nothing_that_was_typed(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", None)
    assert f'value="{NUMBER}"' in come(browser)
    assert browser.status == 503
    core.script("come_again", BACK)
    come(browser)
    core.script("choose", None)
    browser.get("/uses")
    html = browser.post("/uses", notice_hash=NOTICE.hash, scope_face_match="yes")
    assert browser.status == 503
    assert 'id="scope_face_match-yes" checked' in html


def test_p7_under_a_new_notice_the_choice_is_made_anew(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", BACK)
    core.script("choose", refusal("notice_changed"))
    come(browser)
    browser.get("/uses")
    for notice_hash in (NOTICE.hash, "0" * 64):
        html = browser.post("/uses", notice_hash=notice_hash, scope_face_match="yes")
        assert browser.status == 409
        assert "checked" not in html


def test_the_language_can_be_switched_without_losing_a_choice(browser: Browser, core: CoreDouble) -> None:
    core.script("come_again", BACK)
    come(browser)
    browser.get("/uses")
    html = browser.post("/uses", notice_hash=NOTICE.hash, scope_face_match="yes", switch="en")
    assert "A few more, as you like" in html
    assert 'id="scope_face_match-yes" checked' in html
