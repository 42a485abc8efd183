"""Reads CSV and XLSX into rows of text; never evaluates a formula, never guesses what a cell means."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path

from cloud.client.errors import WrongFile

MOST_BYTES = 20 << 20
_MOST_UNPACKED = 300 << 20
MOST_LINES = 100_000
"""More rows than a project has customers; a larger book comes in several files."""

Lines = list[tuple[int, list[str]]]
"""Rows that aren't empty, each with the number of its line."""


def read_file(path: Path) -> bytes:
    """Return what is in the file; WrongFile `unreadable`, `too_large`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise WrongFile("unreadable", error.strerror or "") from None
    if len(data) > MOST_BYTES:
        raise WrongFile("too_large", f"at most {MOST_BYTES >> 20} MiB")
    return data


def lines_of(data: bytes) -> Lines:
    """Return the rows of a CSV (UTF-8 or GBK), or of an XLSX's first sheet; their first bytes tell which.

    Raises WrongFile: `encoding`, `not_csv`, `not_xlsx`, `too_many_lines`.
    """
    read = _xlsx if data.startswith(b"PK\x03\x04") else _csv
    found: Lines = []
    for number, cells in read(data):
        if any(cells):
            found.append((number, cells))
        if len(found) > MOST_LINES:
            raise WrongFile("too_many_lines", f"at most {MOST_LINES}: bring it in by several files")
    return found


def _csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_decoded(data), newline=""))
    try:
        for row in reader:
            yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error:
        raise WrongFile("not_csv", f"line {reader.line_num} is not readable; save it again as CSV") from None


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise WrongFile("encoding", "save the file as UTF-8 or GBK")


def _xlsx(data: bytes) -> Iterator[tuple[int, list[str]]]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(one.file_size for one in packed.infolist()) > _MOST_UNPACKED:
                raise WrongFile("too_large", "it unpacks to more than it could hold")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
                yield number, [_text(cell) for cell in cells]
        finally:
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, SyntaxError):
        # SyntaxError: what the XML parser calls its own
        raise WrongFile("not_xlsx", "save it again as XLSX, or as CSV") from None


def _text(cell: object) -> str:
    """Return a cell as it would be typed: a spreadsheet keeps numbers as floats, and times as its own."""
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date().isoformat()  # a day: the midnight is the spreadsheet's own
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "milliseconds") if cell.microsecond else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell).strip()
