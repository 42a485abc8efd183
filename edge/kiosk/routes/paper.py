"""The desk's page for visits that were registered on paper, and the blank form to print for them.

Nothing typed is lost by an error. Whoever isn't entered is not told apart: the page says that they can
register themselves, and no more.
"""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response

from edge.domain.errors import InvalidInput, Refused
from edge.domain.paper import OLDEST_DAYS
from edge.ipc import staff
from edge.kiosk import forms
from edge.kiosk.counter import CounterPages
from edge.kiosk.forms import SOURCES
from edge.kiosk.paperform import PaperForm, fields_of
from edge.wire import Scope

_SIGNED_OUT = frozenset({"signed_out", "notice_unread"})
_SAID_NO: dict[str, tuple[str, str]] = {
    "not_by_paper": ("phone", "paper.by_themselves"),
    "not_a_phone_number": ("phone", "desk.bad_phone"),
    "number_needed": ("phone", "paper.number_needed"),
    "nothing_would_be_kept": ("phone", "paper.nothing_kept"),
    "visit_there": ("arrived", "paper.visit_there"),
    "arrival_in_future": ("arrived", "paper.in_future"),
    "too_long_ago": ("day", "paper.too_long_ago"),
    "before_they_came": ("departed", "paper.departed_before"),
    "not_yet": ("departed", "paper.in_future"),
    "longer_than_a_day": ("departed", "paper.bad_time"),
    "not_here_any_more": ("ended", "paper.not_here"),
    "unknown_form": ("code", "paper.unknown_form"),
    "form_not_in_force": ("code", "paper.not_in_force"),
    "not_on_this_form": ("code", "paper.not_on_this_form"),
    "words_changed": ("code", "paper.words_changed"),
}
"""What the core says no with: beside which field, in which words."""


def add_to(routes: APIRouter, pages: CounterPages) -> None:
    """Add the page's routes."""

    @routes.get("/paper")
    async def show(request: Request) -> Response:
        desk = await _desk(pages, request)
        if desk is None:
            return pages.home(request)
        return _page(pages, request, desk, PaperForm(desk.scopes), {})

    @routes.post("/paper")
    async def enter(request: Request) -> Response:
        fields = await forms.read(request, fields_of(tuple(Scope)))
        session, desk = pages.check(request, fields), await _desk(pages, request)
        if desk is None:
            return pages.home(request)
        if not fields.keys() <= fields_of(desk.scopes):
            raise forms.BadForm("unknown_field")
        typed = PaperForm.of(fields, desk.scopes)
        errors = typed.errors() or await _enter(pages, typed.request(session))
        if errors:
            return _page(pages, request, desk, typed, errors)
        return pages.home(request, paper="kept")

    @routes.get("/paper/form")
    async def blank(request: Request) -> Response:
        desk = await _desk(pages, request)
        if desk is None:
            return pages.home(request)
        offers = [one for one in desk.notice.scopes if one.scope in desk.scopes]
        return pages.page(request, "desk/paper_form.html", desk=desk, offers=offers, sources=SOURCES)


async def _desk(pages: CounterPages, request: Request) -> staff.PaperDesk | None:
    """Return what the page needs; None if nobody is signed in (any more)."""
    session = pages.session(request)
    if session is None:
        return None
    try:
        return await pages.ask(staff.GetPaper(session=session), staff.PaperDesk)
    except Refused as error:
        if error.code not in _SIGNED_OUT:
            raise
        return None


async def _enter(pages: CounterPages, form: staff.EnterPaper) -> dict[str, str]:
    """Have the core enter a form; return what it says no to, by field."""
    try:
        await pages.ask(form, staff.Done)
    except (Refused, InvalidInput) as error:
        field, key = _SAID_NO.get(error.code, ("code", "desk.not_saved"))
        return {field: key}
    return {}


def _page(
    pages: CounterPages, request: Request, desk: staff.PaperDesk, typed: PaperForm, errors: dict[str, str]
) -> Response:
    today = datetime.now().astimezone().date()
    days = [today - timedelta(days=n) for n in range(OLDEST_DAYS + 1)]
    return pages.page(
        request,
        "desk/paper.html",
        status=422 if errors else 200,
        desk=desk,
        typed=typed,
        errors=errors,
        days=days,
        sources=SOURCES,
    )
