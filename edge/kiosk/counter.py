"""The receptionists' half of the server: own cookie, own socket; holds no session itself and decides nothing.

The cookie is the session that the core gave out; the core looks it up for every request.
"""

import asyncio
import re
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from edge.ipc.client import ControlClient
from edge.ipc.messages import Message
from edge.kiosk.desk import Desk, Expired, lang_of, link
from edge.kiosk.security import new_sid

A = TypeVar("A", bound=Message)
LEASE_S = 30.0
"""Seconds to wait for a card: 20 at most, and what the terminal takes before and after."""
MOST_WAITING = 8
COOKIE = "gatehouse_desk"
HOME = "/desk"
_SID = re.compile(r"[0-9a-f]{32}")


class CounterPages:
    """What the receptionists' routes share."""

    def __init__(self, desk: Desk, client: ControlClient, https: bool) -> None:
        self._desk = desk
        self._client = client
        self._https = https
        self._reading: dict[str, asyncio.Task[Message]] = {}

    async def ask(self, request: Message, answer: type[A], timeout_s: float | None = None) -> A:
        """Ask the core without blocking the loop; errors as ControlClient.ask."""
        return await anyio.to_thread.run_sync(lambda: self._client.ask(request, answer, timeout=timeout_s))

    def read_card(self, sid: str, request: Message, answer: type[Message]) -> None:
        """Ask for what takes a whole lease, once; this browser alone gets what comes of it."""
        if sid not in self._reading:
            while len(self._reading) >= MOST_WAITING:
                self.forget_card(next(iter(self._reading)))
            self._reading[sid] = asyncio.create_task(self.ask(request, answer, LEASE_S))

    def card_of(self, sid: str | None) -> "asyncio.Task[Message] | None":
        """Return the reading that this browser began, if there is one."""
        return self._reading.get(sid) if sid is not None else None

    def forget_card(self, sid: str | None) -> None:
        """What this browser's reading comes to is nobody's any more."""
        reading = self._reading.pop(sid, None) if sid is not None else None
        if reading is not None:
            # Nobody awaits it: its error, if it ends in one, was told by the core's answer to nobody.
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())

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
        html = self._desk.render(
            request, template, sid, lang_of(request), clock=_clock, date=_date, **context
        )
        response = HTMLResponse(html, status)
        if sid != known:
            response.set_cookie(COOKIE, sid, httponly=True, samesite="strict", secure=self._https, path=HOME)
        return response

    def go(self, request: Request, path: str) -> Response:
        """Return the way to `path`, to be fetched by GET."""
        return RedirectResponse(link(path, lang_of(request)), 303)

    def home(self, request: Request, **told: str) -> Response:
        """Return the way back to the desk, with what it is to tell."""
        response = self.go(request, HOME)
        if told:
            location = response.headers["Location"]
            response.headers["Location"] = f"{location}{'&' if '?' in location else '?'}{urlencode(told)}"
        return response


def _clock(at_ms: int) -> str:
    """Return a time of today as the clock on the wall shows it."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M")


def _date(at_ms: int) -> str:
    """Return the day of a time, for a list of days to come."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%m-%d")
