"""A request that comes again does nothing twice: same key and body, same answer; never an answer to another.

Looked up, done and kept in one transaction; what was refused isn't kept, since it changed nothing.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header
from pydantic import StringConstraints
from sqlalchemy import Connection, insert, select

from cloud.errors import InvalidOrder
from cloud.store.schema import answered_posts

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,100}$")],
    Header(description="Random, one for each thing to do: the same again gets the same answer."),
]


def once(
    connection: Connection,
    tenant: str,
    key_name: str,
    idempotency_key: str,
    request: bytes,
    now_ms: int,
    work: Callable[[Connection], dict[str, Any]],
) -> dict[str, Any]:
    """Return what `work` answers, or what it answered when this request came first.

    Raises InvalidOrder `idempotency_key_reused` if the key came with another request, and what `work` raises.
    """
    fields = {"tenant": tenant, "key_name": key_name, "idempotency_hash": _sha256(idempotency_key.encode())}
    this = (answered_posts.c[name] == value for name, value in fields.items())
    known = connection.execute(select(answered_posts).where(*this)).first()
    if known is None:
        answer = work(connection)
        row = fields | {"request_hash": _sha256(request), "status": 201, "answer": answer}
        connection.execute(insert(answered_posts).values(**row, answered_ms=now_ms))
        return answer
    if known.request_hash != _sha256(request):
        hint = "it came with another request before: take a new one"
        raise InvalidOrder("answer a request", "idempotency_key_reused", hint)
    kept: dict[str, Any] = known.answer
    return kept


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
