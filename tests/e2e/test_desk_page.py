"""Receptionists in a real Chromium, visitors in another, and the core's real services behind both."""

import re
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from edge.ipc.operator import ReportRow
from edge.runtime import counter
from edge.wire import Purpose, Scope
from scripts.site.visitor import CHROMIUM, CHROMIUM_ARGS, Visitor
from tests.e2e.desk_rig import PIN, DeskRig
from tests.e2e.test_kiosk_page import TARGET_PX, _serve
from tests.unit.runtime.rules import books

NUMBER = "13800138000"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture
def rig() -> Iterator[DeskRig]:
    with tempfile.TemporaryDirectory(prefix="gh-") as directory, DeskRig(Path(directory)) as rig:
        yield rig


@pytest.fixture
def url(rig: DeskRig) -> Iterator[str]:
    with _serve(rig) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


@pytest.fixture
def tablet(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def sign_in(page: Page, url: str, number: int, pin: str = PIN) -> None:
    page.goto(f"{url}/desk")
    page.fill("#number", str(number))
    page.fill("#pin", pin)
    page.click("#enter")


def on_shift(page: Page, url: str, number: int) -> None:
    sign_in(page, url, number)
    page.click("#read")
    page.click("#shift-begin")
    expect(page.locator("#shift-end")).to_be_visible()


def test_p7_the_first_sign_in_shows_what_is_recorded_and_a_shift_follows_it(
    page: Page, rig: DeskRig, url: str
) -> None:
    number = rig.add("王小明")
    sign_in(page, url, number)
    expect(page.locator("body")).to_have_attribute("data-page", "desk-notice")
    expect(page.locator("article")).to_contain_text("不另行征求同意")
    page.click("#read")
    expect(page.locator("body")).to_have_attribute("data-page", "desk")
    expect(page.locator("#my-name")).to_have_text(f"王小明 · {number}")
    page.click("#shift-begin")
    expect(page.locator(".turns li.next")).to_contain_text("王小明")
    page.click("#sign-out")
    expect(page.locator("body")).to_have_attribute("data-page", "desk-door")
    sign_in(page, url, number)
    expect(page.locator("body")).to_have_attribute("data-page", "desk")
    expect(page.locator("#shift-end")).to_be_visible()


def test_a_wrong_pin_shows_nothing_and_is_slowed_down(page: Page, rig: DeskRig, url: str) -> None:
    number = rig.add("王小明")
    for _ in range(5):
        sign_in(page, url, number, "771503")
        expect(page.locator("#alert")).to_contain_text("工号或密码不对")
        expect(page.locator("#number")).to_have_value(str(number))
        expect(page.locator("#pin")).to_be_focused()
        assert page.locator("#pin").input_value() == ""
    page.click("#switch-language")
    expect(page.locator("h1")).to_have_text("Receptionists sign in")
    sign_in(page, url, number)
    expect(page.locator("#alert")).to_contain_text("请等一会儿")
    assert "王小明" not in page.content()


def test_p13_a_visitor_appears_at_once_with_the_history_that_they_permit(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    on_shift(page, url, rig.add("王小明"))
    visitor = Visitor(tablet, url)
    visitor.register(NUMBER, ["registration"], name="欧阳晓晴", party=3)
    began = time.monotonic()
    guest = page.locator("article.guest")
    expect(guest).to_contain_text("欧阳晓晴", timeout=5_000)
    assert time.monotonic() - began < 5
    expect(guest).to_contain_text(re.compile(r"138\*\*\*\*8000.*3 位.*首访", re.DOTALL))
    expect(guest.locator("label")).to_have_text("轮到")
    guest.get_by_role("button", name="确定").click()
    expect(page.locator("article.guest label")).to_have_text("接待人")
    leave = page.locator("article.guest").get_by_role("button", name="已离开")
    leave.focus()
    focused = page.evaluate("document.activeElement.id")
    visitor.register("13800138001", ["registration"])
    expect(page.locator("article.guest")).to_have_count(2, timeout=5_000)
    # Who works by the keyboard keeps their place when the page changes.
    assert focused and page.evaluate("document.activeElement.id") == focused
    page.keyboard.press("Enter")
    expect(page.locator("article.guest")).to_have_count(1)
    page.locator("article.guest").get_by_role("button", name="已离开").click()
    expect(page.locator("article.guest")).to_have_count(0)
    (row,) = rig.call(
        rig.store._database.query,
        "SELECT departed_ms, departure_estimated FROM visits ORDER BY arrived_ms LIMIT 1",
    )
    assert row.integer("departed_ms") and row.integer("departure_estimated") == 0
    visitor.register(NUMBER, ["registration"])
    expect(page.locator("article.guest")).to_contain_text(
        re.compile(r"复访，第 2 次.*王小明", re.DOTALL), timeout=5_000
    )


def test_a_report_shows_as_reported_here_and_nowhere_that_a_visitor_looks(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    """An agent is told nothing: every screen of the visitor's is the same with and without a report."""
    on_shift(page, url, rig.add("王小明"))
    screens = []
    for number, reported in (("13800138001", False), ("13800138002", True)):
        if reported:
            row = ReportRow(
                ref="R1", phone=number, channel="某渠道", agent="李经纪", reported_ms=1_700_000_000_000
            )
            rig.call(books(rig.office, rig.risk).import_rows, (row,))
        visitor = Visitor(tablet, url)
        visitor.register(number, ["registration", "channel_risk"], source="walk_in")
        screens.append(re.sub(r'value="[0-9a-f]{64}"', "", tablet.content()))
    assert screens[0] == screens[1]
    expect(page.locator(".reported")).to_have_count(1, timeout=5_000)
    expect(page.locator("article.guest", has_text="138****8002").locator(".reported")).to_have_text("已报备")
    assert not re.search(r"某渠道|李经纪|RISK|NORMAL", page.content())


def test_what_was_typed_wrongly_is_corrected_at_the_desk(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    """P4: number, name and party; the wrong number is nowhere any more, who did it is in the audit."""
    number = rig.add("王小明")
    on_shift(page, url, number)
    Visitor(tablet, url).register("13800138009", ["registration"], name="欧阳小晴", party=3)
    page.locator("article.guest").get_by_role("link", name="更正").click()
    expect(page.locator("body")).to_have_attribute("data-page", "desk-correct")
    page.fill("#phone", "1380013")
    page.click("#save")
    expect(page.locator("#error-phone")).to_contain_text("不像手机号")
    page.fill("#phone", NUMBER)
    page.fill("#name", "欧阳晓晴")
    page.fill("#party_size", "2")
    page.click("#save")
    expect(page.locator("#saved")).to_have_text("已更正。")
    guest = page.locator("article.guest")
    expect(guest).to_contain_text(re.compile(r"欧阳晓晴.*138\*\*\*\*8000.*2 位", re.DOTALL))
    expect(guest).not_to_contain_text("8009")
    find = rig.rights.find
    assert rig.call(find, "+8613800138009") == () and len(rig.call(find, "+86" + NUMBER)) == 1
    rows = rig.call(rig.store._database.query, "SELECT code, subject FROM audit WHERE code LIKE 'desk_%'")
    assert [row.text("code") for row in rows] == [
        "desk_corrected_number", "desk_corrected_name", "desk_corrected_party",
    ]  # fmt: skip
    assert all(row.text("subject").endswith(f".staff{number}") for row in rows)
    expect(tablet.locator("body")).not_to_contain_text("8009")


def test_p29_a_number_that_ended_its_registration_is_not_entered_again(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    """The desk isn't told why: whoever it is can register by themselves."""
    visitor = Visitor(tablet, url)
    visitor.register(NUMBER, ["registration"])
    rig.call(rig.rights.withdraw, NUMBER, frozenset({Scope.REGISTRATION}))
    Visitor(tablet, url).register("13800138009", ["registration"])
    on_shift(page, url, rig.add("王小明"))
    page.locator("article.guest").get_by_role("link", name="更正").click()
    page.fill("#phone", NUMBER)
    page.click("#save")
    expect(page.locator("#error-phone")).to_contain_text("自己登记")
    page.click("#back")
    expect(page.locator("article.guest")).to_contain_text("138****8009")


def test_two_records_of_one_person_become_one_at_the_desk(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    """P4: who did it is in the audit; the page shows nothing of the other record before."""
    number = rig.add("王小明")
    visitor = Visitor(tablet, url)
    visitor.register(NUMBER, ["registration"], name="欧阳")
    rig.call(rig.departures.by_number, NUMBER)
    visitor.register("13800138009", ["registration"], name="欧阳晓晴")
    on_shift(page, url, number)
    guest = page.locator("article.guest")
    expect(guest).to_contain_text("首访")
    guest.get_by_role("link", name="更正").click()
    page.click("#to-merge")
    expect(page.locator("body")).to_have_attribute("data-page", "desk-merge")
    expect(page.locator("body")).to_contain_text("138****8009")
    page.fill("#phone", NUMBER)
    page.click("#save")
    expect(page.locator("#error-said")).to_contain_text("先问访客")
    expect(page.locator("#phone")).to_have_value(NUMBER)
    page.click("label[for=said]")
    page.fill("#phone", "13800138007")
    page.click("#save")
    expect(page.locator("#error-phone")).to_contain_text("没有可以合并")
    page.fill("#phone", NUMBER)
    page.click("#save")
    expect(guest).to_contain_text(re.compile(r"欧阳晓晴.*138\*\*\*\*8009", re.DOTALL))
    expect(guest).not_to_contain_text("首访")
    assert len(rig.call(rig.rights.find, "+86" + NUMBER)) == 1
    assert rig.call(rig.rights.find, "+86" + NUMBER) == rig.call(rig.rights.find, "+8613800138009")
    rows = rig.call(rig.store._database.query, "SELECT subject FROM audit WHERE code = 'desk_merged'")
    assert [row.text("subject").rpartition(".")[2] for row in rows] == [f"staff{number}"]


def test_a_receptionists_look_lets_a_buyers_yes_reach_earlier_visits(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    """P14: she looks, the buyer taps, and their earlier visit counts at once; she stands in the audit."""
    number = rig.add("王小明")
    visitor = Visitor(tablet, url)
    visitor.register(NUMBER, ["registration"], name="欧阳晓晴")
    on_shift(page, url, number)
    page.locator("article.guest").get_by_role("link", name="更正").click()
    page.click("#to-vouch")
    page.click("#vouch-do")
    expect(page.locator("#error-seen")).to_contain_text("先看证件和号码")
    page.click("label[for=seen]")
    page.click("#vouch-do")
    expect(page.locator("#vouched")).to_contain_text("平板首页")
    visitor.open()
    tablet.click("#start-buyer")
    tablet.fill("#phone", NUMBER)
    tablet.click("label[for=scope_channel_risk-yes]")
    tablet.click("#buyer-submit")
    expect(tablet.locator("#outcome")).to_have_attribute("data-reach", "all")
    token = rig.office.tokens.token("channel_risk", "+86" + NUMBER)
    lookup = rig.office.gate.permit_lookup(Purpose.CHANNEL_RISK)
    customer = rig.call(rig.store.dossiers, lookup, [token]).customers[token]
    assert [one.kind for one in customer.presences] == ["registration"]
    rows = rig.call(rig.store._database.query, "SELECT subject FROM audit WHERE code = 'desk_vouched'")
    assert [row.text("subject").rpartition(".")[2] for row in rows] == [f"staff{number}"]


def test_a_tap_by_mistake_is_taken_back(page: Page, tablet: Page, rig: DeskRig, url: str) -> None:
    """Within ten minutes; who has no number is gone with the tap, and the button says so before."""
    on_shift(page, url, rig.add("王小明"))
    Visitor(tablet, url).register(NUMBER, ["registration"], name="欧阳晓晴")
    page.locator("article.guest").get_by_role("button", name="已离开", exact=True).click()
    expect(page.locator("article.guest")).to_have_count(0)
    page.locator("[data-left]", has_text="欧阳晓晴").get_by_role("button", name="还没走，撤销").click()
    expect(page.locator("article.guest")).to_contain_text("欧阳晓晴")
    expect(page.locator("[data-left]")).to_have_count(0)
    Visitor(tablet, url).register(None, ["registration"])
    expect(page.locator("article.guest", has_text="没有手机")).to_be_visible(timeout=5_000)
    page.locator("article.guest", has_text="没有手机").get_by_role("button", name="已离开，并删除").click()
    expect(page.locator("article.guest")).to_have_count(1)
    expect(page.locator("[data-left]")).to_have_count(0)


def test_who_comes_for_an_appointment_is_here_by_one_tap(
    page: Page, tablet: Page, rig: DeskRig, url: str
) -> None:
    """Agreed on at the desk; the tap makes the visit and its evidence; a wrong one is taken back whole."""
    number = rig.add("王小明")
    on_shift(page, url, number)
    Visitor(tablet, url).register(NUMBER, ["registration"], name="欧阳晓晴", party=2)
    page.locator("article.guest").get_by_role("link", name="预约").click()
    expect(page.locator("body")).to_have_attribute("data-page", "desk-appoint")
    page.keyboard.press("Tab")
    page.click("#save")
    expect(page.locator("#error-day")).to_contain_text("请选日期")
    expect(page.locator("#day")).to_be_focused()
    tomorrow = datetime.now().astimezone() + timedelta(days=1)
    page.fill("#day", tomorrow.strftime("%Y-%m-%d"))
    page.fill("#time", "14:00")
    page.click("#save")
    expect(page.locator("#appointed")).to_have_text("已记下预约。")
    listed = page.locator("#appointments li")
    expect(listed).to_contain_text(re.compile(tomorrow.strftime("%m-%d 14:00.*欧阳晓晴.*2 位"), re.DOTALL))
    expect(listed.get_by_role("button", name="来了")).to_have_count(0)
    page.locator("article.guest").get_by_role("button", name="已离开").click()
    rig.call(rig.store._database.run, "UPDATE appointments SET due_ms = due_ms - 86400000")  # a day goes by
    listed.get_by_role("button", name="来了 欧阳晓晴").click(timeout=5_000)
    expect(page.locator("article.guest")).to_contain_text(
        re.compile(r"欧阳晓晴.*2 位.*复访，第 2 次", re.DOTALL)
    )
    signs = "SELECT kind FROM evidence WHERE visit = (SELECT kept_in FROM appointments)"
    assert [row.text("kind") for row in rig.call(rig.store._database.query, signs)] == ["appointment"]
    listed.get_by_role("button", name="没有来，撤销 欧阳晓晴").click()
    expect(page.locator("article.guest")).to_have_count(0)
    assert rig.call(rig.store._database.count, "SELECT count(*) FROM evidence") == 1
    listed.get_by_role("button", name="取消预约").click()
    expect(listed).to_have_count(0)
    rows = rig.call(
        rig.store._database.query, "SELECT code FROM audit WHERE code LIKE 'desk_%' ORDER BY rowid"
    )
    assert {row.text("code") for row in rows} == {
        "desk_appointed", "desk_left", "desk_came", "desk_not_came", "desk_appointment_off",
    }  # fmt: skip


def test_a_form_on_paper_is_typed_in_at_the_desk(page: Page, rig: DeskRig, url: str) -> None:
    """P29: an error loses nothing typed; who entered it is in the audit; who withdrew isn't entered."""
    number = rig.add("王小明")
    on_shift(page, url, number)
    page.click("#paper")
    page.click("#paper-blank")
    code = page.locator("#code").inner_text()
    assert code.replace(" ", "") == rig.office.notice.hash[:8]
    page.click("#back")
    page.fill("#phone", NUMBER)
    page.fill("#name", "欧阳晓晴")
    for choice in ("fourteen-yes", "scope_registration-yes", "scope_channel_risk-none", "ended-unknown"):
        page.click(f"label[for={choice}]")
    page.select_option("#day", index=2)  # yesterday: the first is none
    page.fill("#arrived", "10:30")
    page.fill("#code", "0000 0000")
    page.click("#paper-save")
    expect(page.locator("#error-code")).to_contain_text("不认识这个编号")
    expect(page.locator("#name")).to_have_value("欧阳晓晴")
    page.fill("#code", code)
    page.click("#paper-save")
    expect(page.locator("#paper-kept")).to_contain_text("已补录")
    (row,) = rig.call(rig.store._database.query, "SELECT visit, entered_ms, departure_estimated FROM visits")
    assert row.integer("entered_ms") and row.integer("departure_estimated") == 1
    (audited,) = rig.call(rig.store._database.query, "SELECT subject FROM audit WHERE code LIKE 'desk_%'")
    assert audited.text("subject") == f"{row.text('visit')}.staff{number}"
    rig.call(rig.rights.withdraw, NUMBER, frozenset({Scope.REGISTRATION}))
    page.click("#paper")
    page.fill("#phone", NUMBER)
    for choice in ("fourteen-yes", "scope_registration-yes", "scope_channel_risk-no", "ended-unknown"):
        page.click(f"label[for={choice}]")
    page.select_option("#day", index=3)
    page.fill("#arrived", "1030")
    page.fill("#code", code)
    page.click("#paper-save")
    expect(page.locator("#error-phone")).to_contain_text("自己登记")


def test_without_an_act_the_page_locks_itself(page: Page, rig: DeskRig, url: str) -> None:
    on_shift(page, url, rig.add("王小明"))
    (session,) = rig.counter._sessions.values()
    session.touched -= counter.LOCK_S
    expect(page.locator("body")).to_have_attribute("data-page", "desk-door", timeout=5_000)


def test_the_desk_is_closed_to_whoever_has_no_session(page: Page, rig: DeskRig, url: str) -> None:
    page.goto(f"{url}/desk")
    expect(page.locator("body")).to_have_attribute("data-page", "desk-door")
    assert page.request.get(f"{url}/desk/live").status == 401
    cookie = next(c for c in page.context.cookies() if c["name"] == "gatehouse_desk")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/desk")
    errands = (
        "shift",
        "turn",
        "receive",
        "leave",
        "sign-out",
        "notice",
        "correct",
        "merge",
        "reopen",
        "paper",
    )
    for path in errands:
        assert page.request.post(f"{url}/desk/{path}", form={"csrf": "0" * 64}).status == 403


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_everything_to_tap_is_large_enough_and_named(
    page: Page, tablet: Page, rig: DeskRig, url: str, lang: str
) -> None:
    on_shift(page, url, rig.add("王小明"))
    Visitor(tablet, url).register(NUMBER, ["registration"], name="欧阳晓晴")
    page.goto(f"{url}/desk?lang={lang}")
    expect(page.locator("article.guest")).to_be_visible()
    for target in page.locator("a, button:not(.default), select").all():
        box = target.bounding_box()
        assert box and min(box["height"], box["width"]) >= TARGET_PX
        expect(target).to_have_accessible_name(re.compile(r"\S"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
