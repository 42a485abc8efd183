"""P20, P9: three books with hundreds of known numbers come in, and none is anywhere at headquarters.

Through the published client and the API into SQLite's files and a real dump of PostgreSQL. The same search is
shown to find one number that is put there in each spelling.
"""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import insert

from cloud.clock import now_ms
from cloud.store import schema
from cloud.store.database import Database
from edge.wire.facts import parse_row
from tests.unit.cloud.conftest import POSTGRES
from tests.unit.cloud.crm import Books, NumberSearch, spellings
from tests.unit.cloud.signer import NOON
from tests.unit.cloud.test_api import Programs, served
from tests.unit.cloud.test_client import opened, run_client

COUNT = 60
"""Reports; with customers and buyers 120 people."""


def dump(database: Database, directory: Path) -> bytes:
    """Return all that headquarters keeps: a dump of PostgreSQL, or SQLite's files as they lie there."""
    files = b"".join(p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file())
    if database.is_sqlite:
        return files
    url = database._engine.url
    tool = POSTGRES[-1].with_name("pg_dump")
    words = [str(tool), "-h", str(url.query["host"]), "-U", str(url.username), str(url.database)]
    return files + subprocess.run(words, capture_output=True, check=True, timeout=60).stdout


def test_p20_no_number_of_a_book_is_anywhere_at_headquarters(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """P20, P9: sealed rows wait, go out and are answered; the dump is searched while they wait, and after."""
    caplog.set_level("DEBUG")
    programs = Programs(database, tmp_path / "hq")
    books = Books.write(tmp_path / "crm", COUNT)
    search = NumberSearch(books.numbers)
    kept = tmp_path / "hq"  # with SQLite the database lies beside it
    everything = kept.parent if database.is_sqlite else kept

    def searched() -> bytes:
        return (
            dump(database, kept)
            + b"".join(p.read_bytes() for p in everything.glob("hq.db*"))
            + caplog.text.encode()
        )

    said = ""
    with served(programs) as url:
        for kind, file in books.files:
            more = ("--whole-list",) if kind == "customer" else ()
            said += run_client(programs, tmp_path, "push", str(file), "--kind", kind, *more, url=url)
    waiting = searched()
    assert len(waiting) > 2 * COUNT * 768, "the sealed rows are in what is searched"
    assert search.found(waiting) == 0 and search.found(said.encode()) == 0

    sent, rows = b"", []
    programs.site.now = now_ms() + 1  # a served headquarters has the machine's clock
    while due := programs.site.claim():
        for one in due:
            sent += one.command.model_dump_json().encode()
            rows += [parse_row(plain) for plain in opened(programs, one.command)]
            programs.site.answer(programs.box, one.command.command_id)
    assert len(rows) == 1 + COUNT + COUNT // 2 + COUNT + 1 and search.found(sent) == 0
    numbers = "".join(row.model_dump_json() for row in rows)
    assert all(number[-4:] in numbers for number in books.numbers), "the box could read each"
    assert search.found(searched()) == 0 and programs.site.kept() == 0

    for form in spellings(books.numbers[0]):
        assert search.found(b"..." + form + b"...") > 0
    row = {"tenant": "demo", "username": "boss", "action": "planted", "subject": books.numbers[1]}
    database.write(lambda c: c.execute(insert(schema.access_log).values(**row, minute_ms=NOON, times=1)))
    assert search.found(searched()) > 0, "the search finds one that lies there"
