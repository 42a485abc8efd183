"""Books brought in by a clerk in a real Chromium: faults by row, sealed there, opened by the box's key.

With GATEHOUSE_SCREENSHOTS=DIR the pages are also saved there as pictures.
"""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from playwright.sync_api import Error, Page
from sqlalchemy import select

from cloud.books.channels import known_channels
from cloud.books.mappings import saved_mappings
from cloud.config import load
from cloud.fleet import commands
from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store import schema
from edge.wire import BoxKeys, FactsCommand, Topics
from edge.wire.facts import ReportRow, box_keys_signing_input, parse_row, row_info
from tests.e2e import test_headquarters_web as web
from tests.e2e.test_headquarters_web import Headquarters, Watched, log_in, picture
from tests.unit.cloud import records
from tests.unit.cloud.signer import Signer, entry

pytestmark = pytest.mark.e2e
hq, browser, watched = web.hq, web.browser, web.watched
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
NUMBERS = [f"1380013{n:04d}" for n in range(8000, 8060)]
PROJECT = "riverside"


class Box:
    """A box that has said its key."""

    def __init__(self, hq: Headquarters, name: str, site: str = "harbour") -> None:
        self.hq, self.name = hq, name
        self.signer, self.key = Signer(Topics("demo", site, name)), X25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw().hex()
        t = self.signer.topics
        hq.database.write(lambda c: enrol(c, t, self.signer.public.hex(), now_ms=1))
        said = box_keys_signing_input(t.tenant, t.site, t.box, PROJECT, self.public)
        signature = self.signer.key.sign(said).hex()
        self.send(1, BoxKeys(project=PROJECT, enrolment_key=self.public, signature=signature))

    def send(self, number: int, record: Any) -> None:
        now = time.time_ns() // 1_000_000
        intake = Intake(self.hq.database, SigningKey.load(load(self.hq.config).signing.key))
        assert intake.accept(
            self.signer.topics.batch, self.signer.batch([entry(number, record, wall_ms=now)])
        )

    def opened(self, sealed: str) -> Any:
        info = row_info("demo", self.name, self.public)
        return parse_row(SUITE.decrypt(base64.b64decode(sealed), self.key, info))


@pytest.fixture
def boxes(hq: Headquarters) -> dict[str, Box]:
    return {name: Box(hq, name) for name in ("box-01", "box-02")}


@pytest.fixture
def sent(watched: Watched) -> Iterator[list[bytes]]:
    """Everything that the browser asks or sends."""
    log: list[bytes] = []
    watched.page.on(
        "request",
        lambda r: log.append(r.url.encode() + repr(r.headers).encode() + (r.post_data_buffer or b"")),
    )
    yield log


def report(number: int, **changes: str) -> str:
    cells = {
        "ref": f"R-{number:04d}",
        "phone": NUMBERS[number % len(NUMBERS)],
        "channel": "联合行" if number % 2 else "lianhe",
        "agent": "a7",
        "at": f"2026-11-23 14:{number % 60:02d}:09",
    } | changes
    return ",".join(cells.values())


def book(*lines: str) -> bytes:
    return "\r\n".join(("报备单号,手机号,渠道公司,工号,报备时间", *lines)).encode("gbk")


def choose(page: Page, raw: bytes, name: str = "报备.csv") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": raw})


def clerk(hq: Headquarters, watched: Watched) -> Page:
    log_in(watched.page, hq)
    return watched.page


ROSTER = "渠道编号,渠道名称,工号,姓名,手机号"


def roster(*lines: str) -> bytes:
    """A channel's list of agents, as offices keep it: with names and telephones beside the codes."""
    return "\r\n".join((ROSTER, *(f"{line},欧阳某,{NUMBERS[0]}" for line in lines))).encode("gbk")


def bring_channels(page: Page, hq: Headquarters, sent: list[bytes]) -> None:
    """A roster goes as it is meant: codes and companies' names alone, and the list is what the file says."""
    page.get_by_role("link", name="用文件导入渠道与工号").click()
    page.get_by_text("编号与名称加密发给 box-01、box-02").wait_for()
    before = len(sent)
    choose(
        page,
        roster("hongyuan,宏远地产,A-17", "hongyuan,宏远,A-18", f"lianhe,联合行,{NUMBERS[1]}"),
        "花名册.csv",
    )
    page.locator("#fault-rows tr").nth(1).wait_for()
    assert page.locator("#fault-rows th").all_inner_texts() == ["3", "4"]
    assert page.locator("#send").is_disabled()
    assert not any(b"/channels" in one.split(b"{")[0] for one in sent[before:]), "nothing was posted"
    picture(page, "channels-faults")
    page.select_option("#column-agents", label="姓名")
    page.get_by_text("是关于个人的列").wait_for()

    agents = [f"hongyuan,宏远地产,A-{n}" for n in range(17, 30)]
    choose(page, roster(*agents, "lianhe,联合行,L1、L2"), "花名册.csv")
    page.get_by_text("14 行全部有效：2 个渠道，15 个工号").wait_for()
    page.locator("#send").scroll_into_view_if_needed()
    picture(page, "channels-ready")
    page.get_by_role("button", name="保存渠道").click()
    page.get_by_role("rowheader", name="宏远地产").wait_for()
    picture(page, "channels")
    with hq.database.read() as connection:
        kept = {one.code: one for one in known_channels(connection, "demo", PROJECT)}
    assert kept["hongyuan"].agents == tuple(f"a-{n}" for n in range(17, 30))
    assert (kept["lianhe"].name, kept["lianhe"].agents) == ("联合行", ("l1", "l2"))
    assert not any("欧阳某".encode() in one or b"\\u6b27" in one for one in sent)


def test_a_clerks_book_reaches_only_the_boxes(
    hq: Headquarters, watched: Watched, boxes: dict[str, Box], sent: list[bytes]
) -> None:
    """Nothing goes while a row is wrong; then sealed rows alone: no request and no table holds a number."""
    page = clerk(hq, watched)
    page.goto(f"{hq.url}/books/channels")
    page.fill("#name", "联合行")
    page.fill("#code", "lianhe")
    page.get_by_role("button", name="添加或改名").click()
    page.get_by_role("rowheader", name="联合行").wait_for()
    bring_channels(page, hq, sent)

    page.goto(f"{hq.url}/books")
    page.get_by_text("加密给：box-01、box-02").wait_for()
    before = len(sent)
    choose(
        page,
        book(
            *(report(n) for n in range(3)),
            report(3, phone="1380013"),
            report(4, channel="别家"),
            report(5, ref=f"R-{NUMBERS[5]}"),
            report(2),
            report(6, agent="<img src=x>"),
        ),
    )
    page.locator("#fault-rows tr").nth(4).wait_for()
    assert page.locator("#fault-rows th").all_inner_texts() == ["5", "6", "7", "8", "9"]
    assert "不是电话号码" in page.locator("#fault-rows").inner_text()
    assert page.locator("#send").is_disabled()
    assert "8 行中有 5 处错误" in page.locator("#counted").inner_text()
    page.locator("#look").scroll_into_view_if_needed()
    page.locator("#send").scroll_into_view_if_needed()
    picture(page, "books-faults")
    assert len(sent) == before, "a wrong book sends nothing at all"

    choose(page, book(*(report(n) for n in range(120))))
    page.get_by_text("120 行全部有效").wait_for()
    assert "•••" in page.locator("#first-rows").inner_text()
    assert not any(number in page.content() for number in NUMBERS), "numbers are hidden on the screen too"
    page.fill("#mapping-name", "mingyuan")
    page.get_by_role("button", name="保存对应关系").click()
    page.get_by_text("已保存。").wait_for()
    page.evaluate("scrollTo(0, 0)")
    picture(page, "books")
    page.locator("#send").scroll_into_view_if_needed()
    picture(page, "books-ready")
    page.get_by_role("button", name="加密并发送").click()
    page.wait_for_url("**/books/imports?new=*")
    assert "等待 120" in page.locator("main").inner_text()

    with hq.database.read() as connection:
        (mapping,) = saved_mappings(connection, "demo", PROJECT)
    assert mapping.columns["ref"] == "报备单号"
    now = time.time_ns() // 1_000_000
    due: list[commands.Due] = []
    while more := hq.database.write(lambda c: commands.claim_due(c, now, 3_600_000)):
        due += more
    orders = [(one.topics.box, one.command) for one in due if isinstance(one.command, FactsCommand)]
    for name, box in boxes.items():
        rows = [box.opened(text) for to, order in orders if to == name for text in order.rows]
        reports = {row.ref: row for row in rows if isinstance(row, ReportRow)}
        assert len(reports) == 120
        assert reports["R-0001"].phone == f"+86{NUMBERS[1]}"
        assert (reports["R-0001"].channel, reports["R-0001"].agent) == ("lianhe", "a7")
    for number, (name, order) in enumerate(orders, 10):
        boxes[name].send(
            number, records.answer(command_id=order.command_id, outcome="done", code="ok", at_ms=now)
        )
    page.get_by_text("box-02：已收 120").wait_for(timeout=20_000)  # the page refreshes itself
    picture(page, "imports")

    database = b"".join(one.read_bytes() for one in Path(hq.config.parent).glob("headquarters.db*"))
    for raw in NUMBERS:
        assert raw.encode() not in b"".join(sent)
        assert raw.encode() not in database


def test_the_server_takes_sealed_rows_and_nothing_else_P11(
    hq: Headquarters, watched: Watched, boxes: dict[str, Box]
) -> None:
    page = clerk(hq, watched)
    page.goto(f"{hq.url}/books")
    page.get_by_text("加密给：").wait_for()
    rows = [
        {"box": name, "enrolment_key": box.public, "rows": ["A" * 768]} for name, box in sorted(boxes.items())
    ]
    good: dict[str, Any] = {"project": PROJECT, "kind": "report", "boxes": rows}
    bad: list[Any] = [
        {**good, "phone": NUMBERS[0]},
        {**good, "boxes": [{**rows[0], "note": "x"}, rows[1]]},
        {**good, "boxes": [{**rows[0], "rows": [NUMBERS[0]]}, {**rows[1], "rows": [NUMBERS[0]]}]},
        {**good, "boxes": []},
        [],
    ]
    post = """async ([body, csrf]) => (await fetch('/books', {method: 'POST', body: JSON.stringify(body),
        headers: {'content-type': 'application/json', 'x-csrf': csrf}})).status"""
    csrf = json.loads(page.locator("#given").get_attribute("data-given") or "")["csrf"]
    assert [page.evaluate(post, [body, csrf]) for body in bad] == [400] * len(bad)
    assert page.evaluate(post, [good, "forged"]) == 400
    assert page.evaluate(post, [{**good, "boxes": rows[:1]}, csrf]) == 409
    watched.faults = [fault for fault in watched.faults if "status of 4" not in fault]
    with hq.database.read() as connection:
        assert connection.execute(select(schema.imports)).all() == []


def test_five_thousand_rows_for_two_boxes_do_not_freeze_the_page(
    hq: Headquarters, watched: Watched, boxes: dict[str, Box]
) -> None:
    """As many as one import may hold: the page answers within a second all the while."""
    page = clerk(hq, watched)
    hq.database.write(
        lambda c: c.execute(
            schema.channels.insert().values(
                tenant="demo", project=PROJECT, code="lianhe", name="联合行", agents=[], withdrawn=False,
                changed_ms=1, changed_by="admin",
            )
        )
    )  # fmt: skip
    page.goto(f"{hq.url}/books")
    page.get_by_text("加密给：").wait_for()
    page.evaluate(
        """() => { window.longest = 0; let last = performance.now();
        const tick = () => { const now = performance.now();
            window.longest = Math.max(window.longest, now - last); last = now; setTimeout(tick, 10); };
        tick(); }"""
    )
    choose(page, book(*(report(n) for n in range(4_900))))
    page.get_by_text("4900 行全部有效").wait_for()
    pauses = "() => window.longest"
    checked, started = page.evaluate(pauses), time.monotonic()
    page.get_by_role("button", name="加密并发送").click()
    longest = 0.0
    while "/imports" not in page.url:
        try:
            longest = max(longest, page.evaluate(pauses))
        except Error:
            break  # the page has gone on
        page.wait_for_timeout(100)
    page.wait_for_url("**/books/imports?new=*", timeout=60_000)
    took = time.monotonic() - started
    assert max(checked, longest) < 1_000, f"9800 rows in {took:.1f} s"
