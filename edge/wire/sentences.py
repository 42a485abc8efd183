"""Tells a finding in plain sentences of Chinese or English, rule by rule; judges nothing and names nobody.

A template names the moments that its rule compared (`{report}`), and the time from one to another
(`{report_to_arrival}`). A code's variant (`intercept.before`) tells moments that lie in another order.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from string import Formatter
from typing import Literal

from edge.wire.finding import Finding, Outcome, Supplier, Unknown, Verdict

Language = Literal["zh", "en"]
Both = tuple[str, str]
"""Chinese, English."""

VERDICTS: Mapping[Verdict, Both] = {
    "NORMAL": ("正常", "normal"),
    "RISK": ("风险", "risk"),
    "UNKNOWN": ("无法判定", "unknown"),
}
RULES: Mapping[str, Both] = {
    "late_report": ("晚报备", "Late report"),
    "intercept": ("截客", "Intercept"),
    "known_customer": ("老客户", "Known customer"),
    "mode": ("归属", "Whose customer"),
    "protection": ("保护期", "Protection"),
    "fabricated_order": ("飞单", "Fabricated order"),
    "joint_purchase": ("联名购房", "Joint purchase"),
    "short_deal": ("成交快慢", "Short deal"),
    "id_at_deal": ("证件核验", "ID at the deal"),
    "answer": ("客户自述", "The customer’s answer"),
    "masked": ("隐号报备", "Masked number"),
    "merged": ("合并登记", "Merged records"),
    "renumbered": ("更正号码", "Corrected number"),
    "book": ("台账", "The books"),
    "judge": ("判客", "Finding"),
}
OUTCOMES: Mapping[str, Both] = {
    "late_report": (
        "报备时间 {report}，客户方 {arrival} 已经到场，报备晚了 {arrival_to_report}。",
        "Reported at {report}; the customer’s party was here at {arrival}: {arrival_to_report} late.",
    ),
    "late_report.same": (
        "报备时间 {report}，客户方到场 {arrival}，是同一时刻；报备必须早于到场。",
        "Reported at {report}; the customer’s party came at {arrival}, the same moment. A report has to be "
        "earlier.",
    ),
    "reported_before_presence": (
        "报备时间 {report}，客户方首次到场 {arrival}，报备早了 {report_to_arrival}。",
        "Reported at {report}; the customer’s party first came at {arrival}, {report_to_arrival} after it.",
    ),
    "intercept": (
        "报备时间 {report}，客户方到场 {arrival}，只隔 {report_to_arrival}，在截客时限以内。",
        "Reported at {report}; the customer’s party came at {arrival}, only {report_to_arrival} later: in "
        "the limit.",
    ),
    "here_before": (
        "客户方 {arrival} 已经到场，报备时间 {report}，不早于到场；截客不作判断。",
        "The customer’s party was here at {arrival}, reported at {report}, not earlier: whether it is an "
        "intercept isn’t judged.",
    ),
    "came_later": (
        "报备时间 {report}，客户方首次到场 {arrival}，相隔 {report_to_arrival}，已过截客时限。",
        "Reported at {report}; the customer’s party came at {arrival}, {report_to_arrival} later: past the "
        "limit.",
    ),
    "known_customer": (
        "客户自 {known} 起是业主或案场在跟客户，报备时间 {report}；这样的客户不能报备。",
        "Owner, or live customer of the office, since {known}; reported at {report}. They can’t be reported.",
    ),
    "not_known_before": (
        "报备时间 {report}，当时客户不在业主和在跟客户名单上。",
        "Reported at {report}; the customer wasn’t on the list of owners and live customers then.",
    ),
    "nobody_else_reported": ("没有别的渠道报备过这位客户。", "No other channel reported this customer."),
    "reported_first": (
        "报备时间 {report}；当时仍有效的报备里，没有别家比本渠道更早的。",
        "Reported at {report}; of the reports that still held then, no other channel’s was earlier than "
        "this one’s.",
    ),
    "another_reported_first": (
        "另一渠道 {other} 先报备，早了 {other_to_report}；本渠道 {report} 报备时，它仍然有效。",
        "Another channel reported at {other}, and it still held at this report of {report}, "
        "{other_to_report} later.",
    ),
    "came_with_them": (
        "首访 {arrival}，归本渠道；本渠道报备时间 {report}。",
        "The first visit, at {arrival}, is this channel’s, which reported at {report}.",
    ),
    "came_with_another": (
        "首访 {arrival}，归另一渠道；本渠道报备时间 {report}。",
        "The first visit, at {arrival}, is another channel’s; this one reported at {report}.",
    ),
    "nobody_reported_before": (
        "首访 {arrival}，当时没有任何渠道的报备有效；本渠道报备时间 {report}。",
        "At the first visit, {arrival}, no channel’s report held; this one reported at {report}.",
    ),
    "never_came_after": (
        "报备时间 {report}，此后没有到场凭据，保护期不作判断。",
        "Reported at {report}; there is no evidence of a visit since, so no period is judged.",
    ),
    "protected": (
        "报备时间 {report}，报备后首次到场 {arrival}，各步都在保护期内。",
        "Reported at {report}; the customer’s party then came at {arrival}. Each step was within its period.",
    ),
    "lapsed_before_visit": (
        "报备时间 {report}，保护到 {until}；报备后首次到场 {arrival}，晚了 {until_to_arrival}。",
        "Reported at {report}, protected until {until}; came at {arrival}, {until_to_arrival} late.",
    ),
    "lapsed_before_subscription": (
        "报备时间 {report}，报备后首次到场 {arrival}，认购应不晚于 {until}；实际认购 {subscription}，"
        "晚了 {until_to_subscription}。",
        "Reported at {report}, came at {arrival}; subscription was due by {until}, made at {subscription}, "
        "{until_to_subscription} late.",
    ),
    "lapsed_before_contract": (
        "报备时间 {report}，报备后首次到场 {arrival}，签约应不晚于 {until}；实际签约 {contract}，"
        "晚了 {until_to_contract}。",
        "Reported at {report}, came at {arrival}; the contract was due by {until}, made at {contract}, "
        "{until_to_contract} late.",
    ),
    "nobody_followed_up": (
        "报备时间 {report}，报备后首次到场 {arrival}；其间太久没有跟进的记录，保护在 {until} 到期。",
        "Reported at {report}, came at {arrival}; for too long no following up is recorded, so the "
        "protection ended at {until}.",
    ),
    "owner_is_office": (
        "成交时客户归属案场，成交却记在渠道名下。",
        "At the deal the customer’s owner was the office, and the deal names a channel.",
    ),
    "channel_never_reported": (
        "成交记在渠道名下，这个渠道却从未报备；客户方首次到场 {arrival}。",
        "The deal names a channel that never reported; the customer’s party first came at {arrival}.",
    ),
    "only_came_before": (
        "成交记在渠道名下；它最早的报备 {report}，客户方最后一次到场 {arrival}，没有一次到场在报备之后。",
        "The deal names a channel that first reported at {report}; the customer’s party last came at "
        "{arrival}, and never after it.",
    ),
    "came_after_a_report": (
        "成交记在渠道名下；它最早的报备 {report}，客户方最后一次到场 {arrival}，在报备之后。",
        "The deal names a channel that first reported at {report}; the customer’s party last came at "
        "{arrival}, after it.",
    ),
    "short_deal": (
        "报备时间 {report}，签约 {contract}，只隔 {report_to_contract}。",
        "Reported at {report}, contract at {contract}: only {report_to_contract} apart.",
    ),
    "short_deal.before": (
        "签约 {contract}，报备时间 {report}；签约后过了 {contract_to_report} 才报备。",
        "Contract at {contract}, reported at {report}: {contract_to_report} after the contract.",
    ),
    "took_its_time": (
        "报备时间 {report}，签约 {contract}，相隔 {report_to_contract}。",
        "Reported at {report}, contract at {contract}: {report_to_contract} apart.",
    ),
    "identity_verified": ("购房人的证件在 {card} 核验过。", "A buyer’s card was read at {card}."),
    "no_id_at_deal": (
        "没有可以使用的证件核验记录。",
        "There is no reading of a buyer’s card that may be used.",
    ),
    "answer_agrees": (
        "客户 {answer} 自述由中介带来，与报备不矛盾。",
        "The customer said at {answer} that an agent brought them; it fits the report.",
    ),
    "answer_contradicts": (
        "客户 {answer} 的自述与报备不符。",
        "What the customer said at {answer} contradicts the report.",
    ),
    "records_merged": (
        "客户说两个号码都是自己的，案场把两条登记合成了一条。",
        "The customer said that both numbers are theirs, and the office made two records one.",
    ),
    "number_corrected": (
        "登记的号码由隐私专员更正过，更正后才与这条报备对上。",
        "The privacy officer corrected the number of the record; only so does it meet this report.",
    ),
    "input_missing": ("依据不全。", "Something is missing."),
    "input_missing.report": (
        "报备时间 {report}；依据不全。",
        "Reported at {report}; something is missing.",
    ),
    "input_missing.report.arrival": (
        "报备时间 {report}，记录的到场时间 {arrival}；依据不全。",
        "Reported at {report}, arrival recorded at {arrival}; something is missing.",
    ),
}
UNKNOWNS: Mapping[str, Both] = {
    "no_report_time": ("报备没有时间", "The report has no time"),
    "no_time_of_another_report": ("另一渠道的报备没有时间", "Another channel’s report has no time"),
    "no_evidence_of_presence": ("没有到场凭据", "There is no evidence that the customer came"),
    "consent_withdrawn": (
        "客户撤回了对渠道核验的同意",
        "The customer withdrew their consent to this check",
    ),
    "clock_not_synchronised": (
        "记录到场时，盒子的时钟没有同步，差多少无从得知，不作风险的依据",
        "The box’s clock wasn’t synchronised at an arrival, nobody knows by how much: it makes no risk",
    ),
    "clock_not_synchronised.minutes": (
        "记录到场时，盒子的时钟没有同步，误差不超过 {minutes} 分钟，仍不作风险的依据",
        "The box’s clock wasn’t synchronised at an arrival, off by {minutes} min at most: it makes no risk",
    ),
    "box_was_blind": (
        "要紧的时段还没有结束，盒子一直没有工作，可能漏记到场",
        "The time that matters isn’t over and the box is still off, so an arrival may be missing",
    ),
    "box_was_blind.minutes": (
        "要紧的时段里，盒子有 {minutes} 分钟没有工作，可能漏记到场",
        "For {minutes} min of the time that matters the box was off, and an arrival may be missing",
    ),
    "no_customer_list": (
        "没有业主和在跟客户名单",
        "There is no list of owners and live customers",
    ),
    "no_subscription_time": ("没有认购时间", "The subscription has no time"),
    "first_visit_unclear": (
        "首访时不止一家渠道的报备有效，不清楚由哪家带来",
        "More than one channel’s report held at the first visit, and it is unclear who brought it",
    ),
    "masked_number": (
        "隐去的号码还没有补全",
        "The masked number isn’t completed yet",
    ),
    "masked_ambiguous": (
        "隐去的号码对得上几位客户",
        "The masked number fits several customers",
    ),
    "buyer_unknown": (
        "有一位购房人的情况不能使用",
        "Nothing may be used of one of the buyers",
    ),
    "reports_deleted": (
        "成交记录送到时，当时的报备可能已删除，或因客户撤回同意而没有留下",
        "A report of that time may have been deleted, or not kept since the customer had withdrawn",
    ),
    "too_many_reports": (
        "这个号码上的报备太多，不会是一位客户的号码",
        "So many reports are on this number that it can’t be one customer’s",
    ),
    "taken_back": (
        "台账已撤回这一条，之前的结论仍留存",
        "The books took it back; what was found before stands",
    ),
    "nothing_to_judge": ("没有一条规则可判", "No rule that judges applies"),
}
SUPPLIERS: Mapping[Supplier, Both] = {
    "channel": ("可由渠道补上", "the channel could supply it"),
    "office": ("可由案场补上", "the office could supply it"),
    "customer": ("取决于客户本人", "it is up to the customer"),
    "box": ("已无法补上，盒子校时后可以避免", "past mending; a synchronised clock avoids it"),
    "nobody": ("无人能补上", "nobody can supply it"),
}
REVIEWS: Mapping[str, Both] = {
    "suspected_intercept": (
        "报备后不久就到场，是否在门口临时报备",
        "whether it was reported at the door",
    ),
    "reported_together": (
        "另一渠道同一时刻报备，客户归谁",
        "whose customer it is, as another channel reported at the same moment",
    ),
    "short_deal": ("报备前是否已经谈成", "whether the deal was agreed before the report"),
    "no_id_at_deal": ("购房人是否本人", "whether the buyer is who they say"),
    "answer_contradicts_report": (
        "听取双方说法",
        "what both sides say",
    ),
    "paper_before_report": (
        "有一张不晚于报备的纸质登记，查看原件",
        "the form on paper, which isn’t later than the report",
    ),
    "paper_after_report": (
        "有一张晚于报备的纸质登记，查看原件",
        "the form on paper, which is later than the report",
    ),
    "records_merged": ("两条登记是否确为一人", "whether both records are one person’s"),
    "number_corrected": ("号码更正是否属实", "whether the correction is right"),
    "masked_ambiguous": ("是哪一位客户", "which customer it is"),
}


def explain(finding: Finding, language: Language, zone: tzinfo) -> list[str]:
    """Return what each rule that said something says, in the rules' order, with times in `zone`."""
    return [_told(outcome, 0 if language == "zh" else 1, zone) for outcome in finding.outcomes]


def _told(outcome: Outcome, at: int, zone: tzinfo) -> str:
    rule = RULES[outcome.rule][at]
    if outcome.verdict is not None:
        rule = ("{}【{}】", "{} [{}]")[at].format(rule, VERDICTS[outcome.verdict][at])
    parts = ["".join(_filled(_template(outcome)[at], outcome.times, at, zone))]
    parts += [_missing(one, at) for one in outcome.unknown]
    if outcome.review:
        asked = ("；", "; ")[at].join(REVIEWS[code][at] for code in outcome.review)
        parts.append(("请人工复核：{}。", "A person should look: {}.")[at].format(asked))
    return rule + ("：", ": ")[at] + ("", " ")[at].join(parts)


def _template(outcome: Outcome) -> Both:
    """Return the template of this code for the way its moments lie."""
    times, code = outcome.times, outcome.code
    if code == "input_missing":
        return OUTCOMES[".".join((code, *(name for name in ("report", "arrival") if name in times)))]
    then = times.get("contract", times.get("arrival"))
    if then is None or "report" not in times or then > times["report"]:
        return OUTCOMES[code]
    lies = "same" if then == times["report"] else "before"
    return OUTCOMES.get(f"{code}.{lies}", OUTCOMES[code])


def _missing(one: Unknown, at: int) -> str:
    counted = f"{one.code}.minutes" if one.minutes is not None else one.code
    what = UNKNOWNS.get(counted, UNKNOWNS[one.code])[at].format(minutes=one.minutes)
    return ("{}（{}）。", "{} ({}).")[at].format(what, SUPPLIERS[one.supplier][at])


def _filled(template: str, times: Mapping[str, int], at: int, zone: tzinfo) -> Iterator[str]:
    """Yield the parts of a sentence; a day that was told just before isn't told again."""
    close = len({ms // 1000 for ms in times.values()}) < len(set(times.values()))
    told = None
    for literal, name, _, _ in Formatter().parse(template):
        yield literal
        if name is None:
            continue
        since, between, until = name.partition("_to_")
        if between:
            yield _span(abs(times[until] - times[since]), at)
            continue
        when = datetime.fromtimestamp(times[name] / 1000, zone)
        yield when.strftime("%H:%M:%S" if when.date() == told else "%Y-%m-%d %H:%M:%S")
        yield f".{times[name] % 1000:03}" if close else ""
        told = when.date()


def _span(ms: int, at: int) -> str:
    """Return a length of time as people say it, from days to seconds; thousandths only if it is no longer."""
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = (("天", "小时", "分钟", "秒", "毫秒"), ("d", "h", "min", "s", "ms"))[at]
    counts = (days, hours, minutes, seconds, rest if ms < 1000 else 0)
    parts = [f"{count} {unit}" for count, unit in zip(counts, units, strict=True) if count]
    return " ".join(parts) or f"0 {units[3]}"
