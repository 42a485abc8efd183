"""Takes in what the channels' and the office's books say; runs in the store's thread, keeps no number.

Rows come sealed from headquarters, or from a file on the box. All of them are taken or none; then everything
that they touch is judged. A customer who was erased, or who ended `channel_risk`, isn't entered again by a
book (P29), until they agree anew by an act of theirs.
"""

import base64
import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import ValidationError

from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.phone import normalise
from edge.ipc.operator import Imported, ReportRow
from edge.runtime.office import Office, Stamp
from edge.runtime.risk import Risk
from edge.runtime.sweep import Sweep
from edge.wire import BoxKeys, CommandAnswered, FactsCommand, Purpose, Token, canonical
from edge.wire import facts as wire
from edge.wire.facts import FactRow, box_keys_signing_input, of_book, parse_row, row_info

log = logging.getLogger(__name__)

DAY_MS = 24 * 3600 * 1000
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_TAKE = "take rows of a book"
_ANNOUNCED = "box_keys"


class Said(Stamp):
    """When the box took a row, and when its book changed it last."""

    changed_ms: int
    withdrawn: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Keeps:
    """For how many days a row is kept: after a report's time, a deal's last step, a list's last change."""

    report_days: int
    deal_days: int
    customer_days: int


class Books:
    """What is said of customers by others than themselves."""

    def __init__(
        self, office: Office, risk: Risk, sweep: Sweep, enrolment: X25519PrivateKey, keeps: Keeps
    ) -> None:
        """`enrolment` opens what is sealed to this box."""
        self._office = office
        self._risk = risk
        self._sweep = sweep
        self._enrolment = enrolment
        self._keeps = keeps

    def announce(self, project: str | None) -> None:
        """Tell headquarters to which key rows are sealed, and of which project this is, if that is news."""
        box, public = self._office.store.identity, self._enrolment.public_key().public_bytes_raw().hex()
        said = box_keys_signing_input(box.tenant, box.site, box.box, project, public)
        news = hashlib.sha256(said).hexdigest()
        if self._office.store.noted(_ANNOUNCED) == news:
            return
        record = BoxKeys(project=project, enrolment_key=public, signature=self._office.sign(said).hex())
        with self._office.store.transaction():
            fact = facts.Noted(**self._office.stamp(), records=(record,))
            self._office.store.apply(self._office.gate.impersonal(fact))
            self._office.store.note(_ANNOUNCED, news)

    # -- from headquarters -------------------------------------------------------------------

    def take(self, command: FactsCommand) -> None:
        """Keep all rows of an order and answer it, or refuse the whole of it with why."""
        try:
            rows = [self._opened(sealed) for sealed in command.rows]
            if command.book and not all(of_book(row, command.book) for row in rows):
                raise InvalidInput(_TAKE, "other_book", "whoever sealed it may bring in another book only")
            with self._office.store.transaction():
                taken = self._enter(rows)
                self._answer(command, "done", "ok")
            log.info(
                "rows taken command=%s rows=%d suppressed=%d",
                command.command_id,
                len(rows),
                len(rows) - taken,
            )
        except (InvalidInput, Refused, OverflowError) as error:
            # An order that raised would come again for ever, and hold up all that comes after it.
            code = "row_wrong" if isinstance(error, OverflowError) else error.code
            log.error("rows refused command=%s code=%s", command.command_id, code)
            self._answer(command, "refused", code)

    def _opened(self, sealed: str) -> FactRow:
        box = self._office.store.identity
        public = self._enrolment.public_key().public_bytes_raw().hex()
        try:
            plain = _SUITE.decrypt(
                base64.b64decode(sealed), self._enrolment, row_info(box.tenant, box.box, public)
            )
        except (InvalidTag, ValueError):
            raise InvalidInput(_TAKE, "does_not_open", "seal it to the key that this box names") from None
        try:
            return parse_row(plain)
        except ValidationError:
            raise InvalidInput(_TAKE, "row_wrong", "it isn't a row of this program's wire") from None

    def _answer(self, command: FactsCommand, outcome: str, code: str) -> None:
        answer = CommandAnswered.model_validate(
            {
                "command_id": command.command_id,
                "outcome": outcome,
                "code": code,
                "at_ms": self._office.clock.now_ms(),
            }
        )
        self._office.store.apply(self._office.done(command, outcome, answer))

    # -- from a file on the box ----------------------------------------------------------------

    def import_rows(self, rows: tuple[ReportRow, ...]) -> Imported:
        """Keep all rows of a file of reports, or none if one can't be kept, and judge them.

        A known ref is left as it was.
        """
        lookup, issued = self._office.gate.permit_lookup(Purpose.CHANNEL_RISK), self._risk.issued
        codes = {name: code for code, name in self._office.store.channels()}
        with self._office.store.transaction():
            new = [row for row in rows if self._office.store.report(lookup, row.ref) is None]
            kept, touched = 0, set[Token]()
            for row in new:
                kept += self._keep(self._from_file(row, codes), touched)
            self._risk.judge_tokens(touched)
            for row in new:
                if "*" not in row.phone:
                    self._office.told_of(normalise(row.phone))
        return Imported(
            new=kept,
            known=len(rows) - len(new),
            suppressed=len(new) - kept,
            verdicts=self._risk.issued - issued,
        )

    # -- row by row ----------------------------------------------------------------------------

    def _enter(self, rows: Iterable[FactRow]) -> int:
        """Keep the rows and judge what they touch; return how many aren't about somebody suppressed."""
        kept, touched, listed = 0, set[Token](), self._office.store.customers_listed()
        for row in rows:
            fact = self._fact(row)
            kept += fact is not None
            self._keep(fact or self._emptied(row), touched)
        self._risk.judge_tokens(touched)
        if self._office.store.customers_listed() != listed:
            self._sweep.ask()  # whoever isn't on the list is known not to be
        for number in dict.fromkeys(number for row in rows for number in _numbers(row)):
            self._office.told_of(number)
        return kept

    def _keep(self, fact: facts.BookRow | None, touched: set[Token]) -> bool:
        """Keep a row, and note whose findings it touches, before and after; False for somebody suppressed."""
        if fact is None:
            return False
        touched |= self._touched(fact)
        self._office.store.apply(self._office.gate.on_other_basis(fact))
        touched |= self._touched(fact)
        return True

    def _touched(self, fact: facts.BookRow) -> set[Token]:  # noqa: PLR0911 — one for each kind of row
        """Return the tokens that the row which is held under the name of `fact` is about, and its own."""
        store, lookup = self._office.store, self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        match fact:
            case facts.ReportLodged():
                held = store.report(lookup, fact.report_ref)
                return {fact.token, held.token} if held else {fact.token}
            case facts.FollowedUp() | facts.ReportExtended():
                table: Literal["follow_ups", "extensions"] = (
                    "follow_ups" if isinstance(fact, facts.FollowedUp) else "extensions"
                )
                claims = (store.report(lookup, fact.report_ref), store.report_of_row(lookup, table, fact.ref))
                return {claim.token for claim in claims if claim is not None}
            case facts.DealMade():
                deal = store.deal(lookup, fact.deal_ref)
                return {tokens[0] for tokens in fact.buyers if tokens} | (
                    {token for _, token in deal.buyers} if deal else set()
                )
            case facts.ChannelNamed():
                return set(store.reported_by(lookup, fact.name))
            case facts.RowEmptied():
                return self._behind(fact)
            case facts.CustomerListed():
                known = store.known_customer(lookup, fact.ref)
                return {fact.token, known} if known else {fact.token}
            case _:
                return set()

    def _behind(self, fact: facts.RowEmptied) -> set[Token]:
        """Return whom the held row of this name is about."""
        store, lookup = self._office.store, self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        report = store.report(lookup, fact.ref) if fact.table == "reports" else None
        deal = store.deal(lookup, fact.ref) if fact.table == "deals" else None
        known = store.known_customer(lookup, fact.ref) if fact.table == "known_customers" else None
        buyers = {token for _, token in deal.buyers} if deal is not None else set()
        return buyers | ({report.token} if report else set()) | ({known} if known else set())

    def _fact(self, row: FactRow) -> facts.BookRow | None:  # noqa: PLR0911 — one for each kind of row
        """Return what is to be kept of a row: tokens for numbers; None for somebody suppressed."""
        match row:
            case wire.ReportRow():
                said, agent = self._said(row), row.agent or ""
                return self._lodged(said, row.ref, row.phone, row.channel, agent, row.reported_ms)
            case wire.DealRow():
                return self._deal(row)
            case wire.CustomerRow():
                tokens = self._tokens(row.phone)
                if self._suppressed(tokens):
                    return None
                return facts.CustomerListed(
                    **self._said(row),
                    ref=row.ref,
                    token=tokens[0],
                    earlier=tokens[1:],
                    since_ms=row.since_ms,
                    lapses_ms=row.changed_ms + self._keeps.customer_days * DAY_MS,
                )
            case wire.FollowUpRow():
                return facts.FollowedUp(
                    **self._said(row), ref=row.ref, report_ref=row.report, followed_ms=row.at_ms
                )
            case wire.ExtensionRow():
                return facts.ReportExtended(
                    **self._said(row),
                    ref=row.ref,
                    report_ref=row.report,
                    logged_ms=row.logged_ms,
                    until_ms=row.until_ms,
                )
            case wire.CustomerListRow():
                return facts.ListSupplied(**self._said(row), ref=row.ref)
            case wire.ChannelRow():
                return facts.ChannelNamed(**self._said(row), code=row.ref, name=row.name)

    def _emptied(self, row: FactRow) -> facts.RowEmptied | None:
        """Return that what is held under the name of a row about somebody suppressed counts no more.

        None if it is about them as well, and stands as it did when they ended `channel_risk`.
        """
        tables: dict[str, Literal["reports", "deals", "known_customers"]] = {
            "report": "reports",
            "deal": "deals",
            "customer": "known_customers",
        }
        fact = facts.RowEmptied(**self._said(row), table=tables[row.kind], ref=row.ref)
        theirs = {token for number in _numbers(row) for token in self._tokens(number)}
        return fact if row.withdrawn or self._behind(fact) - theirs else None

    def _said(self, row: FactRow) -> Said:
        """Return when a row was said, and what decides between two that were changed at one moment."""
        mark = self._office.tokens.mark(canonical(row.model_dump(mode="json")).decode())
        return {
            **self._office.stamp(), "changed_ms": row.changed_ms, "withdrawn": row.withdrawn, "mark": mark
        }  # fmt: skip

    def _from_file(self, row: ReportRow, codes: Mapping[str, str]) -> facts.ReportLodged | None:
        stamp = self._office.stamp()
        said: Said = {**stamp, "changed_ms": stamp["at_ms"], "withdrawn": False, "mark": ""}
        channel = codes.get(row.channel, row.channel)
        return self._lodged(said, row.ref, row.phone, channel, row.agent, row.reported_ms)

    def _lodged(
        self, said: Said, ref: str, phone: str, channel: str, agent: str, reported_ms: int | None
    ) -> facts.ReportLodged | None:
        masked = "*" in phone
        tokens = self._office.tokens.masked("channel_risk", phone) if masked else self._tokens(phone)
        if self._suppressed(tokens):
            return None
        start = reported_ms if reported_ms is not None else said["at_ms"]
        return facts.ReportLodged(
            **said,
            report_ref=ref,
            token=tokens[0],
            earlier=tokens[1:],
            channel=channel,
            agent=agent,
            reported_ms=reported_ms,
            lapses_ms=start + self._keeps.report_days * DAY_MS,
            masked=masked,
        )

    def _deal(self, row: wire.DealRow) -> facts.DealMade | None:
        """A buyer who is suppressed leaves an empty place."""
        found = [self._tokens(number) for number in row.buyers]
        buyers = tuple(() if self._suppressed(tokens) else tokens for tokens in found)
        if not any(buyers):
            return None
        said = self._said(row)
        made = [at for at in (row.subscribed_ms, row.contracted_ms) if at is not None]
        return facts.DealMade(
            **said,
            deal_ref=row.ref,
            channel=row.channel,
            buyers=buyers,
            masks=tuple(self._office.mask_token(normalise(number)) for number in row.buyers),
            subscribed_ms=row.subscribed_ms,
            contracted_ms=row.contracted_ms,
            owner=row.owner,
            lapses_ms=max(made, default=said["at_ms"]) + self._keeps.deal_days * DAY_MS,
        )

    def _tokens(self, number: str) -> tuple[Token, ...]:
        normal = normalise(number)
        return self._office.tokens.tokens("channel_risk", normal)

    def _suppressed(self, tokens: tuple[Token, ...]) -> bool:
        store, lookup = self._office.store, self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        return store.suppressed(*tokens) or store.withdrew_channel_risk(lookup, *tokens)


def _numbers(row: FactRow) -> tuple[str, ...]:
    match row:
        case wire.ReportRow() | wire.CustomerRow():
            return () if "*" in row.phone else (row.phone,)
        case wire.DealRow():
            return row.buyers
        case _:
            return ()
