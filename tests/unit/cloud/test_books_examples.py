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

from cloud.client import WrongFile
from cloud.client.rows import Around, rows_of
from edge.wire.columns import BookKind, day_end, moment
from edge.wire.facts import FactRow, parse_row
from tests.unit.cloud import test_books_browser
from tests.unit.cloud.test_books_browser import NOW, Browser

browser = test_books_browser.browser
ZONE = ZoneInfo("Asia/Shanghai")
AROUND = Around({}, {"联合行": "lianhe", "lianhe": "lianhe"}, NOW, ZONE)


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
