"""Arriving at the kiosk: the choice, the form, what the core is asked, and that nothing typed is lost."""

import pytest

from edge.ipc.kiosk import Registered
from edge.wire import Scope
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

NUMBER = "13800138000"
OFFERED = [offer.scope for offer in NOTICE.scopes]


def test_the_first_page_asks_the_core_nothing_and_offers_two_equal_ways(
    browser: Browser, core: CoreDouble
) -> None:
    html = browser.get("/")
    assert core.asked == []
    assert html.count('class="tile"') == 2
    assert "登记来访" in html
    assert "不登记，直接参观" in html
    for path in ("/leave", "/withdraw", "/notice"):
        assert f'href="{path}"' in html


def test_p7_the_notice_is_shown_before_anything_is_asked(browser: Browser, core: CoreDouble) -> None:
    html = browser.arrive()
    assert [r.method for r in core.asked] == ["begin", "notice"]
    for paragraph in NOTICE.paragraphs["zh"]:
        assert paragraph in html
    assert NOTICE.contact["zh"] in html
    assert f"版本 {NOTICE.version}" in html


def test_no_choice_is_preset(browser: Browser) -> None:
    html = browser.arrive()
    assert html.count('type="radio" name="scope_') == 2 * len(OFFERED)
    assert "checked" not in html


def test_registering_passes_on_exactly_what_was_chosen(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(
        scope_registration="yes",
        scope_face_match="yes",
        scope_id_card="no",
        phone=" 138 0013 8000",
        party_size="3",
        source="agent",
    )
    (asked,) = core.of("register")
    assert asked.scopes == {Scope.REGISTRATION, Scope.FACE_MATCH}
    assert asked.declined == {Scope.ID_CARD}
    assert (asked.phone, asked.party_size, asked.notice_hash) == ("138 0013 8000", 3, NOTICE.hash)
    assert asked.source is None, "who brought you is kept with channel_risk only"
    assert browser.path == "/done"
    assert browser.shows("outcome") == "registered"
    assert browser.shows("active") == "registration face_match"


def test_a_name_goes_along_and_needs_not_be_given(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1", name="  王  女士 ")
    assert core.of("register")[0].name == "王 女士"
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1", name=" ")
    assert core.of("register")[1].name is None


@pytest.mark.parametrize("name", ["a" * 41, "<b>", "a\x00b"])
def test_what_can_be_nobodys_name_comes_back_with_the_form(
    browser: Browser, core: CoreDouble, name: str
) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1", name=name)
    assert (browser.status, core.of("register")) == (422, [])
    assert 'id="error-name"' in browser.html


def test_no_phone_counts_only_while_no_number_is_typed(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", no_phone="yes", phone=NUMBER, party_size="1")
    assert core.of("register")[0].phone == NUMBER
    browser.arrive()
    browser.register(scope_registration="yes", no_phone="yes", phone=" ", party_size="1")
    assert core.of("register")[1].phone is None
    browser.arrive()
    browser.register(scope_registration="yes", scope_channel_risk="yes", no_phone="yes", party_size="1")
    assert browser.status == 422
    assert len(core.of("register")) == 2


def test_who_brought_you_goes_along_with_channel_risk(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(
        scope_registration="yes", scope_channel_risk="yes", phone=NUMBER, source="friend", party_size="1"
    )
    assert core.of("register")[0].source == "friend"


@pytest.mark.parametrize("declined", OFFERED)
def test_p12_declining_one_scope_loses_that_one_only(
    browser: Browser, core: CoreDouble, declined: Scope
) -> None:
    browser.arrive()
    chosen = {f"scope_{scope}": "no" if scope == declined else "yes" for scope in OFFERED}
    browser.register(phone=NUMBER, party_size="1", **chosen)
    (asked,) = core.of("register")
    if declined == Scope.REGISTRATION:
        assert browser.path == "/declined"
        assert (asked.scopes, asked.phone) == (frozenset(), None)
    else:
        assert browser.path == "/done"
        assert asked.scopes == set(OFFERED) - {declined}
        assert asked.declined == {declined}
        assert ('id="recognise"' in browser.html) == (declined != Scope.FACE_MATCH)
        assert ('id="read-card"' in browser.html) == (declined != Scope.ID_CARD)


def test_p13_new_or_returning_is_shown(browser: Browser, core: CoreDouble) -> None:
    core.script(
        "register",
        Registered(outcome="registered", returning=True, visits_before=3, active=(Scope.REGISTRATION,)),
    )
    browser.arrive()
    html = browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    assert "欢迎再次光临" in html
    assert "第 4 次来访" in html
    assert (browser.shows("returning"), browser.shows("visits-before")) == ("true", "3")
    core.script("register", Registered(outcome="registered", active=(Scope.REGISTRATION,)))
    browser.arrive()
    assert "首次来访" in browser.register(scope_registration="yes", phone=NUMBER, party_size="1")


def test_refusing_at_once_tells_the_core_and_keeps_nothing(browser: Browser, core: CoreDouble) -> None:
    browser.get("/")
    html = browser.post("/decline")
    assert browser.path == "/declined"
    assert "未保存任何信息" in html
    (asked,) = core.of("register")
    assert (asked.scopes, asked.declined, asked.phone) == (frozenset(), set(OFFERED), None)
    assert core.of("end")[0].session == asked.session


def test_refusing_works_without_a_core(browser: Browser, core: CoreDouble) -> None:
    browser.get("/")
    core.stop()
    browser.post("/decline")
    assert (browser.status, browser.shows("outcome")) == (200, "declined")


def test_an_empty_form_is_a_refusal(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(phone="", party_size="1")
    assert browser.path == "/declined"
    assert core.of("register")[0].phone is None


def test_errors_stand_beside_the_field_and_nothing_is_lost(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    html = browser.register(
        scope_registration="yes", scope_face_match="no", source="advert", phone="12<3", party_size="100"
    )
    assert browser.status == 422
    assert core.of("register") == []
    assert 'value="12&lt;3"' in html
    assert 'value="100"' in html
    assert 'id="error-phone"' in html
    assert 'id="error-party_size"' in html
    for kept in ("scope_registration-yes", "scope_face_match-no", "source-advert"):
        assert f'id="{kept}" checked' in html
    assert html.count("checked") == 3
    browser.register(scope_registration="yes", phone=NUMBER, party_size="2")
    assert browser.path == "/done"


def test_an_unanswered_registration_is_asked_about_not_assumed(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    html = browser.register(scope_face_match="yes", phone=NUMBER, party_size="1")
    assert browser.status == 422
    assert 'id="error-scope_registration"' in html
    assert core.of("register") == []


@pytest.mark.parametrize("code", ["not_a_phone_number", "phone_missing"])
def test_a_number_that_the_core_rejects_is_said_beside_it(
    browser: Browser, core: CoreDouble, code: str
) -> None:
    core.script("register", refusal(code))
    browser.arrive()
    html = browser.register(scope_registration="yes", phone="12345", party_size="1")
    assert browser.status == 422
    assert 'id="error-phone"' in html
    assert 'value="12345"' in html


def test_another_notice_meanwhile_has_to_be_read_and_chosen_again(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    newer = NOTICE.model_copy(update={"hash": "a1" * 32, "version": "v2"})
    core.script("register", refusal("notice_changed"))
    core.script("notice", newer)
    html = browser.register(scope_registration="yes", scope_face_match="yes", phone=NUMBER, party_size="2")
    assert browser.status == 409
    assert newer.hash in html
    assert "checked" not in html
    assert f'value="{NUMBER}"' in html
    core.script("register", Registered(outcome="registered", active=(Scope.REGISTRATION,)))
    browser.register(scope_registration="yes", phone=NUMBER, party_size="2", notice_hash=newer.hash)
    assert browser.path == "/done"
    assert core.of("register")[-1].notice_hash == newer.hash


def test_a_form_of_an_older_notice_never_reaches_the_core(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1", notice_hash="00" * 32)
    assert browser.status == 409
    assert core.of("register") == []


def test_a_core_that_restarted_is_asked_in_a_new_session(browser: Browser, core: CoreDouble) -> None:
    core.script(
        "register", refusal("session_over"), Registered(outcome="registered", active=(Scope.REGISTRATION,))
    )
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    assert browser.path == "/done"
    first, second = core.of("register")
    assert first.session != second.session
    assert len(core.of("begin")) == 2


def test_a_silent_core_loses_nothing_that_was_typed(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    core.stop()
    html = browser.register(scope_registration="yes", phone=NUMBER, party_size="2")
    assert browser.status == 503
    assert f'value="{NUMBER}"' in html
    assert 'id="alert"' in html
    core.start()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="2")
    assert browser.path == "/done"


def test_sending_twice_registers_once(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    assert browser.path == "/done"
    assert len(core.of("register")) == 1


def test_the_language_changes_and_nothing_is_lost(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    html = browser.register(scope_registration="yes", phone="138", party_size="4", switch="en")
    assert browser.status == 200
    assert '<html lang="en">' in html
    assert NOTICE.title["en"] in html
    assert 'value="138"' in html
    assert 'id="scope_registration-yes" checked' in html
    assert core.of("register") == []


def test_english_goes_along_to_the_end_and_the_next_visitor_starts_in_chinese(browser: Browser) -> None:
    browser.get("/?lang=en")
    browser.client.base_url = "http://127.0.0.1"
    html = browser._take(browser.client.post("/begin?lang=en", data={"csrf": _token(browser)}))
    assert '<html lang="en">' in html
    fields = {
        "csrf": _token(browser),
        "notice_hash": NOTICE.hash,
        "scope_registration": "yes",
        "phone": NUMBER,
    }
    assert "You are registered" in browser._take(browser.client.post("/register?lang=en", data=fields))
    browser.post("/finish")
    assert browser.path == "/"
    assert '<html lang="zh-CN">' in browser.html


def test_finishing_clears_the_screen_and_the_session(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    browser.post("/finish")
    assert browser.path == "/"
    assert core.of("end")[0].session == core.of("register")[0].session
    for path in ("/done", "/register", "/recognise", "/card-read"):
        browser.get(path)
        assert browser.path == "/", f"{path} shows something of the one before"


def test_coming_to_the_first_page_forgets_whoever_was_before(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    browser.get("/")
    assert len(core.of("end")) == 1
    browser.get("/done")
    assert browser.path == "/"


def test_an_old_first_page_cannot_undo_a_registration(browser: Browser, core: CoreDouble) -> None:
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    browser.post("/decline")
    assert browser.path == "/done"
    assert len(core.of("register")) == 1


def _token(browser: Browser) -> str:
    return browser.html.split('name="csrf" value="')[1][:64]
