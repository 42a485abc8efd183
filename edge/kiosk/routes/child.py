"""A guardian registers a child's visit, by their card or a signature; sees no card and keeps no drawing."""

import asyncio

from fastapi import APIRouter, Request, Response

from edge.domain.errors import GatehouseError, Refused
from edge.ipc.kiosk import ChildRegistered, Notice, RegisterChild
from edge.kiosk import forms
from edge.kiosk.desk import SILENT, Desk, Expired
from edge.kiosk.forms import Child
from edge.kiosk.routes.lease import LEASE_S
from edge.kiosk.security import sid_of
from edge.kiosk.sittings import Sitting
from edge.kiosk.texts import Lang
from edge.wire import Scope


def router(desk: Desk) -> APIRouter:
    """Return the routes of a child's registration."""
    routes = APIRouter()

    @routes.get("/child")
    async def form(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None:
            return desk.go(request, "/")
        if sitting.registered:
            return desk.go(request, "/done")
        return _form(desk, request, await desk.current_notice(), Child())

    @routes.post("/child")
    async def register(request: Request) -> Response:
        fields = await forms.read(request, forms.CHILD_FIELDS)
        sitting = desk.sittings.get(desk.check(request, fields))
        if sitting is None:
            raise Expired
        async with sitting.lock:
            if sitting.registered:
                return desk.go(request, "/done")
            return await _submitted(desk, request, sitting, Child.of(fields))

    @routes.get("/child-card")
    async def reading(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.guardian is None:
            return desk.go(request, "/")
        return desk.page(request, "waiting.html", kind="guardian", result="/child-read")

    @routes.get("/child-read")
    async def read(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.guardian is None:
            return desk.go(request, "/")
        try:
            seen = await asyncio.shield(sitting.guardian)
        except Refused:  # its session ended meanwhile, or the notice changed: nothing was kept
            seen = ChildRegistered(outcome="failed")
        if seen.registered is not None:
            sitting.registered = seen.registered
            return desk.go(request, "/done")
        return desk.page(request, "guardian.html", outcome=seen.outcome)

    return routes


async def _submitted(desk: Desk, request: Request, sitting: Sitting, typed: Child) -> Response:
    notice = desk.notice or await desk.current_notice()
    if typed.notice_hash != notice.hash:
        return _form(
            desk, request, await desk.current_notice(), typed, alert="error.notice_changed", status=409
        )
    errors = {} if typed.switch else typed.errors()
    if typed.switch or errors:
        return _form(desk, request, notice, typed, errors=errors, status=422 if errors else 200)
    asked = _request(sitting.core, typed)
    if typed.by == "card":
        if sitting.guardian is None or sitting.guardian.done():
            sitting.guardian = desk.start(asked, ChildRegistered, LEASE_S)
        return desk.go(request, "/child-card")
    try:
        sitting.registered = (await desk.ask(asked, ChildRegistered)).registered
    except GatehouseError as error:
        return await _not_registered(desk, request, notice, typed, error)
    return desk.go(request, "/done")


async def _not_registered(
    desk: Desk, request: Request, notice: Notice, typed: Child, error: GatehouseError
) -> Response:
    """Show the form again with what was typed, and why; anything else is raised."""
    if isinstance(error, SILENT):
        return _form(desk, request, notice, typed, alert="error.silent", status=503)
    if isinstance(error, Refused) and error.code == "notice_changed":
        return _form(
            desk, request, await desk.current_notice(), typed, alert="error.notice_changed", status=409
        )
    raise error


def _form(
    desk: Desk,
    request: Request,
    notice: Notice,
    typed: Child,
    *,
    errors: dict[str, str] | None = None,
    alert: str = "",
    status: int = 200,
) -> Response:
    lang: Lang | None = typed.switch
    offer = next(one for one in notice.scopes if one.scope is Scope.REGISTRATION)
    return desk.page(
        request,
        "child.html",
        status=status,
        lang=lang,
        notice=notice,
        offer=offer,
        cards=any(one.scope is Scope.ID_CARD for one in notice.scopes),
        typed=typed,
        errors=errors or {},
        alert=alert,
    )


def _request(session: str, typed: Child) -> RegisterChild:
    by = typed.by or "signature"
    return RegisterChild(
        session=session,
        notice_hash=typed.notice_hash,
        name=forms.name(typed.typed_name),
        party_size=forms.party(typed.typed_party) or 1,
        by=by,
        guardian=forms.name(typed.typed_guardian) if by == "signature" else None,
        drawn=() if typed.typed or by == "card" else typed.drawn,
    )
