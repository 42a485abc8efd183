"""A file of reports: the encodings that offices use, every wrong row named by line alone, all or nothing."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.reports import MOST_BYTES, MOST_ROWS, read_reports

ENGLISH = "ref,phone,channel,agent,reported_at\n"
CHINESE = "报备编号,客户电话,渠道,经纪人,报备时间\n"
ROW = "R-1,13800138000,链家,王五,2026-11-23T14:05:00+08:00\n"
REPORTED_MS = int(datetime(2026, 11, 23, 6, 5, tzinfo=UTC).timestamp() * 1000)


def write(tmp_path: Path, data: bytes | str) -> Path:
    file = tmp_path / "reports.csv"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def refused(tmp_path: Path, data: bytes | str) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        read_reports(write(tmp_path, data))
    return error.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("header", [ENGLISH, CHINESE, "编号,手机号,渠道公司,经纪人,报备时间\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_encodings_headers_and_line_ends_that_offices_use(
    tmp_path: Path, encoding: str, header: str, newline: str
) -> None:
    (row,) = read_reports(write(tmp_path, (header + ROW).replace("\n", newline).encode(encoding)))
    assert (row.ref, row.phone, row.channel, row.agent) == ("R-1", "+8613800138000", "链家", "王五")
    assert row.reported_ms == REPORTED_MS


def test_columns_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    header, line = (
        "备注,报备时间,经纪人, 渠道 ,客户电话,报备编号\n",
        "老客户,2026-11-23T06:05Z,王五,链家,138-0013-8000,R-1\n",
    )
    text = header + line
    (row,) = read_reports(write(tmp_path, text))
    assert (row.ref, row.phone, row.reported_ms) == ("R-1", "+8613800138000", REPORTED_MS)


@pytest.mark.parametrize(
    "written",
    ["2026-11-03 09:05", "2026-11-03 09:05:00", "2026/11/3 9:05", "2026/11/03 9:05:00", "2026-11-03T09:05",
     "20261103T0905"],
)  # fmt: skip
def test_a_time_without_a_zone_is_the_sites_own(tmp_path: Path, written: str) -> None:
    local = datetime(2026, 11, 3, 9, 5).astimezone()
    (row,) = read_reports(write(tmp_path, f"{ENGLISH}R,13800138000,c,a,{written}\n"))
    assert row.reported_ms == int(local.timestamp() * 1000)


@given(st.integers(946_684_800, 4_102_444_800), st.integers(-12, 14))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_time_with_a_zone_is_that_instant(tmp_path: Path, seconds: int, hours: int) -> None:
    aware = datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours)))
    (row,) = read_reports(write(tmp_path, f"{ENGLISH}R,13800138000,c,a,{aware.isoformat()}\n"))
    assert row.reported_ms == seconds * 1000


def test_an_unknown_time_stays_unknown(tmp_path: Path) -> None:
    """domain.md: no report time is a reason for UNKNOWN, never a guess."""
    (row,) = read_reports(write(tmp_path, ENGLISH + "R,13800138000,c,a,\n"))
    assert row.reported_ms is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("R-1,138,c,a,", "not_a_phone_number"),
        ("R-1,138***8000,c,a,", "not_a_phone_number"),
        ("R-1,021****8000,c,a,", "not_a_phone_number"),
        ("R 1,13800138000,c,a,", "ref is not valid"),
        (",13800138000,c,a,", "ref is not valid"),
        ("R-1,13800138000,,a,", "channel is not valid"),
        (f"R-1,13800138000,c,{'a' * 61},", "agent is not valid"),
        ("R-1,13800138000,c,a,yesterday", "reported_at is not a time"),
        ("R-1,13800138000,c,a,2026-11-23", "reported_at is not a time"),
        ("R-1,13800138000,c,a,2026-13-01 10:00", "reported_at is not a time"),
        ("R-1,13800138000,c,a,0001-01-01 00:00", "reported_at is not"),
        ("R-1,13800138000,c,a,9999-12-31T23:59:59-12:00", "reported_at is not a time"),
        ("R-1,13800138000,c,a,1960-01-01T00:00Z", "reported_at is not a time"),
        ("R-1,13800138000,c", "too few columns"),
    ],
)
def test_a_wrong_row_is_named_by_its_line_without_its_contents(tmp_path: Path, row: str, says: str) -> None:
    error = refused(tmp_path, f"{ENGLISH}R-0,13900139000,c,a,\n{row}\n")
    assert error.code == "rows_wrong"
    if "0001" not in row:
        assert f"line 3: {says}" in error.hint
    assert "nothing was imported" in error.hint
    for cell in row.split(","):
        assert len(cell) < 5 or cell not in str(error)


def test_every_wrong_row_is_counted_and_the_first_ten_are_listed(tmp_path: Path) -> None:
    error = refused(tmp_path, ENGLISH + "R-1,13800138000,c,a,\n" + "R-2,1,c,a,\n" * 13)
    assert [f"line {n}: not_a_phone_number" in error.hint for n in range(2, 15)] == [
        False,
        *[True] * 10,
        False,
        False,
    ]
    assert "and 3 more" in error.hint


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    error = refused(tmp_path, ENGLISH + '\nR-1,13800138000,"two\nlines",a,\n\nR-2,1,c,a,\n')
    assert "line 6: not_a_phone_number" in error.hint


def test_a_ref_that_stands_twice_is_named_by_line_and_never_itself(tmp_path: Path) -> None:
    text = ENGLISH + "R-1380,13800138000,c,a,\nR-2,13900139000,c,a,\nR-1380,13900139000,c,a,\n"
    error = refused(tmp_path, text)
    assert error.code == "rows_wrong"
    assert "line 4: the ref of line 2 again" in error.hint
    assert "1380" not in str(error)


@pytest.mark.parametrize("formula", ['=HYPERLINK("http://x")', "+1+1", "@SUM(A1)", "-2+3", "\t=1"])
def test_a_formula_is_text_and_stays_it(tmp_path: Path, formula: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(["R-1", "13800138000", formula, formula, ""])
    (row,) = read_reports(write(tmp_path, ENGLISH + buffer.getvalue()))
    assert row.channel == row.agent == formula.strip()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "columns_missing"),
        ("\n", "columns_missing"),
        ("ref,phone\nR,1\n", "columns_missing"),
        (ENGLISH.replace("\n", ",电话\n") + ROW, "columns_twice"),
        (ENGLISH, "row_count"),
        (ENGLISH + "\n,,,,\n", "row_count"),
        (ENGLISH + "".join(f"R-{i},13800138000,c,a,\n" for i in range(MOST_ROWS + 1)), "row_count"),
        (ENGLISH + f'R-1,13800138000,"{"c" * 140_000}",a,\n', "not_csv"),
        (ENGLISH.encode() + b"\xff\xff\xff", "encoding"),
        ((ENGLISH + ROW).encode("utf-16"), "encoding"),
        (b"," * (MOST_BYTES + 1), "too_large"),
    ],
)
def test_a_file_of_another_form_is_refused_whole(tmp_path: Path, text: str | bytes, code: str) -> None:
    assert refused(tmp_path, text).code == code


def test_the_missing_columns_are_named(tmp_path: Path) -> None:
    assert "phone, reported_at" in refused(tmp_path, "ref,channel,agent\n").hint


def test_as_many_rows_as_one_import_takes(tmp_path: Path) -> None:
    text = CHINESE + "".join(f"R-{i},138{i:08d},链家,王五,2026-11-23 14:05\n" for i in range(MOST_ROWS))
    assert len(read_reports(write(tmp_path, text.encode("gbk")))) == MOST_ROWS


def test_a_file_that_cannot_be_read_is_named_without_its_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(InvalidInput, match="unreadable") as error:
            read_reports(path)
        assert path.name in str(error.value)
        assert str(tmp_path.parent) not in str(error.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=200).map((ENGLISH + ROW).encode().__add__))
@example(b"\x84\x31\x95\x33" + (ENGLISH + ROW).encode("gb18030"))
@example((ENGLISH + ROW).encode() + b'"')
@example((ENGLISH + ROW).encode() + b"\x00,\x00")
def test_any_bytes_are_rows_or_invalid_input(tmp_path: Path, data: bytes) -> None:
    try:
        rows = read_reports(write(tmp_path, data))
    except InvalidInput:
        return
    assert 1 <= len(rows) <= MOST_ROWS


cells = st.text(alphabet='0123456789+-=,"\r\n\tR张王 :/T*', max_size=25)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(cells, min_size=4, max_size=6), max_size=5))
def test_any_cells_are_rows_or_invalid_input(tmp_path: Path, table: list[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(table)
    try:
        rows = read_reports(write(tmp_path, CHINESE + buffer.getvalue()))
    except InvalidInput:
        return
    assert len({row.ref for row in rows}) == len(rows)


def test_a_reference_that_is_a_phone_number_is_refused_since_it_would_leave_the_box(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("ref,phone,channel,agent,reported_at\n13800138000,13800138000,A,B,2026-01-01 10:00\n")
    with pytest.raises(InvalidInput) as refused:
        read_reports(file)
    assert "ref_is_a_phone_number" in str(refused.value) and "13800138000" not in str(refused.value)


@pytest.mark.parametrize("written", ["138****8000", " 138 **** 8000", "138＊＊＊＊8000"])
def test_a_masked_number_is_taken_as_it_is(tmp_path: Path, written: str) -> None:
    (row,) = read_reports(write(tmp_path, f"{ENGLISH}R-1,{written},c,a,\n"))
    assert row.phone == "138****8000"
