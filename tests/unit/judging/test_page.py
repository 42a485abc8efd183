"""The worked cases of docs/channel-risk.md are those of tests/cases. UPDATE_CASES=1 writes them anew.

Only what lies between the two marks is made; the rest of the page is written by people.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

from edge.domain.judging.judge import judge
from edge.wire.finding import Finding
from edge.wire.sentences import VERDICTS, explain
from tests.unit.judging.worked import (
    EXAMPLES,
    PATHS,
    ZONE,
    About,
    Came,
    Customer,
    Reported,
    Sold,
    Worked,
    read,
)

PAGE = Path(__file__).parents[3] / "docs" / "channel-risk.md"
BEGIN = "<!-- worked cases, made: UPDATE_CASES=1 pytest tests/unit/judging/test_page.py -->\n"
END = "<!-- end of the worked cases -->\n"
INTRODUCTION = """
每个案例是 tests/cases 里的一个文件，也是一个测试：写明事实和应有的结论，程序必须判得一字不差。
判的都是**渠道A**的报备，时间为北京时间。结论下面的句子，就是 `gatehouse verdict explain` 所说的。

Each case is a file of tests/cases and a test: it gives facts and the finding, and the program has to find
exactly that. What is judged is **channel A**'s report (渠道A); times are Beijing's. The sentences below a
finding are what `gatehouse verdict explain` says.
"""
HEADINGS: dict[About, str] = {
    "late_report": "晚报备 Late report",
    "intercept": "截客 Intercept",
    "known_customer": "老客户 Known customer",
    "mode": "归属 Whose customer",
    "protection": "保护期 Protection",
    "fabricated_order": "飞单 Fabricated order",
    "joint_purchase": "联名购房 Joint purchase",
    "short_deal": "成交过快 Short deal",
    "id_at_deal": "证件核验 ID at the deal",
    "answer": "客户自述 The customer’s answer",
    "masked": "隐号报备 Masked number",
    "records": "合并与更正 Merged and corrected records",
    "precedence": "几条规则合在一起 Several rules together",
}
SIGNS = {
    "registration": "登记 registered",
    "id_card": "刷身份证 card read",
    "face_confirmed": "人脸确认 face confirmed",
    "appointment": "预约到场 came by appointment",
    "announced_call": "来电预告 call announced the visit",
}
MASKED = {
    "no": "报备 reported",
    "candidate": "隐号报备，未补全 masked report, not completed",
    "ambiguous": "隐号报备，对得上几位客户 masked report, fits several",
    "completed": "隐号报备，到场补全 masked report, completed at arrival",
}
LATER = 1 << 62
ANSWERS = {
    "agent": "中介带来 an agent",
    "walk_in": "自己来的 nobody",
    "advert": "看到广告 an advert",
    "friend": "朋友介绍 a friend",
    "other": "其他 other",
}


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, ZONE).strftime("%Y-%m-%d %H:%M")


Fact = tuple[int | None, str, str]
"""When it sorts, the time as it is told, and what happened."""


def _timed(at: int | None, what: str) -> Fact:
    return at, "没有时间 no time" if at is None else _when(at), what


def _of_report(one: Reported) -> Iterator[Fact]:
    yield _timed(one.at, f"{one.channel} {MASKED[one.masked]}")
    for at in one.followed_up:
        yield _timed(at, f"{one.channel} 跟进 followed up")
    for extended in one.extended:
        yield _timed(extended.logged, f"登记延期 extended，至 until {_when(extended.until)}")


def _of_arrival(came: Came) -> Fact:
    sign = "纸质登记，事后补录 form on paper, typed in later" if came.on_paper else SIGNS[came.by]
    unsure = not came.on_paper and came.clock != "synchronised"
    who = "" if came.buyer == "customer" else "配偶 spouse："
    return _timed(came.at, f"{who}{sign}{'（时钟未同步 clock unsure）' if unsure else ''}")


def _of_deal(deal: Sold) -> Iterator[Fact]:
    to = f"，记在 for {deal.channel}" if deal.channel else ""
    steps = ((deal.subscribed, f"认购 subscribed{to}"), (deal.contracted, f"签约 contracted{to}"))
    for at, what in steps:
        if at is not None:
            yield _timed(at, what)
    if deal.claims_from is not None:
        yield _timed(deal.claims_from, "成交记录送到时，此前的报备已到期删除 earlier reports were deleted")


def _of_customer(who: Customer) -> Iterator[Fact]:
    if who.known_since is not None:
        yield _timed(who.known_since, "列入业主、在跟客户名单 put on the list")
    for what, is_so in (
        ("客户归属案场 the customer’s owner is the office", who.owner_is_office),
        ("客户撤回同意 consent withdrawn", who.withdrawn),
        ("两条登记合并 two records made one", who.merged),
        ("号码更正 number corrected", who.renumbered),
        ("台账撤回 taken back", who.taken_back),
        ("这个号码上有 51 条报备 51 reports are on this number", who.crowded),
    ):
        if is_so:
            yield LATER, "—", what


def _facts(worked: Worked) -> Iterator[Fact]:
    for report in (*([worked.report] if worked.report else []), *worked.other_reports):
        yield from _of_report(report)
    yield from map(_of_arrival, worked.came)
    for told in worked.answers:
        yield _timed(
            told.at, f"自述 answered：{ANSWERS[told.said]}{f' {told.channel}' if told.channel else ''}"
        )
    for off in worked.box_off:
        yield _timed(off.from_, f"盒子停机 box off{f'，至 until {_when(off.until)}' if off.until else ''}")
    yield from _of_customer(worked.customer)
    yield from _of_deal(worked.deal) if worked.deal else ()


def _timeline(worked: Worked) -> Iterator[str]:
    yield "| 时间 when | 事实 what |"
    yield "|---|---|"
    for _, when, what in sorted(_facts(worked), key=lambda fact: fact[0] or 0):
        yield f"| {when} | {what} |"


def _finding(found: Finding) -> str:
    words = f"{VERDICTS[found.verdict][0]} {found.verdict}"
    look = f"；复核 review：{_codes(found.review_reasons)}" if found.review_reasons else ""
    return f"**{words}** {_codes(found.reasons)}{look}"


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _found(worked: Worked) -> Finding:
    return judge(worked.case(), EXAMPLES[worked.rules].rules)


def _block(number: int, worked: Worked) -> Iterator[str]:
    found = _found(worked)
    yield f"#### {number}. {worked.title.zh} · {worked.title.en}\n"
    yield f"{worked.story.zh}<br>\n*{worked.story.en}*\n"
    yield from _timeline(worked)
    yield f"\n{_finding(found)}\n"
    for zh, en in zip(explain(found, "zh", ZONE), explain(found, "en", ZONE), strict=True):
        yield f"- {zh}<br>\n  *{en}*"
    yield ""


def _counted(cases: list[tuple[int, Worked]]) -> str:
    counts = Counter(_found(worked).verdict for _, worked in cases)
    looked = sum(bool(_found(worked).review_reasons) for _, worked in cases)
    told = " | ".join(str(counts[verdict] or "") for verdict in VERDICTS)
    numbers = "–".join(dict.fromkeys((str(cases[0][0]), str(cases[-1][0]))))
    return f"{numbers} | {told} | {looked or ''}"


def section() -> str:
    """Return all that stands between the marks."""
    numbered = [(number, read(path)) for number, path in enumerate(PATHS, 1)]
    groups = [(about, list(cases)) for about, cases in groupby(numbered, key=lambda one: one[1].about)]
    lines = [
        INTRODUCTION,
        "| | 案例 cases | 正常 | 风险 | 无法判定 | 有待复核 review |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {HEADINGS[about]} | {_counted(cases)} |" for about, cases in groups]
    for about, cases in groups:
        lines.append(f"\n### {HEADINGS[about]}\n")
        for name, same in groupby(cases, key=lambda one: one[1].rules):
            lines.append(f"> 规则 rules：{EXAMPLES[name].zh}<br>\n> *{EXAMPLES[name].en}*\n")
            lines += [line for number, worked in same for line in _block(number, worked)]
    return "\n".join(lines) + "\n"


def test_the_page_shows_the_cases_as_they_are() -> None:
    before, begin, rest = PAGE.read_text("utf-8").partition(BEGIN)
    made, end, after = rest.partition(END)
    assert begin and end, "the page has lost its marks"
    if os.environ.get("UPDATE_CASES"):
        made = section()
        PAGE.write_text(before + BEGIN + made + END + after, "utf-8")
    assert made == section(), "UPDATE_CASES=1 writes the worked cases anew"


def test_cases_of_one_rule_stand_together_and_no_heading_is_empty() -> None:
    abouts = [about for about, _ in groupby(read(path).about for path in PATHS)]
    assert abouts == list(HEADINGS)
