"""Which columns a book has, and by which words they are known; the same for every reader; never reads a file.

The box's own import, a CRM's client and the upload page each read files their own way, by these words.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
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
        "channel": ("ref", "name", "agents", "withdrawn"),
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
            "agents": ("agents", "经纪人工号", "工号", "员工工号", "经纪人编号"),
            "withdrawn": (*_COMMON["withdrawn"], "停止合作"),
        },
    }
)
"""By which headings each column is known without a mapping. Outer blanks and case don't count."""

PERSONAL: Mapping[BookKind, tuple[str, ...]] = MappingProxyType(
    {
        "channel": (
            "姓名", "名字", "联系人", "负责人", "店长", "电话", "手机", "微信", "身份证", "证件",
            "phone", "mobile", "telephone", "wechat", "person", "agent name", "agent's name", "full name",
        ),
    }
)  # fmt: skip
"""What in a heading, folded, says that its column is about a person: it is read for no field of this book.

A roster of channels has such columns beside those that are meant, and headquarters reads what comes of it.
"""

YES = frozenset({"1", "yes", "true", "是", "已撤销", "作废"})
"""What in the column `withdrawn` says that the book took the row back."""
NO = frozenset({"", "0", "no", "false", "否"})

OFFICE_WORDS = frozenset({"", "office", "案场", "自然到访"})
"""What in a deal's column `channel` says that it is the office's own."""
OWNERS: Mapping[str, Literal["office", "channel"]] = MappingProxyType(
    {"office": "office", "案场": "office", "自然到访": "office", "channel": "channel", "渠道": "channel"}
)
"""What the column `owner` may say; empty: the book doesn't say."""


def plain(text: str) -> str:
    """Return a cell as it is meant: Chinese keyboards write full-width letters, digits and colons."""
    return unicodedata.normalize("NFKC", text).strip()


def folded(text: str) -> str:
    """Return what is compared of a heading or a name: neither width nor case counts."""
    return plain(text).casefold()


_FORM = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)
"""As people, spreadsheets and ISO 8601 write a day and a time; the page's times.js has the same."""
_BASIC = re.compile(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", re.ASCII | re.IGNORECASE)
"""ISO 8601 without separators."""
_NO_TIME = "no time, as 2026-11-23 14:05"


def about_a_person(kind: BookKind, heading: str) -> bool:
    """Tell whether a column is never read for this book, since its heading says that it is about a person."""
    return any(word in folded(heading) for word in PERSONAL.get(kind, ()))


def moment(text: str, zone: tzinfo | None) -> int | None:
    """Return the time in ms that a cell says, None for an empty one. `zone`: of one that names none.

    2026-11-23 14:05[:30], with / . or 年月日, or ISO 8601. ValueError, which repeats nothing: also for a day
    without a time, since midnight would be our own invention.
    """
    written = _spelled(text)
    if not written:
        return None
    found = _FORM.fullmatch(written)
    if not found or found[4] is None:
        raise ValueError(_NO_TIME)
    day, (hour, minute, second, fraction, offset) = _day(found), found.groups()[3:]
    try:
        clock = time(int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(6, "0")))
        return _ms(datetime.combine(day, clock, _zone_of(offset) if offset else zone))
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None


def day_end(text: str, zone: tzinfo | None) -> int | None:
    """Return the last ms of the day that a cell says, or None if it says more, or less, than a day.

    For what began on a day of which nobody wrote down the hour (a list of owners): whoever came on that day
    came before its end, so nothing is held against them that the book doesn't say.
    """
    found = _FORM.fullmatch(_spelled(text))
    if not found or found[4] is not None or found[8] is not None:
        return None
    try:
        return _ms(datetime.combine(_day(found) + timedelta(days=1), time.min, zone)) - 1
    except OverflowError:
        raise ValueError(_NO_TIME) from None


def _spelled(text: str) -> str:
    return _BASIC.sub(r"\1-\2-\3T\4:\5", plain(text))


def _day(found: re.Match[str]) -> date:
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError(_NO_TIME) from None


def _zone_of(offset: str) -> tzinfo:
    if offset in "Zz":
        return UTC
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return timezone(-ahead if offset[0] == "-" else ahead)


def _ms(when: datetime) -> int:
    at_ms = int(when.astimezone().timestamp() * 1000)
    if at_ms < 0:
        raise ValueError
    return at_ms
