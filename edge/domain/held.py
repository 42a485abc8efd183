"""All that a box holds of one human, as they are shown it; a description, never a way to the data itself.

Its JSON form (`model_dump(mode="json")`) has one spelling (wire.canonical): integers, strings, no floats.
It names no internal id of a person; of a face only that there is a template, of an agent's report only
that there is one, and of a recording only that it exists.
"""

from typing import Literal

from pydantic import Field

from edge.wire import ConsentRecorded, Evidence, Millis, OpaqueId, Scope, TimeQuality, Token
from edge.wire.base import Frozen


class HeldConsent(Frozen):
    """One state of one scope. An agreement carries what was signed, and the box's signature over it.

    `record` None: it was agreed to before the box kept what it signs. `proof` is hex. `current`: this is
    where the scope stands.
    """

    scope: Scope
    version: int
    state: str
    current: bool
    at_ms: Millis
    quality: TimeQuality
    notice_version: str = ""
    notice_hash: str | None = None
    act: str | None = None
    record: ConsentRecorded | None = None
    proof: str | None = None
    covers_ms: Millis | None = Field(default=None, exclude_if=lambda at_ms: at_ms is None)
    """It opens nothing that was left before: nobody showed whose number it is. Absent: it opens all."""


class HeldContact(Frozen):
    """A number (E.164) that the person gave, and under which scope it is kept."""

    scope: Scope
    phone: str = Field(repr=False)
    at_ms: Millis


class HeldToken(Frozen):
    """Under which name headquarters knows the person, for one scope."""

    scope: Scope
    token: Token
    at_ms: Millis


class HeldVisit(Frozen):
    """A stay with its signs of presence, and the answer to "who brought you?" if there was one."""

    visit: OpaqueId
    arrived_ms: Millis
    departed_ms: Millis | None
    departure_estimated: bool = False
    party_size: int
    returning: bool
    revision: int
    entered_ms: Millis | None = Field(default=None, exclude_if=lambda at_ms: at_ms is None)
    """When it was typed in from paper; absent of others, as in files from before there was such a field."""
    evidence: tuple[Evidence, ...]
    source: str | None = None
    channel: str | None = Field(default=None, exclude_if=lambda channel: channel is None)
    """Which company they named, by its code; absent where they named none."""


class HeldAppointment(Frozen):
    """When they said that they would come again; `kept_ms` None: nobody came for it (yet)."""

    due_ms: Millis
    party_size: int
    kept_ms: Millis | None
    at_ms: Millis


class HeldCard(Frozen):
    """What is kept of an ID card; the photo and the address never are."""

    kind: str
    name: str = Field(repr=False)
    number: str = Field(repr=False)
    valid_until: str
    at_ms: Millis


class HeldTemplate(Frozen):
    """A face template exists since `at_ms`. It is of use to nobody but this box and is not handed out."""

    model: str
    at_ms: Millis


class HeldRecording(Frozen):
    """A recorded call; `duration_ms` of sound."""

    call: OpaqueId
    line: str
    at_ms: Millis
    duration_ms: Millis


class HeldCaller(Frozen):
    """The number is kept to call back, until `until_ms`, and joined with nothing but this request."""

    call: OpaqueId
    at_ms: Millis
    until_ms: Millis


class HeldReport(Frozen):
    """A channel reported this customer; the agent's name is the agent's. Findings by date and hash."""

    channel: str
    reported_ms: Millis | None
    until_ms: Millis
    findings: tuple[tuple[Millis, str], ...]


class HeldDeal(Frozen):
    """A deal that this customer is a buyer of, as the office's books say."""

    channel: str | None
    subscribed_ms: Millis | None
    contracted_ms: Millis | None
    until_ms: Millis
    findings: tuple[tuple[Millis, str], ...]


class HeldListing(Frozen):
    """The office's list says that this customer owns here, or is a live customer of it."""

    since_ms: Millis
    until_ms: Millis


class Told(Frozen):
    """Records of one kind about this person that headquarters was told, or that still wait to leave."""

    kind: str
    sent: int
    waiting: int


def _none(rows: tuple[object, ...]) -> bool:
    """What earlier programs didn't tell isn't there: their archives are spelled as they were."""
    return not rows


class Held(Frozen):
    """What this box holds of one human at `at_ms`. They may be two records that nothing joined."""

    v: Literal[1] = 1
    tenant: str
    site: str
    box: str
    at_ms: Millis
    quality: TimeQuality
    names: tuple[str, ...] = Field(default=(), repr=False)
    """What they wanted to be called."""
    contacts: tuple[HeldContact, ...] = ()
    tokens: tuple[HeldToken, ...] = ()
    consents: tuple[HeldConsent, ...] = ()
    visits: tuple[HeldVisit, ...] = ()
    appointments: tuple[HeldAppointment, ...] = Field(default=(), exclude_if=_none)
    card: HeldCard | None = None
    templates: tuple[HeldTemplate, ...] = ()
    recordings: tuple[HeldRecording, ...] = ()
    callers: tuple[HeldCaller, ...] = ()
    reports: tuple[HeldReport, ...] = ()
    deals: tuple[HeldDeal, ...] = Field(default=(), exclude_if=_none)
    listings: tuple[HeldListing, ...] = Field(default=(), exclude_if=_none)
    headquarters: tuple[Told, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether nothing is held but, at most, the skeleton of ended consents."""
        return not (
            self.contacts or self.names or self.tokens or self.visits or self.card or self.templates
            or self.recordings or self.callers or self.reports or self.deals or self.listings
            or self.appointments
        )  # fmt: skip

    @property
    def active(self) -> frozenset[Scope]:
        """The scopes that stand: what may be kept and used now."""
        return frozenset(one.scope for one in self.consents if one.current and one.state == "ACTIVE")
