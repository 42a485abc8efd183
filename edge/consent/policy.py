"""The consent state machine of one person and one scope; pure, no clock, no storage.

domain.md, "Consent". `step` is total: every state and event either has a next state or is refused.
"""

from enum import StrEnum

from edge.domain.errors import Refused


class State(StrEnum):
    """Where one person stands with one scope."""

    SILENT = "SILENT"
    NOTICED = "NOTICED"
    OFFERED = "OFFERED"
    DECLINED = "DECLINED"
    MINOR = "MINOR"
    CONSENTED = "CONSENTED"
    ACTIVE = "ACTIVE"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    RECONSENT = "RECONSENT"
    ERASING = "ERASING"
    TOMBSTONE = "TOMBSTONE"


class Event(StrEnum):
    """What can happen to a consent. Only AGREE and GUARDIAN_AGREES lead towards storing anything."""

    NOTICE = "notice"
    """The notice was put before the person."""
    OFFER = "offer"
    """The person acted: the choice is put before them (again)."""
    DECLINE = "decline"
    FOUND_MINOR = "found_minor"
    """A card or a declaration says under 14."""
    AGREE = "agree"
    GUARDIAN_AGREES = "guardian_agrees"
    PROOF_STORED = "proof_stored"
    """The signed proof is durable; only now may anything be kept under this scope."""
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    CHANGE = "change"
    """Purpose or notice changed: asked again before further use."""
    ERASE = "erase"
    ERASED = "erased"


_S = State
_E = Event

_FORWARD: dict[tuple[State, Event], State] = {
    (_S.SILENT, _E.NOTICE): _S.NOTICED,
    (_S.NOTICED, _E.OFFER): _S.OFFERED,
    (_S.OFFERED, _E.DECLINE): _S.DECLINED,
    (_S.OFFERED, _E.FOUND_MINOR): _S.MINOR,
    (_S.OFFERED, _E.AGREE): _S.CONSENTED,
    (_S.MINOR, _E.GUARDIAN_AGREES): _S.CONSENTED,
    (_S.CONSENTED, _E.PROOF_STORED): _S.ACTIVE,
    (_S.CONSENTED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.ACTIVE, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.ACTIVE, _E.EXPIRE): _S.EXPIRED,
    (_S.ACTIVE, _E.CHANGE): _S.RECONSENT,
    (_S.DECLINED, _E.OFFER): _S.OFFERED,
    (_S.WITHDRAWN, _E.OFFER): _S.OFFERED,
    (_S.EXPIRED, _E.OFFER): _S.OFFERED,
    (_S.RECONSENT, _E.OFFER): _S.OFFERED,
    (_S.RECONSENT, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.ERASING, _E.ERASED): _S.TOMBSTONE,
}
_ERASABLE = frozenset(State) - {_S.ERASING, _S.TOMBSTONE}
TRANSITIONS: dict[tuple[State, Event], State] = _FORWARD | {(s, _E.ERASE): _S.ERASING for s in _ERASABLE}
"""Every allowed move; what isn't here is refused and changes nothing."""

USABLE = frozenset({_S.ACTIVE})
"""The only state in which anything may be kept, used or sent under a scope."""

ASK_AGAIN_AFTER_MS = 48 * 3600 * 1000
"""A registered person isn't asked again for a scope within this time of refusing it (P50)."""

FACE_SUSPENDED_AFTER_MS = 7 * 24 * 3600 * 1000
"""A box this long without headquarters stops matching faces: a withdrawal may wait for it."""


def step(state: State, event: Event) -> State:
    """Return the next state, or raise Refused; the state is unchanged then."""
    try:
        return TRANSITIONS[(state, event)]
    except KeyError:
        raise Refused(f"consent {event} in {state}", "not_allowed_in_this_state") from None


def usable(state: State) -> bool:
    """Return whether a scope in this state may be relied on."""
    return state in USABLE


def carries_over(standing: State) -> bool:
    """Return whether a yes given under a number typed wrongly may make this person's scope ACTIVE.

    `standing` is where the scope stands for the number's owner. It never turns their no, withdrawal, erasure
    or waiting for a guardian into a yes: a receptionist's typing is no act of theirs (P29).
    """
    return standing in {_S.SILENT, _S.NOTICED, _S.OFFERED, _S.EXPIRED, _S.RECONSENT}


def carries_from_paper(standing: State, changed_ms: int, given_ms: int) -> bool:
    """Return whether a yes on a form of `given_ms`, typed in later, may make this person's scope ACTIVE.

    `standing` since `changed_ms`. What ended is begun again by the person alone, whenever it ended: a form
    can't show whether it was signed before or after (P29). Changed words need a yes that came after them.
    """
    if standing is _S.RECONSENT:
        return changed_ms < given_ms
    return standing in {_S.SILENT, _S.NOTICED, _S.OFFERED}


def may_ask(state: State, changed_ms: int, now_ms: int) -> bool:
    """Return whether a scope may be offered now: only where an offer leads on, and 48 h after a refusal."""
    if state is State.DECLINED:
        return now_ms - changed_ms >= ASK_AGAIN_AFTER_MS
    return state is State.SILENT or (state, Event.OFFER) in TRANSITIONS
