"""Vocabulary that every record shares: tokens, times, scopes, bases; never a raw identity.

All numbers on the wire are integers, so that the canonical form (see batch.canonical)
has one spelling: times are milliseconds since 1970-01-01 UTC.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, NonNegativeInt, StringConstraints

WIRE_VERSION = 1
"""The version this box speaks; headquarters accepts this one and the one before."""


class Frozen(BaseModel):
    """A value of the wire: immutable, strict about types, closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")


Millis = NonNegativeInt
"""Milliseconds: since the epoch for `*_ms` names that say when, a length for `duration_ms`."""

OpaqueId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""128 random bits in hex: names one thing, derived from nothing about a person."""

Token = Annotated[str, StringConstraints(pattern=r"^[a-z_]{3,16}:[0-9a-f]{64}$")]
"""`<purpose>:<HMAC-SHA256 in hex>` of a normalised number under the project's key for that
purpose. The prefix keeps tokens of two purposes from ever being compared by accident."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""A tenant, site, box, device or line: chosen by an installer, never by a person's name."""


HexKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""32 bytes in hex: a key, secret or public."""


class Scope(StrEnum):
    """What a visitor can agree to; each apart from the others (domain.md, Consent)."""

    REGISTRATION = "registration"
    ID_CARD = "id_card"
    FACE_MATCH = "face_match"
    CHANNEL_RISK = "channel_risk"
    FOLLOW_UP = "follow_up"
    MARKETING = "marketing"
    RECORDING = "recording"
    LOCATION = "location"


class BasisKind(StrEnum):
    """The only grounds on which anything is kept or sent (architecture.md, One gate)."""

    CONSENT = "consent"
    INQUIRY = "inquiry"
    REPORT = "report"
    CONTRACT = "contract"
    EMPLOYMENT = "employment"
    DUTY = "duty"
    SUPPRESSION = "suppression"
    LEGAL_ORDER = "legal_order"
    IMPERSONAL = "impersonal"
    """About no person at all: health, blind time, head counts."""


class Basis(Frozen):
    """One ground; `scope` is present exactly when the ground is consent."""

    kind: BasisKind
    scope: Scope | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.scope}" if self.scope else str(self.kind)

    def model_post_init(self, _context: object) -> None:
        """Refuse consent without a scope, and a scope without consent."""
        if (self.kind is BasisKind.CONSENT) != (self.scope is not None):
            raise ValueError("a basis names a scope exactly when it is consent")


class Purpose(StrEnum):
    """What a row is for; a closed list, so that a camera can't find new uses (P26)."""

    RECEPTION = "reception"
    IDENTITY_CHECK = "identity_check"
    FACE_CONFIRMATION = "face_confirmation"
    CHANNEL_RISK = "channel_risk"
    CALL_HANDLING = "call_handling"
    CALL_BACK = "call_back"
    FOOTFALL = "footfall"
    OPERATION = "operation"
    RIGHTS = "rights"
    STAFFING = "staffing"
    """Who receives visitors; nothing of it leaves the box."""


class TimeQuality(StrEnum):
    """How far a wall time can be trusted as evidence."""

    SYNCHRONISED = "synchronised"
    DRIFTING = "drifting"
    UNKNOWN = "unknown"
