"""The visitor's own page, from the code on the kiosk's screen to the receipt of erasure; all of it real.

A telephone-sized Chromium reads the code from a picture of the kiosk's screen and opens headquarters' page.
"""

import base64
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from edge.domain.rightslink import open_package, parts
from scripts.site.place import Options, Place
from scripts.site.processes import until
from scripts.site.visitor import CHROMIUM, CHROMIUM_ARGS, Visitor
from tests.contract.wire_checker import check_payload, record_kinds

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ANNA, BEN = "13800138211", "13800138212"
TELEPHONE: ViewportSize = {"width": 390, "height": 844}
SLOW_MS = 30_000


@dataclass
class Site:
    place: Place
    kiosk: Page
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    """What pages wrote to their console as errors."""

    def register(self, number: str, *scopes: str) -> str:
        """Register at the kiosk; return what the code on the screen says, read as a camera does."""
        seen = Visitor(self.kiosk, self.place.kiosk_url).register(number, ("registration", *scopes))
        assert seen["outcome"] == "registered"
        shot = np.frombuffer(self.kiosk.locator("#code-picture").screenshot(), np.uint8)
        picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
        assert picture is not None
        said, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(picture)
        assert said == self.kiosk.locator("#code-letters").text_content()
        return said

    def telephone(self, address: str, locale: str = "zh-CN") -> Page:
        context = self.browser.new_context(viewport=TELEPHONE, locale=locale)
        page = context.new_page()
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective))"
        )
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.goto(address)
        return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    options = Options(cameras=False, terminal=False, phone=False)
    with Place(tmp_path_factory.mktemp("page"), options) as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
        kiosk = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        yield Site(place, kiosk, browser)
        browser.close()


def opened(page: Page) -> None:
    expect(page.locator("#content[data-state=held] #scopes")).to_be_visible(timeout=SLOW_MS)


def headquarters_bytes(site: Site) -> bytes:
    """Everything that headquarters has on its disk, and everything that crossed the broker."""
    files = [f for f in site.place.headquarters_directory.iterdir() if f.is_file()]
    traffic = [one.topic.encode() + one.payload for one in site.place.wiretap.heard]
    logs = [f.read_bytes() for f in site.place.logs.glob("*.log")]
    return b"\n".join([*(f.read_bytes() for f in files), *traffic, *logs])


def spellings(secret: bytes) -> list[bytes]:
    plain, url = base64.b64encode(secret), base64.urlsafe_b64encode(secret)
    return [secret, secret.hex().encode(), plain.rstrip(b"="), url.rstrip(b"=")]


def test_from_the_code_to_the_receipt_P40_P41_P43(site: Site) -> None:
    """See, withdraw, complain, erase: each comes back from the box, and headquarters read none of it."""
    code = site.register(ANNA, "face_match")
    link, secret = parts(code)
    page = site.telephone(code)
    opened(page)
    expect(page.locator("#content")).to_contain_text("+86138****8211")
    expect(page.locator("[data-scope=face_match]")).to_have_attribute("data-state", "ACTIVE")

    page.locator("[data-scope=face_match] button").click()
    page.locator("[data-scope=face_match] button.sure").click()
    expect(page.locator("[data-scope=face_match][data-state=WITHDRAWN]")).to_be_visible(timeout=SLOW_MS)
    until("the withdrawal at headquarters", lambda: bool(site.place.ledger("withdrawal")), 30)

    page.locator("#complain summary").click()
    page.locator("#words-complain").fill("等了太久，没有人解释这张表格。")
    page.locator("#complain form button").click()
    complaint = page.locator("[data-act=complain]")
    expect(complaint).to_have_attribute("data-state", "waits", timeout=SLOW_MS)
    expect(complaint).to_contain_text("15 个工作日")

    page.locator("#erase summary").click()
    page.locator("#erase .inside button").click()
    page.locator("#erase button.sure").click()
    expect(page.locator("#receipt")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("#over")).to_have_text("您的资料已经全部删除。")
    assert site.place.ledger("erasure_receipt")
    page.reload()
    expect(page.locator("#receipt")).to_be_visible(timeout=SLOW_MS)
    assert site.complaints == []

    found = headquarters_bytes(site)
    assert not [form for form in spellings(secret) if form in found]
    for text in (ANNA, "等了太久", "138****8211"):
        assert text.encode() not in found
    assert link.encode() in found, "the same search finds what is there"
    held = [row["record"] for row in site.place.ledger("rights_package") if row["record"] is not None]
    sealed = held[-1]["sealed"]
    assert sealed.encode() in found
    assert b"erased" in open_package(secret, link, sealed)


def test_without_the_right_key_nothing_is_shown_and_an_unknown_link_looks_the_same_P32_P40(
    site: Site,
) -> None:
    code = site.register(BEN)
    link, _ = parts(code)
    mine = site.telephone(code)
    opened(mine)
    stranger = "0" * 32
    for address in (f"{code[:-6]}AAAAAA", code.replace(link, stranger)):
        page = site.telephone(address)
        expect(page.locator("#status")).to_contain_text("打不开任何内容", timeout=SLOW_MS)
        assert page.locator("#content").text_content() == ""
        page.close()
    bare = site.telephone(code.partition("#")[0])
    expect(bare.locator("#status")).to_contain_text("地址不完整")
    request = bare.request
    origin = site.place.headquarters_url
    answers = [request.get(f"{origin}/r/{one}/package") for one in (link, stranger)]
    assert len({len(a.body()) for a in answers}) == 1
    same = [{k: v for k, v in a.headers.items() if k != "date"} for a in answers]
    assert same[0] == same[1] and answers[0].status == answers[1].status == 200
    assert "set-cookie" not in same[0]
    again = request.get(f"{origin}/r/{stranger}/package")
    assert again.body() == answers[1].body(), "what doesn't exist doesn't change either"
    assert bare.context.cookies() == []


def test_the_page_in_english_and_a_copy_of_what_it_shows(site: Site, tmp_path: Path) -> None:
    code = site.register("13800138213", "channel_risk")
    page = site.telephone(code, "en-GB")
    opened(page)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#title")).to_have_text("My data and rights")
    page.locator("#copy summary").click()
    with page.expect_download() as download:
        page.locator("#copy button").first.click()
    download.value.save_as(tmp_path / "copy.json")
    assert '"number": "+86138****8213"' in (tmp_path / "copy.json").read_text("utf-8")
    page.locator("#language").click()
    expect(page.locator("#title")).to_have_text("我的资料与权利")


def test_a_second_registration_under_the_number_shows_its_bearer_nothing_of_the_first_P40(site: Site) -> None:
    """Anybody can type a number: neither code shows what was given at the other registration."""
    number = "13800138214"
    first = site.telephone(site.register(number, "face_match"))
    opened(first)
    second = site.telephone(site.register(number, "channel_risk"))
    opened(second)
    expect(second.locator("#content")).to_contain_text("只显示您那一次登记")
    expect(second.locator("#visits li")).to_have_count(1)
    expect(second.locator("[data-what=number]")).to_have_count(0)
    second.locator("#erase summary").click()
    second.locator("#erase .inside button").click()
    second.locator("#erase button.sure").click()
    waits = second.locator("[data-act=erase][data-state=waits]")
    expect(waits).to_contain_text("确认您本人", timeout=SLOW_MS)
    first.reload()
    opened(first)
    expect(first.locator("#visits li")).to_have_count(1)
    assert not [r for r in site.place.ledger("erasure_receipt") if r["record"]["rows"].get("visits", 0) == 2]


def test_every_byte_on_the_wire_is_allowed_and_packages_were_among_them_P6(site: Site) -> None:
    heard = site.place.wiretap.heard
    assert not [found for one in heard if (found := check_payload(one.payload))]
    kinds = {kind for one in heard if one.topic.endswith("batch") for kind in record_kinds(one.payload)}
    assert "rights_package" in kinds
    orders = [one.payload for one in heard if one.topic.endswith("command")]
    assert any(b'"rights_request"' in payload for payload in orders)


def test_headquarters_keeps_one_package_of_each_link_and_no_request_once_answered(site: Site) -> None:
    with sqlite3.connect(site.place.headquarters_directory / "headquarters.db") as tables:
        links = [row[0] for row in tables.execute("SELECT link_id FROM packages")]
        assert len(links) == len(set(links)) >= 4
        assert tables.execute("SELECT count(*) FROM requests WHERE sealed IS NOT NULL").fetchone() == (0,)
        codes = {row[0] for row in tables.execute("SELECT code FROM requests")}
    assert {"carried_out", "complaint_noted"} <= codes
