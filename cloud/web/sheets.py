"""Lists of findings as tables for a spreadsheet; a cell is never a formula, and nobody's data is in one."""

import csv as comma
import io
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.risk.board import Line
from cloud.web.texts import Language, named, say

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Table = list[list[str]]


def table(lines: Sequence[Line], language: Language, zone: ZoneInfo) -> Table:
    """Return a heading and a row for each line, times in `zone`."""
    heads = (
        "ref",
        "verdict",
        "reasons",
        "for_review",
        "channel",
        "reported",
        "presence",
        "decided",
        "rules",
        "reviewed",
    )
    rows = [[say(language, f"sheet.{name}") for name in heads]]
    for line in lines:
        found = line.finding
        rows.append(
            [
                line.ref,
                say(language, f"verdict.{line.verdict}"),
                "; ".join(named(language, "reason", code) for code in found["reasons"]),
                "; ".join(named(language, "reason", code) for code in found["review_reasons"]),
                found["channel"] or "",
                _when(found["reported_ms"], zone),
                _when(found["presence_ms"], zone),
                _when(found["decided_ms"], zone),
                f"{found['rule_set']} v{found['rule_version']}",
                say(language, "sheet.yes" if line.reviewed else "sheet.no"),
            ]
        )
    return rows


def csv(rows: Table) -> bytes:
    """Return the table as CSV in UTF-8 with a mark that spreadsheets look for."""
    text = io.StringIO()
    comma.writer(text).writerows([[_safe(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def xlsx(rows: Table) -> bytes:
    """Return the table as a workbook of text cells."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("findings")
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_safe(cell) for cell in row])
    whole = io.BytesIO()
    book.save(whole)
    return whole.getvalue()


def _safe(cell: str) -> str:
    """A cell that a spreadsheet would compute begins with an apostrophe."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _when(ms: int | None, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S") if ms is not None else ""
