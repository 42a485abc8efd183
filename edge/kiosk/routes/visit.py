"""Arriving: the choice to register or not, the form, what became of it; keeps nothing by itself."""

import logging
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from edge.domain.errors import GatehouseError, Refused
from edge.ipc.kiosk import Begin, Begun, Notice, Register, Registered
from edge.kiosk import forms
from edge.kiosk.desk import SILENT, Desk, Expired, lang_of
from edge.kiosk.forms import Registration
from edge.kiosk.routes.code import code_of
from edge.kiosk.security import new_sid, sid_of
from edge.kiosk.sittings import Sitting
from edge.kiosk.texts import Lang, scope_name

log = logging.getLogger(__name__)
_LOST = "session_over"
"""The core has forgotten the session: it restarted, or ten minutes went by."""
_WRONG_NUMBER = frozenset({"not_a_phone_number", "phone_missing"})


def router(desk: Desk) -> APIRouter:
    """Return the routes of a visit's beginning."""
    routes = APIRouter()

    @routes.get("/")
    async def start(request: Request) -> Response:
        """The first page. Whoever was before is forgotten; a new session starts."""
        await desk.end(desk.sittings.drop(sid_of(request)))
        return desk.page(request, "start.html", sid=new_sid())

    @routes.post("/begin")
    async def begin(request: Request) -> Response:
        return await _begin(desk, request, "/register")

    @routes.post("/begin-child")
    async def begin_child(request: Request) -> Response:
        """A card said that the visitor is a child: their registration is gone, and a guardian begins anew."""
        return await _begin(desk, request, "/child")

    @routes.post("/decline")
    async def decline(request: Request) -> Response:
        """Refusing needs nothing and never fails, whatever the core does."""
        sid = desk.check(request, await forms.read(request, {"csrf"}))
        sitting = desk.sittings.get(sid)
        if sitting and sitting.registered:  # an old page, by the browser's back button
            return desk.go(request, "/done")
        desk.sittings.drop(sid)
        try:
            await _refuse(desk, sitting)
        except GatehouseError as error:
            log.warning("decline_untold kind=%s", type(error).__name__)
        return desk.go(request, "/declined")

    @routes.get("/declined")
    async def declined(request: Request) -> Response:
        return desk.page(request, "farewell.html", name="declined")

    @routes.get("/register")
    async def form(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None:
            return desk.go(request, "/")
        if sitting.registered:
            return desk.go(request, "/done")
        return register_form(desk, request, await desk.current_notice())

    @routes.post("/register")
    async def register(request: Request) -> Response:
        fields = await forms.read(request, forms.REGISTRATION_FIELDS)
        sid = desk.check(request, fields)
        sitting = desk.sittings.get(sid)
        if sitting is None:
            raise Expired
        async with sitting.lock:
            if sitting.registered:
                return desk.go(request, "/done")
            return await _submitted(desk, request, sid, sitting, fields)

    @routes.get("/done")
    async def done(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.registered is None:
            return desk.go(request, "/")
        known = sitting.registered
        return desk.page(
            request,
            "done.html",
            known=known,
            agreed=[scope_name(scope, lang_of(request)) for scope in known.active],
            face=sitting.outcomes.get("face", ""),
            card=sitting.outcomes.get("card", ""),
            verified=sitting.outcomes.get("verify") == "verified",
            code=await code_of(desk, sitting.core),
        )

    @routes.post("/finish")
    async def finish(request: Request) -> Response:
        """The screen clears; the next visitor starts in Chinese."""
        sid = desk.check(request, await forms.read(request, {"csrf"}))
        await desk.end(desk.sittings.drop(sid))
        return Response(status_code=303, headers={"Location": "/"})

    return routes


async def _begin(desk: Desk, request: Request, path: str) -> Response:
    sid = desk.check(request, await forms.read(request, {"csrf"}))
    begun = await desk.ask(Begin(), Begun)
    _, displaced = desk.sittings.open(sid, begun.session)
    for old in displaced:
        await desk.end(old)
    return desk.go(request, path)


async def _refuse(desk: Desk, sitting: Sitting | None) -> None:
    """Tell the core that this visitor refused everything that the notice offers."""
    notice = await desk.current_notice()
    sitting = sitting or Sitting((await desk.ask(Begin(), Begun)).session)
    everything = frozenset(offer.scope for offer in notice.scopes)
    request = Register(session=sitting.core, notice_hash=notice.hash, scopes=frozenset(), declined=everything)
    await desk.ask(request, Registered)
    await desk.end(sitting)


def register_form(
    desk: Desk,
    request: Request,
    notice: Notice,
    *,
    typed: Registration | None = None,
    errors: dict[str, str] | None = None,
    alert: str = "",
    status: int = 200,
    lang: Lang | None = None,
) -> Response:
    """Return the page with the form, with what was typed so far."""
    return desk.page(
        request,
        "register.html",
        status=status,
        lang=lang,
        notice=notice,
        typed=typed or Registration(),
        errors=errors or {},
        alert=alert,
        sources=forms.SOURCES,
    )


async def _submitted(
    desk: Desk, request: Request, sid: str, sitting: Sitting, fields: dict[str, str]
) -> Response:
    notice = desk.notice or await desk.current_notice()
    typed = Registration.of(fields)
    if typed.notice_hash != notice.hash:
        return await _changed(desk, request, typed)
    typed.check_offered(notice)
    errors = {} if typed.switch else typed.errors()
    if typed.switch or errors:
        status = 422 if errors else 200
        return register_form(
            desk, request, notice, typed=typed, errors=errors, status=status, lang=typed.switch
        )
    try:
        sitting.registered = await _register(desk, sitting, typed)
    except GatehouseError as error:
        return await _not_registered(desk, request, notice, typed, error)
    if sitting.registered.outcome == "declined":
        await desk.end(desk.sittings.drop(sid))
        return desk.go(request, "/declined")
    return desk.go(request, "/done")


async def _not_registered(
    desk: Desk, request: Request, notice: Notice, typed: Registration, error: GatehouseError
) -> Response:
    """Show the form again with what was typed, and why; anything else is raised."""
    if isinstance(error, SILENT):
        return register_form(desk, request, notice, typed=typed, alert="error.silent", status=503)
    if isinstance(error, Refused) and error.code in _WRONG_NUMBER:
        errors = {"phone": "error.phone_invalid"}
        return register_form(desk, request, notice, typed=typed, errors=errors, status=422)
    if isinstance(error, Refused) and error.code == "notice_changed":
        return await _changed(desk, request, typed)
    raise error


async def _changed(desk: Desk, request: Request, typed: Registration) -> Response:
    """Show the new notice: what was typed stays, what was agreed to has to be chosen again."""
    notice = await desk.current_notice()
    return register_form(
        desk,
        request,
        notice,
        typed=replace(typed, yes=frozenset(), no=frozenset()),
        alert="error.notice_changed",
        status=409,
    )


async def _register(desk: Desk, sitting: Sitting, typed: Registration) -> Registered:
    """Pass on the choices; once more in a new session if the core has forgotten this one."""
    try:
        return await desk.ask(_request(sitting.core, typed), Registered)
    except Refused as error:
        if error.code != _LOST:
            raise
    sitting.core = (await desk.ask(Begin(), Begun)).session
    return await desk.ask(_request(sitting.core, typed), Registered)


def _request(session: str, typed: Registration) -> Register:
    if typed.refuses:
        return Register(session=session, notice_hash=typed.notice_hash, scopes=frozenset(), declined=typed.no)
    return Register(
        session=session,
        notice_hash=typed.notice_hash,
        scopes=typed.yes,
        declined=typed.no,
        phone=None if typed.numberless else forms.phone(typed.typed_phone),
        name=forms.name(typed.typed_name),
        party_size=typed.party or 1,
        **typed.told,
    )
