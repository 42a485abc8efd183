"""Rows of the channels' and the office's books, and findings on them; never a number, never somebody erased.

Of rows with one name the last changed one counts, in whichever order they come: an older one changes nothing,
and one that the book took back stays as such.
"""

import json
from collections.abc import Sequence
from itertools import zip_longest

from edge.domain.errors import Refused
from edge.domain.facts import (
    BookRow,
    BooksRetokened,
    ChannelNamed,
    CustomerListed,
    DealMade,
    FollowedUp,
    ListSupplied,
    ReportExtended,
    ReportLodged,
    RowEmptied,
    VerdictReached,
    type_of_subject,
)
from edge.store.database import Value
from edge.store.lapses import forgotten_until_ms
from edge.store.people import suppressed
from edge.store.tables import Tables
from edge.store.writing import Ground, write
from edge.wire import Token

_NAMES = {"reports": "report_ref", "deals": "deal_ref", "known_customers": "ref"}
_WITH_TOKENS = ("reports", "deal_buyers", "known_customers")


@write.register
def _report_lodged(fact: ReportLodged, ground: Ground, to: Tables) -> None:
    _refuse_suppressed((fact.token, *fact.earlier), to)
    _adopt(fact.token, fact.earlier, to)
    columns: dict[str, Value] = {
        "token": fact.token,
        "channel": fact.channel,
        "agent": fact.agent,
        "reported_ms": fact.reported_ms,
        "lapses_ms": fact.lapses_ms,
        "masked": int(fact.masked),
        "at_ms": fact.at_ms,
    }
    held = to.database.one("SELECT token FROM reports WHERE report_ref = ?", (fact.report_ref,))
    kept = _put(to, "reports", ("report_ref", fact.report_ref), fact, ground, columns)
    if kept and held is not None and held.text("token") != fact.token:
        _empty_findings("report", fact.report_ref, to)


@write.register
def _row_emptied(fact: RowEmptied, _ground: Ground, to: Tables) -> None:
    name = _NAMES[fact.table]
    to.database.run(
        f"UPDATE {fact.table} SET withdrawn = 1, changed_ms = ?2, mark = ?3"  # noqa: S608 — constants
        f" WHERE {name} = ?1 AND (?2, ?3) > (changed_ms, mark)",
        (fact.ref, fact.changed_ms, fact.mark),
    )


@write.register
def _retokened(fact: BooksRetokened, _ground: Ground, to: Tables) -> None:
    _adopt(fact.token, fact.earlier, to)


@write.register
def _followed_up(fact: FollowedUp, ground: Ground, to: Tables) -> None:
    columns: dict[str, Value] = {
        "report_ref": fact.report_ref,
        "followed_ms": fact.followed_ms,
        "at_ms": fact.at_ms,
    }
    _put(to, "follow_ups", ("ref", fact.ref), fact, ground, columns)


@write.register
def _report_extended(fact: ReportExtended, ground: Ground, to: Tables) -> None:
    columns: dict[str, Value] = {
        "report_ref": fact.report_ref,
        "logged_ms": fact.logged_ms,
        "until_ms": fact.until_ms,
        "at_ms": fact.at_ms,
    }
    _put(to, "extensions", ("ref", fact.ref), fact, ground, columns)


@write.register
def _deal_made(fact: DealMade, ground: Ground, to: Tables) -> None:
    """A buyer who was erased isn't kept; a deal of whom all were isn't either."""
    buyers = [
        (place, tokens, mask)
        for place, (tokens, mask) in enumerate(zip_longest(fact.buyers, fact.masks), 1)
        if tokens and not suppressed(to, list(tokens))
    ]
    if not buyers:
        raise Refused("keep a deal", "suppressed")
    columns: dict[str, Value] = {
        "channel": fact.channel,
        "subscribed_ms": fact.subscribed_ms,
        "contracted_ms": fact.contracted_ms,
        "owner": fact.owner,
        "buyers": len(fact.buyers),
        "lapses_ms": fact.lapses_ms,
        "at_ms": fact.at_ms,
    }
    mine = {tokens[0] for _, tokens, _ in buyers}
    missing = _not_taken_until_ms([token for _, tokens, _ in buyers for token in tokens], fact.at_ms, to)
    columns["claims_from_ms"] = max(_claims_from(fact.deal_ref, mine, to), missing) or None
    held = {
        row.text("token")
        for row in to.database.query("SELECT token FROM deal_buyers WHERE deal_ref = ?", (fact.deal_ref,))
    }
    if not _put(to, "deals", ("deal_ref", fact.deal_ref), fact, ground, columns):
        return
    earlier = {token for _, tokens, _ in buyers for token in tokens[1:]}
    if not held <= mine | earlier:
        _empty_findings("deal", fact.deal_ref, to)
    to.database.run("DELETE FROM deal_buyers WHERE deal_ref = ?", (fact.deal_ref,))
    for place, tokens, mask in buyers:
        _adopt(tokens[0], tokens[1:], to)
        to.database.insert(
            "deal_buyers",
            deal_ref=fact.deal_ref,
            place=place,
            token=tokens[0],
            mask=mask,
            basis=ground.basis,
            purpose=ground.purpose,
        )


def _claims_from(deal_ref: str, buyers: set[Token], to: Tables) -> int:
    """Return until when claims on its buyers may have been deleted before they were its buyers; 0: never."""
    held = to.database.query("SELECT token FROM deal_buyers WHERE deal_ref = ?", (deal_ref,))
    before = to.database.one("SELECT claims_from_ms FROM deals WHERE deal_ref = ?", (deal_ref,))
    known = (before.maybe_integer("claims_from_ms") if before else None) or 0
    if before and buyers <= {row.text("token") for row in held}:
        return known
    return max(known, forgotten_until_ms(to.database) or 0)


_NOT_TAKEN = """
SELECT max(CASE WHEN state = 'ACTIVE' THEN at_ms ELSE ?2 END) AS until_ms FROM (
    SELECT person, state, at_ms, max(version) FROM consents c
    WHERE scope = 'channel_risk' AND person IN (
        SELECT person FROM person_tokens WHERE token IN (SELECT value FROM json_each(?1)))
    AND EXISTS (
        SELECT 1 FROM consents w
        WHERE w.person = c.person AND w.scope = c.scope AND w.state = 'WITHDRAWN')
    GROUP BY person
)
"""


def _not_taken_until_ms(tokens: Sequence[Token], now_ms: int, to: Tables) -> int:
    """Return until when the box itself took no claim on these, or deleted them: they withdrew, were erased.

    A channel isn't accused of what the box did. 0: never.
    """
    withdrew = to.database.one(_NOT_TAKEN, (json.dumps(tokens), now_ms))
    marks = json.dumps([to.tokens.mark(token) for token in tokens])
    erased = to.database.one(
        "SELECT max(at_ms) AS until_ms FROM tombstones WHERE mark IN (SELECT value FROM json_each(?))",
        (marks,),
    )
    return max(
        (row.maybe_integer("until_ms") or 0 for row in (withdrew, erased) if row is not None), default=0
    )


@write.register
def _customer_listed(fact: CustomerListed, ground: Ground, to: Tables) -> None:
    _refuse_suppressed((fact.token, *fact.earlier), to)
    _adopt(fact.token, fact.earlier, to)
    columns: dict[str, Value] = {
        "token": fact.token,
        "since_ms": fact.since_ms,
        "lapses_ms": fact.lapses_ms,
        "at_ms": fact.at_ms,
    }
    _put(to, "known_customers", ("ref", fact.ref), fact, ground, columns)


@write.register
def _list_supplied(fact: ListSupplied, ground: Ground, to: Tables) -> None:
    _put(to, "customer_lists", ("ref", fact.ref), fact, ground, {})


@write.register
def _channel_named(fact: ChannelNamed, ground: Ground, to: Tables) -> None:
    """Reports that a file on the box brought under the company's name are this channel's.

    A name that is another channel's code is no name: it would take that one's reports.
    """
    _put(to, "channels", ("code", fact.code), fact, ground, {"name": fact.name})
    to.database.run(
        "UPDATE reports SET channel = ?1 WHERE channel ="
        " (SELECT name FROM channels WHERE code = ?1 AND withdrawn = 0"
        " AND name NOT IN (SELECT code FROM channels) AND name NOT IN (SELECT channel FROM deals"
        " WHERE channel IS NOT NULL))",
        (fact.code,),
    )


@write.register
def _verdict_reached(fact: VerdictReached, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "verdicts",
        about=fact.about,
        ref=fact.ref,
        version=fact.version,
        verdict=fact.verdict,
        reasons=json.dumps(fact.reasons),
        inputs=fact.inputs,
        inputs_hash=fact.inputs_hash,
        since_ms=fact.since_ms,
        named=fact.named,
        at_ms=fact.at_ms,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    if fact.completed is not None:
        to.database.insert(
            "completions",
            "ON CONFLICT DO NOTHING",
            report_ref=fact.ref,
            token=fact.completed,
            at_ms=fact.at_ms,
            basis=ground.basis,
            purpose=ground.purpose,
        )


def _put(
    to: Tables, table: str, name: tuple[str, str], fact: BookRow, ground: Ground, columns: dict[str, Value]
) -> bool:
    """Keep this row unless a later one with its name is held; return whether it was kept."""
    kept: dict[str, Value] = {
        **columns,
        "changed_ms": fact.changed_ms,
        "mark": fact.mark,
        "withdrawn": int(fact.withdrawn),
        "basis": ground.basis,
        "purpose": ground.purpose,
    }
    taken = ", ".join(f"{column} = excluded.{column}" for column in kept)
    conflict = (
        f"ON CONFLICT ({name[0]}) DO UPDATE SET {taken}"
        f" WHERE (excluded.changed_ms, excluded.mark) > ({table}.changed_ms, {table}.mark)"
    )
    return to.database.insert(table, conflict, **{name[0]: name[1]}, **kept) > 0


def _empty_findings(about: type_of_subject, ref: str, to: Tables) -> None:
    """Its book says that it is on somebody else: what was found of the first one goes, hash and date remain.

    Their erasure wouldn't find it, for it looks by whom a report or a deal is on. Headquarters has each
    version by the one whom it was about, and keeps it until then.
    """
    to.database.run(
        "UPDATE verdicts SET verdict = NULL, reasons = NULL, inputs = NULL, since_ms = NULL"
        " WHERE about = ? AND ref = ? AND inputs IS NOT NULL",
        (about, ref),
    )


def _refuse_suppressed(tokens: Sequence[Token], to: Tables) -> None:
    if suppressed(to, tokens):
        raise Refused("keep a row of a book", "suppressed")


def _adopt(token: Token, earlier: Sequence[Token], to: Tables) -> None:
    """One number, several generations of keys: all that the books say of it is under the newest token."""
    if not earlier:
        return
    for table in _WITH_TOKENS:
        to.database.run(
            f"UPDATE {table} SET token = ?1 WHERE token IN (SELECT value FROM json_each(?2))",  # noqa: S608 — constants
            (token, json.dumps(list(earlier))),
        )
    to.database.run(
        "UPDATE deal_buyers SET mask = ?1 WHERE mask IN (SELECT value FROM json_each(?2))",
        (token, json.dumps(list(earlier))),
    )
