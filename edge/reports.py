"""Reads a file of agents' reports; all rows are right or none is taken; keeps nothing.

Columns, by English or Chinese name: ref 报备编号, phone 客户电话, channel 渠道, agent 经纪人,
reported_at 报备时间 (ISO 8601, or 2026-11-23 14:05[:30]; empty: not known). A time without a zone is
the site's own.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from edge.domain.errors import GatehouseError, InvalidInput
from edge.domain.phone import normalise
from edge.ipc.control import ReportRow

COLUMNS = {
    "ref": "ref", "报备编号": "ref", "编号": "ref",
    "phone": "phone", "客户电话": "phone", "手机号": "phone", "电话": "phone",
    "channel": "channel", "渠道": "channel", "渠道公司": "channel",
    "agent": "agent", "经纪人": "agent",
    "reported_at": "reported_at", "报备时间": "reported_at",
}  # fmt: skip
REQUIRED = ("ref", "phone", "channel", "agent", "reported_at")
MOST_ROWS = 500
_MOST_SHOWN = 10


def read_reports(path: Path) -> tuple[ReportRow, ...]:
    """Return the rows of `path`; InvalidInput lists every wrong row by number, without its contents."""
    try:
        text = _decode(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"read {path.name}", "unreadable", error.strerror or "") from error
    reader = csv.reader(io.StringIO(text))
    columns = _columns(next(reader, []))
    return _rows(columns, list(reader))


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput("read reports", "encoding", "save the file as UTF-8 or GBK")


def _columns(header: list[str]) -> dict[str, int]:
    found = {COLUMNS[h.strip()]: i for i, h in enumerate(header) if h.strip() in COLUMNS}
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise InvalidInput("read reports", "columns_missing", f"the first line lacks: {', '.join(missing)}")
    return found


def _rows(columns: dict[str, int], lines: list[list[str]]) -> tuple[ReportRow, ...]:
    rows: list[ReportRow] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, start=2):
        if not any(cell.strip() for cell in line):
            continue
        try:
            rows.append(_row(columns, line))
        except (ValidationError, GatehouseError, ValueError, IndexError) as error:
            wrong.append(f"line {number}: {_what(error)}")
    wrong += _repeated(row.ref for row in rows)
    if wrong:
        more = f" and {len(wrong) - _MOST_SHOWN} more" if len(wrong) > _MOST_SHOWN else ""
        raise InvalidInput(
            "read reports", "rows_wrong", "; ".join(wrong[:_MOST_SHOWN]) + more + "; nothing was imported"
        )
    if not 0 < len(rows) <= MOST_ROWS:
        raise InvalidInput("read reports", "row_count", f"{len(rows)} rows; 1 to {MOST_ROWS} a file")
    return tuple(rows)


def _row(columns: dict[str, int], line: list[str]) -> ReportRow:
    cell = {name: line[i].strip() for name, i in columns.items()}
    normalise(cell["phone"])
    return ReportRow(
        ref=cell["ref"],
        phone=cell["phone"],
        channel=cell["channel"],
        agent=cell["agent"],
        reported_ms=_time(cell["reported_at"]),
    )


def _time(text: str) -> int | None:
    if not text:
        return None
    when = datetime.fromisoformat(text.replace("/", "-"))
    return int(when.astimezone().timestamp() * 1000)


def _what(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return f"{'.'.join(str(p) for p in error.errors()[0]['loc'])} is not valid"
    if isinstance(error, InvalidInput):
        return error.code
    return "too few columns" if isinstance(error, IndexError) else "reported_at is not a time"


def _repeated(refs: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice = sorted({ref for ref in refs if ref in seen or seen.add(ref)})  # type: ignore[func-returns-value] # add returns None
    return [f"ref {ref} stands twice" for ref in twice]
