"""Leaving, withdrawing, reading the notice; answers a stranger's number exactly as a visitor's."""

from fastapi import APIRouter, Request, Response

from edge.domain.errors import Refused
from edge.ipc.kiosk import Depart, Departed, Withdraw, Withdrawn
from edge.ipc.messages import Message
from edge.kiosk import forms
from edge.kiosk.desk import SILENT, Desk, lang_of
from edge.kiosk.forms import CHOICE, SCOPE_FIELDS
from edge.kiosk.texts import text
from edge.wire import Scope


def router(desk: Desk) -> APIRouter:
    """Return the routes of what needs no session of the core."""
    routes = APIRouter()

    @routes.get("/notice")
    async def notice(request: Request) -> Response:
        try:
            shown = await desk.current_notice()
        except SILENT:
            if desk.notice is None:
                raise
            shown = desk.notice
        return desk.page(request, "notice.html", notice=shown)

    @routes.get("/leave")
    async def leave(request: Request) -> Response:
        return desk.page(request, "leave.html", typed="", errors={}, alert="")

    @routes.post("/leave")
    async def leaving(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "phone"})
        desk.check(request, fields)
        typed = fields.get("phone", "")
        errors, alert = forms.number_errors(typed), ""
        if (number := forms.phone(typed)) and not errors:
            errors, alert = await _told(desk, Depart(phone=number), Departed)
        if errors or alert:
            status = 503 if alert else 422
            return desk.page(request, "leave.html", status=status, typed=typed, errors=errors, alert=alert)
        return desk.go(request, "/left")

    @routes.get("/left")
    async def left(request: Request) -> Response:
        return desk.page(request, "farewell.html", name="left")

    @routes.get("/withdraw")
    async def withdraw(request: Request) -> Response:
        return await _withdraw_page(desk, request)

    @routes.post("/withdraw")
    async def withdrawing(request: Request) -> Response:
        fields = await forms.read(request, SCOPE_FIELDS | {"csrf", "phone"})
        desk.check(request, fields)
        if any(fields[name] != "yes" for name in SCOPE_FIELDS & fields.keys()):
            raise forms.BadForm("unknown_choice")
        chosen = frozenset(s for s in Scope if CHOICE + s in fields)
        typed = fields.get("phone", "")
        errors, alert = forms.number_errors(typed), ""
        if not chosen:
            errors["scopes"] = "error.scopes"
        if (number := forms.phone(typed)) and not errors:
            errors, alert = await _told(desk, Withdraw(phone=number, scopes=chosen), Withdrawn)
        if errors or alert:
            return await _withdraw_page(desk, request, typed, chosen, errors, alert)
        return desk.go(request, "/withdrawn")

    @routes.get("/withdrawn")
    async def withdrawn(request: Request) -> Response:
        return desk.page(request, "farewell.html", name="withdrawn")

    return routes


async def _told(desk: Desk, request: Message, answer: type[Message]) -> tuple[dict[str, str], str]:
    """Pass on an act; return the errors beside the number, and the alert.

    What became of it isn't shown; the core refuses these only for a number that can't be one.
    """
    try:
        await desk.ask(request, answer)
    except SILENT:
        return {}, "error.silent"
    except Refused:
        return {"phone": "error.phone_invalid"}, ""
    return {}, ""


async def _withdraw_page(
    desk: Desk,
    request: Request,
    typed: str = "",
    chosen: frozenset[Scope] = frozenset(),
    errors: dict[str, str] | None = None,
    alert: str = "",
) -> Response:
    notice = desk.notice or await desk.current_notice()
    lang = lang_of(request)
    scopes = {offer.scope: offer.label[lang] for offer in notice.scopes}
    # A caller agreed by a key, and may end it here as well.
    scopes.setdefault(Scope.RECORDING, text("withdraw.recording", lang))
    return desk.page(
        request,
        "withdraw.html",
        status=503 if alert else 422 if errors else 200,
        scopes=list(scopes.items()),
        typed=typed,
        chosen=chosen,
        errors=errors or {},
        alert=alert,
    )
