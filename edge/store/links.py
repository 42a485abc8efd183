"""Reads about visitors' codes and requests, for rights alone; writes one mark, which no trigger can set."""

from edge.domain.facts import PersonId
from edge.ports import Permit
from edge.store.database import Row
from edge.store.rows import LinkRow, RequestRow
from edge.store.tables import Part
from edge.wire import Scope


class LinkReads(Part):
    """Raises Refused unless the permit is for rights."""

    def link(self, permit: Permit, link: str) -> LinkRow | None:
        """Return a code by the link in it."""
        self._allow(permit)
        row = self._database.one("SELECT * FROM rights_links WHERE link = ?", (link,))
        return self._link(row) if row else None

    def links_of(self, permit: Permit) -> tuple[LinkRow, ...]:
        """Return every code of the permit's person, oldest first."""
        rows = self._database.query(
            "SELECT * FROM rights_links WHERE person = ? ORDER BY at_ms, link", (self._subject(permit),)
        )
        return tuple(self._link(row) for row in rows)

    def stale_links(self, permit: Permit, limit: int) -> tuple[LinkRow, ...]:
        """Return codes whose package doesn't say what is held now."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT * FROM rights_links WHERE dirty = 1 ORDER BY link LIMIT ?", (limit,)
        )
        return tuple(self._link(row) for row in rows)

    def outdate_links(self, permit: Permit) -> None:
        """Note that the permit's person's packages don't say what is held now, outside their own rows."""
        person = self._subject(permit)
        self._database.run("UPDATE rights_links SET dirty = 1 WHERE person = ? AND dirty = 0", (person,))

    def requests_of(self, permit: Permit, link: str) -> tuple[RequestRow, ...]:
        """Return what was asked with a code, newest first, without what was written."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT * FROM rights_requests WHERE link = ? ORDER BY at_ms DESC, request", (link,)
        )
        return tuple(_request(row) for row in rows)

    def waiting_requests(self, permit: Permit) -> tuple[RequestRow, ...]:
        """Return the requests that wait for a person, soonest due first."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT * FROM rights_requests WHERE state = 'waits' ORDER BY due_ms, request"
        )
        return tuple(_request(row) for row in rows)

    def written(self, permit: Permit, request: str) -> str:
        """Return what the permit's person wrote in a request; empty if nothing."""
        person = self._subject(permit)
        row = self._database.one(
            "SELECT sealed FROM rights_requests WHERE request = ? AND person = ? AND sealed IS NOT NULL",
            (request, person),
        )
        if row is None:
            return ""
        name = (person, Scope.REGISTRATION)
        return self._keys.open(name, "rights_requests", request, row.blob("sealed")).decode()

    def _link(self, row: Row) -> LinkRow:
        person, link = PersonId(row.text("person")), row.text("link")
        return LinkRow(
            link=link,
            person=person,
            secret=self._keys.open((person, Scope.REGISTRATION), "rights_links", link, row.blob("sealed")),
            since_ms=row.integer("since_ms"),
            until_ms=row.maybe_integer("until_ms"),
            verified=bool(row.integer("verified")),
            revision=row.integer("revision"),
        )


def _request(row: Row) -> RequestRow:
    return RequestRow(
        request=row.text("request"),
        link=row.text("link"),
        person=PersonId(row.text("person")),
        act=row.text("act"),
        at_ms=row.integer("at_ms"),
        due_ms=row.integer("due_ms"),
        state=row.text("state"),
        code=row.text("code"),
        settled_ms=row.maybe_integer("settled_ms"),
    )
