"""Who subscribes or signs: one question, no as easy as yes; no page tells what a number's owner had said."""

from typing import get_args

import pytest

from edge.ipc.kiosk import BuyerAnswered, BuyersCard, Channel, MyCodeOutcome
from edge.wire import Scope
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

NUMBER = "13800138000"


def answer(browser: Browser, **fields: str) -> str:
    browser.get("/buyer")
    said = {"phone": NUMBER, "notice_hash": NOTICE.hash, "scope_channel_risk": "yes"} | fields
    return browser.post("/buyer", **{name: value for name, value in said.items() if value})


def test_one_use_is_asked_in_the_notices_own_words_and_nothing_is_preset(browser: Browser) -> None:
    """P7, P12: what it means for earlier visits stands beside it, and it is no bundle."""
    html = browser.get("/buyer")
    (offer,) = (one for one in NOTICE.scopes if one.scope is Scope.CHANNEL_RISK)
    assert offer.detail["zh"] in html and "以前登记过、还在保存期内的来访" in offer.detail["zh"]
    assert [scope for scope in Scope if f'name="scope_{scope}"' in html] == [Scope.CHANNEL_RISK]
    assert "checked" not in html


@pytest.mark.parametrize("said", ["yes", "no"])
def test_a_no_takes_as_many_steps_as_a_yes(browser: Browser, core: CoreDouble, said: str) -> None:
    """P12"""
    answer(browser, scope_channel_risk=said)
    (asked,) = core.of("answer_as_buyer")
    assert (asked.phone, asked.yes, asked.notice_hash) == (NUMBER, said == "yes", NOTICE.hash)
    assert (browser.path, browser.status) == ("/buyer/done", 200)
    assert browser.shows("outcome") == ("agreed" if said == "yes" else "declined")
    assert ('id="buyer-card"' in browser.html) == (said == "yes")
    browser.post("/finish")
    browser.get("/buyer/done")
    assert browser.path == "/buyer", "the next visitor finds nothing"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"phone": ""}, "error-phone"),
        ({"phone": "12"}, "error-phone"),
        ({"scope_channel_risk": ""}, "error-scope_channel_risk"),
    ],
)
def test_what_is_missing_is_said_beside_it(
    browser: Browser, core: CoreDouble, fields: dict[str, str], wrong: str
) -> None:
    html = answer(browser, **fields)
    assert (browser.status, core.of("answer_as_buyer")) == (422, [])
    assert f'id="{wrong}"' in html


def test_an_unknown_number_leads_to_the_form_with_what_was_said(browser: Browser, core: CoreDouble) -> None:
    core.script("answer_as_buyer", BuyerAnswered(outcome="unknown"))
    html = answer(browser)
    assert f'value="{NUMBER}"' in html and 'id="register-form"' in html
    assert 'id="scope_channel_risk-yes" checked' in html
    browser.register(scope_registration="yes", scope_channel_risk="yes", phone=NUMBER)
    assert browser.path == "/done"


@pytest.mark.parametrize("outcome", get_args(MyCodeOutcome))
def test_a_card_can_be_laid_down_and_every_end_is_told(
    browser: Browser, core: CoreDouble, outcome: MyCodeOutcome
) -> None:
    core.script("show_buyers_card", BuyersCard(outcome=outcome))
    answer(browser)
    browser.post("/buyer/card")
    assert browser.path == "/buyer/card"
    browser.get("/buyer/shown")
    assert (browser.shows("card"), browser.shows("reach")) == (
        outcome,
        "some" if outcome == "found" else "from_now",
    )
    assert ('id="buyer-card"' in browser.html) == (outcome not in ("found", "nothing", "later"))


def test_without_an_answer_no_card_is_read(browser: Browser, core: CoreDouble) -> None:
    for path in ("/buyer/card", "/buyer/shown", "/buyer/done"):
        browser.get(path)
        assert browser.path == "/buyer"
    browser.post("/buyer/card")
    answer(browser, scope_channel_risk="no")
    browser.post("/buyer/card")
    assert core.of("show_buyers_card") == []


def test_p7_under_a_new_notice_the_answer_is_given_anew(browser: Browser, core: CoreDouble) -> None:
    """P7"""
    core.script("answer_as_buyer", refusal("notice_changed"))
    for notice_hash in (NOTICE.hash, "0" * 64):
        html = answer(browser, notice_hash=notice_hash)
        assert browser.status == 409
        assert "checked" not in html and f'value="{NUMBER}"' in html


def test_a_silent_core_and_a_wrong_number_lose_nothing_that_was_typed(
    browser: Browser, core: CoreDouble
) -> None:
    for reply, status in ((None, 503), (refusal("not_a_phone_number"), 422)):
        core.script("answer_as_buyer", reply)
        html = answer(browser)
        assert browser.status == status
        assert f'value="{NUMBER}"' in html and 'id="scope_channel_risk-yes" checked' in html


def test_the_language_can_be_switched_without_losing_the_answer(browser: Browser, core: CoreDouble) -> None:
    html = answer(browser, switch="en")
    assert "Before you sign" in html and 'id="scope_channel_risk-yes" checked' in html
    assert core.of("answer_as_buyer") == []


def test_the_company_can_be_named_and_is_passed_on_with_an_agent_alone(
    browser: Browser, core: CoreDouble
) -> None:
    channels = (Channel(code="fang-a", name="安家"), Channel(code="fang-b", name="房友"))
    core.script("notice", NOTICE.model_copy(update={"channels": channels}))
    html = browser.arrive()
    assert html.index("安家") < html.index("房友")
    told = {"scope_registration": "yes", "scope_channel_risk": "yes", "phone": NUMBER}
    for source, channel, risk in (
        ("agent", "fang-b", "yes"),
        ("friend", "fang-b", "yes"),
        ("agent", "fang-b", "no"),
    ):
        browser.register(**told | {"source": source, "channel": channel, "scope_channel_risk": risk})
        asked = core.of("register")[-1]
        named = "fang-b" if source == "agent" else None
        expected = (None, None) if risk == "no" else (source, named)
        assert (asked.source, asked.channel) == expected
        browser.arrive()
    browser.register(**told | {"channel": "No Code"})
    assert browser.status == 400
