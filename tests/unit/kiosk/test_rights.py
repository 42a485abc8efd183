"""Leaving, withdrawing and the notice: a stranger's number is answered exactly as a visitor's."""

import re

import pytest

from edge.ipc.kiosk import Departed, Withdrawn
from edge.kiosk.texts import Lang
from edge.wire import Scope
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

NUMBER = "13800138000"


def without_tokens(html: str) -> str:
    return re.sub(r'value="[0-9a-f]{64}"', "", html)


def test_leaving_passes_on_the_number_and_says_the_same_to_strangers(
    browser: Browser, core: CoreDouble
) -> None:
    core.script("depart", Departed(closed=True), Departed(closed=False))
    pages = []
    for _ in range(2):
        browser.get("/leave")
        pages.append(without_tokens(browser.post("/leave", phone=NUMBER)))
        assert (browser.path, browser.shows("outcome")) == ("/left", "left")
    assert pages[0] == pages[1]
    assert [r.phone for r in core.of("depart")] == [NUMBER, NUMBER]


def test_withdrawing_passes_on_the_scopes_and_says_the_same_to_strangers(
    browser: Browser, core: CoreDouble
) -> None:
    core.script("withdraw", Withdrawn(scopes=(Scope.FACE_MATCH,)), Withdrawn(scopes=()))
    pages = []
    for _ in range(2):
        browser.get("/withdraw")
        assert "checked" not in browser.html
        pages.append(without_tokens(browser.post("/withdraw", phone=NUMBER, scope_face_match="yes")))
        assert (browser.path, browser.shows("outcome")) == ("/withdrawn", "withdrawn")
    assert pages[0] == pages[1]
    assert core.of("withdraw")[0].scopes == {Scope.FACE_MATCH}


def test_a_withdrawal_without_number_or_scope_is_asked_about_and_loses_nothing(
    browser: Browser, core: CoreDouble
) -> None:
    browser.get("/withdraw")
    html = browser.post("/withdraw", phone="", scope_id_card="yes")
    assert browser.status == 422
    assert 'id="error-phone"' in html
    assert 'id="scope_id_card" checked' in html
    html = browser.post("/withdraw", phone=NUMBER)
    assert 'id="error-scopes"' in html
    assert f'value="{NUMBER}"' in html
    assert core.of("withdraw") == []


@pytest.mark.parametrize(
    ("path", "method", "more"),
    [
        ("/leave", "depart", {}),
        ("/withdraw", "withdraw", {"scope_face_match": "yes"}),
    ],
)
def test_a_wrong_number_and_a_silent_core_lose_nothing(
    browser: Browser, core: CoreDouble, path: str, method: str, more: dict[str, str]
) -> None:
    core.script(method, refusal("not_a_phone_number"))
    browser.get(path)
    html = browser.post(path, phone="12345", **more)
    assert browser.status == 422
    assert 'id="error-phone"' in html
    core.stop()
    html = browser.post(path, phone=NUMBER, **more)
    assert browser.status == 503
    assert 'id="alert"' in html
    assert f'value="{NUMBER}"' in html


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_p48_notice_contact_and_complaints_are_at_hand_even_without_a_core(
    browser: Browser, core: CoreDouble, lang: Lang
) -> None:
    path = "/notice" if lang == "zh" else "/notice?lang=en"
    for stop in (False, True):
        if stop:
            core.stop()
        html = browser.get(path).replace("&#39;", "'")
        assert browser.status == 200
        assert NOTICE.paragraphs[lang][-1] in html
        assert NOTICE.contact[lang] in html
        assert NOTICE.complaints[lang] in html
        assert browser.shows("hash") == NOTICE.hash


def test_a_core_that_was_never_there_is_said_kindly(browser: Browser, core: CoreDouble) -> None:
    core.stop()
    for path in ("/notice", "/withdraw"):
        html = browser.get(path)
        assert (browser.status, browser.shows("trouble")) == (503, "silent")
        assert "直接参观" in html
