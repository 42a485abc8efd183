"""Reads a file of agents' reports; all rows are right or none is taken; keeps nothing.

Columns, by English or Chinese name: ref 报备编号, phone 客户电话, channel 渠道, agent 经纪人 or
工号, reported_at 报备时间 (ISO 8601, or 2026-11-23 14:05[:30]; empty: not known). A time without a zone is
the site's own; a day without a time is none.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from edge.domain.errors import InvalidInput
from edge.domain.phone import normalise, read_mask
from edge.ipc.operator import ReportRow
from edge.wire.columns import WORDS, moment

COLUMNS = {word: field for field, words in WORDS["report"].items() for word in words}
REQUIRED = ("ref", "phone", "channel", "agent", "reported_at")
MOST_ROWS = 500
MOST_BYTES = 4 << 20
_MOST_SHOWN = 10

Lines = list[tuple[int, list[str]]]
"""Rows with the number of the line at which each ends."""


def read_reports(path: Path) -> tuple[ReportRow, ...]:
    """Return the rows of `path`; InvalidInput lists every wrong row by line, without its contents."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"read {path.name}", "unreadable", error.strerror or "") from error
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"read {path.name}", "too_large", f"at most {MOST_BYTES >> 20} MiB")
    lines = _parse(_decode(data))
    columns = _columns(lines[0][1] if lines else [])
    return _rows(columns, lines[1:])


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    raise InvalidInput("read reports", "encoding", "save the file as UTF-8 or GBK")


def _parse(text: str) -> Lines:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error:
        hint = f"line {reader.line_num} is not readable; save it again as CSV"
        raise InvalidInput("read reports", "not_csv", hint) from None


def _columns(header: list[str]) -> dict[str, int]:
    names = [COLUMNS.get(h.strip(), "") for h in header]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InvalidInput("read reports", "columns_missing", f"the first line lacks: {', '.join(missing)}")
    twice = [name for name in REQUIRED if names.count(name) > 1]
    if twice:
        raise InvalidInput("read reports", "columns_twice", f"the first line repeats: {', '.join(twice)}")
    return {name: names.index(name) for name in REQUIRED}


def _rows(columns: dict[str, int], lines: Lines) -> tuple[ReportRow, ...]:
    rows: list[tuple[int, ReportRow]] = []
    wrong: list[tuple[int, str]] = []
    for number, line in lines:
        if not any(cell.strip() for cell in line):
            continue
        try:
            rows.append((number, _row(columns, line)))
        except InvalidInput as error:
            wrong.append((number, error.code))
        except ValidationError as error:
            wrong.append((number, f"{error.errors()[0]['loc'][0]} is not valid"))
    _refuse(sorted([*wrong, *_repeated(rows)]))
    if not 0 < len(rows) <= MOST_ROWS:
        raise InvalidInput("read reports", "row_count", f"{len(rows)} rows; 1 to {MOST_ROWS} a file")
    return tuple(row for _, row in rows)


def _refuse(wrong: list[tuple[int, str]]) -> None:
    if not wrong:
        return
    shown = "; ".join(f"line {number}: {what}" for number, what in wrong[:_MOST_SHOWN])
    more = f" and {len(wrong) - _MOST_SHOWN} more" if len(wrong) > _MOST_SHOWN else ""
    raise InvalidInput("read reports", "rows_wrong", f"{shown}{more}; nothing was imported")


def _row(columns: dict[str, int], line: list[str]) -> ReportRow:
    if len(line) <= max(columns.values()):
        raise InvalidInput("read reports", "too few columns")
    cell = {name: line[i].strip() for name, i in columns.items()}
    if _is_number(cell["ref"]):
        raise InvalidInput("read reports", "ref_is_a_phone_number")
    return ReportRow(
        ref=cell["ref"],
        phone=read_mask(cell["phone"]) or normalise(cell["phone"]),
        channel=cell["channel"],
        agent=cell["agent"],
        reported_ms=_time(cell["reported_at"]),
    )


def _time(text: str) -> int | None:
    try:
        return moment(text, None)
    except ValueError:
        raise InvalidInput("read reports", "reported_at is not a time") from None


def _repeated(rows: Iterable[tuple[int, ReportRow]]) -> list[tuple[int, str]]:
    first: dict[str, int] = {}
    again: list[tuple[int, str]] = []
    for number, row in rows:
        if row.ref in first:
            again.append((number, f"the ref of line {first[row.ref]} again"))
        first.setdefault(row.ref, number)
    return again


def _is_number(ref: str) -> bool:
    """Say whether a reference is itself a telephone number: it would leave the box as it is."""
    try:
        normalise(ref)
    except InvalidInput:
        return False
    return True
