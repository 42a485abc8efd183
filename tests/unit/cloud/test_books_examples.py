"""One table of rows as books write them, held against the page and the CRM's client: both say the same.

Whoever finds that the two differ adds the row here.
"""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud.books.mappings import ColumnMapping
from cloud.books.roster import Channel
from cloud.client import WrongFile
from cloud.client.channels import channels_of
from cloud.client.rows import Around, rows_of
from edge.wire.columns import BookKind, day_end, folded, moment
from edge.wire.facts import FactRow, parse_row
from edge.wire.nobody import holds_a_number
from tests.unit.cloud import test_books_browser
from tests.unit.cloud.test_books_browser import KNOWN, NOW, Browser, book
from tests.unit.wire.test_nobody import NONE, NUMBERS

browser = test_books_browser.browser
ZONE = ZoneInfo("Asia/Shanghai")
AROUND = Around(
    {}, {folded("宏远地产（合肥）"): "hongyuan", "联合行": "lianhe", "lianhe": "lianhe"}, NOW, ZONE
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


CUSTOMER = {"ref": "KH-1", "phone": "13800138000", "since_at": "2019-05-01"}
REPORT = {"ref": "R-1", "phone": "13800138000", "channel": "联合行", "agent": "A-7", "reported_at": ""}
DEAL = {"ref": "D-1", "channel": "", "buyers": "13800138000", "subscribed_at": "", "owner": ""}
FOLLOW_UP = {"ref": "F-1", "report": "R-1", "at": "2026-11-23 14:05"}
MAY_FIRST = at("2019-05-02T00:00+08:00") - 1
QUARTER = at("2026-11-03T09:05+08:00")

TAKEN: list[tuple[BookKind, dict[str, str], dict[str, Any]]] = [
    # an owner of whom the book knows the day alone is one from its end
    ("customer", CUSTOMER, {"since_ms": MAY_FIRST, "phone": "+8613800138000"}),
    ("customer", {**CUSTOMER, "since_at": "2019/5/1"}, {"since_ms": MAY_FIRST}),
    ("customer", {**CUSTOMER, "since_at": "2019年5月1日"}, {"since_ms": MAY_FIRST}),
    ("customer", {**CUSTOMER, "since_at": "2019-12-31"}, {"since_ms": at("2020-01-01T00:00+08:00") - 1}),
    ("customer", {**CUSTOMER, "since_at": "2020-02-29"}, {"since_ms": at("2020-03-01T00:00+08:00") - 1}),
    # with a time it counts from then, be it midnight
    ("customer", {**CUSTOMER, "since_at": "2019-05-01 00:00"}, {"since_ms": at("2019-05-01T00:00+08:00")}),
    ("customer", {**CUSTOMER, "since_at": "2019-05-01 9:05"}, {"since_ms": at("2019-05-01T09:05+08:00")}),
    # how people and spreadsheets write a time
    ("report", {**REPORT, "reported_at": "2026/11/3 9:05"}, {"reported_ms": QUARTER, "agent": "a-7"}),
    ("report", {**REPORT, "reported_at": "2026年11月3日 9:05"}, {"reported_ms": QUARTER}),
    ("report", {**REPORT, "reported_at": "２０２６-11-3 9：05"}, {"reported_ms": QUARTER}),
    ("report", {**REPORT, "reported_at": "2026.11.3 9:05"}, {"reported_ms": QUARTER}),
    ("report", {**REPORT, "reported_at": "2026-11-03T01:05:00Z"}, {"reported_ms": QUARTER}),
    ("report", {**REPORT, "reported_at": "20261103T0905"}, {"reported_ms": QUARTER}),
    ("report", {**REPORT, "reported_at": "20261103T090500Z"}, {"reported_ms": at("2026-11-03T09:05Z")}),
    ("report", {**REPORT, "reported_at": "2026-11-03T02:05+0100"}, {"reported_ms": QUARTER}),
    ("report", {**REPORT, "reported_at": "2026-11-03 09:05:00.250"}, {"reported_ms": QUARTER + 250}),
    ("report", REPORT, {"reported_ms": None, "channel": "lianhe"}),
    ("report", {**REPORT, "phone": "138****8000", "agent": ""}, {"phone": "138****8000", "agent": None}),
    ("report", {**REPORT, "channel": "LianHe"}, {"channel": "lianhe"}),
    ("report", {**REPORT, "ref": "Ｒ－１", "agent": "Ａ－7"}, {"ref": "R-1", "agent": "a-7"}),
    ("report", {**REPORT, "channel": "宏远地产(合肥)"}, {"channel": "hongyuan"}),
    ("report", {**REPORT, "phone": "138＊＊＊＊8000"}, {"phone": "138****8000"}),
    ("report", {**REPORT, "withdrawn": "是"}, {"withdrawn": True}),
    ("report", {**REPORT, "changed_at": "2026-11-03 09:05"}, {"changed_ms": QUARTER}),
    ("report", {**REPORT, "changed_at": ""}, {"changed_ms": NOW}),
    ("deal", DEAL, {"channel": None, "owner": None, "buyers": ("+8613800138000",)}),
    ("deal", {**DEAL, "channel": "自然到访", "owner": "案场"}, {"channel": None, "owner": "office"}),
    ("deal", {**DEAL, "buyers": "13800138000；139 0013 9000"},
     {"buyers": ("+8613800138000", "+8613900139000")}),
    ("follow_up", FOLLOW_UP, {"at_ms": at("2026-11-23T14:05+08:00")}),
]  # fmt: skip

REFUSED: list[tuple[BookKind, dict[str, str], str]] = [
    ("customer", {**CUSTOMER, "since_at": "2019-02-29"}, "since_at"),
    ("customer", {**CUSTOMER, "since_at": "2019-05"}, "since_at"),
    ("customer", {**CUSTOMER, "since_at": ""}, "since_at"),
    ("customer", {**CUSTOMER, "since_at": "2019-05-01+08:00"}, "since_at"),
    ("customer", {**CUSTOMER, "since_at": "=TODAY()"}, "since_at"),
    ("customer", {**CUSTOMER, "phone": "138****8000"}, "phone"),
    # elsewhere a day is no time, and isn't silently dropped either
    ("report", {**REPORT, "reported_at": "2026-11-03"}, "reported_at"),
    ("report", {**REPORT, "changed_at": "2026/11/3"}, "changed_at"),
    ("report", {**REPORT, "reported_at": "2026-11-03 24:00"}, "reported_at"),
    ("report", {**REPORT, "reported_at": "2026-11-03 9"}, "reported_at"),
    ("report", {**REPORT, "reported_at": "1969-12-31 09:00"}, "reported_at"),
    ("report", {**REPORT, "channel": "别家"}, "channel"),
    ("report", {**REPORT, "agent": "王某"}, "agent"),
    ("report", {**REPORT, "ref": "R-13800138000"}, "ref"),
    ("report", {**REPORT, "withdrawn": "也许"}, "withdrawn"),
    ("deal", {**DEAL, "subscribed_at": "2026-11-03"}, "subscribed_at"),
    ("deal", {**DEAL, "owner": "谁"}, "owner"),
    ("follow_up", {**FOLLOW_UP, "at": "2026-11-23"}, "at"),
]


def by_client(kind: BookKind, cells: dict[str, str]) -> FactRow:
    (row,) = rows_of(kind, [(1, list(cells)), (2, list(cells.values()))], AROUND)
    return row


def by_page(browser: Browser, kind: BookKind, cells: dict[str, str]) -> FactRow:
    found = browser.check(kind, **cells)
    assert found["faults"] == []
    return parse_row(json.dumps(found["rows"][0]).encode())


@pytest.mark.parametrize(("kind", "cells", "said"), TAKEN)
def test_a_row_comes_to_the_same_by_page_and_by_client(
    browser: Browser, kind: BookKind, cells: dict[str, str], said: dict[str, Any]
) -> None:
    row = by_client(kind, cells)
    assert row == by_page(browser, kind, cells)
    assert {name: getattr(row, name) for name in said} == said


@pytest.mark.parametrize(("kind", "cells", "field"), REFUSED)
def test_a_row_is_refused_by_both_for_the_same_cell(
    browser: Browser, kind: BookKind, cells: dict[str, str], field: str
) -> None:
    assert [where for where, _ in browser.codes(kind, **cells)] == [field]
    with pytest.raises(WrongFile) as error:
        by_client(kind, cells)
    ((line, what),) = error.value.wrong
    said = field.removesuffix("_at")
    assert line == 2 and what.split(":")[0].split(" ")[0].startswith(said), what


# ---- channels and their agents -------------------------------------------------------------------

HEAD = ("渠道编号", "渠道名称", "经纪人工号", "作废")
ROSTERS: list[tuple[tuple[str, ...], list[tuple[str, ...]], list[Channel]]] = [
    # one line for each agent, as a roster (花名册) has it
    (HEAD, [("hongyuan", "宏远地产", "A-17", ""), ("HongYuan", "宏远地产", "a-18", "否"),
            ("lianhe", "联合行", "L1", "")],
     [Channel(code="hongyuan", name="宏远地产", agents=("a-17", "a-18")),
      Channel(code="lianhe", name="联合行", agents=("l1",))]),
    # several codes in a cell, as a list of companies has it, and both in one file
    (HEAD, [("hongyuan", " 宏远地产 ", "A-17、a-18；A-19 a-20", ""), ("hongyuan", "宏远地产", "a-21", "")],
     [Channel(code="hongyuan", name="宏远地产", agents=("a-17", "a-18", "a-19", "a-20", "a-21"))]),
    # an empty cell: the channel has none; no column: nothing is said of them
    (HEAD, [("hongyuan", "宏远地产（合肥）", "", "是")],
     [Channel(code="hongyuan", name="宏远地产（合肥）", agents=(), withdrawn=True)]),
    (HEAD[:2], [("ｑｄ00１", "宏远地产")], [Channel(code="qd001", name="宏远地产", agents=None)]),
    # one code may be an agent's of two channels: each company counts its own
    (HEAD, [("a", "甲", "7", ""), ("b", "乙", "7", "")],
     [Channel(code="a", name="甲", agents=("7",)), Channel(code="b", name="乙", agents=("7",))]),
    # what a roster has beside it isn't read
    (("渠道编号", "渠道名称", "工号", "姓名", "手机号"), [("a", "甲", "7", "王某", "13800138000")],
     [Channel(code="a", name="甲", agents=("7",))]),
]  # fmt: skip

FIRST = ("hongyuan", "宏远地产", "a-17", "")
WRONG_ROSTERS: list[tuple[tuple[str, ...], str, str]] = [
    (("", "宏远地产", "a-18", ""), "ref", "empty_of_channel"),
    (("hongyuan", "", "a-18", ""), "name", "empty_of_channel"),
    (("宏远", "宏远地产", "a-18", ""), "ref", "bad_code"),
    (("13900139000", "别家", "a-18", ""), "ref", "ref_is_number"),
    (("b", "别家 13900139000", "", ""), "name", "name_is_number"),
    (("b", "别" * 61, "", ""), "name", "bad_name"),
    (("b", "别\u200b家", "", ""), "name", "bad_name"),
    (("b", "=HYPERLINK(1)", "", ""), "name", "bad_name"),
    (("b", "别家", "王某", ""), "agents", "bad_agent"),
    (("b", "别家", "=A1", ""), "agents", "bad_agent"),
    (("b", "别家", "b1、13900139000", ""), "agents", "agent_is_number"),
    (("b", "别家", "34010419900101001X", ""), "agents", "agent_is_number"),
    (("b", "别家", "b1、B1", ""), "agents", "agent_twice"),
    (("hongyuan", "宏远地产", "A-17", ""), "agents", "agent_twice"),
    (("hongyuan", "宏远地产", "", ""), "ref", "channel_twice"),
    (("hongyuan", "宏远置业", "a-18", ""), "name", "name_differs"),
    (("hongyuan", "宏远地产", "a-18", "是"), "withdrawn", "withdrawn_differs"),
    (("b", "别家", "b1", "也许"), "withdrawn", "not_yes_or_no"),
    (("b", "别家", " ".join(f"b{n}" for n in range(501)), ""), "agents", "too_many_agents"),
]


def roster_by_page(browser: Browser, head: tuple[str, ...], lines: list[tuple[str, ...]]) -> Any:
    columns = browser("match", headings=head, book=book("channel"), saved={})
    read = [{"line": n, "cells": cells} for n, cells in enumerate(lines, 2)]
    return browser("check", kind="channel", lines=read, columns=columns, known=KNOWN)


@pytest.mark.parametrize(("head", "lines", "said"), ROSTERS)
def test_a_roster_comes_to_the_same_channels_by_page_and_by_client(
    browser: Browser, head: tuple[str, ...], lines: list[tuple[str, ...]], said: list[Channel]
) -> None:
    whole = [(n, list(cells)) for n, cells in enumerate((head, *lines), 1)]
    assert list(channels_of(whole, {})) == said
    found = roster_by_page(browser, head, lines)
    assert found["faults"] == []
    assert [Channel.model_validate_json(json.dumps(one)) for one in found["rows"]] == said


@pytest.mark.parametrize(("line", "field", "code"), WRONG_ROSTERS)
def test_a_line_of_a_roster_is_refused_by_both_for_the_same_cell(
    browser: Browser, line: tuple[str, ...], field: str, code: str
) -> None:
    found = roster_by_page(browser, HEAD, [FIRST, line])
    assert found["faults"] == [{"line": 3, "field": field, "code": code}]
    with pytest.raises(WrongFile) as error:
        channels_of([(1, list(HEAD)), (2, list(FIRST)), (3, list(line))], {})
    ((number, what),) = error.value.wrong
    assert (number, what.partition(":")[0]) == (3, field)
    assert "13900139000" not in what and "王" not in what


@pytest.mark.parametrize("heading", ["经纪人姓名", "联系人", "手机号", "微信号", "Agent's Name", "身份证"])
def test_a_column_about_people_is_read_for_no_field_of_a_channel_P20(browser: Browser, heading: str) -> None:
    """Not by a mapping either, by which a person would say that it holds the codes."""
    head, mapping = ["渠道编号", "渠道名称", heading], {"agents": heading}
    columns = browser("match", headings=head, book=book("channel"), saved=mapping)
    unfit = browser("unfit", headings=head, book=book("channel"), columns=columns)
    assert unfit["personal"] == [heading]
    with pytest.raises(WrongFile, match="column_about_people"):
        channels_of([(1, head), (2, ["a", "甲", "wang"])], mapping)
    with pytest.raises(ValueError, match="about people"):
        ColumnMapping(name="roster", kind="channel", columns=mapping)


def test_no_project_has_more_channels_than_five_hundred() -> None:
    lines = [(1, ["ref", "name"]), *((n, [f"c{n}", "甲"]) for n in range(2, 503))]
    with pytest.raises(WrongFile, match="too_many_channels"):
        channels_of(lines, {})
    assert len(channels_of(lines[:-1], {})) == 500


WRITTEN = st.from_regex(
    r"(19[6-9][0-9]|20[0-9]{2})[-/.年](0?[1-9]|1[0-3])[-/.月](0?[1-9]|[12][0-9]|3[0-2])日?"
    r"([ T]([01]?[0-9]|2[0-4]):[0-6][0-9](:[0-6][0-9](\.[0-9]{1,6})?)?)?(Z|[+-]0[0-9]:?[03]0)?",
    fullmatch=True,
)


@given(text=WRITTEN)
@settings(max_examples=200, deadline=None)
def test_a_time_is_the_same_for_page_and_client(browser: Browser, text: str) -> None:
    """Outside the years in which Shanghai had summer time: an hour that came twice is nobody's to guess."""
    assume(not 1985 < int(text[:4]) < 1992)
    try:
        expected: Any = moment(text, ZONE)
    except ValueError:
        expected = "none"
        try:
            ends = day_end(text, ZONE)
        except ValueError:
            ends = None
        if ends is not None:
            expected = "day"
            assert browser("day_end", text=text, zone=str(ZONE)) == ends
    assert browser("instant", text=text, zone=str(ZONE)) == expected


CELLS = st.text("aZ9-_ １Ａ－＿是作废否案场渠道联合行；、,/.=x*\n", max_size=8) | st.sampled_from(
    ["是", "作废", "ＹＥＳ", "案场", "自然到访", "渠道", "LIANHE", "联合行", "旧渠道", "1380013800", "a" * 41]
)


@given(field=st.sampled_from(["ref", "channel", "agent", "withdrawn", "owner"]), text=CELLS)
@settings(max_examples=300, deadline=None)
def test_a_cell_is_taken_by_both_or_by_none(browser: Browser, field: str, text: str) -> None:
    kind: BookKind = "deal" if field == "owner" else "report"
    cells = {**(DEAL if field == "owner" else REPORT), field: text}
    try:
        row: FactRow | None = by_client(kind, cells)
    except WrongFile:
        row = None
    if row is None:
        assert browser.codes(kind, **cells)
    else:
        assert row == by_page(browser, kind, cells)


LINES = st.lists(
    st.tuples(
        st.sampled_from(["hongyuan", "HongYuan", "b", "", "宏远", "c-1"]),
        st.sampled_from(["宏远地产", "宏远地产 ", "别家", "", "=A1", "x\u3000y", "13900139000"]),
        st.lists(st.sampled_from(["a-1", "A-2", "a3", "王", "=1"]), max_size=3).map("、".join),
        st.sampled_from(["", "是", "否", "?"]),
    ),
    min_size=1,
    max_size=4,
)


@given(lines=LINES)
@settings(max_examples=200, deadline=None)
def test_a_roster_is_taken_by_both_or_refused_at_the_same_lines(
    browser: Browser, lines: list[tuple[str, ...]]
) -> None:
    found = roster_by_page(browser, HEAD, lines)
    try:
        said = channels_of([(n, list(cells)) for n, cells in enumerate((HEAD, *lines), 1)], {})
    except WrongFile as error:
        assert [n for n, _ in error.wrong] == list(dict.fromkeys(one["line"] for one in found["faults"]))
    else:
        assert found["faults"] == []
        assert tuple(Channel.model_validate_json(json.dumps(one)) for one in found["rows"]) == said


@pytest.mark.parametrize("text", (*NUMBERS, *NONE))
def test_the_page_and_headquarters_know_the_same_numbers(browser: Browser, text: str) -> None:
    assert browser("holds_a_number", text=text) == holds_a_number(text)


@given(text=st.text(st.sampled_from("0123456789138-_ ./X，·8６"), max_size=26))
@settings(max_examples=300, deadline=None)
def test_and_of_any_digits_in_any_groups(browser: Browser, text: str) -> None:
    assert browser("holds_a_number", text=text) == holds_a_number(text)


def test_a_file_whose_first_line_is_a_customer_is_told_so_and_its_line_is_no_mapping(
    browser: Browser,
) -> None:
    """A clerk who maps it by hand would have saved a customer's number at headquarters as a heading."""
    first = ["R-1", "138 0013 8000", "王小姐"]
    assert browser("unfit", headings=first, book=book("report"), columns={"ref": 0, "phone": 1})["bare"]
    for heading in ("#", "2026", "单号"):
        assert not browser("unfit", headings=["编号", heading], book=book("report"), columns={})["bare"]
        assert ColumnMapping(name="crm", kind="report", columns={"ref": heading})
    for cell in ("138****8000", "0571-8888 6666", "+852 9123 4567", "2026-11-25 14:05"):
        assert browser("unfit", headings=[cell, "王小姐"], book=book("report"), columns={})["bare"]
        with pytest.raises(ValidationError):
            ColumnMapping(name="crm", kind="report", columns={"phone": cell, "ref": "王小姐"})
    with pytest.raises(ValidationError):
        ColumnMapping(name="crm", kind="report", columns={"phone": "138 0013 8000"})
    with pytest.raises(ValidationError):
        ColumnMapping(name="138-0013-8000", kind="report", columns={"phone": "电话"})
