"""Makes the cases that are judged out of what is known; reads no store, and judges nothing.

A finding is handed to an agent. So a case tells buyers and channels apart by names of its own ("buyer-2",
"channel-1"), and the same facts, in whichever order they came, make the same case.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from edge.domain.facts import type_of_subject
from edge.domain.judging.case import Answer, Blind, Case, Deal, Extension, Kind, Presence, Report
from edge.domain.judging.masking import Told
from edge.store.rows import Customer, DealEntry, Dossiers, PresenceRow, ReportEntry
from edge.wire import Token

_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
MOST_CLAIMS = 50
"""On one customer. A number with more is no customer's: agents write it for want of one."""
REPORTED = "customer"
"""In a case, the buyer who was reported; of a deal whose channel never reported, the first one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is on. `who`: the customer, or each buyer.

    `cases`: one, or for a deal one for each claim of its channel; judged is the one that supports it best.
    """

    about: type_of_subject
    ref: str
    channel: str | None
    who: tuple[Token, ...]
    cases: tuple[Case, ...]
    completed: Token | None = None
    """Of a claim by a masked number: under which token the customer is found whom it is on."""


@dataclass(frozen=True, slots=True)
class Known:
    """What isn't about one customer: when the box was off, and whether the office has supplied its list."""

    blind: tuple[Blind, ...]
    listed: bool


def subjects(found: Dossiers, known: Known) -> Iterator[Subject]:
    """Yield whatever has a finding, or had one: every claim and every deal of `found`."""
    for claim in found.claims:
        if not claim.withdrawn:
            yield _on_report(claim, found.customers[claim.holder], known)
        elif ("report", claim.report_ref) in found.newest:
            gone = Case(Report(claim.report_ref, "channel-1", claim.reported_ms), taken_back=True)
            yield Subject("report", claim.report_ref, claim.channel, (claim.token,), (gone,))
    for deal in found.deals:
        had = ("deal", deal.deal_ref) in found.newest
        buyers = [(place, token, found.customers[token]) for place, token in deal.buyers]
        if not deal.withdrawn and deal.channel is not None:
            yield _on_deal(deal, buyers, found, known)
        elif had:
            gone = Case(None, deal=Deal(deal.deal_ref, None), taken_back=True)
            tokens = tuple(token for _, token, _ in buyers)
            yield Subject("deal", deal.deal_ref, deal.channel, tokens, (gone,))


def _on_report(claim: ReportEntry, customer: Customer, known: Known) -> Subject:
    if claim.completion in ("candidate", "ambiguous"):
        return Subject("report", claim.report_ref, claim.channel, (claim.token,), (_on_nobody(claim),))
    completed = claim.holder if claim.completion == "completed" else None
    if len(customer.claims) > MOST_CLAIMS:
        crowded = Case(Report(claim.report_ref, "channel-1", claim.reported_ms), crowded=True)
        return Subject("report", claim.report_ref, claim.channel, (claim.holder,), (crowded,), completed)
    names = _names(customer.claims, customer.answers)
    said = _claims(customer.claims, names)
    case = Case(
        report=said[claim.report_ref],
        presences=tuple(_presence(row, REPORTED) for row in customer.presences),
        answers=_answers(customer, names),
        other_reports=_others(claim, said),
        known_since_ms=customer.known_since_ms,
        known_listed=known.listed,
        blind=known.blind,
        withdrawn=customer.withdrawn,
        merged=customer.merged,
        renumbered=customer.renumbered,
    )
    return Subject("report", claim.report_ref, claim.channel, (claim.holder,), (case,), completed)


def _on_nobody(claim: ReportEntry) -> Case:
    """Return the case of a claim by a masked number that is on nobody yet: nothing of anybody's is in it."""
    return Case(Report(claim.report_ref, "channel-1", claim.reported_ms, masked=claim.completion))


def _on_deal(
    deal: DealEntry, buyers: Sequence[tuple[int, Token, Customer]], found: Dossiers, known: Known
) -> Subject:
    """Judge a deal by each claim of its channel on a buyer.

    One by a masked number that fits a buyer may be on them: as long as nobody knows, the deal is no RISK by
    it.
    """
    claims = {claim.report_ref: claim for _, _, customer in buyers for claim in customer.claims}
    tokens = tuple(token for _, token, _ in buyers)
    if len(claims) > MOST_CLAIMS:
        crowded = Case(None, deal=Deal(deal.deal_ref, None), crowded=True)
        return Subject("deal", deal.deal_ref, deal.channel, tokens, (crowded,))
    fits = {*deal.masks, *(mask for _, _, customer in buyers for mask in customer.masks)}
    perhaps = [
        c for mask in sorted(fits) for c in found.open_claims.get(mask, ()) if c.channel == deal.channel
    ]
    own: list[ReportEntry | None] = [c for c in claims.values() if c.channel == deal.channel]
    cases = tuple(
        _deal_case(deal, buyers, claim, claims, known) for claim in own or ([] if perhaps else [None])
    )
    made = Deal(deal.deal_ref, "channel-1", deal.subscribed_ms, deal.contracted_ms)
    cases += tuple(replace(_on_nobody(claim), deal=made) for claim in perhaps)
    return Subject("deal", deal.deal_ref, deal.channel, tokens, cases)


def _deal_case(
    deal: DealEntry,
    buyers: Sequence[tuple[int, Token, Customer]],
    claim: ReportEntry | None,
    claims: dict[str, ReportEntry],
    known: Known,
) -> Case:
    """Return the case of a deal with one claim of its channel; None: it never reported."""
    assert deal.channel is not None
    owning = (b for b in buyers if claim is not None and claim.holder in b[2].tokens)
    reported_place, _, reported = next(owning, buyers[0])
    names = {place: REPORTED if place == reported_place else f"buyer-{place}" for place, _, _ in buyers}
    channels = _names(claims.values(), reported.answers, deal.channel)
    said = _claims(claims.values(), channels)
    return Case(
        report=said[claim.report_ref] if claim is not None else None,
        presences=tuple(
            _presence(row, names[place]) for place, _, customer in buyers for row in customer.presences
        ),
        answers=_answers(reported, channels),
        other_reports=_others(claim, said),
        deal=Deal(
            deal.deal_ref,
            channels[deal.channel],
            deal.subscribed_ms,
            deal.contracted_ms,
            tuple(sorted(names.values())),
            incomplete=len(buyers) < deal.said,
            claims_from_ms=deal.claims_from_ms,
        ),
        known_since_ms=reported.known_since_ms,
        known_listed=known.listed,
        owner_is_office=deal.owner == "office",
        blind=known.blind,
        withdrawn=any(customer.withdrawn for _, _, customer in buyers),
        merged=any(customer.merged for _, _, customer in buyers),
        renumbered=any(customer.renumbered for _, _, customer in buyers),
    )


def _names(
    claims: Iterable[ReportEntry], answers: Iterable[Told], deal_channel: str | None = None
) -> dict[str, str]:
    """Return each channel's name in this case: who reported first, then the deal's, then who was named."""
    told = sorted((at_ms, which) for at_ms, _source, which in answers if which is not None)
    reported = [row.channel for row in sorted(claims, key=_since)]
    sold = [deal_channel] if deal_channel is not None else []
    met = dict.fromkeys([*reported, *sold, *(which for _, which in told)])
    return {channel: f"channel-{place}" for place, channel in enumerate(met, 1)}


def _answers(customer: Customer, names: Mapping[str, str]) -> tuple[Answer, ...]:
    return tuple(
        Answer(at_ms, source, names[which] if which is not None else None)
        for at_ms, source, which in customer.answers
    )


def _claims(rows: Iterable[ReportEntry], names: Mapping[str, str]) -> dict[str, Report]:
    """Return each claim by its reference, first one first."""
    said: dict[str, Report] = {}
    for row in sorted(rows, key=_since):
        said[row.report_ref] = Report(
            row.report_ref,
            names[row.channel],
            row.reported_ms,
            row.followed_ms,
            tuple(Extension(logged_ms, until_ms) for logged_ms, until_ms in row.extended),
            row.completion,
        )
    return said


def _since(row: ReportEntry) -> tuple[bool, int, str]:
    return row.reported_ms is None, row.reported_ms or 0, row.report_ref


def _others(claim: ReportEntry | None, said: dict[str, Report]) -> tuple[Report, ...]:
    """Return the other claims, without their references."""
    own = claim.report_ref if claim is not None else None
    return tuple(replace(one, ref="") for ref, one in said.items() if ref != own)


def _presence(row: PresenceRow, buyer: str) -> Presence:
    """A form on paper is a registration that no clock saw."""
    kind = _KINDS.get(row.kind, "registration")
    return Presence(row.at_ms, row.quality, kind, buyer, typed=row.kind == "paper")
