"""What a finding rests on: times, and where each comes from; never a number, a name or a picture.

All `_ms` are milliseconds since 1970-01-01 UTC. Whoever makes a case leaves out what may not be used: a
presence whose scope has ended, an answer without `channel_risk`. What isn't known is None, and never guessed.
"""

from dataclasses import dataclass, fields
from typing import Literal

from edge.domain.facts import type_of_source
from edge.wire import TimeQuality, canonical

Kind = Literal["registration", "id_card", "face_confirmed", "appointment", "announced_call"]
Masked = Literal["no", "completed", "candidate", "ambiguous"]


@dataclass(frozen=True, slots=True)
class Presence:
    """One consented sign that a buyer was here.

    `typed`: from a form on paper, entered later. No finding rests on it (decision 0032); a person looks.
    """

    at_ms: int
    quality: TimeQuality
    kind: Kind = "registration"
    buyer: str = "customer"
    """Which of the deal's buyers; "customer" is the one who was reported."""
    typed: bool = False

    @property
    def sure(self) -> bool:
        """Whether the time can be compared with another one."""
        return self.quality is TimeQuality.SYNCHRONISED


@dataclass(frozen=True, slots=True)
class Extension:
    """A claim's protection was extended: when that was logged, and until when it keeps the customer."""

    logged_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """A channel's claim (报备) on the customer. `at_ms` None: the file gave no time.

    `followed_ms`: when the channel followed up. `masked`: how a report by a masked number (隐号报备) was
    brought together with the customer; "candidate" was not completed yet, "ambiguous" fits several customers.
    """

    ref: str
    channel: str
    at_ms: int | None
    followed_ms: tuple[int, ...] = ()
    extended: tuple[Extension, ...] = ()
    masked: Masked = "no"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the customer answered to "who brought you?". `channel`: which one, if they said."""

    at_ms: int
    source: type_of_source
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """A subscription or contract (认购, 签约). `channel`: to whom it is attributed; None: to the office."""

    ref: str
    channel: str | None
    subscribed_ms: int | None = None
    contracted_ms: int | None = None
    buyers: tuple[str, ...] = ("customer",)
    incomplete: bool = False
    """There was another buyer, of whom nothing may be used any more."""
    claims_from_ms: int | None = None
    """Earlier claims had been deleted, their period over, when the deal was brought in. None: none had."""


@dataclass(frozen=True, slots=True)
class Blind:
    """When this office's box could record nobody; `until_ms` None: it still can't."""

    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """All that one finding rests on: a claim, a deal, or a claim with its deal."""

    report: Report | None
    """The claim that is judged. None: a deal that names a channel which never reported."""
    presences: tuple[Presence, ...] = ()
    answers: tuple[Answer, ...] = ()
    other_reports: tuple[Report, ...] = ()
    """Every other claim on this customer, of any channel."""
    deal: Deal | None = None
    known_since_ms: int | None = None
    """Since when they own here, or are a live customer of the office. None: they aren't on the list."""
    known_listed: bool = False
    """The office has supplied its list of owners and live customers."""
    owner_is_office: bool = False
    """The customer's owner (归属) was the office when the deal was made."""
    blind: tuple[Blind, ...] = ()
    withdrawn: bool = False
    """They ended `channel_risk`: nothing of theirs may be used."""
    merged: bool = False
    """Two records were made one on their word: a person looks at it."""
    taken_back: bool = False
    """Whose book the report or the deal stands in took it back."""
    crowded: bool = False
    """So many claims are on this number that it can't be one customer's."""
    renumbered: bool = False
    """Their record was under another number, until the privacy officer gave it this one: a person looks."""

    def canonical(self) -> bytes:
        """Return the one spelling of these facts: in whichever order they came, the same bytes."""
        return canonical(_plain(self))


def _plain(value: object) -> object:
    """Return `value` as JSON has it; what is a set of facts sorted, each different one once."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, tuple):
        if len(value) < 2:  # most are: there is nothing to sort
            return [_plain(one) for one in value]
        made = {canonical(one): one for one in map(_plain, value)}
        return [made[spelling] for spelling in sorted(made)]
    if isinstance(value, TimeQuality):
        return str(value)
    return {name: _plain(getattr(value, name)) for name in _NAMES[kind]}


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_NAMES: dict[type[object], tuple[str, ...]] = {
    kind: tuple(one.name for one in fields(kind))
    for kind in (Presence, Extension, Report, Answer, Deal, Blind, Case)
}
