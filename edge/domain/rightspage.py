"""What a visitor's own page says and may ask; shapes and rules, no key and no store.

A number that somebody typed proves nobody. So a code that was given for a typed number shows what was given
at that registration and until the next one under the number; one that the officer gave, who had checked the
person, shows all. What a code doesn't show it doesn't destroy either.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from edge.domain.errors import InvalidInput
from edge.domain.held import Held
from edge.wire import Evidence, OpaqueId, Scope, canonical
from edge.wire.base import Frozen, Millis

Act = Literal["withdraw", "correct", "erase", "complain", "copy"]
Ending = Literal["erasing", "erased", "lapsed"]
"""Why nothing is held any more: an erasure that has begun, one that is done, or the period that is over."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
WRITTEN: tuple[Act, ...] = ("correct", "complain")
"""The acts that come with words for the privacy officer."""
MOST_A_DAY = 5
"""Of each act that makes work for a person; withdrawing and erasing are never counted against anybody."""
MOST_REQUESTS = 100
"""Of one code, ever; what is asked beyond is refused and not kept."""
_DAY_MS = 86_400_000


class Request(Frozen):
    """What the page seals: one act, once. `revision` is that of the package the visitor had before them."""

    v: Literal[1] = 1
    id: OpaqueId
    revision: Millis
    act: Act
    scopes: tuple[Scope, ...] = Field(default=(), max_length=len(Scope))
    text: Text | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _has_what_its_act_needs(self) -> "Request":
        if (self.act == "withdraw") != bool(self.scopes):
            raise ValueError("scopes are named exactly in a withdrawal")
        if (self.act in WRITTEN) != (self.text is not None):
            raise ValueError("words come with a correction or a complaint, and must")
        return self


def parse_request(plain: bytes) -> Request:
    """Return the request in `plain` (JSON); InvalidInput on anything else, without quoting it."""
    try:
        return Request.model_validate_json(plain)
    except ValidationError:
        raise InvalidInput("read a request", "malformed") from None


class Asked(Frozen):
    """A request as the page shows it: its clock and how it stands; `code` says why."""

    id: OpaqueId
    act: str
    at_ms: Millis
    due_ms: Millis
    state: str
    code: str
    settled_ms: Millis | None


def too_many(asked: Sequence[Asked], act: Act, now_ms: int) -> bool:
    """Return whether this act was asked for too often (P45): the first of a day, and four more, are free."""
    if act in ("withdraw", "erase"):
        return False
    return sum(one.act == act and now_ms - one.at_ms < _DAY_MS for one in asked) >= MOST_A_DAY


class Window(Frozen):
    """Whose data a code shows by when it was given; a verified one shows all."""

    since_ms: Millis
    until_ms: Millis | None
    verified: bool

    def shows(self, at_ms: int) -> bool:
        """Return whether something given at `at_ms` is in view."""
        return self.verified or (self.since_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms))

    def covers(self, held: Held) -> bool:
        """Return whether the bearer may decide on all that is held: there is nothing out of view.

        What the books say of the number always is, unless the bearer proved to be its owner.
        """
        books = held.reports or held.deals or held.listings
        return self.verified or (not books and all(self.shows(at_ms) for at_ms in _times(held)))


def _times(held: Held) -> list[int]:
    given = (
        *held.contacts,
        *held.templates,
        *held.recordings,
        *held.callers,
        *held.appointments,
        *((held.card,) if held.card else ()),
    )
    agreed = [c.at_ms for c in held.consents if c.state == "ACTIVE"]
    return [*(one.at_ms for one in given), *agreed, *(visit.arrived_ms for visit in held.visits)]


def content(
    held: Held,
    window: Window,
    *,
    whole: bool,
    revision: int,
    asked: Sequence[Asked],
    words: dict[str, Any],
    room: int,
) -> bytes:
    """Return a package's content in at most `room` bytes; the oldest visits and requests give way.

    `whole`: there is nothing out of view. `words` are the notice's contact and complaint routes in both
    languages.
    """
    stays = sorted((v for v in held.visits if window.shows(v.arrived_ms)), key=lambda v: -v.arrived_ms)
    shown, told = len(stays), len(asked)
    while True:
        said = _said(held, window, revision) | {
            "whole": whole,
            "visits": [
                {
                    "from_ms": stay.arrived_ms,
                    "to_ms": stay.departed_ms,
                    "party": stay.party_size,
                    "source": stay.source,
                    "signs": [_sign(sign) for sign in stay.evidence],
                }
                for stay in stays[:shown]
            ],
            "more_visits": len(stays) - shown,
            "requests": [one.model_dump(mode="json") for one in asked[:told]],
            "more_requests": len(asked) - told,
            "words": words,
        }
        plain = canonical(said)
        if len(plain) <= room:
            return plain
        if shown > 1:
            shown -= 1
        elif told > 1:
            told -= 1
        elif words:
            words = {}
        else:
            raise InvalidInput("make a package", "too_long")


def _sign(evidence: Evidence) -> list[Any]:
    return [evidence.kind, evidence.at_ms]


def _said(held: Held, window: Window, revision: int) -> dict[str, Any]:
    return {
        "v": 1,
        "state": "held",
        "revision": revision,
        "at_ms": held.at_ms,
        "site": held.site,
        "verified": window.verified,
        "number": next((_masked(c.phone) for c in held.contacts if window.shows(c.at_ms)), None),
        "scopes": [
            {
                "scope": c.scope,
                "state": c.state,
                # Which uses stand is shown to whoever types the number; since when, only in view.
                "at_ms": c.at_ms if window.shows(c.at_ms) else None,
                "notice": c.notice_version,
                "act": c.act,
            }
            for c in held.consents
            if c.current
        ],
        "held": _classes(held, window),
        "receipt": None,
    }


def _classes(held: Held, window: Window) -> list[dict[str, Any]]:
    """Return what is held beside the visits: which class, under which basis, since when, how many."""
    found: list[tuple[str, str, int]] = [
        *(("number", f"consent:{c.scope}", c.at_ms) for c in held.contacts),
        *(("template", f"consent:{Scope.FACE_MATCH}", t.at_ms) for t in held.templates),
        *(("recording", f"consent:{Scope.RECORDING}", r.at_ms) for r in held.recordings),
        *(("caller", "inquiry", c.at_ms) for c in held.callers),
        *(("appointment", f"consent:{Scope.REGISTRATION}", one.at_ms) for one in held.appointments),
    ]
    if held.card is not None:
        found.append(("card", f"consent:{Scope.ID_CARD}", held.card.at_ms))
    if window.verified:  # an agent could type a customer's number: only its proven owner sees who claims them
        found += [("report", "report", r.reported_ms) for r in held.reports if r.reported_ms is not None]
        found += [("deal", "contract", d.subscribed_ms or d.contracted_ms or held.at_ms) for d in held.deals]
        found += [("listing", "contract", one.since_ms) for one in held.listings]
    classes: dict[tuple[str, str], list[int]] = {}
    for what, basis, at_ms in found:
        if window.shows(at_ms):
            classes.setdefault((what, basis), []).append(at_ms)
    return [
        {"what": what, "basis": basis, "since_ms": min(times), "count": len(times)}
        for (what, basis), times in classes.items()
    ]


def _masked(phone: str) -> str:
    """Return a number (E.164) as its owner recognises it and a passer-by doesn't."""
    return f"{phone[:-8]}****{phone[-4:]}"


def farewell(revision: int, at_ms: int, state: Ending, words: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a code's last packages, without the receipt: nothing is held any more."""
    return {
        "v": 1, "state": state, "revision": revision, "at_ms": at_ms, "site": "", "whole": True,
        "verified": False, "number": None, "scopes": [], "held": [], "visits": [], "more_visits": 0,
        "requests": [], "more_requests": 0, "receipt": None, "words": words,
    }  # fmt: skip
