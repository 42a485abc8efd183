"""What guards every page: one session cookie, form tokens, strict headers; never knows a visitor."""

import hmac
import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "gatehouse_kiosk"
_SID = re.compile(r"[0-9a-f]{32}")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def new_sid() -> str:
    """Return a fresh session id: 128 random bits in hex."""
    return secrets.token_hex(16)


def sid_of(request: Request) -> str | None:
    """Return the session id that the browser presents, if it has the form of one."""
    sid = request.cookies.get(COOKIE, "")
    return sid if _SID.fullmatch(sid) else None


class Csrf:
    """Binds forms to the session that they were shown in; the key lives as long as the process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def token(self, sid: str) -> str:
        """Return the token that belongs on every form of session `sid`."""
        return hmac.digest(self._key, sid.encode(), "sha256").hex()

    def holds(self, sid: str | None, token: str) -> bool:
        """Say whether `token` was issued to `sid`; takes equally long for every wrong one."""
        return sid is not None and hmac.compare_digest(self.token(sid).encode(), token.encode())


def set_cookie(response: Response, sid: str, https: bool) -> None:
    """Give the browser its one cookie: no lifetime, so it ends with the browser (P33)."""
    response.set_cookie(COOKIE, sid, httponly=True, samesite="strict", secure=https, path="/")


class SecureHeaders:
    """Adds the headers to every answer, errors included; nothing with a person in it is ever cached."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on `scope`, completing the headers of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                static = scope["path"].startswith("/static/")
                headers["Cache-Control"] = "no-cache" if static else "no-store"
                if self._https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, complete)
