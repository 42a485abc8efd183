"""The notices that were in force here, and which consents they leave behind; never judges a notice."""

import json

from edge.domain.facts import NoticePut, PersonId
from edge.domain.paper import Span
from edge.store.rows import KeptNotice
from edge.store.tables import Part, Tables
from edge.store.writing import Ground, write
from edge.wire import Scope


class NoticeReads(Part):
    """About no person but for `outdated`, which gives random ids."""

    def notice_in_force(self) -> KeptNotice | None:
        """Return the notice that was put in force last."""
        row = self._database.one("SELECT * FROM notices ORDER BY ordinal DESC LIMIT 1")
        if row is None:
            return None
        return KeptNotice(row.text("hash"), row.text("text"), row.text("ground"), row.text("origin"))

    def notice_known(self, notice_hash: str) -> bool:
        """Return whether a notice with this hash was ever in force here."""
        return self._database.one("SELECT 1 FROM notices WHERE hash = ?", (notice_hash,)) is not None

    def notice_spans(self) -> tuple[Span, ...]:
        """Return every notice with the time in which it was in force, oldest first.

        One that came back is known for its last time alone.
        """
        rows = self._database.query(
            "SELECT hash, version, at_ms, lead(at_ms) OVER (ORDER BY ordinal) AS until_ms,"
            " (SELECT json_group_array(scope) FROM notice_terms t WHERE t.hash = n.hash) AS scopes"
            " FROM notices n ORDER BY ordinal"
        )
        return tuple(
            Span(
                hash=row.text("hash"),
                version=row.text("version"),
                since_ms=row.integer("at_ms"),
                until_ms=row.maybe_integer("until_ms"),
                scopes=frozenset(Scope(one) for one in json.loads(row.text("scopes"))),
            )
            for row in rows
        )

    def outdated_of(self, person: PersonId) -> tuple[Scope, ...]:
        """Return the scopes of one person that stand by their row and no more by the notice."""
        return tuple(scope for _whose, scope in self._outdated("o.person = ?", person, -1))

    def outdated(self, limit: int) -> tuple[tuple[PersonId, Scope], ...]:
        """Return consents that stand by their row and no more by the notice, `limit` at most."""
        return self._outdated("? = ''", "", limit)

    def _outdated(self, condition: str, value: str, limit: int) -> tuple[tuple[PersonId, Scope], ...]:
        rows = self._database.query(
            f"SELECT o.person, o.scope FROM outdated o WHERE {condition} AND o.version ="  # noqa: S608 — constants
            " (SELECT max(version) FROM consents c WHERE c.person = o.person AND c.scope = o.scope)"
            " ORDER BY o.person, o.scope LIMIT ?",
            (value, limit),
        )
        return tuple((PersonId(row.text("person")), Scope(row.text("scope"))) for row in rows)


@write.register
def _notice_put(fact: NoticePut, ground: Ground, to: Tables) -> None:
    """A notice that was in force before comes back as the last one; its terms are known then."""
    to.database.run("DELETE FROM notice_terms WHERE hash = ?", (fact.hash,))
    to.database.run("DELETE FROM notices WHERE hash = ?", (fact.hash,))
    to.database.insert(
        "notices",
        hash=fact.hash,
        version=fact.version,
        text=fact.text,
        ground=fact.ground,
        origin=fact.origin,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    for scope, terms in fact.terms.items():
        to.database.insert("notice_terms", hash=fact.hash, scope=scope, terms=terms)
