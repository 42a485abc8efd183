"""Stands before every request of a program: whose key, not too often, not too much; closed by default.

It looks before a byte of the body is read. No cookie and no session counts here, and no key counts on a page.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api import keys
from cloud.api.keys import CrmKey
from cloud.api.problems import problem
from cloud.errors import StoreUnavailable
from cloud.web.patience import Patience
from cloud.web.site import Site

F = TypeVar("F", bound=Callable[..., Any])
MOST_BODY = 8 << 20
"""Bytes of a request: an import of queue.MOST_SEALED rows and its frame."""
OPEN = "/openapi.json"
"""The one path without a key: the description of the others."""
_MARK = "__gatehouse_for_programs__"
_WINDOW_S = 60


def for_programs(endpoint: F) -> F:
    """Mark an endpoint as meant for CRMs' keys; one without the mark is closed to all of them."""
    setattr(endpoint, _MARK, True)
    return endpoint


def marked(request: Request) -> None:
    """Refuse an endpoint that nobody said is for programs."""
    if not getattr(request.scope.get("endpoint"), _MARK, False):
        raise HTTPException(403, "this is open to no program")


def key_of(request: Request) -> CrmKey:
    """Return whose request this is, as the guard found."""
    found: CrmKey = request.scope["gatehouse_key"]
    return found


Key = Annotated[CrmKey, Depends(key_of)]


class KeyGuard:
    """Lets a request with a valid key through, counts and notes it; answers every other itself."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site
        self._asks = Patience(most=120, seconds=_WINDOW_S)
        self._guesses = Patience(most=30, seconds=_WINDOW_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of the ASGI server."""
        if scope["type"] != "http" or self._is_open(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        found = await run_in_threadpool(self._look, request)
        if isinstance(found, Response):
            await found(scope, receive, send)
            return
        if int_or(request.headers.get("content-length"), 0) > MOST_BODY:
            await _too_large()(scope, receive, send)
            return
        await self._app({**scope, "gatehouse_key": found}, _bounded(receive), send)

    def _is_open(self, scope: Scope) -> bool:
        return scope["method"] in ("GET", "HEAD") and scope["path"].removeprefix(scope["root_path"]) == OPEN

    def _look(self, request: Request) -> CrmKey | Response:
        address = request.client.host if request.client else "unknown"
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        site = self._site
        try:
            with site.database.read() as connection:
                found = keys.recognise(connection, site.tenant, key) if scheme.lower() == "bearer" else None
            if found is None:
                return self._stranger(address)
            if not self._asks.allows(found.name):
                return _too_often()
            site.database.write(
                lambda c: site.accounts.note_access(
                    c, found.name, f"api_{request.method.lower()}", _subject(request), site.clock()
                )
            )
        except StoreUnavailable:
            return problem(503, "unavailable", "the same request again later", headers=_later(30))
        return found

    def _stranger(self, address: str) -> Response:
        if not self._guesses.allows(address):
            return _too_often()
        hint = "Authorization: Bearer KEY, as `gatehouse-cloud crm add` printed it; was it revoked?"
        return problem(401, "unknown_key", hint, headers={"www-authenticate": "Bearer"})


def int_or(text: str | None, otherwise: int) -> int:
    """Return the number that a header says, or `otherwise` if it says none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else otherwise


def _subject(request: Request) -> str:
    """The first word of the path, if it is one of ours: what a stranger typed isn't kept."""
    word = request.scope["path"].removeprefix(request.scope["root_path"]).strip("/").partition("/")[0]
    return word if word in ("boxes", "mappings", "channels", "imports") else "-"


def _later(seconds: int) -> dict[str, str]:
    return {"retry-after": str(seconds)}


def _too_often() -> Response:
    return problem(429, "too_often", f"wait {_WINDOW_S} s", headers=_later(_WINDOW_S))


def _too_large() -> Response:
    return problem(413, "too_large", f"at most {MOST_BODY >> 20} MiB: send fewer rows at once")


def _bounded(receive: Receive) -> Receive:
    """Count what comes: a length that the sender names, or doesn't, is only its word."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BODY:
            raise HTTPException(413, f"at most {MOST_BODY >> 20} MiB: send fewer rows at once")
        return message

    return bounded
