"""Channel risk at headquarters: what is refused, counted, said by people, handed to an agent."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from typer.testing import CliRunner

from cloud.cli import app
from cloud.config import Retention
from cloud.errors import InvalidOrder
from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.retention.keeper import keep_house
from cloud.risk import board, package
from cloud.risk.board import Filter
from cloud.risk.opinions import Subject
from cloud.store import schema
from cloud.store.database import Database, open_database
from cloud.web.roles import Role
from edge import archive
from edge.domain.judging.case import Blind
from edge.wire import ErasureReceipt, Receipt, Topics, parse_signed
from tests.unit.cloud.findings import ANNA, BEN, MINUTE, case, finding
from tests.unit.cloud.signer import NOON, Signer, entry, hexid
from tests.unit.cloud.web import Pages, configured, csrf, submit

SITE = Topics("demo", "harbour", "box-1")


def send(intake: Intake, signer: Signer, *records: Any, start: int = 1) -> list[tuple[str, str]]:
    raw = [
        entry(n, record, wall_ms=getattr(record, "decided_ms", NOON + 200 * MINUTE))
        for n, record in enumerate(records, start)
    ]
    answer = intake.accept(signer.topics.batch, signer.batch(raw))
    assert answer is not None
    receipt = Receipt.model_validate(parse_signed(answer.payload).body)
    return [(one.outcome, one.code) for one in receipt.results]


def kept(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(schema.verdicts)).mappings())


# -- what is refused ---------------------------------------------------------------------------


def test_a_finding_that_its_box_signed_is_kept_whole(
    database: Database, intake: Intake, signer: Signer
) -> None:
    assert send(intake, signer, finding(signer, case(60, deal="D-1"), ref="D-1")) == [("committed", "ok")]
    (row,) = kept(database)
    assert (row["deal_ref"], row["report_ref"], row["verdict"]) == ("D-1", None, "NORMAL")
    assert row["outcomes"][0]["rule"] == "late_report"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"verdict": "NORMAL", "reasons": ("reported_before_presence",)}, "finding_contradicts"),
        ({"reasons": ()}, "finding_contradicts"),
        ({"review_reasons": ("no_id_at_deal",)}, "finding_contradicts"),
        ({"inputs_hash": "0" * 64}, "inputs_altered"),
        ({"inputs": '{"case":{},"rules":{}}'}, "inputs_altered"),
        ({"version": 2}, "finding_not_signed"),
        ({"report_ref": "R-2"}, "finding_not_signed"),
        ({"decided_ms": NOON}, "finding_not_signed"),
        ({"signature": "0" * 128}, "finding_not_signed"),
    ],
)
def test_an_altered_finding_is_refused(
    database: Database, intake: Intake, signer: Signer, changes: dict[str, Any], code: str
) -> None:
    """P33: also by whoever has the box's own batches in hand."""
    altered = finding(signer, case(-10)).model_copy(update=changes)
    assert send(intake, signer, altered) == [("quarantined", code)]
    assert kept(database) == []


def test_another_boxs_finding_is_refused_from_this_one(
    database: Database, intake: Intake, signer: Signer
) -> None:
    other = Signer(Topics("demo", "harbour", "box-2"))
    other.enrolled_in(database)
    foreign = finding(other, case(-10))
    assert send(intake, signer, foreign) == [("quarantined", "finding_not_signed")]
    forged = finding(Signer(signer.topics), case(-10))
    assert send(intake, signer, forged, start=2) == [("quarantined", "finding_not_signed")]


def test_a_batch_that_comes_again_and_a_version_that_comes_late_change_nothing(
    database: Database, intake: Intake, signer: Signer
) -> None:
    first = finding(signer, case(None))
    second = finding(signer, case(60), version=2, decided_ms=NOON + 200 * MINUTE)
    raw = [entry(1, second, wall_ms=second.decided_ms)]
    payload = signer.batch(raw)
    for _ in range(2):
        intake.accept(signer.topics.batch, payload)
    send(intake, signer, first, start=2)
    with database.read() as connection:
        (line,), more = board.lines(connection, "demo", "harbour", ("box-1",), "report", Filter())
    assert (line.verdict, line.finding["version"], more) == ("NORMAL", 2, False)
    assert len(kept(database)) == 2


# -- the board ---------------------------------------------------------------------------------


def test_counts_and_lists_of_a_project_with_two_boxes(
    database: Database, intake: Intake, signer: Signer
) -> None:
    other = Signer(Topics("demo", "harbour", "box-2"), epoch=hexid(9))
    other.enrolled_in(database)
    send(
        intake, signer,
        finding(signer, case(-10), ref="R-risk"),
        finding(signer, case(60), ref="R-normal"),
        finding(signer, case(None), ref="R-elsewhere"),
        finding(signer, case(None), ref="R-nobody", channel="beta"),
        finding(signer, case(60, contradicts=True), ref="R-look", channel="beta"),
    )  # fmt: skip
    send(
        intake, other,
        finding(other, case(60), ref="R-risk"),
        finding(other, case(60), ref="R-elsewhere"),
        finding(other, case(None), ref="R-nobody", channel="beta"),
    )  # fmt: skip
    boxes = ("box-1", "box-2")
    with database.read() as connection:
        assert board.projects(connection, "demo") == {"harbour": boxes}
        counts = board.counts(connection, "demo", "harbour", boxes, "report")
        tally = board.Tally
        assert (counts.risk, counts.normal, counts.unknown) == (tally(1, 0), tally(3, 0), tally(1, 0))
        assert counts.causes == (("no_evidence_of_presence", 1),)

        def refs(**chosen: Any) -> set[str]:
            found, _ = board.lines(connection, "demo", "harbour", boxes, "report", Filter(**chosen))
            return {line.ref for line in found}

        assert refs(verdict="RISK") == {"R-risk"}
        assert refs(verdict="NORMAL") == {"R-normal", "R-elsewhere", "R-look"}
        assert refs(channel="beta") == {"R-nobody", "R-look"}
        assert refs(cause="answer_contradicts_report") == {"R-look"}
        assert refs(cause="late_report") == {"R-risk"}
        assert board.channels(connection, "demo", boxes) == ("alpha", "beta")
        assert board.counts(connection, "demo", "harbour", boxes, "deal").all.whole == 0


def test_a_long_list_comes_in_pages(database: Database, intake: Intake, signer: Signer) -> None:
    send(intake, signer, *(finding(signer, case(60), ref=f"R-{n:03}") for n in range(board.PAGE + 3)))
    with database.read() as connection:
        first, more = board.lines(connection, "demo", "harbour", ("box-1",), "report", Filter())
        rest, end = board.lines(connection, "demo", "harbour", ("box-1",), "report", Filter(page=1))
    assert (len(first), more, len(rest), end) == (board.PAGE, True, 3, False)
    assert not {line.ref for line in first} & {line.ref for line in rest}


# -- pages -------------------------------------------------------------------------------------


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    config = configured(tmp_path / "hq")
    database = open_database(config.database.url)
    made = Pages(config, database)
    for name, role in (
        ("boss", Role.ADMIN),
        ("judge", Role.REVIEWER),
        ("clerk", Role.OFFICER),
        ("eye", Role.VIEWER),
    ):
        made.person(name, role)
    yield made
    database.close()


@pytest.fixture
def box(pages: Pages) -> Signer:
    """A box that found on a deal and a report."""
    signer = Signer()
    pages.database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=NOON))
    send(
        Intake(pages.database, SigningKey(bytes(32))), signer,
        finding(signer, case(-10, deal="D-1", rival=True, contradicts=True), ref="D-1", also=(BEN,)),
        finding(signer, case(60), ref="R-1"),
    )  # fmt: skip
    return signer


DEAL = "/risk/harbour/deal/D-1"


def test_one_deal_is_told_with_its_timeline_sentences_rules_and_hash(pages: Pages, box: Signer) -> None:
    page = pages.log_in("eye").get(DEAL)
    assert page.status_code == 200
    for words in (
        "本渠道报备",
        "另一渠道报备",
        "到场登记",
        "客户自述：自己来的",
        "认购",
        "晚报备【风险】",
        "harbour-2026",
        "第 3 版",
    ):
        assert words in page.text, words
    assert page.text.count("决定结论") >= 2
    hashed = kept(pages.database)[0]["inputs_hash"]
    assert hashed in page.text and "a1a1a1" not in page.text, "no token of anybody"
    english = pages.log_in("eye").get(f"{DEAL}?lang=en")
    assert "Another channel reported" in english.text and "Late report [risk]" in english.text
    for forbidden in ("risk-review", "risk-appeal", "risk-package"):
        assert forbidden not in page.text, "a viewer looks"


def test_a_finding_in_doubt_says_for_how_long(pages: Pages, box: Signer) -> None:
    """The minutes come from the box, whichever order its times were spelled in."""
    off = (Blind(NOON - 25 * MINUTE, NOON - 11 * MINUTE),)
    send(
        Intake(pages.database, SigningKey(bytes(32))),
        box,
        finding(box, case(30, blind=off), ref="R-5"),
        start=9,
    )
    page = pages.log_in("eye").get("/risk/harbour/report/R-5")
    assert page.status_code == 200 and "14 分钟" in page.text and "盒子停机，至" in page.text
    assert page.text.index("盒子停机，至") < page.text.index("盒子恢复") < page.text.index("本渠道报备")


@pytest.mark.parametrize(
    ("about", "ref", "verdict"),
    [("deal", "D-1", "RISK"), ("report", "R-1", "NORMAL"), ("report", "R-7", "UNKNOWN")],
)
def test_each_kind_of_finding_is_counted_reviewed_and_not_and_each_count_opens_its_list(
    pages: Pages, box: Signer, about: str, ref: str, verdict: str
) -> None:
    """What a count says is how many its link lists, on the page and in the export."""
    send(Intake(pages.database, SigningKey(bytes(32))), box, finding(box, case(None), ref="R-7"), start=9)
    browser, one = pages.log_in("judge"), f"/risk/harbour/{about}/{ref}"

    def listed() -> tuple[list[str], list[str]]:
        told, shown = browser.get("/risk").text, []
        for asked in ("yes", "no"):
            query = f"verdict={verdict}&reviewed={asked}"
            counted = re.search(
                rf'href="/risk/harbour/{about}\?{query.replace("&", "&amp;")}"[^>]*>(\d+)</a>', told
            )
            refs = re.findall(
                rf'href="/risk/harbour/{about}/([A-Z0-9-]+)"',
                browser.get(f"/risk/harbour/{about}?{query}").text,
            )
            sheet = browser.get(f"/risk-export/harbour/{about}/csv?{query}").content.decode("utf-8-sig")
            rows = list(csv.reader(io.StringIO(sheet)))
            assert counted and int(counted[1]) == len(refs) == len(rows) - 1
            assert {(row[0], row[-1]) for row in rows[1:]} == {
                (r, "是" if asked == "yes" else "否") for r in refs
            }
            shown.append(refs)
        return shown[0], shown[1]

    assert listed() == ([], [ref])
    fields = subject(browser, one, outcome="upheld", reason="依据充分")
    assert submit(browser, one, "/risk-review", **fields).status_code == 303
    assert listed() == ([ref], [])


def _seen(page: Any) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page.text)
    assert found
    return found.group(1)


def subject(browser: Any, at: str = DEAL, **more: str) -> dict[str, str]:
    _, project, about, ref = at.rsplit("/", 3)
    return {"project": project, "about": about, "ref": ref, "seen": _seen(browser.get(at))} | more


def test_a_review_is_kept_beside_the_finding_with_who_and_why(pages: Pages, box: Signer) -> None:
    browser = pages.log_in("judge")
    fields = subject(browser, outcome="overturned", reason="登记表显示两人同行，报备有效")
    assert submit(browser, DEAL, "/risk-review", **fields).status_code == 303
    page = browser.get(DEAL)
    assert "不采纳结论" in page.text and "judge" in page.text and "报备有效" in page.text
    assert kept(pages.database)[0]["verdict"] == "RISK"
    assert "已复核" in browser.get("/risk/harbour/deal").text


def test_who_entered_the_appeal_doesnt_decide_on_it_and_another_does(pages: Pages, box: Signer) -> None:
    boss, judge = pages.log_in("boss"), pages.log_in("judge")
    fields = subject(boss, channel="alpha", text="我方带客户到场，有门口照片为证")
    files = [("files", ("王小姐.pdf", b"%PDF-1.7 evidence", "application/pdf"))]
    token = csrf(boss.get(DEAL))
    assert boss.post("/risk-appeal", data={"csrf": token, **fields}, files=files).status_code == 303
    own = submit(boss, DEAL, "/risk-review", **subject(boss, outcome="upheld", reason="没有依据"))
    assert own.status_code == 409 and "其他人" in own.text
    assert (
        submit(
            judge, DEAL, "/risk-review", **subject(judge, outcome="upheld", reason="照片无法证明")
        ).status_code
        == 303
    )
    with pages.database.read() as connection:
        (objection,) = connection.execute(select(schema.appeals)).mappings()
        (decision,) = connection.execute(select(schema.reviews)).mappings()
    assert decision["appeal_id"] == objection["appeal_id"]
    file = judge.get(f"/risk-file/{objection['appeal_id']}/1")
    assert file.content == b"%PDF-1.7 evidence"
    assert (
        file.headers["content-disposition"].startswith("attachment")
        and "sandbox" in file.headers["content-security-policy"]
    )
    assert "王小姐" not in judge.get(DEAL).text and "王小姐" not in str(file.headers)


@pytest.mark.parametrize(
    ("fields", "files", "said"),
    [
        ({"text": "客户 13800138000 是我们的"}, [], "电话或证件号"),
        ({"text": "身份证 11010519491231002X"}, [], "电话或证件号"),
        ({"text": "看附件就知道"}, [b"MZ\x90"], "PDF"),
        ({"text": "看附件就知道"}, [b"%PDF-"] * 6, "5"),
        ({"text": "看附件就知道"}, [b"%PDF-" + bytes(10 << 20)], "10 MiB"),
    ],
)
def test_what_an_appeal_may_not_hold(
    pages: Pages, box: Signer, fields: dict[str, str], files: list[bytes], said: str
) -> None:
    browser = pages.log_in("clerk")
    data = {"csrf": csrf(browser.get(DEAL)), **subject(browser, channel="alpha", **fields)}
    sent = [("files", ("a.pdf", one, "application/pdf")) for one in files]
    answer = browser.post("/risk-appeal", data=data, files=sent or None)
    assert answer.status_code == 409 and said in answer.text
    with pages.database.read() as connection:
        assert connection.execute(select(schema.appeals)).all() == []


def test_a_refused_review_comes_back_with_what_was_written(pages: Pages, box: Signer) -> None:
    """Nobody writes it a second time: they take the number out, and send it with what the page shows now."""
    judge = pages.log_in("judge")
    words = "第一行说明\n第二行 13800138000 <b>"
    refused = submit(judge, DEAL, "/risk-review", **subject(judge, outcome="overturned", reason=words))
    assert refused.status_code == 409 and 'role="alert"' in refused.text
    assert f">{words.replace('<b>', '&lt;b&gt;')}</textarea>" in refused.text
    assert '<option value="overturned" selected>' in refused.text
    mended = {"csrf": csrf(refused), **subject(judge), "seen": _seen(refused), "outcome": "overturned"}
    sent = judge.post("/risk-review", data=mended | {"reason": "第一行说明\r\n第二行"})
    assert sent.status_code == 303
    with pages.database.read() as connection:
        assert connection.execute(select(schema.reviews.c.reason)).scalars().all() == ["第一行说明\n第二行"]


def test_a_refused_appeal_comes_back_and_asks_for_its_files_again(pages: Pages, box: Signer) -> None:
    clerk = pages.log_in("clerk")
    data = {"csrf": csrf(clerk.get(DEAL)), **subject(clerk, channel="alpha", text="客户 13800138000 先到")}
    refused = clerk.post("/risk-appeal", data=data, files=[("files", ("a.pdf", b"%PDF-", "application/pdf"))])
    assert refused.status_code == 409
    assert ">客户 13800138000 先到</textarea>" in refused.text and "附件请重新选择" in refused.text


def test_two_thousand_characters_are_as_many_with_ends_of_lines(pages: Pages, box: Signer) -> None:
    judge = pages.log_in("judge")
    fields = subject(judge, outcome="upheld", reason="行\r\n" * 999 + "行行")
    assert submit(judge, DEAL, "/risk-review", **fields).status_code == 303


def test_nobody_decides_on_a_finding_that_changed_meanwhile(pages: Pages, box: Signer) -> None:
    browser = pages.log_in("judge")
    fields = subject(browser, outcome="upheld", reason="维持这个结论")
    newer = finding(box, case(60, deal="D-1"), ref="D-1", version=2, decided_ms=NOON + 300 * MINUTE)
    send(Intake(pages.database, SigningKey(bytes(32))), box, newer, start=3)
    assert submit(browser, DEAL, "/risk-review", **fields).status_code == 409
    again = subject(browser, outcome="upheld", reason="维持这个结论")
    assert submit(browser, DEAL, "/risk-review", **again).status_code == 303
    newest = finding(box, case(None, deal="D-1"), ref="D-1", version=3, decided_ms=NOON + 400 * MINUTE)
    send(Intake(pages.database, SigningKey(bytes(32))), box, newest, start=4)
    assert "针对较早的版本" in browser.get(DEAL).text


def test_the_package_is_whole_signed_and_about_nobody_else(pages: Pages, box: Signer, tmp_path: Path) -> None:
    browser = pages.log_in("clerk")
    submit(
        pages.log_in("judge"), DEAL, "/risk-review", **subject(browser, outcome="upheld", reason="依据充分")
    )
    made = browser.get("/risk-package/harbour/deal/D-1").content
    own = SigningKey.load(pages.site.config.signing.key).public
    (evidence,) = package.check(made, own, {"box-1": box.public}).findings
    assert (evidence.deal_ref, evidence.verdict) == ("D-1", "RISK")
    with zipfile.ZipFile(io.BytesIO(made)) as archived:
        files = {name: archived.read(name) for name in archived.namelist()}
    assert archive.check(files["finding-box-1-1.json"], box.public).kind == "finding"
    everything = b"".join(files.values()).decode()
    for foreign in (ANNA, BEN, "R-2", "channel_risk:", "judge", "clerk"):
        assert foreign not in everything, foreign
    assert "依据充分" in json.loads(files["opinions.json"])["reviews"][0]["reason"]


def test_a_package_is_checked_at_the_command_line(pages: Pages, box: Signer, tmp_path: Path) -> None:
    file = tmp_path / "deal.zip"
    file.write_bytes(pages.log_in("clerk").get("/risk-package/harbour/deal/D-1").content)
    own = SigningKey.load(pages.site.config.signing.key).public.hex()
    asked = ["package", "verify", str(file), "--headquarters-key", own, "--box-key"]
    good = CliRunner().invoke(app, [*asked, f"box-1={box.public.hex()}"])
    assert good.exit_code == 0 and "deal D-1  box box-1  version 1  RISK" in good.output
    bad = CliRunner().invoke(app, [*asked, f"box-1={Signer().public.hex()}"])
    assert isinstance(bad.exception, InvalidOrder) and bad.exception.code == "signature_wrong"


def test_a_package_that_was_altered_is_refused(pages: Pages, box: Signer) -> None:
    made = pages.log_in("clerk").get("/risk-package/harbour/deal/D-1").content
    own = SigningKey.load(pages.site.config.signing.key).public
    boxes = {"box-1": box.public}
    with pytest.raises(InvalidOrder, match="signature_wrong"):
        package.check(made, Signer().public, boxes)
    with pytest.raises(InvalidOrder, match="signature_wrong"):
        package.check(made, own, {"box-1": Signer().public})
    with pytest.raises(InvalidOrder, match="unknown_box"):
        package.check(made, own, {})
    with pytest.raises(InvalidOrder):
        package.check(made.replace(b"RISK", b"SKIR"), own, boxes)
    for broken in (b"", b"PK", made[:-3]):
        with pytest.raises(InvalidOrder, match=r"not_a_package|changed"):
            package.check(broken, own, boxes)


def test_a_list_is_exported_with_no_cell_that_computes(pages: Pages, box: Signer) -> None:
    browser = pages.log_in("eye")
    plain = browser.get("/risk-export/harbour/deal/csv")
    rows = list(csv.reader(io.StringIO(plain.content.decode("utf-8-sig"))))
    assert rows[1][:2] == ["D-1", "风险"] and plain.content.startswith(b"\xef\xbb\xbf")
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/risk-export/harbour/deal/xlsx").content))
    assert [cell.value for cell in next(iter(book.active.iter_rows(min_row=2)))][:2] == ["D-1", "风险"]
    assert all(
        not str(cell.value or "").startswith(("=", "+", "@")) for row in book.active.rows for cell in row
    )


def test_each_look_at_a_finding_is_noted_with_what_it_was(pages: Pages, box: Signer) -> None:
    pages.log_in("eye").get(DEAL)
    with pages.database.read() as connection:
        seen = connection.execute(select(schema.access_log.c.action, schema.access_log.c.subject)).all()
    assert ("risk_one", "deal/D-1") in [tuple(row) for row in seen]


@pytest.mark.parametrize(
    "path",
    [
        "/risk/harbour/deal/13800138000",
        "/risk/harbour/13800138000/D-1",
        "/risk/harbour/13800138000",
        "/risk/13800138000/deal",
        "/risk-package/harbour/deal/13800138000",
        "/risk-file/13800138000/1",
        f"/risk-file/{'a' * 32}/13800138000",
        "/rights/visit/13800138000/x",
        "/rights/visit/box-1/13800138000",
        "/books/project/13800138000",
    ],
)
def test_a_number_typed_into_an_address_isnt_kept(pages: Pages, box: Signer, path: str) -> None:
    """That somebody looked is noted; what isn't there isn't."""
    assert pages.log_in("boss").get(path).status_code in (400, 404)
    with pages.database.read() as connection:
        seen = connection.execute(select(schema.access_log.c.subject)).scalars().all()
    assert seen == ["-"]


def test_p46_an_erasure_of_any_buyer_empties_the_finding_and_what_was_handed_in(
    pages: Pages, box: Signer
) -> None:
    boss = pages.log_in("boss")
    token = csrf(boss.get(DEAL))
    fields = subject(boss, channel="alpha", text="我方带客户到场")
    boss.post(
        "/risk-appeal",
        data={"csrf": token, **fields},
        files=[("files", ("a.png", b"\x89PNG\r\n\x1a\nx", "image/png"))],
    )
    receipt = ErasureReceipt(
        command_id=hexid(77), who=BEN, outcome="erased", keys_destroyed=1, rows={}, at_ms=NOON + 500 * MINUTE
    )
    send(Intake(pages.database, SigningKey(bytes(32))), box, receipt, start=3)
    row = next(one for one in kept(pages.database) if one["deal_ref"] is None and one["report_ref"] is None)
    assert (row["who"], row["also"], row["inputs"], row["outcomes"], row["signature"]) == (None,) * 5
    with pages.database.read() as connection:
        assert connection.execute(select(schema.attachments)).all() == []
        assert connection.execute(select(schema.appeals.c.text)).scalars().all() == [""]
    late = finding(
        box, case(60, deal="D-1"), ref="D-1", version=2, also=(BEN,), decided_ms=NOON + 150 * MINUTE
    )
    send(Intake(pages.database, SigningKey(bytes(32))), box, late, start=4)
    assert pages.log_in("eye").get(DEAL).status_code == 404


def test_what_isnt_there_is_not_found(pages: Pages, box: Signer) -> None:
    browser = pages.log_in("boss")
    for path in (
        "/risk/nowhere/deal",
        "/risk/harbour/deal/D-9",
        "/risk/harbour/visit",
        "/risk-export/harbour/deal/exe",
    ):
        assert browser.get(path).status_code in (400, 404), path


@pytest.mark.parametrize(
    "path",
    [
        f"/risk-file/{'a' * 32}/99999999999999999999",
        f"/risk-file/{'a' * 32}/0",
        "/risk/harbour/deal?channel=%00",
        "/risk/harbour/deal?channel=Li%20Wei",
        "/risk/harbour/deal?cause=%25",
        "/risk/harbour/deal?verdict=%00",
        "/risk-export/harbour/deal/csv?cause=%00",
        "/risk/%00/deal",
        "/risk/harbour/deal/%00",
        "/risk-package/harbour/deal/%00",
        "/risk-export/%00/deal/csv",
    ],
)
def test_what_no_page_offers_in_an_address_reaches_no_database(pages: Pages, box: Signer, path: str) -> None:
    """PostgreSQL takes no zero byte and SQLite no number so long; `%` would stand for every cause."""
    assert pages.log_in("boss").get(path).status_code == 400


# -- what one person may not do alone, and what nobody else is told -----------------------------


def say_channel(pages: Pages, code: str, name: str) -> None:
    row = {"tenant": "demo", "project": "harbour", "code": code, "name": name, "agents": [],
           "withdrawn": False, "changed_ms": NOON, "changed_by": "boss"}  # fmt: skip
    pages.database.write(lambda c: c.execute(insert(schema.channels).values(**row)))


def test_of_two_reviewers_at_once_the_second_is_told(pages: Pages, box: Signer) -> None:
    first, second = pages.log_in("judge"), pages.log_in("boss")
    mine = subject(first, outcome="upheld", reason="依据充分")
    theirs = subject(second, outcome="overturned", reason="依据不足")
    assert submit(first, DEAL, "/risk-review", **mine).status_code == 303
    late = submit(second, DEAL, "/risk-review", **theirs)
    assert late.status_code == 409 and "有了新的结论、复核或申诉" in late.text
    with pages.database.read() as connection:
        assert connection.execute(select(schema.reviews.c.outcome)).scalars().all() == ["upheld"]


def test_that_more_is_needed_leaves_an_appeal_open_and_its_enterer_still_decides_nothing(
    pages: Pages, box: Signer
) -> None:
    boss, judge = pages.log_in("boss"), pages.log_in("judge")
    said = subject(boss, channel="alpha", text="我方带客户到场")
    assert submit(boss, DEAL, "/risk-appeal", **said).status_code == 303
    more = subject(judge, outcome="more", reason="请补充门口照片")
    assert submit(judge, DEAL, "/risk-review", **more).status_code == 303
    assert "待复核申诉 1" in judge.get("/risk").text
    own = submit(boss, DEAL, "/risk-review", **subject(boss, outcome="overturned", reason="照片已补"))
    assert own.status_code == 409 and "其他人" in own.text
    done = subject(judge, outcome="overturned", reason="照片证明同行")
    assert submit(judge, DEAL, "/risk-review", **done).status_code == 303
    assert "待复核申诉" not in judge.get("/risk").text


@pytest.mark.parametrize("words", ["beta 报备在先", "星河代理报备在先", "ＢＥＴＡ不算，beta才算"])
def test_what_is_written_for_a_channel_names_no_other_one(pages: Pages, box: Signer, words: str) -> None:
    say_channel(pages, "alpha", "远洋渠道")
    say_channel(pages, "beta", "星河代理")
    browser = pages.log_in("judge")
    refused = submit(browser, DEAL, "/risk-review", **subject(browser, outcome="upheld", reason=words))
    assert refused.status_code == 409 and "其他渠道" in refused.text
    own = subject(browser, outcome="upheld", reason="alpha 远洋渠道报备晚于到场，alphabeta 是楼盘代号")
    assert submit(browser, DEAL, "/risk-review", **own).status_code == 303


def test_an_appeal_is_of_the_channel_that_the_finding_is_about(pages: Pages, box: Signer) -> None:
    browser = pages.log_in("clerk")
    other = submit(browser, DEAL, "/risk-appeal", **subject(browser, channel="beta", text="是我方的客户"))
    assert other.status_code == 409 and "不是关于该渠道" in other.text


def test_a_deal_that_stood_under_another_channel_is_handed_out_without_it(pages: Pages, box: Signer) -> None:
    boss = pages.log_in("boss")
    submit(boss, DEAL, "/risk-appeal", **subject(boss, channel="alpha", text="我方陪同到场有照片"))
    moved = finding(
        box, case(60, deal="D-1"), ref="D-1", version=2, channel="beta", decided_ms=NOON + 300 * MINUTE
    )
    send(Intake(pages.database, SigningKey(bytes(32))), box, moved, start=3)
    made = boss.get("/risk-package/harbour/deal/D-1").content
    own = SigningKey.load(pages.site.config.signing.key).public
    opened = package.check(made, own, {"box-1": box.public})
    assert [(one.version, one.verdict) for one in opened.findings] == [(2, "NORMAL")]
    assert b"alpha" not in made and "我方陪同".encode() not in made


def test_a_finding_of_an_earlier_key_is_named_as_left_out(pages: Pages, box: Signer) -> None:
    renewed = Signer(box.topics)
    enrolled = (box.topics, renewed.public.hex())
    pages.database.write(lambda c: enrol(c, *enrolled, now_ms=NOON, replace=True))
    made = pages.log_in("clerk").get("/risk-package/harbour/deal/D-1").content
    own = SigningKey.load(pages.site.config.signing.key).public
    opened = package.check(made, own, {"box-1": renewed.public})
    assert (opened.findings, opened.manifest.left_out) == ((), ("finding-box-1-1.json",))


def test_a_finding_of_another_deal_in_a_signed_package_is_refused(pages: Pages, box: Signer) -> None:
    """Headquarters' own signature doesn't make a finding one on another deal."""
    key = SigningKey.load(pages.site.config.signing.key)
    rows = [row for row in kept(pages.database) if row["report_ref"] == "R-1"]
    wrong = Subject(project="harbour", about="deal", ref="D-1")
    made = package.package(wrong, "demo", rows, {"box-1": box.public}, [], [], {}, ("", ""), key.vouch, NOON)
    with pytest.raises(InvalidOrder, match="about_another"):
        package.check(made, key.public, {"box-1": box.public})


@given(st.binary(max_size=400), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_checker_is_given_it_says_what_is_wrong(noise: bytes, at: int) -> None:
    key, other = SigningKey(bytes(32)), Signer()
    wrong = Subject(project="harbour", about="deal", ref="D-1")
    made = package.package(
        wrong, "demo", [], {"box-1": other.public}, [], [], {}, ("page", ""), key.vouch, NOON
    )
    at %= len(made)
    for content in (noise, made[:at] + noise + made[at:], made[:at] + noise):
        if content != made:
            with pytest.raises(InvalidOrder):
                package.check(content, key.public, {"box-1": other.public})


def test_p2_what_people_wrote_goes_with_the_findings_content(pages: Pages, box: Signer) -> None:
    boss = pages.log_in("boss")
    submit(boss, DEAL, "/risk-appeal", **subject(boss, channel="alpha", text="我方带客户到场"))
    day = 86_400_000
    with pages.database.read() as connection:
        entered_ms = connection.execute(select(schema.appeals.c.at_ms)).scalar_one()
    for days, left in ((364, "我方带客户到场"), (366, "")):
        keep_house(pages.database, "demo", Retention(), entered_ms + days * day)
        with pages.database.read() as connection:
            (row,) = connection.execute(select(schema.appeals)).mappings()
        assert (row["text"], row["ref"]) == (left, "D-1" if left else "")


def test_each_file_that_is_taken_is_noted(pages: Pages, box: Signer) -> None:
    boss = pages.log_in("boss")
    boss.get("/risk-export/harbour/deal/csv")
    boss.get("/risk-package/harbour/deal/D-1")
    with pages.database.read() as connection:
        log = schema.access_log
        seen = {tuple(row) for row in connection.execute(select(log.c.action, log.c.subject))}
    assert {("risk_export", "harbour/deal"), ("risk_package", "deal/D-1")} <= seen


def test_a_finding_on_a_deal_comes_with_its_boxs_word(
    database: Database, intake: Intake, signer: Signer
) -> None:
    bare = finding(signer, case(60, deal="D-1"), ref="D-1").model_copy(
        update={"inputs": None, "signature": None, "outcomes": ()}
    )
    assert send(intake, signer, bare) == [("quarantined", "finding_not_signed")]
