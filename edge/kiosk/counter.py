"""The receptionists' half of the server: own cookie, own socket; holds no session itself and decides nothing.

The cookie is the session that the core gave out; the core looks it up for every request.
"""

import re
from datetime import datetime
from typing import TypeVar

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from edge.ipc.client import ControlClient
from edge.ipc.messages import Message
from edge.kiosk.desk import Desk, Expired, lang_of, link
from edge.kiosk.security import new_sid

A = TypeVar("A", bound=Message)
COOKIE = "gatehouse_desk"
HOME = "/desk"
_SID = re.compile(r"[0-9a-f]{32}")


class CounterPages:
    """What the receptionists' routes share."""

    def __init__(self, desk: Desk, client: ControlClient, https: bool) -> None:
        self._desk = desk
        self._client = client
        self._https = https

    async def ask(self, request: Message, answer: type[A]) -> A:
        """Ask the core without blocking the loop; errors as ControlClient.ask."""
        return await anyio.to_thread.run_sync(lambda: self._client.ask(request, answer))

    def session(self, request: Request) -> str | None:
        """Return what the browser presents as its session, if it has the form of one."""
        sid = request.cookies.get(COOKIE, "")
        return sid if _SID.fullmatch(sid) else None

    def check(self, request: Request, fields: dict[str, str]) -> str:
        """Return the session that a submitted form belongs to; Expired unless its token says so."""
        sid = self.session(request)
        if sid is None or not self._desk.csrf.holds(sid, fields.get("csrf", "")):
            raise Expired
        return sid

    def page(
        self, request: Request, template: str, *, status: int = 200, sid: str | None = None, **context: object
    ) -> HTMLResponse:
        """Return `template`; `sid` is a session that was just given out, and becomes the cookie."""
        known = self.session(request)
        sid = sid or known or new_sid()
        html = self._desk.render(request, template, sid, lang_of(request), clock=_clock, **context)
        response = HTMLResponse(html, status)
        if sid != known:
            response.set_cookie(COOKIE, sid, httponly=True, samesite="strict", secure=self._https, path=HOME)
        return response

    def home(self, request: Request) -> Response:
        """Return the way back to the desk, to be fetched by GET."""
        return RedirectResponse(link(HOME, lang_of(request)), 303)


def _clock(at_ms: int) -> str:
    """Return a time of today as the clock on the wall shows it."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M")
