"""The receptionists' page: signing in, shift, turns, who is here; shows what the core lets it show."""

import time
from typing import get_args

from fastapi import APIRouter, Request, Response

from edge.domain.errors import Refused
from edge.ipc import staff
from edge.ipc.messages import Message
from edge.kiosk import forms
from edge.kiosk.counter import HOME, CounterPages
from edge.kiosk.desk import SILENT
from edge.kiosk.forms import BadForm
from edge.kiosk.routes import appointments, corrections, merging, paper, vouching

_LOST = frozenset({"signed_out", "notice_unread"})
_SHIFT = ("begin", "pause", "resume", "end")
CARD_TOLD = frozenset(get_args(staff.CardOutcome))


def router(pages: CounterPages) -> APIRouter:
    """Return the routes of the desk."""
    routes = APIRouter(prefix=HOME)

    @routes.get("")
    async def home(request: Request) -> Response:
        return await _desk(pages, request, "desk/desk.html")

    @routes.get("/live")
    async def live(request: Request) -> Response:
        """The part that changes; 401 once the session is over, for the page to go and show it."""
        return await _desk(pages, request, "desk/live.html")

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "number", "pin"})
        pages.check(request, fields)
        number, pin = _number(fields.get("number", "")), fields.get("pin", "").strip()
        if number is None or not (pin.isascii() and pin.isdigit() and 6 <= len(pin) <= 12):
            return await door(pages, request, "desk.wrong", 422, number)
        try:
            signed = await pages.ask(staff.SignIn(number=number, pin=pin), staff.SignedIn)
        except Refused as error:
            slow = error.code == "too_many_attempts"
            told, status = ("desk.slow", 429) if slow else ("desk.wrong", 422)
            return await door(pages, request, told, status, number)
        return entered(pages, request, signed)

    @routes.post("/notice")
    async def acknowledge(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "notice_hash"})
        session = pages.check(request, fields)
        notice_hash = fields.get("notice_hash", "")
        return await _act(pages, request, staff.Acknowledge(session=session, notice_hash=notice_hash))

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        session = pages.check(request, await forms.read(request, {"csrf"}))
        return await _act(pages, request, staff.SignOut(session=session))

    @routes.post("/shift")
    async def shift(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "change"})
        session = pages.check(request, fields)
        change = next((one for one in _SHIFT if one == fields.get("change")), None)
        if change is None:
            raise BadForm("unknown_choice")
        return await _act(pages, request, staff.Shift.model_validate({"session": session, "change": change}))

    @routes.post("/turn")
    async def turn(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "number"})
        session, number = pages.check(request, fields), _must(_number(fields.get("number", "")))
        return await _act(pages, request, staff.Turn(session=session, number=number))

    @routes.post("/receive")
    async def receive(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "number", "visit"})
        session, number = pages.check(request, fields), _must(_number(fields.get("number", "")))
        visit = _visit(fields)
        return await _act(pages, request, staff.Receive(session=session, visit=visit, number=number))

    @routes.post("/leave")
    async def leave(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "visit"})
        session = pages.check(request, fields)
        return await _act(pages, request, staff.Leave(session=session, visit=_visit(fields)))

    @routes.post("/reopen")
    async def reopen(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "visit"})
        session = pages.check(request, fields)
        return await _act(pages, request, staff.Reopen(session=session, visit=_visit(fields)))

    corrections.add_to(routes, pages)
    appointments.add_to(routes, pages)
    merging.add_to(routes, pages)
    vouching.add_to(routes, pages)
    paper.add_to(routes, pages)
    return routes


async def _desk(pages: CounterPages, request: Request, template: str) -> Response:
    session, whole = pages.session(request), template == "desk/desk.html"
    if session is None:
        return await door(pages, request) if whole else Response(status_code=401)
    try:
        view = await pages.ask(staff.GetDesk(session=session), staff.DeskView)
    except Refused as error:
        if error.code not in _LOST:
            raise
        return await door(pages, request) if whole else Response(status_code=401)
    except SILENT:
        if whole:
            raise
        return Response(status_code=503)
    changed, saved = ("changed" in request.query_params), ("saved" in request.query_params)
    vouched = "vouched" in request.query_params
    told = request.query_params.get("card", "")
    told = told if told in CARD_TOLD else ""
    now_ms = time.time_ns() // 1_000_000
    return pages.page(
        request,
        template,
        view=view,
        now_ms=now_ms,
        changed=changed,
        saved=saved,
        vouched=vouched,
        told=told,
        appointed="appointed" in request.query_params,
        kept="paper" in request.query_params,
        whole=whole,
    )


async def _act(pages: CounterPages, request: Request, act: Message) -> Response:
    """Pass on an act; what the core refuses shows as the desk as it stands now."""
    try:
        await pages.ask(act, staff.Done)
    except Refused:
        return pages.home(request, changed="1")
    return pages.home(request)


async def door(
    pages: CounterPages, request: Request, alert: str = "", status: int = 200, number: int | None = None
) -> Response:
    """Return the page to sign in on; what a card was read for before is forgotten.

    `number` was typed, and stands there still; it is no secret, and the PIN alone is typed again.
    """
    pages.forget_card(pages.session(request))
    try:
        card = (await pages.ask(staff.GetDoor(), staff.Door)).card
    except SILENT:
        card = False  # a PIN is asked for all the same, and the page says then that nothing answers
    return pages.page(
        request, "desk/sign_in.html", status=status, alert=alert, card=card, number=number or ""
    )


def entered(pages: CounterPages, request: Request, signed: staff.SignedIn) -> Response:
    """Give the browser its session; to be read first, if there is something to read."""
    if signed.notice is not None:
        return pages.page(request, "desk/notice.html", sid=signed.session, notice=signed.notice)
    response = pages.page(request, "desk/entered.html", sid=signed.session)
    response.status_code, response.headers["Location"] = 303, pages.home(request).headers["Location"]
    return response


def _number(typed: str) -> int | None:
    plain = typed.strip()
    return int(plain) if plain.isascii() and plain.isdigit() and 11 <= int(plain[:9]) <= 9999 else None


def _must(number: int | None) -> int:
    if number is None:
        raise BadForm("unknown_choice")
    return number


def _visit(fields: dict[str, str]) -> str:
    return forms.opaque(fields.get("visit", ""))
