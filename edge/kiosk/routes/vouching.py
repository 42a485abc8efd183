"""The desk's form for whose number it is, before somebody buys; the customer's answer never shows here."""

from fastapi import APIRouter, Request, Response

from edge.domain.errors import InvalidInput, Refused
from edge.ipc import staff
from edge.kiosk import forms
from edge.kiosk.counter import CounterPages
from edge.kiosk.routes.corrections import guest_of

_FIELDS = frozenset({"csrf", "visit", "seen"})


def add_to(routes: APIRouter, pages: CounterPages) -> None:
    """Add the form's two routes."""

    @routes.get("/vouch")
    async def show(request: Request) -> Response:
        session = pages.session(request)
        if session is None:
            return pages.home(request)
        guest = await guest_of(pages, session, forms.opaque(request.query_params.get("visit", "")))
        if guest is None or guest.phone is None or guest.departed_ms is not None:
            return pages.home(request)
        return pages.page(request, "desk/vouch.html", guest=guest, wrong=False)

    @routes.post("/vouch")
    async def vouch(request: Request) -> Response:
        fields = await forms.read(request, _FIELDS)
        session, visit = pages.check(request, fields), forms.opaque(fields.get("visit", ""))
        guest = await guest_of(pages, session, visit)
        if guest is None:
            return pages.home(request)
        if fields.get("seen") != "yes":
            return pages.page(request, "desk/vouch.html", status=422, guest=guest, wrong=True)
        try:
            await pages.ask(staff.Vouch(session=session, visit=visit), staff.Done)
        except (Refused, InvalidInput):
            return pages.home(request, changed="1")
        return pages.home(request, vouched="1")
