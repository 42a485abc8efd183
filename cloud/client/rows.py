"""Makes a book's rows of a file's: all are right or none; says what is wrong by line, never what it says.

Headings are known by the same words as on the box and the page (edge/wire/columns.py), or by a mapping.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cloud.client import numbers
from cloud.client.errors import WrongFile
from cloud.client.files import Lines
from edge.wire.base import Name
from edge.wire.columns import (
    FIELDS,
    NO,
    OFFICE_WORDS,
    OWNERS,
    REQUIRED,
    WORDS,
    YES,
    BookKind,
    about_a_person,
    day_end,
    folded,
    moment,
    plain,
)
from edge.wire.facts import CustomerListRow, FactRow, padded

LIST_REF = "customer-list"
"""By this name the word that the whole list was brought in is known, so that the latest counts."""
_ROW: TypeAdapter[FactRow] = TypeAdapter(FactRow)
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_BETWEEN = re.compile(r"[;；、,，/|\n]+")


@dataclass(frozen=True, slots=True)
class Around:
    """What a row needs beyond its own cells.

    `columns`: the mapping, a heading for each field. `channels`: codes by code and by name, folded; empty:
    any code counts. `changed_ms`: of rows that don't say it. `zone`: of times without one.
    """

    columns: Mapping[str, str]
    channels: Mapping[str, str]
    changed_ms: int
    zone: tzinfo


def rows_of(kind: BookKind, lines: Lines, around: Around, *, whole_list: bool = False) -> tuple[FactRow, ...]:
    """Return the rows of a file, its first line being the headings; with `whole_list` one more that says so.

    Raises WrongFile: `empty`, `columns_missing`, `columns_twice`, `rows_wrong` with each wrong row by line.
    """
    if len(lines) < 2:
        raise WrongFile("empty", "a line of headings, and a row")
    columns = columns_of(kind, lines[0][1], around.columns)
    rows: list[FactRow] = []
    wrong: list[tuple[int, str]] = []
    first: dict[str, int] = {}
    for number, cells in lines[1:]:
        try:
            row = _row(
                kind, {n: plain(cells[i]) if i < len(cells) else "" for n, i in columns.items()}, around
            )
        except ValidationError as error:
            wrong.append((number, _said(error)))
            continue
        except ValueError as error:
            wrong.append((number, str(error)))
            continue
        if row.ref in first:
            wrong.append((number, f"the ref of line {first[row.ref]} again"))
        first.setdefault(row.ref, number)
        rows.append(row)
    if wrong:
        raise WrongFile("rows_wrong", f"{len(wrong)} of {len(lines) - 1} rows; nothing was sent", wrong)
    if whole_list:
        rows.append(CustomerListRow(ref=LIST_REF, changed_ms=around.changed_ms))
    return tuple(rows)


def columns_of(kind: BookKind, headings: list[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Return each field's column; WrongFile `columns_missing`, `columns_twice`, `column_about_people`."""
    known = [folded(heading) for heading in headings]
    found: dict[str, list[int]] = {}
    for field in FIELDS[kind]:
        words = (mapping[field],) if field in mapping else WORDS[kind][field]
        wanted = {folded(word) for word in words}
        found[field] = [i for i, heading in enumerate(known) if heading in wanted]
    missing = [f for f in (*REQUIRED[kind], *mapping) if not found.get(f)]
    if missing:
        raise WrongFile("columns_missing", f"no column for: {', '.join(dict.fromkeys(missing))}")
    twice = [f for f, at in found.items() if len(at) > 1]
    if twice:
        raise WrongFile("columns_twice", f"several columns for: {', '.join(twice)}; save a mapping")
    columns = {field: at[0] for field, at in found.items() if at}
    people = [field for field, at in columns.items() if about_a_person(kind, headings[at])]
    if people:
        raise WrongFile(
            "column_about_people", f"headquarters reads this book: {', '.join(people)} is no name"
        )
    return columns


def _row(kind: BookKind, cells: Mapping[str, str], around: Around) -> FactRow:
    said: dict[str, Any] = {"kind": kind, "changed_ms": around.changed_ms}
    for field, text in cells.items():
        try:
            said |= _PARSERS.get(field, _plain)(field, text, around, kind)
        except ValueError as error:
            raise ValueError(f"{field}: {error}") from None
    row = _ROW.validate_python(said)
    padded(row)
    return row


def _said(error: ValidationError) -> str:
    """Return which field of the row isn't as it has to be: its place begins with the kind."""
    where = error.errors()[0]["loc"][1:2]
    return f"{where[0] if where else 'the row'} is not valid"


Parser = Callable[[str, str, Around, BookKind], dict[str, Any]]


def _plain(field: str, text: str, _around: Around, _kind: BookKind) -> dict[str, Any]:
    if text.startswith("="):
        raise ValueError("a formula; save the file with its values")
    return {field: text}


def _phone(field: str, text: str, _around: Around, kind: BookKind) -> dict[str, Any]:
    return {field: numbers.whole_or_masked(text) if kind == "report" else numbers.whole(text)}


def _buyers(field: str, text: str, _around: Around, _kind: BookKind) -> dict[str, Any]:
    return {field: tuple(numbers.whole(one) for one in _BETWEEN.split(text) if one.strip())}


def _channel(field: str, text: str, around: Around, kind: BookKind) -> dict[str, Any]:
    if kind == "deal" and text.casefold() in OFFICE_WORDS:
        return {field: None}
    code = around.channels.get(folded(text))
    if code is None and around.channels:
        raise ValueError("not one of the project's channels; bring in the book of channels first")
    return {field: _code(code or text)}


def _agent(field: str, text: str, _around: Around, _kind: BookKind) -> dict[str, Any]:
    return {field: _code(text) if text else None}


def _code(text: str) -> str:
    try:
        return _NAME.validate_python(text.lower())
    except ValidationError:
        raise ValueError("a code of a-z 0-9 - is meant, never a person's name") from None


def _time(field: str, text: str, around: Around, _kind: BookKind) -> dict[str, Any]:
    at_ms = moment(text, around.zone)
    if field == "changed_at":
        return {} if at_ms is None else {"changed_ms": at_ms}
    return {field.removesuffix("_at") + "_ms" if field != "at" else "at_ms": at_ms}


def _since(field: str, text: str, around: Around, kind: BookKind) -> dict[str, Any]:
    """A list of owners knows days; it counts from the end of that day, so it accuses nobody of that day."""
    at_ms = day_end(text, around.zone)
    return _time(field, text, around, kind) if at_ms is None else {"since_ms": at_ms}


def _owner(field: str, text: str, _around: Around, _kind: BookKind) -> dict[str, Any]:
    if text and text.casefold() not in OWNERS:
        raise ValueError(f"one of {', '.join(OWNERS)}")
    return {field: OWNERS.get(text.casefold())}


def yes_or_no(text: str) -> bool:
    """Return what a cell says; ValueError."""
    if text.casefold() not in YES | NO:
        raise ValueError("yes or no")
    return text.casefold() in YES


def _withdrawn(field: str, text: str, _around: Around, _kind: BookKind) -> dict[str, Any]:
    return {field: yes_or_no(text)}


_PARSERS: Mapping[str, Parser] = {
    "phone": _phone,
    "buyers": _buyers,
    "channel": _channel,
    "agent": _agent,
    "owner": _owner,
    "withdrawn": _withdrawn,
    "since_at": _since,
    **dict.fromkeys(
        ("reported_at", "subscribed_at", "contracted_at", "at", "logged_at", "until_at", "changed_at"), _time
    ),
}
