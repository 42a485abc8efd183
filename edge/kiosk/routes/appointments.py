"""The desk's form for when a visitor comes again, and the taps on who came; decides nothing."""

from datetime import date, datetime

from fastapi import APIRouter, Request, Response

from edge.domain.errors import InvalidInput, Refused
from edge.ipc import staff
from edge.ipc.messages import Message
from edge.kiosk import forms
from edge.kiosk.counter import CounterPages
from edge.kiosk.paperform import clock_time
from edge.kiosk.routes.corrections import guest_of

_FIELDS = frozenset({"csrf", "visit", "day", "time", "party_size"})
_WHY = {
    "is_past": ("time", "appoint.is_past"),
    "too_far_ahead": ("day", "appoint.too_far_ahead"),
    "one_that_day": ("day", "appoint.one_that_day"),
}


def add_to(routes: APIRouter, pages: CounterPages) -> None:
    """Add the form's two routes, and one for each tap."""

    @routes.get("/appoint")
    async def show(request: Request) -> Response:
        session = pages.session(request)
        if session is None:
            return pages.home(request)
        guest = await guest_of(pages, session, forms.opaque(request.query_params.get("visit", "")))
        if guest is None or guest.phone is None:
            return pages.home(request)
        return _form(pages, request, guest, {"party_size": str(guest.party_size)}, {})

    @routes.post("/appoint")
    async def make(request: Request) -> Response:
        fields = await forms.read(request, _FIELDS)
        session, visit = pages.check(request, fields), forms.opaque(fields.get("visit", ""))
        guest = await guest_of(pages, session, visit)
        if guest is None:
            return pages.home(request)
        day, at = _day(fields.get("day", "")), clock_time(fields.get("time", ""))
        party, wrong = forms.party(fields.get("party_size", "")), dict[str, str]()
        if day is None:
            wrong["day"] = "appoint.bad_day"
        if at is None:
            wrong["time"] = "paper.bad_time"
        if party is None:
            wrong["party_size"] = "desk.bad_party"
        if day is not None and at is not None and party is not None:
            due_ms = int(datetime.combine(day, at).astimezone().timestamp() * 1000)
            wrong = await _make(
                pages, staff.Appoint(session=session, visit=visit, due_ms=due_ms, party_size=party)
            )
        return _form(pages, request, guest, fields, wrong) if wrong else pages.home(request, appointed="1")

    @routes.post("/came")
    async def came(request: Request) -> Response:
        return await _tap(pages, request, staff.Came)

    @routes.post("/not-came")
    async def not_came(request: Request) -> Response:
        return await _tap(pages, request, staff.NotCame)

    @routes.post("/cancel-appointment")
    async def cancel(request: Request) -> Response:
        return await _tap(pages, request, staff.CancelAppointment)


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given)
    except ValueError:
        return None


async def _make(pages: CounterPages, act: Message) -> dict[str, str]:
    """Have the core keep it; return what it says no to, by field."""
    try:
        await pages.ask(act, staff.Done)
    except (Refused, InvalidInput) as error:
        field, why = _WHY.get(error.code, ("day", "desk.not_saved"))
        return {field: why}
    return {}


async def _tap(
    pages: CounterPages,
    request: Request,
    act: type[staff.Came] | type[staff.NotCame] | type[staff.CancelAppointment],
) -> Response:
    fields = await forms.read(request, {"csrf", "appointment"})
    session, which = pages.check(request, fields), forms.opaque(fields.get("appointment", ""))
    try:
        await pages.ask(act(session=session, appointment=which), staff.Done)
    except (Refused, InvalidInput):
        return pages.home(request, changed="1")
    return pages.home(request)


def _form(
    pages: CounterPages, request: Request, guest: staff.Guest, typed: dict[str, str], wrong: dict[str, str]
) -> Response:
    names = ("day", "time", "party_size")
    return pages.page(
        request,
        "desk/appoint.html",
        status=422 if wrong else 200,
        guest=guest,
        typed={one: typed.get(one, "") for one in names},
        wrong={one: wrong.get(one, "") for one in names},
        first_wrong=next((one for one in names if wrong.get(one)), ""),
    )
