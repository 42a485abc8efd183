"""Which columns a book has, and by which words they are known; the same for every reader; never reads a file.

The box's own import, a CRM's client and the upload page each read files their own way, by these words.
"""

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import Literal

BookKind = Literal["report", "deal", "customer", "follow_up", "extension", "channel"]
"""The books that are brought in as files; a list of customers is one row more of the book of customers."""

FIELDS: Mapping[BookKind, tuple[str, ...]] = MappingProxyType(
    {
        "report": ("ref", "phone", "channel", "agent", "reported_at", "changed_at", "withdrawn"),
        "deal": (
            "ref", "channel", "buyers", "subscribed_at", "contracted_at", "owner", "changed_at", "withdrawn",
        ),
        "customer": ("ref", "phone", "since_at", "changed_at", "withdrawn"),
        "follow_up": ("ref", "report", "at", "changed_at", "withdrawn"),
        "extension": ("ref", "report", "logged_at", "until_at", "changed_at", "withdrawn"),
        "channel": ("ref", "name", "changed_at", "withdrawn"),
    }
)  # fmt: skip
"""Of each book every field that a column may hold."""

REQUIRED: Mapping[BookKind, tuple[str, ...]] = MappingProxyType(
    {
        "report": ("ref", "phone", "channel", "reported_at"),
        "deal": ("ref", "channel", "buyers"),
        "customer": ("ref", "phone", "since_at"),
        "follow_up": ("ref", "report", "at"),
        "extension": ("ref", "report", "logged_at", "until_at"),
        "channel": ("ref", "name"),
    }
)
"""Fields whose column can't be left out; a cell may be empty where the row says that it may."""

_COMMON = {
    "changed_at": ("changed_at", "修改时间", "更新时间"),
    "withdrawn": ("withdrawn", "已撤销", "作废"),
}
_REPORT = ("report", "报备编号", "报备单号")

WORDS: Mapping[BookKind, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "report": {
            "ref": ("ref", "报备编号", "报备单号", "编号"),
            "phone": ("phone", "客户电话", "手机号", "电话"),
            "channel": ("channel", "渠道", "渠道公司"),
            "agent": ("agent", "经纪人", "工号"),
            "reported_at": ("reported_at", "报备时间"),
            **_COMMON,
        },
        "deal": {
            "ref": ("ref", "成交编号", "认购编号", "合同编号", "编号"),
            "channel": ("channel", "渠道", "渠道公司"),
            "buyers": ("buyers", "购房人电话", "买受人电话", "客户电话", "手机号", "电话"),
            "subscribed_at": ("subscribed_at", "认购时间"),
            "contracted_at": ("contracted_at", "签约时间"),
            "owner": ("owner", "归属"),
            **_COMMON,
        },
        "customer": {
            "ref": ("ref", "客户编号", "编号"),
            "phone": ("phone", "客户电话", "手机号", "电话"),
            "since_at": ("since_at", "登记时间", "入住时间"),
            **_COMMON,
        },
        "follow_up": {
            "ref": ("ref", "跟进编号", "编号"),
            "report": _REPORT,
            "at": ("at", "跟进时间"),
            **_COMMON,
        },
        "extension": {
            "ref": ("ref", "延保编号", "延期编号", "编号"),
            "report": _REPORT,
            "logged_at": ("logged_at", "延保登记时间", "登记时间"),
            "until_at": ("until_at", "延保至", "保护期至"),
            **_COMMON,
        },
        "channel": {
            "ref": ("ref", "渠道编号", "编号"),
            "name": ("name", "渠道名称", "渠道公司", "渠道"),
            **_COMMON,
        },
    }
)
"""By which headings each column is known without a mapping. Outer blanks and case don't count."""

YES = frozenset({"1", "yes", "true", "是", "已撤销", "作废"})
"""What in the column `withdrawn` says that the book took the row back."""
NO = frozenset({"", "0", "no", "false", "否"})

OFFICE_WORDS = frozenset({"", "office", "案场", "自然到访"})
"""What in a deal's column `channel` says that it is the office's own."""
OWNERS: Mapping[str, Literal["office", "channel"]] = MappingProxyType(
    {"office": "office", "案场": "office", "自然到访": "office", "channel": "channel", "渠道": "channel"}
)
"""What the column `owner` may say; empty: the book doesn't say."""

_LONE_DIGIT = re.compile(r"(?<![\d.])\d(?!\d)")
"""Spreadsheets write 2026/1/3 9:05."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_TIME = "no time, as 2026-11-23 14:05"


def _written(text: str) -> str:
    return _LONE_DIGIT.sub(r"0\g<0>", text.strip().replace("/", "-"))


def moment(text: str, zone: tzinfo | None) -> int | None:
    """Return the time in ms that a cell says, None for an empty one. `zone`: of one that names none.

    ISO 8601, or 2026-11-23 14:05[:30]. ValueError, which repeats nothing: also for a day without a time,
    since midnight would be our own invention.
    """
    written = _written(text)
    if not written:
        return None
    try:
        when = datetime.fromisoformat(written)
        if ":" not in written and "T" not in written:
            raise ValueError
        placed = when if when.tzinfo or zone is None else when.replace(tzinfo=zone)
        at_ms = int(placed.astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None
    return at_ms


def day_end(text: str, zone: tzinfo | None) -> int | None:
    """Return the last ms of the day that a cell says, or None if it says more, or less, than a day."""
    written = _written(text)
    if not _DAY.fullmatch(written):
        return None
    try:
        after = datetime.fromisoformat(written) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None
    begins = datetime.combine(after.date(), time.min, zone)
    return int(begins.astimezone().timestamp() * 1000) - 1
