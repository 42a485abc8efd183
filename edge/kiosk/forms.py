"""Reads the page's forms: fixed fields, bounded, nothing else (P11); never keeps what it read."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import parse_qsl

from starlette.requests import Request

from edge.domain.errors import InvalidInput
from edge.ipc.kiosk import LEAST_POINTS, MOST_POINTS, MOST_STROKES, Notice, Source
from edge.kiosk.texts import Lang
from edge.wire import Scope

C = TypeVar("C", bound=str)
MAX_BODY = 8192
"""Bytes of a submitted form; the longest honest one has about 700."""
_MOST_FIELDS = 40
_PHONE = re.compile(r"[0-9+ -]{5,20}")
OPAQUE = re.compile(r"[0-9a-f]{32}")
"""The name of one thing, as the core gives it out."""
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f<>]")
MAX_NAME = 40
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
SOURCES: tuple[Source, ...] = get_args(Source)
CHOICE = "scope_"
"""A scope's field is `scope_` and its name."""
SCOPE_FIELDS = frozenset(CHOICE + scope for scope in Scope)
REGISTRATION_FIELDS = SCOPE_FIELDS | {
    "csrf", "notice_hash", "phone", "no_phone", "name", "party_size", "source", "channel", "switch"
}  # fmt: skip
CHILD_FIELDS = frozenset(
    {"csrf", "notice_hash", "name", "party_size", "guardian", "drawn", "typed", "act", "switch"}
)
_DRAWN = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}(?:[-_][0-9]{1,3}\.[0-9]{1,3})*")
_MOST_DRAWN = 6000
"""Characters of a signature: 600 points."""
_WAYS: tuple[Literal["card", "signature"], ...] = ("card", "signature")
USES_FIELDS = SCOPE_FIELDS | {"csrf", "notice_hash", "source", "channel", "switch"}
_LANGS: tuple[Lang, ...] = get_args(Lang)


class BadForm(InvalidInput):
    """A form that this page can't have sent: answered with 400."""

    def __init__(self, code: str) -> None:
        super().__init__("read a form", code)


async def read(request: Request, allowed: Iterable[str]) -> dict[str, str]:
    """Return the submitted fields, each at most once; BadForm for anything but the `allowed` ones."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise BadForm("not_urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BadForm("too_long")
    return parse(bytes(body), allowed)


def parse(body: bytes, allowed: Iterable[str]) -> dict[str, str]:
    """Return the fields of an urlencoded `body`; BadForm unless all are `allowed` and none comes twice."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        # The cause quotes what was typed, which may be a number.
        raise BadForm("malformed") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadForm("repeated_field")
    if not fields.keys() <= set(allowed):
        raise BadForm("unknown_field")
    return fields


def opaque(given: str) -> str:
    """Return the name of one thing; BadForm for what the core never gave out."""
    if not OPAQUE.fullmatch(given):
        raise BadForm("unknown_choice")
    return given


def phone(typed: str) -> str | None:
    """Return a typed number in the form that the core takes, or None if it can't be one.

    Full-width digits and long dashes of Chinese keyboards are read as what they mean.
    """
    plain = unicodedata.normalize("NFKC", typed).translate(_DASHES).strip()
    return plain if _PHONE.fullmatch(plain) and sum(c.isdigit() for c in plain) >= 5 else None


def number_errors(typed: str) -> dict[str, str]:
    """Return the error beside a typed number, if it can't be one."""
    if phone(typed) is not None:
        return {}
    return {"phone": "error.phone_invalid" if typed.strip() else "error.phone_missing"}


def name(typed: str) -> str | None:
    """Return a typed name without what a keyboard adds around it, or None if it can't be one."""
    plain = " ".join(unicodedata.normalize("NFC", typed).split())
    return plain if 0 < len(plain) <= MAX_NAME and not _UNSPEAKABLE.search(plain) else None


def drawn(typed: str) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return a signature's strokes from the page's spelling (`x.y-x.y_x.y`); BadForm for any other."""
    if not typed:
        return ()
    if len(typed) > _MOST_DRAWN or not _DRAWN.fullmatch(typed):
        raise BadForm("not_a_drawing")
    strokes = tuple(tuple(_point(p) for p in stroke.split("-")) for stroke in typed.split("_"))
    if len(strokes) > MOST_STROKES or sum(map(len, strokes)) > MOST_POINTS:
        raise BadForm("not_a_drawing")
    return strokes


def _point(typed: str) -> tuple[int, int]:
    x, _, y = typed.partition(".")
    return int(x), int(y)


def _code(typed: str) -> str | None:
    """Return a channel's code, None for an empty one; BadForm for what can't be one."""
    if typed and not _CODE.fullmatch(typed):
        raise BadForm("unknown_choice")
    return typed or None


def party(typed: str) -> int | None:
    """Return the number of people, or None if what was typed isn't one from 1 to 99."""
    plain = unicodedata.normalize("NFKC", typed).strip()
    return int(plain) if re.fullmatch(r"[1-9][0-9]?", plain) else None


def one_of(choices: tuple[C, ...], given: str | None) -> C | None:
    """Return which of `choices` was given, None if none was; BadForm for anything else."""
    if given is None:
        return None
    found = next((choice for choice in choices if choice == given), None)
    if found is None:
        raise BadForm("unknown_choice")
    return found


@dataclass(frozen=True)
class Registration:
    """The register form as sent: what was chosen and what was typed, valid or not."""

    notice_hash: str = ""
    yes: frozenset[Scope] = frozenset()
    no: frozenset[Scope] = frozenset()
    typed_phone: str = field(default="", repr=False)
    typed_name: str = field(default="", repr=False)
    no_phone: bool = False
    """They have no number to give; counts only while none is typed."""
    typed_party: str = "1"
    source: Source | None = None
    channel: str | None = None
    """Which company's agent, by its code, if they said so."""

    switch: Lang | None = None
    """Set when the form was sent only to be shown in this language."""

    @classmethod
    def of(cls, fields: dict[str, str]) -> "Registration":
        """Read `fields`; BadForm for a choice that no form offers."""
        chosen = {Scope(k.removeprefix(CHOICE)): v for k, v in fields.items() if k in SCOPE_FIELDS}
        if not set(chosen.values()) <= {"yes", "no"}:
            raise BadForm("unknown_choice")
        return cls(
            notice_hash=fields.get("notice_hash", ""),
            yes=frozenset(s for s, v in chosen.items() if v == "yes"),
            no=frozenset(s for s, v in chosen.items() if v == "no"),
            typed_phone=fields.get("phone", ""),
            typed_name=fields.get("name", ""),
            no_phone=one_of(("yes",), fields.get("no_phone")) is not None,
            typed_party=fields.get("party_size", "1"),
            source=one_of(SOURCES, fields.get("source")),
            channel=_code(fields.get("channel", "")),
            switch=one_of(_LANGS, fields.get("switch")),
        )

    @property
    def told(self) -> dict[str, Any]:
        """The answer to "who brought you?" as the core takes it: kept only with `channel_risk`."""
        if Scope.CHANNEL_RISK not in self.yes:
            return {}
        return {"source": self.source, "channel": self.channel if self.source == "agent" else None}

    def check_offered(self, notice: Notice) -> None:
        """Raise BadForm for an answer to something that `notice` doesn't ask."""
        if not self.yes | self.no <= {offer.scope for offer in notice.scopes}:
            raise BadForm("unknown_field")

    @property
    def refuses(self) -> bool:
        """A no to registration, or nothing chosen and nothing typed: nothing is to be kept."""
        typed = self.typed_phone.strip() or self.typed_name.strip()
        return Scope.REGISTRATION in self.no or not (self.yes or typed)

    @property
    def numberless(self) -> bool:
        """To be registered without a number: for this visit alone."""
        return self.no_phone and not self.typed_phone.strip()

    @property
    def party(self) -> int | None:
        """The number of people, or None if what was typed isn't one from 1 to 99."""
        return party(self.typed_party)

    def errors(self) -> dict[str, str]:
        """Return the field → text key of what keeps this from being registered."""
        if self.refuses:
            return {}
        found = {}
        if Scope.REGISTRATION not in self.yes:
            found[CHOICE + Scope.REGISTRATION] = "error.registration"
        if self.numberless:
            if self.yes - {Scope.REGISTRATION}:
                found["phone"] = "error.number_needed"
        else:
            found |= number_errors(self.typed_phone)
        if self.typed_name.strip() and name(self.typed_name) is None:
            found["name"] = "error.name"
        if self.party is None:
            found["party_size"] = "error.party"
        return found


@dataclass(frozen=True)
class Child:
    """A guardian's form for a child, as sent, valid or not."""

    notice_hash: str = ""
    typed_name: str = field(default="", repr=False)
    typed_party: str = "1"
    typed_guardian: str = field(default="", repr=False)
    drawn: tuple[tuple[tuple[int, int], ...], ...] = field(default=(), repr=False)
    typed: bool = False
    """The typed name stands for a drawn signature."""
    by: Literal["card", "signature"] | None = None
    switch: Lang | None = None

    @classmethod
    def of(cls, fields: dict[str, str]) -> "Child":
        """Read `fields`; BadForm for a choice that no form offers."""
        return cls(
            notice_hash=fields.get("notice_hash", ""),
            typed_name=fields.get("name", ""),
            typed_party=fields.get("party_size", "1"),
            typed_guardian=fields.get("guardian", ""),
            drawn=drawn(fields.get("drawn", "")),
            typed=one_of(("yes",), fields.get("typed")) is not None,
            by=one_of(_WAYS, fields.get("act")),
            switch=one_of(_LANGS, fields.get("switch")),
        )

    def errors(self) -> dict[str, str]:
        """Return the field → text key of what keeps this from being registered."""
        found = {}
        if self.typed_name.strip() and name(self.typed_name) is None:
            found["name"] = "error.name"
        if party(self.typed_party) is None:
            found["party_size"] = "error.party"
        if self.by == "card":
            return found
        if name(self.typed_guardian) is None:
            found["guardian"] = "error.guardian"
        if not self.typed and sum(map(len, self.drawn)) < LEAST_POINTS:
            found["drawn"] = "error.signature"
        return found
