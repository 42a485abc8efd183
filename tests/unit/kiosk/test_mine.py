"""One's own data by card: a tap opens the lease, one page tells how it ended, the sitting ends the code."""

from typing import get_args

import pytest

from edge.ipc.kiosk import MyCode, MyCodeOutcome, VisitorCode
from tests.fakes.core_socket import CODE, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser


@pytest.mark.parametrize("outcome", get_args(MyCodeOutcome))
def test_how_it_ended_is_told_on_one_page(browser: Browser, core: CoreDouble, outcome: MyCodeOutcome) -> None:
    """P40: a card that opens nothing shows no code, and no page says anything of the card."""
    core.script("find_by_card", MyCode(outcome=outcome))
    browser.get("/")
    browser.get("/mine")
    browser.post("/mine")
    assert browser.path == "/mine/card"
    browser.get("/mine/code")
    assert browser.shows("outcome") == outcome
    assert (CODE in browser.html, "/code.svg" in browser.html) == (outcome == "found",) * 2
    assert ('id="again"' in browser.html) == (outcome not in ("found", "nothing", "later"))
    browser.post("/finish")
    assert browser.path == "/"
    assert [one.session for one in core.of("end")] == [core.of("find_by_card")[0].session]
    browser.get("/mine/code")
    assert browser.path == "/mine", "the next visitor finds no code"
    assert browser.client.get("/code.svg").status_code == 404


def test_without_a_tap_no_card_is_read(browser: Browser, core: CoreDouble) -> None:
    for path in ("/mine", "/mine/card", "/mine/code"):
        browser.get(path)
        assert browser.path == "/mine"
    assert browser.client.post("/mine", data={"csrf": "0" * 64}).status_code == 403
    assert core.of("find_by_card") == []


def test_who_was_erased_meanwhile_and_a_refusal_show_as_nothing_and_failed(
    browser: Browser, core: CoreDouble
) -> None:
    core.script("code", VisitorCode(address=None))
    core.script("find_by_card", MyCode(outcome="found"), refusal("session_over"))
    for outcome in ("nothing", "failed"):
        browser.get("/mine")
        browser.post("/mine")
        browser.get("/mine/code")
        assert browser.shows("outcome") == outcome
