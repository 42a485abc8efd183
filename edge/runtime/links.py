"""Codes for visitors' own pages, and the sealed packages that the box sends for them; in the store's thread.

Headquarters gets a random link and bytes of one length. A package leaves when a code is given out and again
when what is held has changed; one that waits is replaced, so a backlog holds the newest of each.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.domain import facts, rightslink
from edge.domain.facts import PersonId
from edge.domain.held import Held
from edge.domain.rightspage import Asked, Ending, Window, content, farewell
from edge.runtime.access import Access
from edge.runtime.office import Office, new_id
from edge.store.rows import Erased, LinkRow, RequestRow
from edge.wire import RightsPackage, canonical

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Packages made in one turn of the store's thread."""


@dataclass(frozen=True, slots=True)
class Parting:
    """A code whose person is being erased: what its last package needs after the keys are gone."""

    link: str
    revision: int
    secret: bytes = field(repr=False)


class Links:
    """Made with the box's office; `page` is headquarters' public address, None if there is none."""

    def __init__(self, office: Office, page: str | None) -> None:
        self._office = office
        self._page = page
        self._access = Access(office)

    # -- codes -----------------------------------------------------------------------------

    def give(self, person: PersonId, since_ms: int, *, verified: bool) -> str | None:
        """Make a code for `person` and return its link, or None where there is no page to go to.

        Unverified, it shows what was given from `since_ms` on; verified, all.
        """
        if self._page is None:
            return None
        fact = facts.LinkMade(
            **self._office.stamp(),
            person=person,
            link=new_id(),
            since_ms=0 if verified else since_ms,
            verified=verified,
            secret=rightslink.new_secret(),
        )
        self._office.store.apply(self._office.gate.on_other_basis(fact))
        return fact.link

    def address(self, link: str) -> str | None:
        """Return what the code of `link` says, or None if its person was erased since."""
        row = self._office.store.link(self._office.gate.permit_rights(), link)
        if row is None or self._page is None:
            return None
        return rightslink.address(self._page, link, row.secret)

    # -- packages --------------------------------------------------------------------------

    def refresh(self) -> int:
        """Queue a new package for each code whose last one is stale; return how many."""
        stale = self._office.store.stale_links(self._office.gate.permit_rights(), AT_ONCE)
        for row in stale:
            self.send(row)
        return len(stale)

    def send(self, row: LinkRow, *, urgent: bool = False) -> None:
        """Queue a new package for one code."""
        revision = self._next_revision(row.revision)
        plain = content(
            self.everything(row.person) if row.verified else self._access.describe((row.person,), None),
            window(row),
            whole=self.whole(row),
            revision=revision,
            asked=self.asked(row.link),
            words=self._words(),
            room=rightslink.ROOM,
        )
        self._queue(row.person, Parting(row.link, revision, row.secret), plain, urgent=urgent)

    def whole(self, row: LinkRow) -> bool:
        """Return whether a code's bearer may decide on all that is held of the human with this number."""
        return window(row).covers(self.everything(row.person))

    def everything(self, person: PersonId) -> Held:
        """Return all that is held of the human who is `person` here, a caller's record included."""
        rights = self._office.gate.permit_rights(person)
        numbers = [contact.phone for contact in self._office.store.every_contact(rights)]
        if not numbers:
            return self._access.describe((person,), None)
        tokens = self._office.every_token(numbers[0])
        found = [self._office.store.person_by_token(rights, token) for token in tokens]
        everyone = dict.fromkeys((person, *(p for p in found if p is not None)))
        return self._access.describe(tuple(everyone), numbers[0])

    def asked(self, link: str) -> tuple[Asked, ...]:
        """Return what was asked with a code, newest first."""
        rows = self._office.store.requests_of(self._office.gate.permit_rights(), link)
        return tuple(map(_asked, rows))

    def _next_revision(self, last: int) -> int:
        """By the clock, so that a box restored from a backup doesn't fall behind what it sent before."""
        return max(last + 1, self._office.clock.now_ms())

    def _words(self) -> dict[str, Any]:
        notice = self._office.notice
        return {"contact": dict(notice.contact), "complaints": dict(notice.complaints)}

    def _queue(
        self, person: PersonId, to: Parting, plain: bytes, *, urgent: bool = False, last: bool = False
    ) -> None:
        stamp = self._office.stamp()
        fact = facts.PackageMade(
            **stamp,
            person=person,
            link=to.link,
            revision=to.revision,
            last=last,
            records=(_record(to, plain, stamp["at_ms"], last=last),),
            urgent=urgent,
        )
        self._office.store.apply(self._office.gate.on_other_basis(fact))

    # -- the end ---------------------------------------------------------------------------

    def part(self, persons: tuple[PersonId, ...], why: Ending = "erasing") -> tuple[Parting, ...]:
        """Say on each page of `persons` that their erasure begins; return what the last package needs.

        Or that the period is over: then nothing follows.

        Should the box die in the erasure, its pages say this, and not that anything is held.
        """
        partings: list[Parting] = []
        for person in persons:
            for row in self._office.store.links_of(self._office.gate.permit_rights(person)):
                to = Parting(row.link, self._next_revision(row.revision), row.secret)
                said = farewell(to.revision, self._office.clock.now_ms(), why, self._words())
                self._queue(person, to, canonical(said), urgent=True, last=True)
                partings.append(to)
        return tuple(partings)

    def receipts(
        self, partings: tuple[Parting, ...], erased: Erased, at_ms: int
    ) -> tuple[RightsPackage, ...]:
        """Return the last packages: what was destroyed, and when."""
        return tuple(self._receipt(to, erased.keys_destroyed, erased.rows, at_ms) for to in partings)

    def _receipt(self, before: Parting, keys: int, rows: Mapping[str, int], at_ms: int) -> RightsPackage:
        to = Parting(before.link, self._next_revision(before.revision), before.secret)
        said = farewell(to.revision, at_ms, "erased", self._words())
        said["receipt"] = {"at_ms": at_ms, "keys": keys, "rows": dict(rows)}
        return _record(to, canonical(said), self._office.clock.now_ms(), last=True)


def window(row: LinkRow) -> Window:
    """Return what a code shows."""
    return Window(since_ms=row.since_ms, until_ms=row.until_ms, verified=row.verified)


def _record(to: Parting, plain: bytes, at_ms: int, *, last: bool) -> RightsPackage:
    sealed = rightslink.seal_package(to.secret, to.link, plain)
    return RightsPackage(link_id=to.link, revision=to.revision, sealed=sealed, last=last, at_ms=at_ms)


def _asked(row: RequestRow) -> Asked:
    return Asked(
        id=row.request,
        act=row.act,
        at_ms=row.at_ms,
        due_ms=row.due_ms,
        state=row.state,
        code=row.code,
        settled_ms=row.settled_ms,
    )
