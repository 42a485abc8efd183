"""Who receives next (轮排): whoever on shift has waited longest; pure, knows no names and no clock.

Skipping somebody counts as their turn. A pause takes nobody's place away: who comes back has waited on.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """One receptionist on shift: since when they wait, in ms since 1970; ties go by id."""

    since_ms: int
    staff: str
    paused: bool = False


def line(on_shift: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Return who takes turns, next one first; who pauses comes last, in the same order."""
    return tuple(sorted(on_shift, key=lambda one: (one.paused, one.since_ms, one.staff)))


def proposals(on_shift: Iterable[Waiting], parties: int) -> tuple[str | None, ...]:
    """Return whom to propose for each of so many parties in the order they came; None if nobody is free.

    With more parties than receptionists the line begins again.
    """
    free = [one.staff for one in line(on_shift) if not one.paused]
    return tuple(free[n % len(free)] if free else None for n in range(parties))


def since_after_turn(now_ms: int, on_shift: Iterable[Waiting]) -> int:
    """Return since when somebody waits whose turn it just was: behind all, even if a clock was set back."""
    return max([now_ms, *(one.since_ms + 1 for one in on_shift)])
