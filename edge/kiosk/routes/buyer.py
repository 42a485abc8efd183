"""Subscribing or signing: a number, and yes or no to one use; tells nobody what a number's owner had
answered.

A card, or the receptionist's look, makes a yes reach earlier visits; neither is needed, and a no needs
nothing more.
"""

import asyncio

from fastapi import APIRouter, Request, Response

from edge.domain.errors import Refused
from edge.ipc.kiosk import AnswerAsBuyer, Begin, Begun, BuyerAnswered, BuyersCard, ShowBuyersCard
from edge.kiosk import forms
from edge.kiosk.desk import SILENT, Desk
from edge.kiosk.forms import Registration
from edge.kiosk.routes.lease import LEASE_S
from edge.kiosk.routes.visit import register_form
from edge.kiosk.security import sid_of
from edge.wire import Scope

_SCOPE = Scope.CHANNEL_RISK
_FIELD = forms.CHOICE + _SCOPE
_FIELDS = frozenset({"csrf", "notice_hash", "phone", "switch", _FIELD})


def router(desk: Desk) -> APIRouter:
    """Return the routes; what was answered is shown until the screen clears."""
    routes = APIRouter(prefix="/buyer")

    @routes.get("")
    async def question(request: Request) -> Response:
        await desk.current_notice()
        return await _page(desk, request, Registration())

    @routes.post("")
    async def answer(request: Request) -> Response:
        fields = await forms.read(request, _FIELDS)
        sid, typed = desk.check(request, fields), Registration.of(fields)
        notice = desk.notice or await desk.current_notice()
        if typed.switch:
            return await _page(desk, request, typed)
        if typed.notice_hash != notice.hash:
            return await _changed(desk, request, typed)
        errors = forms.number_errors(typed.typed_phone)
        if _SCOPE not in typed.yes | typed.no:
            errors[_FIELD] = "error.answer"
        if errors:
            return await _page(desk, request, typed, errors=errors, status=422)
        return await _told(desk, request, sid, typed)

    @routes.get("/done")
    async def done(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.buyer is None:
            return desk.go(request, "/buyer")
        return desk.page(request, "buyer_done.html", answered=sitting.buyer, card="")

    @routes.post("/card")
    async def show_card(request: Request) -> Response:
        """A tap, and nothing else, opens a lease."""
        sitting = desk.sittings.get(desk.check(request, await forms.read(request, {"csrf"})))
        if sitting is None or sitting.buyer is None or not sitting.buyer.by_card:
            return desk.go(request, "/buyer")
        if sitting.papers is None or sitting.papers.done():
            sitting.papers = desk.start(ShowBuyersCard(session=sitting.core), BuyersCard, LEASE_S)
        return desk.go(request, "/buyer/card")

    @routes.get("/card")
    async def reading(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.papers is None:
            return desk.go(request, "/buyer")
        return desk.page(request, "waiting.html", kind="buyer", result="/buyer/shown")

    @routes.get("/shown")
    async def shown(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.buyer is None or sitting.papers is None:
            return desk.go(request, "/buyer")
        try:
            outcome = (await asyncio.shield(sitting.papers)).outcome
        except Refused:
            outcome = "failed"
        if outcome == "found":
            sitting.buyer = sitting.buyer.model_copy(update={"reach": "some"})
        return desk.page(request, "buyer_done.html", answered=sitting.buyer, card=outcome)

    return routes


async def _told(desk: Desk, request: Request, sid: str, typed: Registration) -> Response:
    """Pass the answer on; show the page again with what was typed, if it can't be taken."""
    try:
        return await _answered(desk, request, sid, typed)
    except SILENT:
        return await _page(desk, request, typed, alert="error.silent", status=503)
    except Refused as error:
        if error.code == "notice_changed":
            return await _changed(desk, request, typed)
        if error.code != "not_a_phone_number":
            raise
        return await _page(desk, request, typed, errors={"phone": "error.phone_invalid"}, status=422)


async def _answered(desk: Desk, request: Request, sid: str, typed: Registration) -> Response:
    begun = await desk.ask(Begin(), Begun)
    sitting, displaced = desk.sittings.open(sid, begun.session)
    for old in displaced:
        await desk.end(old)
    number = forms.phone(typed.typed_phone)
    assert number is not None  # number_errors() said so
    asked = AnswerAsBuyer(
        session=sitting.core, notice_hash=typed.notice_hash, phone=number, yes=_SCOPE in typed.yes
    )
    answer = await desk.ask(asked, BuyerAnswered)
    if answer.outcome == "unknown":
        notice = await desk.current_notice()
        return register_form(desk, request, notice, typed=typed, alert="buyer.unknown")
    sitting.buyer = answer
    return desk.go(request, "/buyer/done")


async def _changed(desk: Desk, request: Request, typed: Registration) -> Response:
    """Show the new words: what was agreed to under others has to be chosen again."""
    await desk.current_notice()
    anew = Registration(typed_phone=typed.typed_phone)
    return await _page(desk, request, anew, alert="error.notice_changed", status=409)


async def _page(
    desk: Desk,
    request: Request,
    typed: Registration,
    *,
    errors: dict[str, str] | None = None,
    alert: str = "",
    status: int = 200,
) -> Response:
    notice = desk.notice or await desk.current_notice()
    return desk.page(
        request,
        "buyer.html",
        status=status,
        lang=typed.switch,
        notice=notice,
        offer=next((offer for offer in notice.scopes if offer.scope == _SCOPE), None),
        typed=typed,
        errors=errors or {},
        alert=alert,
    )
