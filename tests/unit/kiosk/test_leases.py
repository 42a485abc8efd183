"""Recognising and reading the card begin with a tap, need their scope; a way without is always there."""

import threading
import time

import pytest

from edge.domain.idcard import CardKind
from edge.ipc.kiosk import Alive, CardSeen, Recognised, Registered
from edge.kiosk import desk
from edge.wire import Scope
from tests.fakes.core_socket import CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

ALL = (Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD)


OUTCOMES = [
    "read", "confirm_fields", "not_confirmed", "too_late", "no_card", "not_lifted", "unknown_card", "minor",
    "expired", "failed",
]  # fmt: skip


def registered(browser: Browser, core: CoreDouble, active: tuple[Scope, ...] = ALL) -> None:
    core.script("register", Registered(outcome="registered", active=active))
    browser.arrive()
    browser.register(scope_registration="yes", phone="13800138000", party_size="1")
    assert browser.path == "/done"


@pytest.mark.parametrize(
    "outcome", ["enrolled", "confirmed", "not_confirmed", "no_face", "several_faces", "unavailable"]
)
def test_a_face_lease_ends_on_a_page_that_says_how(browser: Browser, core: CoreDouble, outcome: str) -> None:
    core.script("recognise", Recognised.model_validate({"outcome": outcome}))
    registered(browser, core)
    browser.post("/recognise")
    assert browser.path == "/recognise"
    assert 'id="stop"' in browser.html
    browser.get("/recognised")
    assert browser.shows("outcome") == outcome
    assert core.of("recognise")[0].session == core.of("register")[0].session
    over = outcome in ("enrolled", "confirmed", "unavailable")
    assert ('id="again"' in browser.html) != over
    assert ("不用人脸，继续" in browser.html) != over
    browser.get("/done")
    assert ('id="recognise"' in browser.html) == (outcome not in ("enrolled", "confirmed"))


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_card_lease_ends_on_a_page_that_says_how(browser: Browser, core: CoreDouble, outcome: str) -> None:
    core.script(
        "read_card",
        CardSeen.model_validate({"outcome": outcome, "masked_name": "张*", "masked_number": "3***4"}),
    )
    registered(browser, core)
    browser.post("/card")
    browser.get("/card-read")
    assert browser.shows("outcome") == outcome
    assert "3***4" in browser.html


FACES = [
    "verified", "not_verified", "no_face", "no_face_on_photo", "photo_not_decodable", "unavailable",
]  # fmt: skip


@pytest.mark.parametrize("face", FACES)
def test_a_verification_ends_on_a_page_that_says_how(browser: Browser, core: CoreDouble, face: str) -> None:
    core.script("register", Registered(outcome="registered", active=ALL, can_verify=True))
    core.script(
        "verify_card", CardSeen.model_validate({"outcome": "read", "face": face, "masked_number": "3***4"})
    )
    browser.arrive()
    browser.register(scope_registration="yes", phone="13800138000", party_size="1")
    assert 'id="verify"' in browser.html
    browser.post("/verify")
    assert browser.path == "/verify"
    assert 'id="stop"' in browser.html
    browser.get("/card-read")
    assert browser.shows("outcome") == "read"
    assert f'data-face="{face}"' in browser.html
    assert "3***4" in browser.html
    assert core.of("verify_card")[0].session == core.of("register")[0].session
    browser.get("/done")
    assert ('id="verify"' in browser.html) == (face != "verified")


@pytest.mark.parametrize(("active", "can"), [(ALL, False), (ALL[:2], True), (ALL[::2], True)])
def test_verifying_is_offered_only_where_it_works_and_with_both_consents(
    browser: Browser, core: CoreDouble, active: tuple[Scope, ...], can: bool
) -> None:
    core.script("register", Registered(outcome="registered", active=active, can_verify=can))
    browser.arrive()
    browser.register(scope_registration="yes", phone="13800138000", party_size="1")
    assert 'id="verify"' not in browser.html
    if can:
        browser.post("/verify")
        assert browser.path == "/done"
        assert not core.of("verify_card")


def test_a_card_that_failed_in_a_verification_is_tried_again_with_the_face(
    browser: Browser, core: CoreDouble
) -> None:
    core.script("verify_card", CardSeen(outcome="not_lifted", face="unavailable"))
    registered(browser, core)
    browser.post("/verify")
    browser.get("/card-read")
    assert browser.shows("outcome") == "not_lifted"
    assert 'action="/verify"' in browser.html


@pytest.mark.parametrize(
    ("answer", "outcome"), [("yes", "read"), ("no", "not_confirmed"), ("", "not_confirmed")]
)
def test_an_unsure_card_asks_the_visitor_who_answers_once(
    browser: Browser, core: CoreDouble, answer: str, outcome: str
) -> None:
    core.script("read_card", CardSeen(
        outcome="confirm_fields", kind=CardKind.RESIDENT, masked_name="张*", masked_number="3***4",
        valid_until="20301231", nation="满", masked_address="北京市朝阳区***",
    ))  # fmt: skip
    core.script("confirm_card", lambda r: CardSeen(outcome="read" if r.yes else "not_confirmed"))
    registered(browser, core)
    browser.post("/card")
    browser.get("/card-read")
    assert browser.shows("outcome") == "confirm_fields"
    for shown in ("居民身份证", "张*", "3***4", "满", "北京市朝阳区***", "2030.12.31"):
        assert shown in browser.html
    browser.post("/card-confirm", answer=answer)
    assert browser.path == "/card-read"
    assert browser.shows("outcome") == outcome
    (asked,) = core.of("confirm_card")
    assert (asked.yes, asked.session) == (answer == "yes", core.of("register")[0].session)
    browser.get("/card-read")
    browser.post("/card-confirm", answer="yes")
    assert len(core.of("confirm_card")) == 1, "there is nothing left to answer"


def test_nobody_confirms_a_card_that_was_not_asked_about(browser: Browser, core: CoreDouble) -> None:
    registered(browser, core)
    browser.post("/card-confirm", answer="yes")
    assert browser.path == "/done"
    assert not core.of("confirm_card")


def test_p41_the_page_forgets_whom_the_core_has_forgotten(
    browser: Browser, core: CoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure by headquarters while they stand at the desk: masked name and number go from here too."""
    monkeypatch.setattr(desk, "FOLLOW_S", 0.02)
    registered(browser, core)
    browser.get("/done")
    assert browser.path == "/done"
    core.script("living", Alive(sessions=()))
    deadline = time.monotonic() + 10
    while browser.path == "/done" and time.monotonic() < deadline:
        browser.get("/done")
        time.sleep(0.02)
    assert browser.path == "/"


def test_p38_after_a_card_of_someone_under_14_nothing_goes_on(browser: Browser, core: CoreDouble) -> None:
    core.script("read_card", CardSeen(outcome="minor"))
    registered(browser, core)
    browser.post("/card")
    for _ in range(2):  # the waiting page's script, then the browser itself
        browser.get("/card-read")
        assert browser.shows("outcome") == "minor"
        assert 'id="continue" href="/"' in browser.html
    assert len(core.of("end")) == 1
    browser.get("/done")
    assert browser.path == "/"


@pytest.mark.parametrize(("path", "scope"), [("/recognise", Scope.FACE_MATCH), ("/card", Scope.ID_CARD)])
def test_p49_without_its_scope_there_is_no_button_and_no_lease(
    browser: Browser, core: CoreDouble, path: str, scope: Scope
) -> None:
    registered(browser, core, tuple(s for s in ALL if s != scope))
    assert f'action="{path}"' not in browser.html
    browser.post(path)
    assert browser.path == "/done"
    assert core.of("recognise") == core.of("read_card") == []


@pytest.mark.parametrize("path", ["/recognise", "/card"])
def test_no_lease_begins_by_looking_at_a_page(browser: Browser, core: CoreDouble, path: str) -> None:
    registered(browser, core)
    for seen in (path, "/recognised", "/card-read"):
        browser.get(seen)
        assert browser.path == "/done"
    assert core.of("recognise") == core.of("read_card") == []


def test_a_lease_under_way_is_not_started_twice_and_another_may_follow(
    browser: Browser, core: CoreDouble
) -> None:
    gate = core.hold("recognise")
    registered(browser, core)
    browser.post("/recognise")
    browser.post("/recognise")
    gate.set()
    browser.get("/recognised")
    browser.post("/recognise", csrf=_token(browser.get("/done")))
    browser.get("/recognised")
    assert len(core.of("recognise")) == 2


def test_the_result_waits_for_the_end_of_the_lease(browser: Browser, core: CoreDouble) -> None:
    gate = core.hold("recognise")
    registered(browser, core)
    browser.post("/recognise")
    waiting = threading.Thread(target=browser.get, args=("/recognised",))
    waiting.start()
    assert browser.path == "/recognise"
    gate.set()
    waiting.join(10)
    assert (browser.path, browser.shows("outcome")) == ("/recognised", "enrolled")


def test_stopping_ends_the_session_while_the_lease_runs(browser: Browser, core: CoreDouble) -> None:
    gate = core.hold("recognise")
    registered(browser, core)
    browser.post("/recognise")
    browser.post("/finish")
    assert browser.path == "/"
    assert core.of("end")[0].session == core.of("recognise")[0].session
    gate.set()
    browser.get("/recognised")
    assert browser.path == "/"


def test_what_the_core_refuses_shows_as_unavailable(browser: Browser, core: CoreDouble) -> None:
    core.script("recognise", refusal("no_consent"))
    core.script("read_card", refusal("session_over"))
    registered(browser, core)
    browser.post("/recognise")
    browser.get("/recognised")
    assert (browser.status, browser.shows("outcome")) == (200, "unavailable")
    browser.get("/done")
    browser.post("/card")
    browser.get("/card-read")
    assert (browser.status, browser.shows("outcome")) == (200, "failed")


def test_a_core_that_goes_away_during_a_lease_is_said_and_may_be_tried_again(
    browser: Browser, core: CoreDouble
) -> None:
    core.script("recognise", None, Recognised(outcome="confirmed"))
    registered(browser, core)
    browser.post("/recognise")
    browser.get("/recognised")
    assert (browser.status, browser.shows("trouble")) == (503, "silent")
    browser.get("/done")
    browser.post("/recognise")
    browser.get("/recognised")
    assert browser.shows("outcome") == "confirmed"


def _token(html: str) -> str:
    return html.split('name="csrf" value="')[1][:64]


@pytest.mark.parametrize("can", [True, False])
def test_p36_where_faces_are_off_the_page_offers_none(browser: Browser, core: CoreDouble, can: bool) -> None:
    """P36: also to somebody who agreed when they were on; every other way stays."""
    core.script("register", Registered(outcome="registered", active=ALL, can_match=can))
    browser.arrive()
    browser.register(scope_registration="yes", phone="13800138000", party_size="1")
    assert ('id="recognise"' in browser.html) is can
    assert 'id="read-card"' in browser.html and 'id="finish"' in browser.html
