"""The peers' own ledger of a campaign: what was asked, when, what was answered; never read from the box."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.site.sip_peers import Word

Kind = Literal["register", "depart", "withdraw", "card", "face", "import", "erase"]
End = Literal["acknowledged", "refused", "unknown"]
"""`unknown`: no answer came; the act happened wholly or not at all, and at most once."""


@dataclass(frozen=True)
class Act:
    """One act at the desk. The box did it, if it did, at some wall time of [before_ms, after_ms]."""

    kind: Kind
    number: str = field(repr=False)
    before_ms: int
    after_ms: int
    end: End
    asked: dict[str, Any] = field(repr=False)
    answer: dict[str, Any] = field(repr=False)
    """The answer as it came; of a refusal, its `code`."""

    @property
    def sure(self) -> bool:
        """Whether the client was told that it happened."""
        return self.end == "acknowledged"

    def holds(self, at_ms: int | None) -> bool:
        """Whether an instant lies within the act."""
        return at_ms is not None and self.before_ms <= at_ms <= self.after_ms


@dataclass(frozen=True)
class Ring:
    """One call; `word` is what the caller knows of it, None if it did not come to a normal end."""

    number: str = field(repr=False)
    before_ms: int
    after_ms: int
    key: str
    word: Word | None = field(repr=False)


@dataclass(frozen=True)
class Kill:
    """One process killed with -9. `back_ms`: when its successor ran."""

    victim: str
    at_ms: int
    back_ms: int


@dataclass
class Book:
    """What all peers wrote. Each person's acts are written by one thread, one after the other."""

    acts: list[Act] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What a peer saw that must not be, said in words without a number."""
    begun: threading.Event = field(default_factory=threading.Event)
    """Set whenever an act begins: who kills wants to meet it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, entry: Act | Ring | Kill | str) -> None:
        """Add one entry; from any thread."""
        with self._lock:
            match entry:
                case Act():
                    self.acts.append(entry)
                case Ring():
                    self.rings.append(entry)
                case Kill():
                    self.kills.append(entry)
                case str():
                    self.troubles.append(entry)

    def of(self, kind: Kind) -> list[Act]:
        """Return the acts of one kind, in the order of their beginning."""
        return sorted((a for a in self.acts if a.kind == kind), key=lambda a: a.before_ms)

    def met(self) -> int:
        """Return how many acts a kill of the core met half-way."""
        kills = [k.at_ms for k in self.kills if k.victim == "core"]
        return sum(
            a.end == "unknown" and any(a.before_ms <= at <= a.after_ms for at in kills) for a in self.acts
        )

    def killed(self, victims: set[str], from_ms: int, to_ms: int) -> bool:
        """Whether one of `victims` was away at some time of a span."""
        return any(k.victim in victims and k.at_ms <= to_ms and k.back_ms >= from_ms for k in self.kills)
