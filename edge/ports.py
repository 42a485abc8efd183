"""The small protocols that the core needs of its parts, and the two proofs of permission.

`Cleared` and `Permit` are abstract: their one concrete class each is private to consent/gate.py.
Nothing here does I/O.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from edge.domain.facts import Fact, PersonId, StaffId
from edge.wire import Basis, Batch, Purpose, Receipt, Scope, Token

F_co = TypeVar("F_co", bound=Fact, covariant=True)


@dataclass(frozen=True, slots=True)
class ConsentVersion:
    """The consent that a fact relies on; the store checks it again inside its transaction."""

    person: PersonId
    scope: Scope
    version: int


class Cleared(ABC, Generic[F_co]):
    """Proof that the gate let one fact through, on which basis and for which purpose."""

    __slots__ = ()

    @property
    @abstractmethod
    def fact(self) -> F_co:
        """What may be kept."""

    @property
    @abstractmethod
    def basis(self) -> Basis:
        """On which ground."""

    @property
    @abstractmethod
    def purpose(self) -> Purpose:
        """What for."""

    @property
    @abstractmethod
    def relies_on(self) -> ConsentVersion | None:
        """The consent to check again inside the transaction, if the ground is consent."""


class Permit(ABC):
    """Leave to read what is held about one person (or, with None, about a token) for one purpose."""

    __slots__ = ()

    @property
    @abstractmethod
    def purpose(self) -> Purpose:
        """What for."""

    @property
    @abstractmethod
    def person(self) -> PersonId | None:
        """Whose data may be read."""

    @property
    @abstractmethod
    def relies_on(self) -> ConsentVersion | None:
        """The consent to check again inside the transaction, if the ground is consent."""


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """Where one person's consent to one scope stands; version 0 and SILENT if never asked.

    `outdated`: the words that were agreed to are no longer in force; it isn't to be relied on from then on,
    before its own change of state is written down.
    """

    state: str
    version: int
    at_ms: int
    notice_version: str
    act: str = ""
    """By which act it was agreed to (tap, key, guardian, paper); empty where this state is no agreement."""
    outdated: bool = False
    covers_ms: int | None = None
    """From when on what they left may be used under it; None: all that is still held (decision 0040)."""

    @property
    def stands(self) -> str:
        """The state that counts."""
        return "RECONSENT" if self.outdated else self.state


class ConsentReader(Protocol):
    """What the gate reads to decide."""

    def staff_told(self, staff: StaffId) -> frozenset[str]:
        """Return the hashes of the staff notices that a receptionist acknowledged."""
        ...

    def consent(self, person: PersonId, scope: Scope) -> ConsentRow:
        """Return where the consent stands."""
        ...

    def known_minor(self, person: PersonId) -> bool:
        """Return whether this person was ever found to be a child, in whichever scope."""
        ...


class Outbox(Protocol):
    """What the pump needs: batches to send, and receipts to apply. Called from one thread at a time."""

    def pending_batches(self) -> tuple[Batch, ...]:
        """Return batches that were taken earlier and have no receipt yet, oldest first, unchanged."""
        ...

    def take_batch(self, limit: int) -> Batch | None:
        """Number the next rows, urgent first, and return them as a batch; None if nothing waits."""
        ...

    def apply_receipt(self, receipt: Receipt) -> int:
        """Delete the rows that `receipt` ends, and return how many; unknown rows are ignored."""
        ...

    def depth(self) -> int:
        """Return how many rows have no receipt yet."""
        ...


class TokenKeys(Protocol):
    """Turns a normalised number into the token of one purpose; holds the project's keys."""

    def token(self, purpose: str, number: str) -> Token:
        """Return the token of an E.164 number for one purpose, under the newest keys."""
        ...

    def tokens(self, purpose: str, number: str) -> tuple[Token, ...]:
        """Return its tokens under each of the project's keys that are held, newest first."""
        ...

    def masked(self, purpose: str, mask: str) -> tuple[Token, ...]:
        """Return the tokens of a masked number (138****1234) under each of the keys, newest first."""
        ...

    def mark(self, token: Token) -> str:
        """Return a hash of `token`, or of a book's row, under a key that never leaves the box."""
        ...
