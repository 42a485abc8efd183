"""Reads all that channel risk may use of some customers, a few questions for many of them; never judges.

Of a customer without `channel_risk` nothing but the books is there, and of evidence only what was given under
a scope that stands.
"""
# ruff: noqa: S608 — what is put into SQL are constants of this module

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from edge.consent.policy import State
from edge.domain.facts import type_of_source, type_of_subject
from edge.domain.judging.masking import completion
from edge.ports import Permit
from edge.store.database import Row
from edge.store.rows import Customer, DealEntry, Dossiers, Newest, PresenceRow, ReportEntry
from edge.store.tables import Part
from edge.wire import Purpose, Scope, TimeQuality, Token

_ANY = "IN (SELECT value FROM json_each(?))"
_SOURCES: dict[str, type_of_source] = {source: source for source in get_args(type_of_source)}
_ARRIVALS = ("registration", "appointment")
"""With each of these a visit may have begun."""
_ACTIVE = str(State.ACTIVE)
_RISK = str(Scope.CHANNEL_RISK)


class DossierReads(Part):
    """What findings rest on."""

    def dossiers(self, permit: Permit, tokens: Iterable[Token]) -> Dossiers:
        """Return the customers behind `tokens` (of `channel_risk`), and whatever the books say of them."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        known = self._about(set(tokens))
        deals = self.deals_of_buyers(known)
        everybody = self._about(known | {t for deal in deals for t in (*_buyers(deal), *deal.masks)})
        customers = self._customers(everybody)
        claims = self._claims(customers)
        mine = tuple(claim for claim in claims if claim.token in known)
        subjects: dict[type_of_subject, list[str]] = {
            "report": [claim.report_ref for claim in mine],
            "deal": [deal.deal_ref for deal in deals],
        }
        unheld: dict[Token, tuple[ReportEntry, ...]] = {}
        for claim in claims:
            if claim.masked and not claim.withdrawn and claim.completion != "completed":
                unheld[claim.token] = (*unheld.get(claim.token, ()), claim)
        return Dossiers(customers, mine, deals, unheld, self._newest(subjects))

    def risk_tokens(self, permit: Permit, after: Token, limit: int) -> tuple[Token, ...]:
        """Return up to `limit` tokens after `after` that a claim or a deal is about, in order."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            # limited in both tables already: else each call would read all there are
            "SELECT token FROM (SELECT DISTINCT token FROM reports WHERE token > ?1 ORDER BY token LIMIT ?2)"
            " UNION SELECT token FROM"
            " (SELECT DISTINCT token FROM deal_buyers WHERE token > ?1 ORDER BY token LIMIT ?2)"
            " ORDER BY token LIMIT ?2",
            (after, limit),
        )
        return tuple(row.text("token") for row in rows)

    def customers_listed(self) -> bool:
        """Return whether the office has brought in its list of owners and live customers; about nobody."""
        return self._database.one("SELECT 1 FROM customer_lists WHERE withdrawn = 0") is not None

    def channels(self) -> tuple[tuple[str, str], ...]:
        """Return the project's channels, code and public name, by name; about nobody."""
        rows = self._database.query("SELECT code, name FROM channels WHERE withdrawn = 0 ORDER BY name, code")
        return tuple((row.text("code"), row.text("name")) for row in rows)

    # -- who ---------------------------------------------------------------------------------

    def _about(self, tokens: set[Token]) -> set[Token]:
        """Return all tokens that have to be looked at together with these.

        Of one person, of a masked number that fits them, and, where a claim names it, of whoever else it
        fits.
        """
        while True:
            rows = self._database.query(
                f"WITH asked AS (SELECT value AS token FROM json_each(?1)), mine AS ("
                f" SELECT token, mask FROM person_tokens WHERE scope = '{_RISK}' AND person IN"
                " (SELECT person FROM person_tokens JOIN asked USING (token)))"
                " SELECT token FROM mine UNION SELECT mask FROM mine WHERE mask IS NOT NULL"
                " UNION SELECT p.token FROM person_tokens p JOIN asked ON p.mask = asked.token"
                "  WHERE EXISTS (SELECT 1 FROM reports r WHERE r.token = p.mask)"
                " UNION SELECT b.token FROM deal_buyers b JOIN asked ON b.mask = asked.token"
                "  WHERE EXISTS (SELECT 1 FROM reports r WHERE r.token = b.mask)",
                (json.dumps(sorted(tokens)),),
            )
            found = tokens | {row.text("token") for row in rows}
            if found == tokens:
                return found
            tokens = found

    def _customers(self, tokens: set[Token]) -> dict[Token, Customer]:
        """Return who is behind each of these, a stranger by themselves."""
        people: dict[str, Customer] = {}
        customers: dict[Token, Customer] = {}
        for row in self._database.query(
            f"SELECT token, person, mask, caller FROM person_tokens WHERE scope = '{_RISK}' AND token {_ANY}"
            " ORDER BY token",
            (json.dumps(sorted(tokens)),),
        ):
            token, mask = row.text("token"), row.maybe_text("mask")
            customer = people.setdefault(row.text("person"), Customer(()))
            customer.tokens = (*customer.tokens, token)
            if mask is not None:
                customer.masks.setdefault(mask, token)
            customer.callers = (*customer.callers, *filter(None, (row.maybe_text("caller"),)))
            customers[token] = customer
        self._fill(people)
        customers |= {token: Customer((token,)) for token in tokens if token not in customers}
        rows = self._database.query(
            f"SELECT token, since_ms FROM known_customers WHERE withdrawn = 0 AND token {_ANY}",
            (json.dumps(list(customers)),),
        )
        for row in rows:
            customer, since = customers[row.text("token")], row.integer("since_ms")
            earlier = customer.known_since_ms
            customer.known_since_ms = since if earlier is None else min(since, earlier)
        return customers

    # -- what their consents allow -------------------------------------------------------------

    def _fill(self, people: Mapping[str, Customer]) -> None:
        whose = json.dumps(list(people))
        states = self._states(whose, people)
        agreed = json.dumps([person for person, customer in people.items() if customer.agrees])
        for row in self._database.query(
            "SELECT v.person, e.at_ms, e.kind, e.quality, substr(e.basis, 9) AS scope FROM visits v"
            f" JOIN evidence e USING (visit) WHERE v.person {_ANY} ORDER BY e.at_ms, e.kind, e.visit",
            (agreed,),
        ):
            customer = people[row.text("person")]
            stands = states.get((row.text("person"), row.text("scope"))) == _ACTIVE
            if stands and row.integer("at_ms") >= customer.covers_ms:
                customer.presences.append(_presence(row))
        for row in self._database.query(
            f"SELECT person, at_ms, source, channel FROM sources WHERE person {_ANY} ORDER BY at_ms, visit",
            (agreed,),
        ):
            customer = people[row.text("person")]
            if row.integer("at_ms") >= customer.covers_ms:
                told = row.integer("at_ms"), _SOURCES[row.text("source")], row.maybe_text("channel")
                customer.answers.append(told)
        self._announce([customer for customer in people.values() if customer.agrees])
        self._amended(whose, people)

    def _announce(self, customers: Sequence[Customer]) -> None:
        """Add the calls that announced a visit: whose caller agreed to be recorded, and does still."""
        asked = json.dumps([caller for customer in customers for caller in customer.callers])
        rows = self._database.query(
            "SELECT DISTINCT t.token, r.call, r.at_ms, c.quality FROM person_tokens t"
            " JOIN recordings r USING (person) JOIN calls c USING (call)"
            f" WHERE t.scope = '{Scope.RECORDING}' AND t.token {_ANY} AND (SELECT state FROM consents k"
            f" WHERE k.person = t.person AND k.scope = '{Scope.RECORDING}' ORDER BY version DESC LIMIT 1)"
            f" = '{_ACTIVE}' ORDER BY r.at_ms, r.call",
            (asked,),
        )
        for customer in customers:
            calls = {row.text("call"): row for row in rows if row.text("token") in customer.callers}
            came = max((one.at_ms for one in customer.presences if one.kind in _ARRIVALS), default=0)
            customer.presences.extend(
                PresenceRow(row.integer("at_ms"), "announced_call", TimeQuality(row.text("quality")))
                for row in calls.values()
                if customer.covers_ms <= row.integer("at_ms") < came
            )

    def _states(self, whose: str, people: Mapping[str, Customer]) -> dict[tuple[str, str], str]:
        """Return how each scope stands; note who agrees to `channel_risk`, and who ended it since."""
        states: dict[tuple[str, str], str] = {}
        ended = set[str]()
        for row in self._database.query(
            "SELECT person, scope, state, covers_ms FROM consents"
            f" WHERE person {_ANY} ORDER BY person, scope, version",
            (whose,),
        ):
            person, scope, state = row.text("person"), row.text("scope"), row.text("state")
            states[person, scope] = state
            if scope == _RISK:
                people[person].agrees = state == _ACTIVE
                people[person].covers_ms = row.maybe_integer("covers_ms") or 0
            if scope == _RISK and state == State.WITHDRAWN:
                ended.add(person)
        for person in ended:
            people[person].withdrawn = states[person, _RISK] != _ACTIVE
        return states

    def _amended(self, whose: str, people: Mapping[str, Customer]) -> None:
        """Who was merged has a token that another of the same keys took the place of: another number's."""
        for row in self._database.query(
            "SELECT o.person, max(o.corrected) AS corrected, max(n.token IS NOT NULL) AS merged"
            " FROM person_tokens o LEFT JOIN person_tokens n"
            " ON n.token = o.successor AND n.generation = o.generation"
            f" WHERE o.scope = '{_RISK}' AND o.person {_ANY} GROUP BY o.person",
            (whose,),
        ):
            customer = people[row.text("person")]
            customer.renumbered = row.integer("corrected") == 1
            customer.merged = row.integer("merged") == 1

    # -- what the books say ----------------------------------------------------------------------

    def _claims(self, customers: Mapping[Token, Customer]) -> tuple[ReportEntry, ...]:
        """Return every claim on them, and give each customer theirs; one taken back is nobody's."""
        rows = self._database.query(
            f"SELECT * FROM reports WHERE token {_ANY} ORDER BY report_ref",
            (json.dumps(list(customers)),),
        )
        claims = _completed(self.with_follow_ups(tuple(map(report_of, rows))), customers)
        for claim in claims:
            if not claim.withdrawn and claim.completion in ("no", "completed"):
                customers[claim.holder].claims.append(claim)
        return claims

    def with_follow_ups(self, claims: tuple[ReportEntry, ...]) -> tuple[ReportEntry, ...]:
        """Return the claims with what the books say of following up and of extensions."""
        refs = json.dumps([claim.report_ref for claim in claims])
        followed: dict[str, tuple[int, ...]] = {}
        extended: dict[str, tuple[tuple[int, int], ...]] = {}
        for row in self._database.query(
            f"SELECT report_ref, followed_ms FROM follow_ups WHERE withdrawn = 0 AND report_ref {_ANY}",
            (refs,),
        ):
            ref = row.text("report_ref")
            followed[ref] = (*followed.get(ref, ()), row.integer("followed_ms"))
        for row in self._database.query(
            "SELECT report_ref, logged_ms, until_ms FROM extensions"
            f" WHERE withdrawn = 0 AND report_ref {_ANY}",
            (refs,),
        ):
            ref = row.text("report_ref")
            one = (row.integer("logged_ms"), row.integer("until_ms"))
            extended[ref] = (*extended.get(ref, ()), one)
        return tuple(
            replace(c, followed_ms=followed.get(c.report_ref, ()), extended=extended.get(c.report_ref, ()))
            if c.report_ref in followed or c.report_ref in extended
            else c
            for c in claims
        )

    def deals_of_buyers(self, tokens: Iterable[Token]) -> tuple[DealEntry, ...]:
        """Return the deals of whoever has one of these tokens, each with all of its buyers."""
        rows = self._database.query(
            "SELECT d.*, b.place, b.token, b.mask FROM deals d JOIN deal_buyers b USING (deal_ref)"
            f" WHERE d.deal_ref IN (SELECT deal_ref FROM deal_buyers WHERE token {_ANY})"
            " ORDER BY d.deal_ref, b.place",
            (json.dumps(list(tokens)),),
        )
        return deals_of(rows)

    def _newest(
        self, subjects: Mapping[type_of_subject, list[str]]
    ) -> dict[tuple[type_of_subject, str], Newest]:
        found: dict[tuple[type_of_subject, str], Newest] = {}
        for about, refs in subjects.items():
            for row in self._database.query(
                "SELECT ref, max(version) AS version, inputs_hash, named FROM verdicts"
                f" WHERE about = ? AND ref {_ANY} GROUP BY ref",
                (about, json.dumps(refs)),
            ):
                found[about, row.text("ref")] = Newest(
                    row.integer("version"), row.text("inputs_hash"), row.maybe_text("named")
                )
        return found


def _completed(
    claims: tuple[ReportEntry, ...], customers: Mapping[Token, Customer]
) -> tuple[ReportEntry, ...]:
    """Return the claims, those by a masked number with how they stand, and on whom."""
    channels: dict[Token, set[str]] = {}
    for claim in claims:
        if claim.masked and not claim.withdrawn:
            channels.setdefault(claim.token, set()).add(claim.channel)
    agreeing = {id(customer): customer for customer in customers.values() if customer.agrees}
    fitting: dict[Token, list[Customer]] = {}
    for customer in agreeing.values():
        for mask in customer.masks:
            fitting.setdefault(mask, []).append(customer)

    def stands(claim: ReportEntry) -> ReportEntry:
        if not claim.masked or claim.withdrawn:
            return claim
        fits = fitting.get(claim.token, [])
        how = completion(claim.channel, channels[claim.token], [one.answers for one in fits])
        holder = fits[0].masks[claim.token] if how == "completed" else claim.token
        return replace(claim, completion=how, holder=holder)

    return tuple(map(stands, claims))


def _buyers(deal: DealEntry) -> tuple[Token, ...]:
    return tuple(token for _place, token in deal.buyers)


def report_of(row: Row) -> ReportEntry:
    """Return the claim in a row of `reports`; one by a masked number as long as nobody is known to fit it."""
    return ReportEntry(
        report_ref=row.text("report_ref"),
        token=row.text("token"),
        holder=row.text("token"),
        completion="candidate" if row.integer("masked") else "no",
        channel=row.text("channel"),
        agent=row.text("agent"),
        reported_ms=row.maybe_integer("reported_ms"),
        lapses_ms=row.integer("lapses_ms"),
        withdrawn=row.integer("withdrawn") == 1,
        masked=row.integer("masked") == 1,
    )


def deals_of(rows: Iterable[Row]) -> tuple[DealEntry, ...]:
    """Return the deals in rows of `deals` with one buyer each, by reference and place."""
    found: dict[str, DealEntry] = {}
    for row in rows:
        ref, buyer = row.text("deal_ref"), (row.integer("place"), row.text("token"))
        mask = row.maybe_text("mask")
        masks = () if mask is None else (mask,)
        if ref in found:
            deal = found[ref]
            found[ref] = replace(deal, buyers=(*deal.buyers, buyer), masks=(*deal.masks, *masks))
            continue
        found[ref] = DealEntry(
            deal_ref=ref,
            channel=row.maybe_text("channel"),
            buyers=(buyer,),
            subscribed_ms=row.maybe_integer("subscribed_ms"),
            contracted_ms=row.maybe_integer("contracted_ms"),
            owner=row.maybe_text("owner"),
            lapses_ms=row.integer("lapses_ms"),
            said=row.integer("buyers"),
            withdrawn=row.integer("withdrawn") == 1,
            masks=masks,
            claims_from_ms=row.maybe_integer("claims_from_ms"),
        )
    return tuple(found.values())


def _presence(row: Row) -> PresenceRow:
    return PresenceRow(
        at_ms=row.integer("at_ms"), kind=row.text("kind"), quality=TimeQuality(row.text("quality"))
    )
