"""Cards that wait for their visitor's yes: in memory alone, one a person, at most a minute; keeps nothing."""

import asyncio
from dataclasses import dataclass, field

from edge.domain.facts import PersonId
from edge.ipc.kiosk import FaceCheck
from edge.ipc.messages import CardRead

HOLD_S = 60.0
"""As long as the page with the fields stands there without an act."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A card that was read once, and whether its photo was found to be the visitor's face."""

    card: CardRead = field(repr=False)
    face: FaceCheck


@dataclass(frozen=True, slots=True)
class _Held:
    waiting: Waiting
    until: asyncio.TimerHandle


class Held:
    """Gone by itself after HOLD_S; dropped when the visitor's leases end."""

    def __init__(self) -> None:
        self._by_person: dict[PersonId, _Held] = {}

    def __len__(self) -> int:
        return len(self._by_person)

    def put(self, person: PersonId, waiting: Waiting) -> None:
        """Hold a card; an earlier one of this person is gone."""
        self.drop(person)
        timer = asyncio.get_running_loop().call_later(HOLD_S, self._by_person.pop, person, None)
        self._by_person[person] = _Held(waiting, timer)

    def take(self, person: PersonId) -> Waiting | None:
        """Return the card that waits for `person` and hold it no longer; None if there is none any more."""
        held = self._by_person.pop(person, None)
        if held is None:
            return None
        held.until.cancel()
        return held.waiting

    def drop(self, person: PersonId) -> None:
        """Forget the card of `person`, if there is one."""
        self.take(person)
