"""A CRM's client: reads its files, judges every row, trusts no new box by itself, sends each row once."""

import base64
import contextlib
import io
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import openpyxl
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from typer.testing import CliRunner

from cloud.api.app import PATH
from cloud.books.mappings import ColumnMapping, save_mapping
from cloud.books.roster import Channel
from cloud.client import Gatehouse, Pins, Refused, Unreachable, WrongFile, files, headquarters
from cloud.client import numbers as client_numbers
from cloud.client.channels import channels_of
from cloud.client.cli import app as client
from cloud.client.journal import Journal, what
from cloud.client.rows import LIST_REF, Around, rows_of
from cloud.clock import now_ms
from cloud.errors import CloudError
from cloud.store import schema
from cloud.store.database import Database
from edge.domain.errors import InvalidInput
from edge.domain.phone import normalise
from edge.wire import Command, FactsCommand
from edge.wire.columns import FIELDS, REQUIRED, WORDS, BookKind
from edge.wire.facts import (
    CustomerListRow,
    CustomerRow,
    DealRow,
    ExtensionRow,
    FactRow,
    FollowUpRow,
    ReportRow,
    SealingBox,
    box_keys_signing_input,
    parse_row,
    row_info,
)
from tests.unit.cloud.crm import Books
from tests.unit.cloud.signer import NOON, Signer
from tests.unit.cloud.test_api import Programs, served

SHANGHAI = ZoneInfo("Asia/Shanghai")
AROUND = Around(columns={}, channels={}, changed_ms=NOON, zone=SHANGHAI)
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def read(kind: BookKind, text: str, around: Around = AROUND, **more: Any) -> tuple[FactRow, ...]:
    return rows_of(kind, files.lines_of(text.encode()), around, **more)


def opened(programs: Programs, command: Command) -> list[bytes]:
    """Open an order as the box does."""
    assert isinstance(command, FactsCommand)
    info = row_info("demo", command.box, programs.key)
    return [SUITE.decrypt(base64.b64decode(row), programs.opens, info) for row in command.rows]


# -- reading -------------------------------------------------------------------------------


def test_each_book_is_read_by_its_chinese_and_its_english_words() -> None:
    (report,) = read(
        "report", "报备编号,客户电话,渠道,工号,报备时间\nBB-1,138 0013 8000,c-1,A-7,2026/11/3 9:05\n"
    )
    assert report == ReportRow(
        ref="BB-1", changed_ms=NOON, phone="+8613800138000", channel="c-1", agent="a-7",
        reported_ms=ms("2026-11-03T09:05+08:00"),
    )  # fmt: skip
    (masked,) = read("report", "ref,phone,channel,reported_at\nBB-1,138xxxx8000,c-1,\n")
    assert isinstance(masked, ReportRow) and (masked.phone, masked.reported_ms) == ("138****8000", None)
    (deal,) = read(
        "deal",
        "认购编号,渠道,买受人电话,认购时间,归属\n"
        "RG-1,自然到访,13800138000；+86 139 0013 9000,2026-11-25 10:00:30,案场\n",
    )
    assert deal == DealRow(
        ref="RG-1", changed_ms=NOON, channel=None, buyers=("+8613800138000", "+8613900139000"),
        subscribed_ms=ms("2026-11-25T10:00:30+08:00"), owner="office",
    )  # fmt: skip
    whole = read("customer", "客户编号,手机号,登记时间\nKH-1,13800138000,2019-05-01\n", whole_list=True)
    assert whole == (
        CustomerRow(
            ref="KH-1", changed_ms=NOON, phone="+8613800138000", since_ms=ms("2019-05-02T00:00+08:00") - 1
        ),
        CustomerListRow(ref=LIST_REF, changed_ms=NOON),
    )
    (follow_up,) = read(
        "follow_up", "ref,report,at,changed_at\nF-1,BB-1,2026-11-04T10:00Z,2026-11-05 10:00\n"
    )
    assert follow_up == FollowUpRow(
        ref="F-1", changed_ms=ms("2026-11-05T10:00+08:00"), report="BB-1", at_ms=ms("2026-11-04T10:00+00:00")
    )
    (extension,) = read(
        "extension", "编号,报备编号,登记时间,延保至,作废\nE-1,BB-1,2026-11-04 10:00,2026-12-04 10:00,是\n"
    )
    assert isinstance(extension, ExtensionRow) and extension.withdrawn
    (channel,) = channels_of(files.lines_of("渠道编号,渠道名称\nhongyuan,宏远地产\n".encode()), {})
    assert channel == Channel(code="hongyuan", name="宏远地产")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_is_utf8_or_gbk(encoding: str) -> None:
    data = "报备编号,客户电话,渠道,报备时间\n\nBB-1,13800138000,c-1,\n".encode(encoding)
    assert [number for number, _ in files.lines_of(data)] == [1, 3]


def xlsx(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_spreadsheets_numbers_and_times_are_read_as_they_were_typed_and_no_formula_is_evaluated() -> None:
    head = ("ref", "phone", "channel", "reported_at")
    good = xlsx(head, ("BB-1", 13800138000, "c-1", datetime(2026, 11, 3, 9, 5)))  # noqa: DTZ001 — as a spreadsheet has it
    (row,) = rows_of("report", files.lines_of(good), AROUND)
    assert isinstance(row, ReportRow)
    assert (row.phone, row.reported_ms) == ("+8613800138000", ms("2026-11-03T09:05+08:00"))
    day = xlsx(head, ("BB-1", 13800138000.0, "c-1", datetime(2026, 11, 3)))  # noqa: DTZ001 — as a spreadsheet has it
    with pytest.raises(WrongFile) as error:
        rows_of("report", files.lines_of(day), AROUND)
    assert error.value.wrong == ((2, "reported_at: no time, as 2026-11-23 14:05"),)
    formula = xlsx(head, ('=HYPERLINK("http://x","BB-1")', "=13800138000", "c-1", None))
    with pytest.raises(WrongFile) as error:
        rows_of("report", files.lines_of(formula), AROUND)
    assert error.value.wrong == ((2, "ref: a formula; save the file with its values"),)


def test_cells_that_a_roster_merged_are_named_and_not_guessed() -> None:
    book = openpyxl.Workbook()
    for row in (("渠道编号", "渠道名称", "工号"), ("hongyuan", "宏远地产", "A-17"), (None, None, "A-18")):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    book.active.merge_cells("B2:B3")
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(WrongFile) as error:
        channels_of(files.lines_of(out.getvalue()), {})
    assert error.value.wrong == ((3, "ref: a code of a-z 0-9 - is meant, on every line"),)


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + bytes(5000), xlsx(("a",))[:-30]])
def test_what_is_no_spreadsheet_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(WrongFile, match="not_xlsx"):
        files.lines_of(data)


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_UNPACKED", 100)
    with pytest.raises(WrongFile, match="too_large"):
        files.lines_of(xlsx(("a",)))


WRONG = [
    ("phone", "BB-2,1380013800,c-1,", "phone: no telephone number"),
    ("channel", "BB-2,13800138000,张三,", "channel: a code of a-z 0-9 - is meant, never a person's name"),
    ("reported_at", "BB-2,13800138000,c-1,2026-11-03", "reported_at: no time, as 2026-11-23 14:05"),
    ("ref", "13900139000,13800138000,c-1,", "ref is not valid"),
    ("ref again", "BB-1,13800138000,c-1,", "the ref of line 2 again"),
    ("ref missing", ",13800138000,c-1,", "ref is not valid"),
]


@pytest.mark.parametrize(("_name", "line", "said"), WRONG)
def test_a_wrong_row_is_named_by_line_and_nothing_of_it_is_said(_name: str, line: str, said: str) -> None:
    """P9: an error's text goes into logs."""
    with pytest.raises(WrongFile) as error:
        read("report", f"ref,phone,channel,reported_at\nBB-1,13800138000,c-1,\n{line}\n")
    assert error.value.wrong == ((3, said),)
    text = f"{error.value} {error.value.lines()}"
    assert "38001380" not in text and "39001390" not in text and "张三" not in text


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("ref,phone\na,b\n", "columns_missing", "no column for: channel, reported_at"),
        ("ref,phone,手机号,channel,reported_at\na,b,c,d,e\n", "columns_twice", "for: phone; save a mapping"),
        ("ref,phone\n", "empty", ""),
        ("", "empty", ""),
    ],
)
def test_wrong_columns_are_named(text: str, code: str, hint: str) -> None:
    with pytest.raises(WrongFile) as error:
        read("report", text)
    assert error.value.code == code and hint in error.value.hint


def test_a_mapping_names_the_columns_of_a_crm() -> None:
    around = Around({"phone": "联系方式", "ref": "单号"}, {}, NOON, SHANGHAI)
    (row,) = read("report", "单号,联系方式,电话,渠道,报备时间\nBB-1,13800138000,x,c-1,\n", around)
    assert isinstance(row, ReportRow) and row.phone == "+8613800138000"
    with pytest.raises(WrongFile, match="columns_missing"):
        read("report", "单号,电话,渠道,报备时间\nBB-1,13800138000,c-1,\n", around)


def test_a_channels_name_becomes_its_code_and_an_unknown_one_is_refused() -> None:
    around = Around({}, {"宏远地产": "hongyuan", "hongyuan": "hongyuan"}, NOON, SHANGHAI)
    for said in ("宏远地产", "hongyuan", "HongYuan"):
        (row,) = read("report", f"ref,phone,channel,reported_at\nBB-1,13800138000,{said},\n", around)
        assert isinstance(row, ReportRow) and row.channel == "hongyuan"
    with pytest.raises(WrongFile) as error:
        read("report", "ref,phone,channel,reported_at\nBB-1,13800138000,hongyaun,\n", around)
    assert "not one of the project's channels" in error.value.wrong[0][1]


def test_every_field_of_every_book_has_words_and_no_word_is_two_fields() -> None:
    for kind, fields in FIELDS.items():
        assert set(WORDS[kind]) == set(fields) >= set(REQUIRED[kind])
        words = [word for some in WORDS[kind].values() for word in some]
        assert len(words) == len(set(words)), kind


@given(
    st.from_regex(r"(\+|00)?[0-9 ()-]{5,18}", fullmatch=True)
    | st.from_regex(r"(\+86)?1[0-9]{8,11}", fullmatch=True)
    | st.text(max_size=20)
)
def test_a_number_is_one_here_exactly_if_it_is_one_on_the_box(text: str) -> None:
    try:
        expected: str | None = normalise(text)
    except InvalidInput:
        expected = None
    try:
        assert client_numbers.whole(text) == expected
    except ValueError as error:
        assert expected is None and str(error) == "no telephone number"


# -- trusting ------------------------------------------------------------------------------


def box(name: str = "a", key: str = "5" * 64, signer: Signer | None = None) -> SealingBox:
    signer = signer or SIGNER
    said = box_keys_signing_input("demo", "harbour", name, "riverside", key)
    return SealingBox(
        tenant="demo", site="harbour", box=name, project="riverside", enrolment_key=key,
        public_key=signer.public.hex(), signature=signer.key.sign(said).hex(),
    )  # fmt: skip


SIGNER = Signer()


def test_boxes_are_pinned_at_the_first_use_and_another_key_or_box_is_refused(tmp_path: Path) -> None:
    pins = tmp_path / "state" / "boxes.json"
    assert Pins(pins).check("riverside", [box()]) == ("a",)
    assert pins.stat().st_mode & 0o777 == 0o600
    assert Pins(pins).check("riverside", [box(key="6" * 64)]) == (), "another seal's key, the same box"
    false = Signer()
    with pytest.raises(Refused, match=r"key_changed .*compare it"):
        Pins(pins).check("riverside", [box(signer=false)])
    with pytest.raises(Refused, match="box_not_pinned"):
        Pins(pins).check("riverside", [box(), box("b", signer=false)])
    assert Pins(pins, [false.public.hex().upper()]).check("riverside", [box(), box("b", signer=false)]) == (
        "b",
    )
    assert Pins(pins).check("riverside", [box(), box("b", signer=false)]) == ()
    assert Pins(pins).check("hillside", [box(signer=false)]) == ("a",), "each project by itself"


def test_with_keys_given_none_is_trusted_by_first_use(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="box_not_pinned"):
        Pins(tmp_path / "boxes.json", ["7" * 64]).check("riverside", [box()])
    assert not (tmp_path / "boxes.json").exists()
    assert Pins(tmp_path / "boxes.json", [SIGNER.public.hex()]).check("riverside", [box()]) == ("a",)


def test_a_key_that_the_box_did_not_sign_is_refused(tmp_path: Path) -> None:
    false = box().model_copy(update={"enrolment_key": "6" * 64})
    with pytest.raises(Refused, match="signature_wrong"):
        Pins(tmp_path / "boxes.json").check("riverside", [false])


def test_a_damaged_file_of_pins_trusts_nobody(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text("{")
    with pytest.raises(Refused, match="pins_unreadable"):
        Pins(tmp_path / "boxes.json").check("riverside", [box()])


# -- sending -------------------------------------------------------------------------------


@pytest.fixture
def programs(database: Database, tmp_path: Path) -> Programs:
    return Programs(database, tmp_path / "hq")


class Line(httpx.BaseTransport):
    """The way to headquarters; `breaks` says what becomes of the next requests: lost before, or after."""

    def __init__(self, programs: Programs) -> None:
        self._inner = programs.program(None)._transport
        self.breaks: list[str | None] = []
        self.asked: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        broken = self.breaks.pop(0) if self.breaks and request.method == "POST" else None
        if broken == "before":
            raise httpx.ConnectError("lost", request=request)
        answer: httpx.Response = self._inner.handle_request(request)
        answer.read()
        if broken == "after":
            raise httpx.ReadError("lost", request=request)
        return answer


def reach(programs: Programs, line: Line, directory: Path, key: str | None = None) -> Gatehouse:
    return Gatehouse(
        "http://127.0.0.1", key or programs.issue(), Pins(directory / "boxes.json"), transport=line
    )


def run_client(programs: Programs, directory: Path, *words: str, code: int = 0, url: str = "") -> str:
    """Run `gatehouse-crm` against these programs' headquarters; return all that it says."""
    key_file = directory / "crm.key"
    if not key_file.exists():
        key_file.write_text(programs.issue() + "\n")
        key_file.chmod(0o600)
    with contextlib.nullcontext(url) if url else served(programs) as where:
        url = where.removesuffix(PATH)
        common = ["--url", url, "--key-file", str(key_file), "--state", str(directory / "state")]
        done = CliRunner().invoke(client, [*words, *common])
    said = done.output
    if isinstance(done.exception, CloudError):  # as `main` shows it
        said += "\n".join([*(done.exception.lines() if isinstance(done.exception, WrongFile) else ()), ""])
        said += str(done.exception)
    assert done.exit_code == code, (said, done.exception)
    return said


def reports(count: int) -> tuple[FactRow, ...]:
    return tuple(
        ReportRow(ref=f"BB-{n}", changed_ms=NOON, phone=f"+86138001{n:05d}", channel="c-1")
        for n in range(count)
    )


def imports(programs: Programs) -> int:
    with programs.pages.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(schema.imports)).scalar_one())


def arrived(programs: Programs) -> list[FactRow]:
    """Let the box take everything; return what it could read."""
    rows: list[FactRow] = []
    programs.site.now = now_ms() + 1  # a served headquarters has the machine's clock
    while due := programs.site.claim():
        for one in due:
            rows += [parse_row(plain) for plain in opened(programs, one.command)]
            programs.site.answer(programs.box, one.command.command_id)
    return rows


def test_a_book_goes_in_parts_and_each_row_arrives_once(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headquarters, "PART_ROWS", 10)
    line, rows = Line(programs), reports(25)
    done = reach(programs, line, tmp_path).push("report", rows, NOON)
    assert (done.rows, len(done.import_ids), done.pinned) == (25, 3, ("a",))
    assert sorted(arrived(programs), key=lambda r: int(r.ref[3:])) == list(rows)


@pytest.mark.parametrize("broken", ["before", "after"])
def test_what_breaks_off_is_taken_up_again_without_doubles(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Also by another start of the program, which knows no more than the journal."""
    monkeypatch.setattr(headquarters, "PART_ROWS", 10)
    monkeypatch.setattr(headquarters, "_wait", lambda _state: 0.0)
    key, line, rows = programs.issue(), Line(programs), reports(25)
    line.breaks = [None, broken, None]
    reach(programs, line, tmp_path, key).push("report", rows[:20], NOON)
    assert imports(programs) == 2, "within one run"

    journal = Journal(tmp_path, key, what("report", b"file"))
    line.breaks = [None, *[broken] * headquarters._ATTEMPTS]
    with pytest.raises(Unreachable):
        reach(programs, line, tmp_path, key).push("report", rows, NOON, journal)
    kept = b"".join(
        p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.parent.parent == tmp_path
    )
    assert b"138001" not in kept and b"BB-" not in kept, "the journal is sealed"
    done = reach(programs, line, tmp_path, key).push(
        "report", rows, NOON, Journal(tmp_path, key, what("report", b"file"))
    )
    assert imports(programs) == 2 + 3 and len(set(done.import_ids)) == 3
    assert len(arrived(programs)) == 20 + 25
    assert Journal(tmp_path, key, what("report", b"file")).plan() is None


def test_a_broken_push_is_sealed_anew_if_the_boxes_changed_meanwhile(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headquarters, "_wait", lambda _state: 0.0)
    key, line, rows = programs.issue(), Line(programs), reports(5)
    line.breaks = ["before"] * headquarters._ATTEMPTS
    with pytest.raises(Unreachable, match="unreachable"):
        reach(programs, line, tmp_path, key).push("report", rows, NOON, Journal(tmp_path, key, b"file"))
    programs.opens = X25519PrivateKey.generate()
    programs.key = programs.opens.public_key().public_bytes_raw().hex()
    programs.site.now += 1
    programs.site.says_keys(programs.box, key=programs.key)
    reach(programs, line, tmp_path, key).push("report", rows, NOON, Journal(tmp_path, key, b"file"))
    assert arrived(programs) == list(rows)


def test_a_refusal_says_why_and_isnt_tried_again(programs: Programs, tmp_path: Path) -> None:
    programs.site.box("silent")
    line = Line(programs)
    with pytest.raises(Refused, match=r"box_has_no_key \(silent"):
        reach(programs, line, tmp_path).push("report", reports(1), NOON)
    assert len(line.asked) == 1
    for key in ("gatehouse-crm-" + "A" * 43, "x"):
        with pytest.raises(Refused, match="unknown_key"):
            reach(programs, line, tmp_path, key).boxes()


def test_no_key_goes_out_unencrypted(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not_encrypted"):
        Gatehouse("http://hq.example.cn", "key", Pins(tmp_path / "boxes.json"))


# -- the command ---------------------------------------------------------------------------


def test_a_file_from_the_command_line(programs: Programs, tmp_path: Path) -> None:
    books = Books.write(tmp_path / "crm", 20)

    with served(programs) as url:

        def run(*words: str, code: int = 0) -> str:
            return run_client(programs, tmp_path, *words, code=code, url=url)

        assert "sent: 1 channels" in run("push", str(books.channels), "--kind", "channels")
        checked = run("push", str(books.reports), "--kind", "reports", "--check")
        assert "20 rows of report, all right" in checked and imports(programs) == 1
        sent = run("push", str(books.reports), "--kind", "report")
        assert "pinned a" in sent and "waiting" in sent and imports(programs) == 2
        import_id = sent.split("imports ")[1].split()[0]
        (channel, *rows) = arrived(programs)
        assert channel.kind == "channel" and len(rows) == 20
        assert all(isinstance(row, ReportRow) and row.channel == "hongyuan" for row in rows)
        assert "done" in run("status", import_id) and programs.box.public.hex() in run("boxes")
        assert "whole_list" in run("push", str(books.deals), "--kind", "deal", "--whole-list", code=1)
        assert "unknown_kind" in run("push", str(books.deals), "--kind", "gossip", code=1)


def test_a_wrong_file_is_shown_by_line_and_nothing_is_sent(programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    file.write_text("ref,phone,channel,reported_at\nBB-1,13800138000,c-1,\nBB-2,1380013,c-1,\n")
    said = run_client(programs, tmp_path, "push", str(file), "--kind", "report", code=1)
    assert "line 3: phone: no telephone number" in said and "1 of 2 rows; nothing was sent" in said
    assert "1380013" not in said and imports(programs) == 0


def test_a_saved_mapping_is_asked_for_by_name(programs: Programs, tmp_path: Path) -> None:
    mapping = ColumnMapping(name="fangyou", kind="report", columns={"ref": "单号", "phone": "联系方式"})
    programs.pages.database.write(
        lambda c: save_mapping(c, "demo", "riverside", mapping, by="boss", now_ms=NOON)
    )
    file = tmp_path / "book.csv"
    file.write_text("单号,联系方式,渠道,报备时间\nBB-1,13800138000,c-1,\n")
    words = ("push", str(file), "--kind", "report", "--mapping")
    assert "all right" in run_client(programs, tmp_path, *words, "fangyou")
    assert "unknown_mapping" in run_client(programs, tmp_path, *words, "other", code=1)


def test_a_key_file_that_others_may_read_is_refused(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "crm.key").write_text("x")
    (tmp_path / "crm.key").chmod(0o644)
    assert "others_may_read_it" in run_client(programs, tmp_path, "boxes", code=1)
