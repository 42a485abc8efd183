"""What the browser does with a book: reads, checks, pads and seals; held against the box's own rules.

The JavaScript runs in Node.js as it is; whatever it seals is opened by `cryptography` and parsed by the wire.
"""

import base64
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edge.domain.phone import normalise
from edge.wire.columns import FIELDS, NO, OWNERS, PERSONAL, REQUIRED, WORDS, YES, BookKind
from edge.wire.facts import ROW_BYTES, SEALED_TEXT, parse_row, row_info

NOW = 1_795_000_000_000
MODULES = Path(__file__).resolve().parents[3] / ".cache" / "npm" / "node_modules"
DRIVER = Path(__file__).with_name("browser_driver.mjs")
KNOWN = {
    "zone": "Asia/Shanghai",
    "now": NOW,
    "channels": [
        {"code": "lianhe", "name": "联合行", "withdrawn": False},
        {"code": "hongyuan", "name": "宏远地产（合肥）", "withdrawn": False},
        {"code": "gone", "name": "旧渠道", "withdrawn": True},
    ],
    "vocabulary": {"yes": sorted(YES), "no": sorted(NO), "owners": dict(OWNERS)},
}


class Browser:
    """The browser's modules in one Node.js process."""

    def __init__(self, bundle: Path) -> None:
        node = shutil.which("node")
        assert node, "scripts/setup installs Node.js"
        self._process = subprocess.Popen(
            [node, str(bundle)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def tried(self, op: str, **rest: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"op": op, **rest}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __call__(self, op: str, **rest: Any) -> Any:
        said = self.tried(op, **rest)
        assert "fault" not in said, said
        return said.get("ok")

    def read(self, raw: bytes) -> dict[str, Any]:
        return self.tried("read", bytes=base64.b64encode(raw).decode())

    def check(self, kind: BookKind, **cells: str) -> dict[str, Any]:
        """Check one row, whose cells are given by field."""
        line = {"line": 2, "cells": list(cells.values())}
        columns = {field: n for n, field in enumerate(cells)}
        found: dict[str, Any] = self("check", kind=kind, lines=[line], columns=columns, known=KNOWN)
        return found

    def codes(self, kind: BookKind, **cells: str) -> list[tuple[str, str]]:
        return [(one["field"], one["code"]) for one in self.check(kind, **cells)["faults"]]

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    bundle = tmp_path_factory.mktemp("browser") / "driver.mjs"
    subprocess.run(
        [str(MODULES / ".bin" / "esbuild"), str(DRIVER), "--bundle", "--platform=node", "--format=esm",
         f"--outfile={bundle}", "--log-level=warning"],
        check=True, env={"NODE_PATH": str(MODULES), "PATH": "/usr/bin:/bin"}, timeout=60,
    )  # fmt: skip
    found = Browser(bundle)
    yield found
    found.close()


def book(kind: BookKind) -> dict[str, Any]:
    words, personal = dict(WORDS[kind]), PERSONAL.get(kind, ())
    return {"fields": FIELDS[kind], "required": REQUIRED[kind], "words": words, "personal": personal}


# ---- files -------------------------------------------------------------------------------------

TEXT = '报备编号,客户电话,渠道\nR-1,13800138000,"联合\n行"\n\nR-2,=1+1,@x\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_is_read_in_every_usual_encoding_and_keeps_its_line_numbers(
    browser: Browser, encoding: str, separator: str
) -> None:
    (found,) = browser.read(TEXT.replace(",", separator).encode(encoding))["ok"].values()
    assert found["headings"] == ["报备编号", "客户电话", "渠道"]
    assert [(row["line"], row["cells"][0]) for row in found["rows"]] == [(2, "R-1"), (5, "R-2")]
    assert found["rows"][1]["cells"][1:] == ["=1+1", "@x"], "text, never carried out"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00\xff", "not_text"),
        (b'a,b\n"x,y\n', "open_quote"),
        (b"\xd0\xcf\x11\xe0", "old_excel"),
        (b"PK\x03\x04nonsense", "not_a_workbook"),
        (b"x" * (8 * 2**20 + 1), "too_large"),
        (b"a\n" + b"1\n" * 10_001, "too_many_rows"),
        (b"a," * 201 + b"\n", "too_many_columns"),
    ],
)
def test_a_file_that_is_none_is_named(browser: Browser, raw: bytes, code: str) -> None:
    assert browser.read(raw) == {"fault": code}


@given(raw=st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_the_reader(browser: Browser, raw: bytes) -> None:
    said = browser.read(raw)
    assert "ok" in said or re.fullmatch(r"[a-z_]+", said["fault"])


def workbook(rows: str, unpacked: int = 0) -> bytes:
    """Return an XLSX with one sheet, whose style 1 is a date."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{links}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{links}"><sheets>'
        '<sheet name="报备" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{links}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{links}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="22"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
        + " " * unpacked,
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return made.getvalue()


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def test_a_workbook_shows_formulas_as_text_and_a_day_without_a_time(browser: Browser) -> None:
    """The value stored beside a formula never stands in for it."""
    rows = (
        f'<row r="1">{text_cell("A1", "编号")}{text_cell("B1", "电话")}{text_cell("C1", "报备时间")}</row>'
        f'<row r="3">{text_cell("A3", "R-1")}<c r="B3"><v>13800138000</v></c>'
        '<c r="C3" s="1"><v>46000.5</v></c></row>'
        f'<row r="4">{text_cell("A4", "R-2")}<c r="B4"><f>A1&amp;"9"</f><v>13900139000</v></c>'
        '<c r="C4" s="1"><v>46000</v></c></row>'
    )
    (sheet,) = browser.read(workbook(rows))["ok"].items()
    name, found = sheet
    assert (name, found["headings"]) == ("报备", ["编号", "电话", "报备时间"])
    assert found["rows"] == [
        {"line": 3, "cells": ["R-1", "13800138000", "2025-12-09 12:00:00"]},
        {"line": 4, "cells": ["R-2", '=A1&"9"', "2025-12-09"]},
    ]


def test_a_workbook_that_would_fill_the_memory_is_refused(browser: Browser) -> None:
    assert browser.read(workbook("", unpacked=100 << 20)) == {"fault": "too_large"}


# ---- columns -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FIELDS)
def test_columns_are_found_by_chinese_and_english_headings(browser: Browser, kind: BookKind) -> None:
    for which in (0, 1):
        headings = [f" {WORDS[kind][field][which].upper()} " for field in FIELDS[kind]]
        found = browser("match", headings=headings, book=book(kind), saved={})
        assert found == {field: n for n, field in enumerate(FIELDS[kind])}
        assert browser("unfit", headings=headings, book=book(kind), columns=found) == {
            "missing": [],
            "doubled": [],
            "personal": [],
            "bare": False,
        }


def test_a_saved_mapping_goes_before_the_usual_words_and_missing_and_double_columns_are_named(
    browser: Browser,
) -> None:
    headings = ["单号", "电话", "电话", "渠道"]
    found = browser("match", headings=headings, book=book("report"), saved={"ref": "单号"})
    assert found == {"ref": 0, "phone": 1, "channel": 3}
    unfit = browser("unfit", headings=headings, book=book("report"), columns=found)
    assert unfit == {"missing": ["reported_at"], "doubled": ["电话"], "personal": [], "bare": False}


# ---- rows --------------------------------------------------------------------------------------

REPORT = {"ref": "R-1", "phone": "138 0013-8000", "channel": "联合行", "agent": "A7", "reported_at": ""}


@pytest.mark.parametrize(
    ("kind", "cells", "faults"),
    [
        ("report", {**REPORT, "ref": ""}, [("ref", "empty")]),
        ("report", {**REPORT, "ref": "R 1"}, [("ref", "bad_ref")]),
        ("report", {**REPORT, "ref": "R-13800138000"}, [("ref", "ref_is_number")]),
        ("report", {**REPORT, "phone": "=1+1"}, [("phone", "not_a_number")]),
        ("report", {**REPORT, "phone": "+8612345"}, [("phone", "not_a_number")]),
        ("report", {**REPORT, "channel": "别家"}, [("channel", "unknown_channel")]),
        ("report", {**REPORT, "channel": "旧渠道"}, [("channel", "unknown_channel")]),
        ("report", {**REPORT, "agent": "王某"}, [("agent", "bad_agent")]),
        ("report", {**REPORT, "agent": "13800138000"}, [("agent", "agent_is_number")]),
        ("report", {**REPORT, "reported_at": "昨天"}, [("reported_at", "bad_time")]),
        ("report", {**REPORT, "reported_at": "2026-01-01"}, [("reported_at", "day_only")]),
        ("report", {**REPORT, "withdrawn": "也许"}, [("withdrawn", "not_yes_or_no")]),
        ("customer", {"ref": "C1", "phone": "138****8000", "since_at": "2026-01"},
         [("phone", "masked_here"), ("since_at", "bad_time")]),
        ("deal", {"ref": "D1", "channel": "", "buyers": "13800138000、+86 138 0013 8000"},
         [("buyers", "buyer_twice")]),
        ("deal", {"ref": "D1", "channel": "lianhe", "buyers": "13800138000", "owner": "谁"},
         [("owner", "unknown_owner")]),
        ("follow_up", {"ref": "F1", "report": "", "at": "2026-02-30 10:00"},
         [("report", "empty"), ("at", "bad_time")]),
    ],
)  # fmt: skip
def test_each_wrong_cell_is_named_by_line_and_field(
    browser: Browser, kind: BookKind, cells: dict[str, str], faults: list[tuple[str, str]]
) -> None:
    assert browser.codes(kind, **cells) == faults


def test_a_reference_that_stands_twice_is_a_fault_of_its_second_line(browser: Browser) -> None:
    lines = [{"line": n, "cells": list(REPORT.values())} for n in (2, 3)]
    columns = {field: n for n, field in enumerate(REPORT)}
    found = browser("check", kind="report", lines=lines, columns=columns, known=KNOWN)
    assert found["faults"] == [{"line": 3, "field": "ref", "code": "ref_twice"}]


NUMBERS = st.from_regex(r"(\+|00)?(86)?[ -]?1[0-9]{2}[ -]?[0-9]{4}[ -]?[0-9]{3,5}", fullmatch=True)
FOREIGN = st.from_regex(r"(\+852|\+1|\+65|0551|010|\+) ?[0-9]{3,10}", fullmatch=True)


@given(text=NUMBERS | FOREIGN)
@settings(max_examples=200, deadline=None)
def test_a_number_that_is_taken_is_the_one_that_the_box_would_make_of_it(browser: Browser, text: str) -> None:
    said = browser.tried("phone", text=text)
    if "ok" in said:
        assert said["ok"] == normalise(text)
    else:
        digits = re.sub(r"[ -]", "", text)
        assert not re.fullmatch(r"(\+?86|0086)?1[3-9][0-9]{9}", digits), text


@given(at=st.integers(32_000_000, 3_700_000_000), zone=st.sampled_from(["Asia/Shanghai", "UTC"]))
@settings(max_examples=150, deadline=None)
def test_a_time_is_read_in_the_projects_zone(browser: Browser, at: int, zone: str) -> None:
    wall = datetime.fromtimestamp(at, ZoneInfo(zone))
    assume(wall.replace(fold=1).timestamp() == wall.replace(fold=0).timestamp())
    for text in (f"{wall:%Y-%m-%d %H:%M:%S}", f"{wall:%Y/%m/%d %H:%M:%S}", f"{wall:%Y年%m月%d日 %H:%M:%S}"):
        assert browser("instant", text=text, zone=zone) == at * 1000
    assert browser("instant", text=f"{wall:%Y-%m-%dT%H:%M:%S}+08:00", zone="UTC") == int(
        wall.replace(tzinfo=ZoneInfo("Etc/GMT-8")).timestamp() * 1000
    )
    assert browser("instant", text=f"{wall:%Y-%m-%d}", zone=zone) == "day"


# ---- sealing -----------------------------------------------------------------------------------

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@pytest.fixture(scope="module")
def key() -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def opened(sealed: str, key: X25519PrivateKey, box: dict[str, str]) -> bytes:
    assert len(sealed) == SEALED_TEXT
    info = row_info(box["tenant"], box["box"], box["enrolment_key"])
    plain = SUITE.decrypt(base64.b64decode(sealed), key, info)
    assert len(plain) == ROW_BYTES
    return plain


REFS = st.from_regex(r"[A-Z]{1,3}-[0-9]{1,8}", fullmatch=True)
PHONES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
TIMES = st.integers(1_577_836_800, 1_893_456_000).map(
    lambda at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
)
ROWS: st.SearchStrategy[tuple[BookKind, dict[str, str]]] = st.one_of(
    st.tuples(st.just("report"), st.fixed_dictionaries(
        {"ref": REFS, "phone": PHONES | st.just("138xxxx1234"),
         "channel": st.sampled_from(["联合行", "LIANHE"]),
         "agent": st.sampled_from(["", "A-7"]), "reported_at": TIMES | st.just(""),
         "withdrawn": st.sampled_from(["", "是"])})),
    st.tuples(st.just("deal"), st.fixed_dictionaries(
        {"ref": REFS, "channel": st.sampled_from(["", "案场", "lianhe"]),
         "buyers": st.lists(PHONES, min_size=1, max_size=8, unique=True).map("、".join),
         "subscribed_at": TIMES, "contracted_at": st.just(""), "owner": st.sampled_from(["", *OWNERS])})),
    st.tuples(st.just("customer"), st.fixed_dictionaries({"ref": REFS, "phone": PHONES, "since_at": TIMES})),
    st.tuples(st.just("follow_up"), st.fixed_dictionaries({"ref": REFS, "report": REFS, "at": TIMES})),
    st.tuples(st.just("extension"), st.fixed_dictionaries(
        {"ref": REFS, "report": REFS, "logged_at": TIMES, "until_at": TIMES})),
)  # fmt: skip


@given(made=ROWS, old=st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_the_browser_seals_the_box_opens_and_understands(
    browser: Browser, key: X25519PrivateKey, made: tuple[BookKind, dict[str, str]], old: bool
) -> None:
    """Both with the browser's own X25519 and, as in older ones, without; every row is equally long."""
    kind, cells = made
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    box = {"tenant": "demo", "box": "box-1", "enrolment_key": public}
    found = browser.check(kind, **cells)
    assert found["faults"] == [], cells
    (sealed,) = browser("seal", rows=found["rows"], box=box, old=old)
    row = parse_row(opened(sealed, key, box))
    assert (row.kind, row.ref, row.changed_ms) == (kind, cells["ref"], NOW)
    assert row.withdrawn == (cells.get("withdrawn") == "是")
    if row.kind == "report":
        phone = cells["phone"]
        assert row.phone == ("138****1234" if "x" in phone else normalise(phone))
        assert (row.channel, row.agent) == ("lianhe", cells["agent"].lower() or None)
        assert (row.reported_ms is None) == (cells["reported_at"] == "")
    if row.kind == "deal":
        assert row.buyers == tuple(normalise(one) for one in cells["buyers"].split("、"))
        assert row.channel == ("lianhe" if cells["channel"] == "lianhe" else None)
        assert row.owner == OWNERS.get(cells["owner"])


def test_another_box_does_not_open_a_row(browser: Browser, key: X25519PrivateKey) -> None:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    box = {"tenant": "demo", "box": "box-1", "enrolment_key": public}
    (sealed,) = browser("seal", rows=browser.check("report", **REPORT)["rows"], box=box)
    with pytest.raises(InvalidTag):
        opened(sealed, key, {**box, "box": "box-2"})
