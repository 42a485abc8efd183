"""The pages in a real Chromium: first link, password, login, every page in both languages, no CSP breach.

With GATEHOUSE_SCREENSHOTS=DIR the pages are also saved there as pictures.
"""

import os
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FilePayload,
    Page,
    sync_playwright,
)
from sqlalchemy import select

from cloud.config import load
from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store import schema
from cloud.store.database import Database, open_database
from edge import wire
from edge.domain.judging.case import Blind
from scripts.site.broker import free_port
from tests.e2e.headquarters import Process, cli, running
from tests.unit.cloud import records
from tests.unit.cloud.findings import case, finding
from tests.unit.cloud.signer import NOON, Signer, entry, hexid

pytestmark = pytest.mark.e2e
PASSWORD = "correct horse battery"
MINUTE = 60_000
PAGES = (
    "/", "/visits", "/calls", "/risk", "/risk/harbour/deal", "/risk/harbour/deal/D-2026-031",
    "/risk/harbour/report/R-20940", "/rights",
    "/books/imports", "/operations", "/people", "/books",
    "/books/channels",
)  # fmt: skip


@dataclass
class Headquarters:
    """A served headquarters with its database at hand."""

    config: Path
    url: str
    database: Database
    process: Process
    signer: Signer = field(default_factory=Signer)

    @property
    def first_link(self) -> str:
        return self.process.wait_for("first password").split()[-1]


def afternoon() -> str:
    """Return a time zone in which it is between 15 and 16 o'clock, so that a lively day lies behind."""
    ahead = (15 - time.gmtime().tm_hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@pytest.fixture
def hq(tmp_path: Path) -> Iterator[Headquarters]:
    cli("init", str(tmp_path / "hq"))
    config = tmp_path / "hq" / "headquarters.toml"
    port = free_port()
    text = config.read_text().replace("8080", str(port)).replace("Asia/Shanghai", afternoon())
    config.write_text(text)
    with running("web", "--config", str(config)) as process:
        process.wait_for("pages:")
        database = open_database(load(config).database.url)
        yield Headquarters(config, f"http://127.0.0.1:{port}", database, process)
        database.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield launched
        launched.close()


@dataclass
class Watched:
    """A page whose console, errors, CSP violations and foreign requests are collected."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")


def watch(context: BrowserContext, url: str) -> Watched:
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
    )
    watched = Watched(context.new_page())
    watched.page.on("console", watched.on_console)
    watched.page.on("pageerror", lambda error: watched.faults.append(f"script: {error}"))
    watched.page.on(
        "request",
        lambda r: None if r.url.startswith(url) else watched.faults.append(f"request to {r.url}"),
    )
    return watched


@pytest.fixture
def watched(browser: Browser, hq: Headquarters) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="zh-CN")
    page = watch(context, hq.url)
    yield page
    context.close()
    assert page.faults == []


def log_in(page: Page, hq: Headquarters) -> None:
    page.goto(hq.first_link)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button")
    page.fill("#username", "admin")
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_url(f"{hq.url}/")


def seed(hq: Headquarters) -> None:
    """Let a box report one lively day; times lie before now."""
    now = time.time_ns() // 1_000_000
    signer = hq.signer

    def token(number: int) -> str:
        return f"registration:{f'{number:x}7e':0<64}"

    hq.database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=now))
    made: list[wire.Record] = []
    risk = "channel_risk:" + "5a" * 32
    for n, (ago, stay, returning, party) in enumerate(
        (
            (95, 41, False, 2),
            (70, 22, True, 1),
            (48, None, False, 3),
            (20, None, True, 2),
            (3, None, False, 1),
        ),
        1,
    ):
        arrived = now - ago * MINUTE
        basis = wire.Basis(kind=wire.BasisKind.CONSENT, scope=wire.Scope.REGISTRATION)
        kinds = ["registration", *(["face_confirmed"] if returning else []), *(["id_card"] if n == 3 else [])]
        evidence = tuple(wire.Evidence(kind=k, at_ms=arrived, basis=basis) for k in kinds)
        departed = arrived + stay * MINUTE if stay else None
        who = token(0xA3F100 + n * 4099)
        made.append(
            records.visit(
                visit_id=hexid(n), who=who, returning=returning, party_size=party,
                arrived_ms=arrived, departed_ms=departed, evidence=evidence,
            )
        )  # fmt: skip
        for scope in ("registration", "face_match"):
            made.append(records.consent(who=who, scope=scope, at_ms=arrived))
    for n, (ago, length, answered, recorded) in enumerate(
        ((90, 132, True, True), (33, 48, True, False), (12, 0, False, False)), 50
    ):
        made.append(
            records.call(
                call_id=hexid(n), started_ms=now - ago * MINUTE, duration_ms=length * 1000, answered=answered,
                notice_played=answered, recorded=recorded, recorded_ms=length * 900 if recorded else 0,
                who="recording:" + "c4" * 32 if recorded else None,
                mos_x100=431 if answered else None, loss_permille=2 if answered else None,
            )
        )  # fmt: skip
    deals = ("D-2026-031", "D-2026-029", "D-2026-033")
    rival = {"rival": True, "contradicts": True}
    off = (Blind(NOON - 25 * MINUTE, NOON - 11 * MINUTE),)
    made += [
        finding(signer, case(None, deal=deals[0]), ref=deals[0], decided_ms=now - 9 * MINUTE),
        finding(signer, case(-12, deal=deals[0], **rival), ref=deals[0], version=2, decided_ms=now - 120_000),
        finding(signer, case(185, deal=deals[1]), ref=deals[1], channel="beta", decided_ms=now - 240_000),
        finding(signer, case(None, deal=deals[2]), ref=deals[2], decided_ms=now - 5 * MINUTE),
        finding(signer, case(-40), ref="R-20931", who=risk, decided_ms=now - 2 * MINUTE),
        finding(signer, case(95), ref="R-20918", decided_ms=now - 2 * MINUTE),
        finding(signer, case(30, blind=off), ref="R-20940", channel="beta", decided_ms=now - 3 * MINUTE),
        finding(signer, case(None), ref="R-20941", channel="beta", decided_ms=now - 3 * MINUTE),
        records.verdict(report_ref="R-19007", verdict_id=hexid(73), verdict="UNKNOWN", who=risk,
                        reasons=("no_report_time",), reported_ms=None, decided_ms=now - 20 * MINUTE),
        records.health(device="entrance", since_ms=now - 200 * MINUTE),
        records.health(device="desk", since_ms=now - 31 * MINUTE, state="auth_failed", code="auth_refused"),
        records.health(device="terminal", since_ms=now - 200 * MINUTE),
        records.health(device="phone", since_ms=now - 199 * MINUTE),
        records.blind(device="desk", from_ms=now - 31 * MINUTE, to_ms=now - 4 * MINUTE, cause="auth_refused"),
    ]  # fmt: skip
    for n, count in enumerate((6, 7, 9, 5, 12, 9, 18, 14, 10, 8, 5, 7, 11, 9, 16, 21, 24, 17, 15, 23, 19)):
        start = now - (330 - n * 15) * MINUTE
        made.append(records.footfall(from_ms=start, to_ms=start + 15 * MINUTE, count=count))
    raw = [entry(n, record, wall_ms=now) for n, record in enumerate(made, 1)]
    raw.append(entry(len(raw) + 2, records.call(call_id=hexid(99))) | {"phone": "x"})
    intake = Intake(hq.database, SigningKey.load(load(hq.config).signing.key))
    assert intake.accept(signer.topics.batch, signer.batch(raw))
    assert intake.accept(signer.topics.batch, Signer(topics=signer.topics).batch(raw)) is None


def answer_erasure(hq: Headquarters) -> None:
    """Play the box: answer the open erasure with a receipt."""
    with hq.database.read() as connection:
        command = connection.execute(select(schema.commands)).mappings().one()
    now = time.time_ns() // 1_000_000
    receipt = records.erasure(
        command_id=command["command_id"], who=command["who"], at_ms=now, keys_destroyed=2,
        rows={"consents": 2, "contacts": 1, "person_tokens": 1, "visits": 1},
    )  # fmt: skip
    intake = Intake(hq.database, SigningKey.load(load(hq.config).signing.key))
    assert intake.accept(hq.signer.topics.batch, hq.signer.batch([entry(900, receipt, wall_ms=now)]))


def picture(page: Page, name: str) -> None:
    directory = os.environ.get("GATEHOUSE_SCREENSHOTS")
    if directory:
        page.screenshot(path=f"{directory}/headquarters-{name}.png", full_page=False)


def test_the_first_start_prints_one_link_that_works_once(watched: Watched, hq: Headquarters) -> None:
    page = watched.page
    page.goto(f"{hq.url}/visits")
    assert page.url == f"{hq.url}/login"
    picture(page, "login")
    log_in(page, hq)
    assert page.locator("h1").inner_text() == "今日总览"
    page.goto(hq.first_link)
    assert "链接无效" in page.locator("main").inner_text()
    # Chromium itself reports the 404 of that page; it is meant here.
    watched.faults = [f for f in watched.faults if "404" not in f]
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict"), "P33: one session cookie only"


def test_every_page_speaks_both_languages_and_breaks_no_policy(watched: Watched, hq: Headquarters) -> None:
    page = watched.page
    seed(hq)
    log_in(page, hq)
    for language, tag in (("zh", "zh-CN"), ("en", "en")):
        for path in PAGES:
            page.goto(f"{hq.url}{path}?lang={language}")
            assert page.locator("html").get_attribute("lang") == tag
            assert page.locator("h1").count() == 1
            assert not re.search(r"7e0{8}|(5a){5}", page.content()), "a whole token on a page"
            if language == "en":
                assert not re.search(r"[\u4e00-\u9fff]", page.locator("main").inner_text()), path
            picture(page, f"{(path.strip('/') or 'overview').replace('/', '-')}-{language}")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/risk", "/risk/harbour/deal", "/risk/harbour/deal/D-2026-031"):
        page.goto(f"{hq.url}{path}?lang=zh")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
        picture(page, f"phone{path.replace('/', '-').rstrip('-')}")
    page.set_viewport_size({"width": 794, "height": 1123})  # A4
    page.emulate_media(media="print")
    for path in ("/risk", "/risk/harbour/deal", "/risk/harbour/deal/D-2026-031"):
        page.goto(f"{hq.url}{path}?lang=zh")
        assert page.locator(".chip.bad").first.is_visible() and not page.locator(".side").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
        picture(page, f"print{path.replace('/', '-')}")


def test_a_deal_is_reviewed_and_its_package_taken(watched: Watched, hq: Headquarters, tmp_path: Path) -> None:
    page = watched.page
    seed(hq)
    log_in(page, hq)
    page.goto(f"{hq.url}/risk")
    page.locator(".tally", has_text="成交").get_by_role("link", name=re.compile(r"^风险 \d")).click()
    page.get_by_role("link", name="D-2026-031").click()
    assert page.locator(".timeline .decisive").count() >= 2
    assert "晚报备【风险】" in page.locator(".sentences").inner_text()
    page.get_by_label("意见").select_option("overturned")
    page.get_by_label("理由").fill("复看登记，两人同行，报备有效")
    page.get_by_role("button", name="提交复核").click()
    page.locator(".opinions .review").wait_for()
    assert "不采纳结论" in page.locator(".opinions").inner_text()
    page.get_by_label("申诉内容").fill("渠道称到场由其陪同")
    page.locator("#files").set_input_files(
        [FilePayload(name="a.png", mimeType="image/png", buffer=b"\x89PNG\r\n\x1a\nx")]
    )
    page.get_by_role("button", name="登记申诉").click()
    page.locator(".opinions .appeal").wait_for()
    picture(page, "risk-said")
    assert page.locator("#review button").count() == 0, "who entered an appeal doesn't decide on it"
    with page.expect_download() as taken:
        page.get_by_role("link", name="下载签名材料包").click()
    assert taken.value.suggested_filename == "deal-D-2026-031.zip"
    with zipfile.ZipFile(taken.value.path()) as archive:
        archive.extractall(tmp_path)
    assert page.context.browser is not None
    alone = page.context.browser.new_page(offline=True)
    alone.goto((tmp_path / "index.html").as_uri())
    assert alone.evaluate("getComputedStyle(document.querySelector('.card')).borderLeftWidth") == "6px"
    assert "晚报备【风险】" in alone.locator(".sentences").inner_text()
    picture(alone, "package")
    alone.close()


def test_empty_pages_say_what_will_come(watched: Watched, hq: Headquarters) -> None:
    page = watched.page
    log_in(page, hq)
    for path in PAGES[:4]:
        page.goto(f"{hq.url}{path}")
        assert page.locator(".empty, .nothing").count() >= 1, path
        picture(page, f"empty-{path.strip('/') or 'overview'}")


def test_an_erasure_is_ordered_answered_and_shown_P46(watched: Watched, hq: Headquarters) -> None:
    page = watched.page
    seed(hq)
    log_in(page, hq)
    page.goto(f"{hq.url}/visits")
    before = page.locator("tbody tr").count()
    page.locator("tbody tr").first.get_by_role("link", name="行使权利").click()
    picture(page, "rights-new")
    page.locator("#erase").get_by_role("button").click()
    page.wait_for_url(f"{hq.url}/rights")
    assert "待发送" in page.locator("article.order").inner_text()
    answer_erasure(hq)
    page.locator(".receipt").wait_for(timeout=20_000)  # the page refreshes itself
    assert "销毁密钥 2 把" in page.locator(".receipt").inner_text()
    picture(page, "rights")
    page.goto(f"{hq.url}/visits")
    assert page.locator("tbody tr").count() == before - 1


def test_keyboard_reaches_the_content_first(watched: Watched, hq: Headquarters) -> None:
    page = watched.page
    log_in(page, hq)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
