"""The kiosk in a real Chromium, as its own process before a scripted core: each path, in both languages."""

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from edge.domain.idcard import CardKind
from edge.ipc.kiosk import CardSeen, Channel, Recognised, Registered
from edge.kiosk.texts import Lang
from edge.wire import Scope
from scripts.site.ca import issue, make_ca
from scripts.site.visitor import CHROMIUM, CHROMIUM_ARGS, Visitor
from tests.e2e.desk_rig import DeskRig
from tests.fakes.core_socket import NOTICE, CoreDouble

NUMBER = "13800138000"
TARGET_PX = 56
ROOT = Path(__file__).parents[2]
LANGS = pytest.mark.parametrize("lang", ["zh", "en"])
_START = """
import sys
from pathlib import Path
from edge.kiosk.main import main
tls = [Path(name) for name in sys.argv[3:]] or [None, None]
sys.exit(main(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), *tls))
"""
_WATCH_POLICY = """
addEventListener("securitypolicyviolation", (e) => console.error("CSP", e.violatedDirective, e.blockedURI));
"""


@dataclass
class Watch:
    """What a page complained about, and where it went."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def double() -> Iterator[CoreDouble]:
    with CoreDouble() as double:
        yield double


@pytest.fixture
def core(double: CoreDouble) -> Iterator[CoreDouble]:
    yield double
    double.reset()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the kiosk didn't start: {process.poll()}")


@contextlib.contextmanager
def _serve(core: CoreDouble | DeskRig, *tls: Path) -> Iterator[int]:
    """Run the kiosk as a process of its own; yield its port."""
    port = _free_port()
    arguments = [sys.executable, "-c", _START, str(core.path), str(port), *map(str, tls)]
    with subprocess.Popen(arguments, cwd=ROOT) as process:
        try:
            _await_port(port, process)
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def kiosk(double: CoreDouble) -> Iterator[str]:
    with _serve(double) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(context: BrowserContext, watch: Watch, core: CoreDouble) -> Page:
    page = context.new_page()
    page.add_init_script(_WATCH_POLICY)
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("console", lambda message: watch.errors.extend([message.text] * (message.type == "error")))
    page.on("request", lambda request: watch.hosts.add(request.url.split("/")[2].split(":")[0]))
    return page


@LANGS
def test_registering_takes_six_taps_at_most_and_typing_a_number(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str
) -> None:
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    seen = visitor.register(NUMBER, ["registration", "face_match", "id_card"])
    assert visitor.taps <= 6
    assert seen["outcome"] == "registered"
    assert (seen["returning"], seen["visits_before"]) == ("false", "0")
    assert set(seen["active"].split()) == {"registration", "face_match", "id_card"}
    assert seen["before_ms"] <= seen["after_ms"]
    expect(page.locator("h1")).to_have_text({"zh": "登记好了", "en": "You are registered"}[lang])
    assert page.evaluate("document.documentElement.lang") == {"zh": "zh-CN", "en": "en"}[lang]
    (asked,) = core.of("register")
    assert (asked.phone, asked.declined, asked.source) == (NUMBER, frozenset(), None)
    visitor.finish()
    assert (watch.errors, watch.hosts) == ([], {"127.0.0.1"})


@LANGS
def test_p49_refusing_takes_two_taps_at_most_and_looks_no_lesser(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str
) -> None:
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.open()
    _look_alike(page, "#start-register", "#start-decline")
    assert visitor.decline()["outcome"] == "declined"
    assert visitor.taps == 1
    visitor.open()
    page.click("#start-register")
    page.wait_for_selector("#register-form")
    _look_alike(page, "#register-submit", "#register-decline")
    _look_alike(page, "label[for=scope_registration-yes]", "label[for=scope_registration-no]")
    page.click("#register-decline")
    expect(page.locator("[data-outcome=declined]")).to_be_visible()
    assert all(r.phone is None and not r.scopes for r in core.of("register"))
    assert watch.errors == []


def _look_alike(page: Page, one: str, other: str) -> None:
    """Same size, same style: the screen pushes nobody."""
    a, b = page.locator(one).bounding_box(), page.locator(other).bounding_box()
    assert a and b
    assert (a["width"], a["height"]) == pytest.approx((b["width"], b["height"]), abs=1)
    style = """(e) => { const s = getComputedStyle(e); return [s.backgroundColor, s.color, s.borderColor,
        s.fontSize, s.fontWeight, s.opacity]; }"""
    assert page.locator(one).evaluate(style) == page.locator(other).evaluate(style)


@LANGS
def test_who_has_no_phone_registers_all_the_same(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str
) -> None:
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    assert visitor.register(None, ["registration"], name=" 欧阳 晓晴 ")["outcome"] == "registered"
    assert visitor.taps <= 6
    (asked,) = core.of("register")
    assert (asked.phone, asked.name, asked.scopes) == (None, "欧阳 晓晴", {Scope.REGISTRATION})
    assert watch.errors == []
    assert visitor.register(None, ["registration", "face_match"])["outcome"] == "form_error"
    expect(page.locator("#phone")).to_have_accessible_description(re.compile(r"没有号码|Without a number"))
    expect(page.locator("#no_phone")).to_be_checked()


@LANGS
def test_each_choice_is_passed_on_as_made(page: Page, kiosk: str, core: CoreDouble, lang: str) -> None:
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.register(
        NUMBER,
        ["registration", "channel_risk"],
        source="agent",
        party=3,
        declined=["face_match"],
        name="王女士",
    )
    (asked,) = core.of("register")
    assert asked.scopes == {Scope.REGISTRATION, Scope.CHANNEL_RISK}
    assert asked.declined == {Scope.FACE_MATCH}
    assert (asked.source, asked.party_size, asked.notice_hash) == ("agent", 3, NOTICE.hash)
    assert asked.name == "王女士"
    assert page.locator("#recognise").count() == page.locator("#read-card").count() == 0


@LANGS
def test_a_buyer_answers_one_question_in_three_taps(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str
) -> None:
    """P12: a no is as quick as a yes and looks no lesser; a card is laid down by one tap more."""
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    for said in ("no", "yes"):
        visitor.open()
        page.click("#start-buyer")
        page.fill("#phone", NUMBER)
        _look_alike(page, "label[for=scope_channel_risk-yes]", "label[for=scope_channel_risk-no]")
        page.click(f"label[for=scope_channel_risk-{said}]")
        _picture(page, f"buyer-{said}")
        page.click("#buyer-submit")
        expect(page.locator("#outcome")).to_have_attribute(
            "data-outcome", "agreed" if said == "yes" else "declined"
        )
        _picture(page, f"buyer-{said}-done")
    _tab_to(page, "buyer-card")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_have_attribute("data-reach", "some")
    assert [asked.yes for asked in core.of("answer_as_buyer")] == [False, True]
    page.click("#finish")
    assert (watch.errors, watch.hosts) == ([], {"127.0.0.1"})


@LANGS
def test_the_company_is_found_by_its_name_and_needs_not_be_said(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str
) -> None:
    """By name, all alike; "I'd rather not say" is chosen until they choose; keys alone are enough."""
    names = ("安家", "房友", "好房", "居理", "链客", "满堂", "南北", "新邻", "优居", "宅配")
    channels = tuple(Channel(code=f"fang-{n}", name=name) for n, name in enumerate(names))
    core.script("notice", NOTICE.model_copy(update={"channels": channels}))
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.open()
    page.click("#start-register")
    page.click("label[for=scope_registration-yes]")
    page.click("label[for=scope_channel_risk-yes]")
    expect(page.locator("#channels")).to_be_hidden()
    page.click("label[for=source-agent]")
    expect(page.locator("#channel-unsaid")).to_be_checked()
    expect(page.locator("#channel-list .option:visible")).to_have_count(11)
    page.locator("#channels").scroll_into_view_if_needed()
    _picture(page, "channels")
    page.fill("#channel-search", "新")
    expect(page.locator("#channel-list .option:visible")).to_have_count(2)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#channel-fang-7")).to_be_checked()
    page.fill("#phone", NUMBER)
    page.click("#register-submit")
    page.wait_for_selector("#outcome")
    (asked,) = core.of("register")
    assert (asked.source, asked.channel) == ("agent", "fang-7")
    assert watch.errors == []


def _picture(page: Page, name: str) -> None:
    """With GATEHOUSE_SCREENSHOTS=DIR the page is saved there as well."""
    if (directory := os.environ.get("GATEHOUSE_SCREENSHOTS")) is not None:
        lang = page.evaluate("document.documentElement.lang")
        page.screenshot(path=Path(directory) / f"{name}-{lang}.png", animations="disabled")


@LANGS
def test_face_and_card_each_by_a_tap_and_their_outcome_on_the_page(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str
) -> None:
    core.script("recognise", Recognised(outcome="not_confirmed"), Recognised(outcome="confirmed"))
    core.script("read_card", CardSeen(outcome="read", masked_name="张*", masked_number="3101**********1234"))
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.register(NUMBER, ["registration", "face_match", "id_card"])
    assert visitor.recognise()["outcome"] == "not_confirmed"
    assert visitor.recognise()["outcome"] == "confirmed"
    card = visitor.read_card()
    assert (card["outcome"], card["masked_name"]) == ("read", "张*")
    assert page.locator("#recognise, #read-card").count() == 0
    assert len(core.of("recognise")) == 2
    visitor.finish()
    assert (watch.errors, watch.hosts) == ([], {"127.0.0.1"})


@LANGS
@pytest.mark.parametrize("yes", [True, False])
def test_an_unsure_card_is_confirmed_by_its_visitor_on_the_page(
    page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str, yes: bool
) -> None:
    core.script("read_card", CardSeen(
        outcome="confirm_fields", kind=CardKind.RESIDENT, masked_name="张**",
        masked_number="310***********1234", valid_until="长期",
        nation="维吾尔", masked_address="上海市黄浦区******",
    ))  # fmt: skip
    core.script(
        "confirm_card", CardSeen(outcome="read" if yes else "not_confirmed", masked_number="310***1234")
    )
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.register(NUMBER, ["registration", "id_card"])
    seen = visitor.read_card()
    assert (seen["outcome"], seen["masked_number"]) == ("confirm_fields", "310***********1234")
    assert page.locator("#nation").inner_text() == "维吾尔"
    assert page.locator("#valid-until").inner_text() == ("no end" if lang == "en" else "长期")
    _tab_to(page, "confirm-yes")  # by the keyboard too
    assert visitor.confirm_card(yes)["outcome"] == ("read" if yes else "not_confirmed")
    assert [asked.yes for asked in core.of("confirm_card")] == [yes]
    assert page.locator("#read-card").count() == (0 if yes else 1)
    assert (watch.errors, watch.hosts) == ([], {"127.0.0.1"})


@LANGS
def test_verifying_takes_one_tap(page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str) -> None:
    scopes = (Scope.REGISTRATION, Scope.ID_CARD, Scope.FACE_MATCH)
    core.script("register", Registered(outcome="registered", active=scopes, can_verify=True))
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.register(NUMBER, ["registration", "id_card", "face_match"])
    taps = visitor.taps
    seen = visitor.verify()
    assert (seen["outcome"], seen["face"]) == ("read", "verified")
    assert visitor.taps == taps + 2, "the tap, and the one that goes on"
    assert page.locator("#verify, #read-card").count() == 0
    assert (watch.errors, watch.hosts) == ([], {"127.0.0.1"})


@LANGS
def test_leaving_and_withdrawing(page: Page, kiosk: str, core: CoreDouble, watch: Watch, lang: str) -> None:
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    assert visitor.depart(NUMBER)["outcome"] == "left"
    assert visitor.withdraw(NUMBER, ["face_match", "registration"])["outcome"] == "withdrawn"
    assert core.of("depart")[0].phone == NUMBER
    assert core.of("withdraw")[0].scopes == {Scope.FACE_MATCH, Scope.REGISTRATION}
    assert watch.errors == []
    assert visitor.depart("12")["outcome"] == "form_error"
    assert page.evaluate("document.activeElement.id") == "phone"


def test_the_wait_can_be_seen_and_stopped(page: Page, kiosk: str, core: CoreDouble) -> None:
    gate = core.hold("recognise")
    Visitor(page, kiosk).register(NUMBER, ["registration", "face_match"])
    page.click("#recognise")
    expect(page.locator("#waiting .ring")).to_be_visible()
    page.click("#stop")
    expect(page.locator("body[data-page=start]")).to_be_visible()
    assert core.of("end")[0].session == core.of("recognise")[0].session
    gate.set()


def test_the_keyboard_alone_registers(page: Page, kiosk: str, core: CoreDouble) -> None:
    page.goto(kiosk)
    _tab_to(page, "start-register")
    page.keyboard.press("Enter")
    page.wait_for_selector("#register-form")
    _tab_to(page, "phone")
    page.keyboard.type(NUMBER)
    _tab_to(page, "scope_registration-yes")
    outline = page.locator("label[for=scope_registration-yes]").evaluate(
        "e => getComputedStyle(e).outlineWidth"
    )
    assert outline == "4px"
    page.keyboard.press("Space")
    _tab_to(page, "scope_face_match-yes")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-page=done]")
    (asked,) = core.of("register")
    assert (asked.scopes, asked.declined) == ({Scope.REGISTRATION}, {Scope.FACE_MATCH})
    _tab_to(page, "finish")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-page=start]")


def _tab_to(page: Page, element_id: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == element_id:
            return
    raise AssertionError(f"no way to #{element_id} by Tab")


def test_focus_begins_at_the_heading_and_errors_take_it(page: Page, kiosk: str) -> None:
    page.goto(kiosk)
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert Visitor(page, kiosk).register("12", ["registration"])["outcome"] == "form_error"
    assert page.evaluate("document.activeElement.id") == "phone"
    field_ = page.locator("#phone")
    expect(field_).to_have_attribute("aria-invalid", "true")
    expect(field_).to_have_accessible_description(re.compile("这个号码好像不对"))
    expect(field_).to_have_value("12")
    expect(page.locator("#scope_registration-yes")).to_be_checked()


@LANGS
def test_a_screen_reader_is_told_what_each_field_is(page: Page, kiosk: str, lang: str) -> None:
    page.goto(f"{kiosk}/?lang={lang}")
    page.click("#start-register")
    page.wait_for_selector("#register-form")
    key: Lang = "en" if lang == "en" else "zh"
    for offer in NOTICE.scopes:
        group = page.get_by_role("group", name=offer.label[key], exact=True)
        expect(group).to_have_accessible_description(offer.detail[key])
        assert group.get_by_role("radio").count() == 2
        assert not group.get_by_role("radio").first.is_checked()
    page.click("label[for=scope_channel_risk-yes]")
    for control in page.locator("input:not([type=hidden]), main button, a").all():
        expect(control).to_have_accessible_name(re.compile(r"\S"))


def test_who_brought_you_is_asked_only_once_channel_risk_is_chosen(page: Page, kiosk: str) -> None:
    page.goto(kiosk)
    page.click("#start-register")
    expect(page.locator("#source")).to_be_hidden()
    page.click("label[for=scope_channel_risk-yes]")
    expect(page.locator("#source")).to_be_visible()
    page.click("label[for=scope_channel_risk-no]")
    expect(page.locator("#source")).to_be_hidden()


@LANGS
def test_everything_to_tap_is_large_enough_and_nothing_hangs_over(
    page: Page, kiosk: str, core: CoreDouble, lang: str
) -> None:
    q = "?lang=en" if lang == "en" else ""
    for path in ("/", "/leave", "/withdraw", "/notice", "/declined", "/nowhere"):
        page.goto(f"{kiosk}{path}{q}")
        _targets_are_large(page)
    visitor = Visitor(page, kiosk, "en" if lang == "en" else "zh")
    visitor.open()
    page.click("#start-register")
    page.click("label[for=scope_channel_risk-yes]")
    _targets_are_large(page)
    visitor.register(NUMBER, ["registration", "face_match", "id_card"])
    _targets_are_large(page)
    core.script("recognise", Recognised(outcome="no_face"))
    page.click("#recognise")
    page.wait_for_selector("#outcome[data-kind=face]")
    _targets_are_large(page)


def _targets_are_large(page: Page) -> None:
    for target in page.locator(
        "a, summary, button:not(.default), label[for^=s], label[for=no_phone], #phone, #name, #party_size"
    ).all():
        box = target.bounding_box()
        if box and target.is_visible():
            assert min(box["height"], box["width"]) >= TARGET_PX, target.evaluate(
                "e => e.outerHTML.slice(0, 90)"
            )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def test_the_main_path_works_without_a_script(chromium: Browser, kiosk: str, core: CoreDouble) -> None:
    context = chromium.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(kiosk)
        page.click("#start-register")
        page.click("label[for=scope_registration-yes]")
        page.click("label[for=scope_face_match-yes]")
        page.fill("#phone", NUMBER)
        page.fill("#party_size", "2")
        page.click("#register-submit")
        expect(page.locator("#outcome")).to_have_attribute("data-outcome", "registered")
        page.click("#recognise")
        expect(page.locator("#outcome")).to_have_attribute("data-outcome", "enrolled")
        page.click("#continue")
        page.click("#finish")
        expect(page.locator("body")).to_have_attribute("data-page", "start")
        assert core.of("register")[0].party_size == 2
    finally:
        context.close()


def test_the_screen_clears_after_a_minute_without_an_act(page: Page, kiosk: str, core: CoreDouble) -> None:
    page.clock.install()
    Visitor(page, kiosk).register(NUMBER, ["registration"])
    page.clock.run_for(45_000)
    expect(page.locator("#countdown")).to_be_visible()
    page.keyboard.press("Shift")
    page.clock.run_for(1_000)
    expect(page.locator("#countdown")).to_be_hidden()
    page.clock.run_for(50_000)
    expect(page.locator("body")).to_have_attribute("data-page", "done")
    page.clock.run_for(11_000)
    page.wait_for_selector("body[data-page=start]")
    assert len(core.of("end")) == 1


def test_the_next_visitor_finds_nothing_of_the_one_before(page: Page, kiosk: str) -> None:
    visitor = Visitor(page, kiosk)
    visitor.register(NUMBER, ["registration"], name="王女士")
    visitor.finish()
    for _ in range(4):
        page.go_back()
        page.wait_for_load_state()
        assert NUMBER not in page.content()
        assert page.locator("#phone").count() == 0 or page.input_value("#phone") == ""
        assert page.locator("#name").count() == 0 or page.input_value("#name") == ""
        assert page.locator("#outcome").count() == 0
    assert [c["name"] for c in page.context.cookies()] == ["gatehouse_kiosk"]


def test_an_impatient_double_tap_registers_once(page: Page, kiosk: str, core: CoreDouble) -> None:
    gate = core.hold("register")
    page.goto(kiosk)
    page.click("#start-register")
    page.click("label[for=scope_registration-yes]")
    page.fill("#phone", NUMBER)
    page.dblclick("#register-submit", no_wait_after=True)
    gate.set()
    page.wait_for_selector("body[data-page=done]")
    assert len(core.of("register")) == 1


def test_a_returning_visitor_is_known_at_once(page: Page, kiosk: str, core: CoreDouble) -> None:
    core.script(
        "register",
        Registered(outcome="registered", returning=True, visits_before=1, active=(Scope.REGISTRATION,)),
    )
    seen = Visitor(page, kiosk).register(NUMBER, ["registration"])
    assert (seen["returning"], seen["visits_before"]) == ("true", "1")
    expect(page.locator("#returning")).to_contain_text("第 2 次来访")


def test_a_core_that_is_away_is_said_kindly_and_refusing_still_works(
    page: Page, kiosk: str, core: CoreDouble
) -> None:
    visitor = Visitor(page, kiosk)
    core.stop()
    assert visitor.decline()["outcome"] == "declined"
    visitor.open()
    page.click("#start-register")
    expect(page.locator("[data-outcome=trouble]")).to_have_attribute("data-trouble", "silent")
    page.click("#back")
    expect(page.locator("body")).to_have_attribute("data-page", "start")


def test_p35_over_tls_the_cookie_is_secure_and_an_old_protocol_fails(
    core: CoreDouble, tmp_path: Path
) -> None:
    make_ca(tmp_path)
    own = issue(tmp_path, "kiosk", server=True, san=("127.0.0.1", "localhost"))
    with _serve(core, own.cert, own.key) as port:
        answer = httpx.get(
            f"https://127.0.0.1:{port}/", verify=ssl.create_default_context(cafile=str(own.ca))
        )
        assert answer.status_code == 200
        assert "Secure" in answer.headers["set-cookie"]
        old = ssl.create_default_context(cafile=str(own.ca))
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(httpx.ConnectError, match=r"EOF|ALERT|reset"):
            httpx.get(f"https://127.0.0.1:{port}/", verify=old)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/")
