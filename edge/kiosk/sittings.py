"""What the page remembers while one visitor stands before it: in memory, bounded, gone after 10 minutes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.ipc.kiosk import (
    BuyerAnswered,
    BuyersCard,
    CardSeen,
    ChildRegistered,
    MyCode,
    Recognised,
    Registered,
)

KEEP_S = 600.0
"""As long as the core keeps a session without an act (control.Begun)."""
_MOST = 32


@dataclass(eq=False)
class Sitting:
    """One visitor's dealings: the core's session, what the core answered, and leases under way."""

    core: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while registering, so that a second tap can't register twice."""
    registered: Registered | None = None
    face: asyncio.Task[Recognised] | None = None
    card: asyncio.Task[CardSeen] | None = None
    guardian: asyncio.Task[ChildRegistered] | None = None
    mine: asyncio.Task[MyCode] | None = None
    """A request for one's own page by card."""
    buyer: BuyerAnswered | None = None
    """What became of a buyer's answer."""
    papers: asyncio.Task[BuyersCard] | None = None
    """Their card, if they lay it down."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """How the last lease of each kind (face, card) ended, for the page after it."""
    expiry: asyncio.TimerHandle | None = None


class Sittings:
    """Sittings by session id; the oldest gives way when there are too many, an idle one after `keep_s`."""

    def __init__(self, keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._by_sid: OrderedDict[str, Sitting] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_sid)

    def open(self, sid: str, core: str) -> tuple[Sitting, tuple[Sitting, ...]]:
        """Start a sitting; return it and those that it displaced, whose core sessions should end."""
        displaced = [self.drop(sid)]
        if len(self._by_sid) >= _MOST:
            displaced.append(self.drop(next(iter(self._by_sid))))
        sitting = self._by_sid[sid] = Sitting(core)
        self._wind(sid, sitting)
        return sitting, tuple(s for s in displaced if s)

    @property
    def cores(self) -> tuple[str, ...]:
        """The core's session of each sitting."""
        return tuple(sitting.core for sitting in self._by_sid.values())

    def keep_only(self, asked: tuple[str, ...], living: tuple[str, ...]) -> int:
        """Drop those of `asked` that the core has no more; return how many."""
        gone = set(asked) - set(living)
        over = [sid for sid, sitting in self._by_sid.items() if sitting.core in gone]
        for sid in over:
            self.drop(sid)
        return len(over)

    def get(self, sid: str | None) -> Sitting | None:
        """Return the sitting of `sid`, which counts as an act and starts its time anew."""
        if sid is None or (sitting := self._by_sid.get(sid)) is None:
            return None
        self._by_sid.move_to_end(sid)
        self._wind(sid, sitting)
        return sitting

    def drop(self, sid: str | None) -> Sitting | None:
        """Forget the sitting of `sid`, if there is one, and return it."""
        sitting = self._by_sid.pop(sid, None) if sid is not None else None
        if sitting and sitting.expiry:
            sitting.expiry.cancel()
        return sitting

    def _wind(self, sid: str, sitting: Sitting) -> None:
        if sitting.expiry:
            sitting.expiry.cancel()
        expire: Callable[[str], object] = self.drop
        sitting.expiry = asyncio.get_running_loop().call_later(self._keep_s, expire, sid)
