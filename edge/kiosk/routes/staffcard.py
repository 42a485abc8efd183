"""Signing in by card at the desk, and the card that one signs in with; never sees a card, holds no session.

The waiting page asks `/card-wait`, which answers once the reading has ended and tells nothing; what it came
to is fetched once, by the browser that began it.
"""

import asyncio
import contextlib

from fastapi import APIRouter, Request, Response

from edge.domain.errors import GatehouseError, Refused
from edge.ipc import staff
from edge.kiosk import forms
from edge.kiosk.counter import HOME, CounterPages
from edge.kiosk.forms import BadForm
from edge.kiosk.routes.counter import door, entered


def router(pages: CounterPages) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=HOME)

    @routes.post("/card")
    async def begin(request: Request) -> Response:
        """A tap opens the lease; who is at the door has no session yet, only this page's token."""
        sid = pages.check(request, await forms.read(request, {"csrf"}))
        pages.read_card(sid, staff.SignInByCard(), staff.SignedIn)
        return pages.go(request, f"{HOME}/card")

    @routes.post("/my-card")
    async def mine(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "change"})
        session = pages.check(request, fields)
        match fields.get("change"):
            case "keep":
                pages.read_card(session, staff.KeepMyCard(session=session), staff.CardKept)
                return pages.go(request, f"{HOME}/card")
            case "drop":
                await pages.ask(staff.DropMyCard(session=session), staff.Done)
                return pages.home(request)
            case _:
                raise BadForm("unknown_choice")

    @routes.get("/card")
    async def reading(request: Request) -> Response:
        if pages.card_of(pages.session(request)) is None:
            return pages.home(request)
        return pages.page(request, "desk/card.html")

    @routes.get("/card-wait")
    async def wait(request: Request) -> Response:
        reading = pages.card_of(pages.session(request))
        if reading is not None:
            with contextlib.suppress(GatehouseError):  # told by the page that is fetched next
                await asyncio.shield(reading)
        return Response(status_code=204)

    @routes.get("/card-read")
    async def read(request: Request) -> Response:
        sid = pages.session(request)
        reading = pages.card_of(sid)
        if reading is None:
            return pages.home(request)
        try:
            came = await asyncio.shield(reading)
        except Refused as error:
            return await _refused(pages, request, error.code)
        finally:
            pages.forget_card(sid)
        if isinstance(came, staff.SignedIn):
            return entered(pages, request, came)
        assert isinstance(came, staff.CardKept)
        return pages.home(request, card=came.outcome)

    return routes


async def _refused(pages: CounterPages, request: Request, code: str) -> Response:
    if code == "too_many_attempts":
        return await door(pages, request, "desk.slow", 429)
    known = {"wrong_card", "no_card", "not_lifted", "unknown_card", "failed", "busy", "pin_needed"}
    return await door(pages, request, f"desk.card_{code}" if code in known else "desk.again_please", 422)
