"""What all pages share: asking the core, sittings, templates; never decides what a visitor may do."""

import asyncio
import logging
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import anyio.to_thread
import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from edge.domain.errors import GatehouseError, LinkDown, ProtocolError, Refused
from edge.ipc.client import ControlClient
from edge.ipc.kiosk import Alive, Departed, End, GetNotice, Living, Notice
from edge.ipc.messages import Message
from edge.kiosk.security import Csrf, new_sid, set_cookie, sid_of
from edge.kiosk.sittings import Sitting, Sittings
from edge.kiosk.texts import Lang, scope_name, text

log = logging.getLogger(__name__)
A = TypeVar("A", bound=Message)
FOLLOW_S = 3.0
SILENT = (LinkDown, ProtocolError)
"""The core doesn't answer, or not sensibly: what it would have said isn't known."""
_HERE = Path(__file__).parent


class Expired(Refused):
    """The form belongs to no session of this browser: too old, or not shown by this page."""

    def __init__(self) -> None:
        super().__init__("take a form", "expired")


def lang_of(request: Request) -> Lang:
    """Return the language of this page; it travels in the address, so the next visitor starts in Chinese."""
    return "en" if request.query_params.get("lang") == "en" else "zh"


def link(path: str, lang: Lang) -> str:
    """Return the address of `path` in `lang`."""
    return path if lang == "zh" else f"{path}?{urlencode({'lang': lang})}"


def _day(date: str, lang: Lang) -> str:
    """Return a card's date (YYYYMMDD, or 长期) as a visitor reads it."""
    return f"{date[:4]}.{date[4:6]}.{date[6:]}" if date.isdigit() else text("card.long_term", lang)


class Desk:
    """One kiosk: its way to the core and what it remembers. Used from one event loop."""

    def __init__(self, client: ControlClient, https: bool) -> None:
        self.sittings = Sittings()
        self.csrf = Csrf()
        self.notice: Notice | None = None
        """The last one seen: readable even while the core is away (P48)."""
        self._client = client
        self._https = https
        self._running: set[asyncio.Task[object]] = set()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    # -- the core --------------------------------------------------------------------------

    async def ask(self, request: Message, answer: type[A], timeout_s: float | None = None) -> A:
        """Ask the core without blocking the loop; errors as ControlClient.ask."""
        return await anyio.to_thread.run_sync(lambda: self._client.ask(request, answer, timeout=timeout_s))

    def start(self, request: Message, answer: type[A], timeout_s: float) -> "asyncio.Task[A]":
        """Ask in the background, for what takes a whole lease; the task holds the result or error."""
        task = asyncio.create_task(self.ask(request, answer, timeout_s))
        self._running.add(task)
        task.add_done_callback(self._ran)
        return task

    def _ran(self, task: "asyncio.Task[object]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("lease_failed kind=%s", type(error).__name__)

    async def current_notice(self) -> Notice:
        """Return the notice in force."""
        self.notice = await self.ask(GetNotice(), Notice)
        return self.notice

    async def end(self, sitting: Sitting | None) -> None:
        """Have the core forget the session; if it can't be told, it forgets after 10 minutes by itself."""
        if sitting is None:
            return
        try:
            await self.ask(End(session=sitting.core), Departed)
        except GatehouseError as error:
            log.warning("end_untold kind=%s", type(error).__name__)

    async def follow_core(self) -> None:
        """Forget, within seconds, the sittings that the core has ended: of somebody erased, above all."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            asked = self.sittings.cores
            if not asked:
                continue
            try:
                living = await self.ask(Living(sessions=asked), Alive)
            except GatehouseError as error:
                log.debug("living_untold kind=%s", type(error).__name__)
                continue
            self.sittings.keep_only(asked, living.sessions)

    # -- pages -----------------------------------------------------------------------------

    def check(self, request: Request, fields: dict[str, str]) -> str:
        """Return the session that a submitted form belongs to; Expired unless its token says so."""
        sid = sid_of(request)
        if sid is None or not self.csrf.holds(sid, fields.get("csrf", "")):
            raise Expired
        return sid

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        sid: str | None = None,
        lang: Lang | None = None,
        **context: object,
    ) -> HTMLResponse:
        """Return `template` in the page's language, with its token, and the cookie if `sid` is new."""
        lang = lang or lang_of(request)
        known = sid_of(request)
        sid = sid or known or new_sid()
        response = HTMLResponse(self.render(request, template, sid, lang, **context), status)
        if sid != known:
            set_cookie(response, sid, self._https)
        return response

    def render(self, request: Request, template: str, sid: str, lang: Lang, **context: object) -> str:
        """Return `template` as HTML, its forms bound to the session `sid`."""
        return self._templates.get_template(template).render(
            lang=lang,
            other="en" if lang == "zh" else "zh",
            path=request.url.path,
            csrf=self.csrf.token(sid),
            t=lambda key: text(key, lang),
            both=text,
            day=lambda date: _day(date, lang),
            scope_name=scope_name,
            link=lambda path: link(path, lang),
            to=link,
            **context,
        )

    def go(self, request: Request, path: str) -> RedirectResponse:
        """Return the way to `path`, in the same language, to be fetched by GET."""
        return RedirectResponse(link(path, lang_of(request)), 303)
