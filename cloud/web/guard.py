"""Stands before every page: who is it, may they, is the form ours; never lets a page opt out by silence.

A page that names no role is closed to everybody (P3). Every form carries the session's token.
"""

import hmac
from collections.abc import Callable
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.web import looked
from cloud.web.accounts import User
from cloud.web.roles import PUBLIC, allowed, cookieless
from cloud.web.site import Site, SiteOf, csrf_of, language_of

MOST_FORM = 64 << 10
"""Bytes of a form of words."""


class NotLoggedIn(Exception):
    """The page needs a session; the reader is sent to the login."""


class Forbidden(Exception):
    """The session's role may not see the page, or nobody may."""


class BadForm(Exception):
    """A form without the session's token, or with other fields than its own."""


class Fields(BaseModel):
    """A form's fields: exactly these (P11)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    csrf: Annotated[str, StringConstraints(max_length=100)]


def authorise(request: Request, site: SiteOf) -> None:
    """Let the request through, or raise NotLoggedIn or Forbidden; note who looked at what."""
    endpoint = request.scope.get("endpoint")
    if cookieless(endpoint):
        return
    language_of(request)
    roles = allowed(endpoint)
    if roles is None:
        raise Forbidden
    if roles == PUBLIC:
        return
    user = _session_user(request, site)
    if user is None:
        raise NotLoggedIn
    if user.role not in roles:
        raise Forbidden
    request.state.user = user
    _note(request, site, user.username, getattr(endpoint, "__name__", "page"))


def _note(request: Request, site: Site, username: str, action: str) -> None:
    with site.database.read() as connection:
        found = looked.subject(connection, site.tenant, request.path_params)
    site.database.write(lambda c: site.accounts.note_access(c, username, action, found, site.clock()))


async def check_form(request: Request) -> None:
    """Raise BadForm when a form doesn't carry the session's token, nor a script's request in `x-csrf`.

    It reads the form: it comes after `authorise`, so that a stranger's is left unread.
    """
    if request.method in ("GET", "HEAD") or cookieless(request.scope.get("endpoint")):
        return
    given = request.headers.get("x-csrf") or (await request.form()).get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), csrf_of(request).encode()):
        raise BadForm


def _session_user(request: Request, site: SiteOf) -> User | None:
    token = request.session.get("sid")
    if not isinstance(token, str):
        return None
    with site.database.read() as connection:
        return site.accounts.session_user(connection, token, site.clock())


class FormLimit:
    """Lets no page read more of what is sent than `most` says for its path."""

    def __init__(self, app: ASGIApp, most: Callable[[str], int]) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of the ASGI server."""
        if scope["type"] == "http":
            receive = _bounded(receive, _declared(scope), self._most(scope["path"]))
        await self._app(scope, receive, send)


def _declared(scope: Scope) -> int:
    said = dict(scope["headers"]).get(b"content-length", b"")
    return int(said) if said.isdigit() and len(said) < 20 else 0


def _bounded(receive: Receive, declared: int, most: int) -> Receive:
    """Refuse at the first reading what says that it is too long, and count: that is only its word."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = {} if declared > most else await receive()
        taken += len(message.get("body", b""))
        if max(declared, taken) > most:
            raise HTTPException(413, f"at most {most} bytes")
        return message

    return bounded


class SecurityHeaders:
    """Adds to every answer what keeps a page to itself."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": (
                "default-src 'self'; base-uri 'none'; form-action 'self'; "
                "frame-ancestors 'none'; object-src 'none'"
            ),
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        }
        if secure:
            self._headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of the ASGI server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/")
        cache = "public, max-age=300" if static else "no-store"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = self._headers | {"cache-control": cache}
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in headers.items()),
                ]
            await send(message)

        await self._app(scope, receive, sending)
