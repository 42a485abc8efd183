"""Rows of visitors' codes, packages and requests; never a secret in clear, and never two packages waiting."""

from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import LinkMade, PackageMade, PersonId, RequestSettled, RequestTaken
from edge.store.keys import KeyName
from edge.store.tables import Tables
from edge.store.writing import Ground, write
from edge.wire import Scope


def _held_key(person: PersonId, to: Tables) -> KeyName:
    """Return the registration key's name; Refused if it is gone: nobody is held who could have a code."""
    name = (person, Scope.REGISTRATION)
    if to.keys.key(*name) is None:
        raise Refused("keep a code", "nothing_held")
    return name


@write.register
def _link_made(fact: LinkMade, ground: Ground, to: Tables) -> None:
    sealed = to.keys.seal(_held_key(fact.person, to), "rights_links", fact.link, fact.secret)
    if not fact.verified:
        # Whoever types this number next may be somebody else: what is given then is not theirs to see.
        to.database.run(
            "UPDATE rights_links SET until_ms = ?, dirty = 1"
            " WHERE person = ? AND verified = 0 AND until_ms IS NULL",
            (fact.since_ms, fact.person),
        )
    to.database.insert(
        "rights_links",
        link=fact.link,
        person=fact.person,
        sealed=sealed,
        since_ms=fact.since_ms,
        until_ms=None,
        verified=int(fact.verified),
        revision=0,
        dirty=1,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _package_made(fact: PackageMade, _ground: Ground, to: Tables) -> None:
    raised = to.database.run(
        "UPDATE rights_links SET revision = ?, dirty = 0 WHERE link = ? AND person = ? AND revision < ?",
        (fact.revision, fact.link, fact.person, fact.revision),
    )
    if not raised:
        raise InvalidInput("keep a package", "no_such_link_or_older")
    to.database.run(
        "DELETE FROM outbox WHERE kind = 'rights_package' AND batch IS NULL"
        " AND json_extract(record, '$.link_id') = ?",
        (fact.link,),
    )


@write.register
def _request_taken(fact: RequestTaken, ground: Ground, to: Tables) -> None:
    name = _held_key(fact.person, to)
    body = to.keys.seal(name, "rights_requests", fact.request, fact.body.encode()) if fact.body else None
    to.database.insert(
        "rights_requests",
        link=fact.link,
        request=fact.request,
        person=fact.person,
        act=fact.act,
        sealed=body,
        at_ms=fact.at_ms,
        due_ms=fact.due_ms,
        state=fact.state,
        code=fact.code,
        settled_ms=None if fact.state == "waits" else fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _request_settled(fact: RequestSettled, _ground: Ground, to: Tables) -> None:
    settled = to.database.run(
        "UPDATE rights_requests SET state = ?, code = ?, settled_ms = ?"
        " WHERE request = ? AND person = ? AND state = 'waits'",
        (fact.state, fact.code, fact.at_ms, fact.request, fact.person),
    )
    if not settled:
        raise InvalidInput("settle a request", "not_waiting")
