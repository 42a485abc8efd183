"""Coming again: the number alone opens the visit, and nothing is asked that was answered of late (P50)."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from edge.domain.errors import Refused
from edge.ipc.kiosk import Begin, Begun, Choose, ComeAgain, Registered
from edge.kiosk import forms
from edge.kiosk.desk import SILENT, Desk, Expired
from edge.kiosk.forms import Registration
from edge.kiosk.routes.visit import register_form
from edge.kiosk.security import sid_of
from edge.kiosk.sittings import Sitting


def router(desk: Desk) -> APIRouter:
    """Return the routes of a visitor who registered before."""
    routes = APIRouter()

    @routes.get("/again")
    async def again(request: Request) -> Response:
        return desk.page(request, "again.html", typed="", party="1", errors={}, alert="")

    @routes.post("/again")
    async def come(request: Request) -> Response:
        fields = await forms.read(request, {"csrf", "phone", "party_size"})
        sid = desk.check(request, fields)
        typed = Registration(typed_phone=fields.get("phone", ""), typed_party=fields.get("party_size", "1"))
        errors = forms.number_errors(typed.typed_phone) | (
            {} if typed.party is not None else {"party_size": "error.party"}
        )
        if errors:
            return _page(desk, request, typed, errors, status=422)
        try:
            return await _come(desk, request, sid, typed)
        except SILENT:
            return _page(desk, request, typed, {}, alert="error.silent", status=503)
        except Refused as error:
            if error.code != "not_a_phone_number":
                raise
            return _page(desk, request, typed, {"phone": "error.phone_invalid"}, status=422)

    @routes.get("/uses")
    async def uses(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.registered is None or not sitting.registered.ask:
            return desk.go(request, "/done")
        return await _uses(desk, request, sitting.registered, Registration())

    @routes.post("/uses")
    async def choose(request: Request) -> Response:
        fields = await forms.read(request, forms.USES_FIELDS)
        sitting = desk.sittings.get(desk.check(request, fields))
        if sitting is None:
            raise Expired
        async with sitting.lock:
            if sitting.registered is None or not sitting.registered.ask:
                return desk.go(request, "/done")
            return await _chosen(desk, request, sitting, sitting.registered, Registration.of(fields))

    return routes


async def _come(desk: Desk, request: Request, sid: str, typed: Registration) -> Response:
    begun = await desk.ask(Begin(), Begun)
    sitting, displaced = desk.sittings.open(sid, begun.session)
    for old in displaced:
        await desk.end(old)
    number = forms.phone(typed.typed_phone)
    assert number is not None  # errors() said so
    asked = ComeAgain(session=sitting.core, phone=number, party_size=typed.party or 1)
    answer = await desk.ask(asked, Registered)
    if answer.outcome == "unknown":
        return register_form(desk, request, await desk.current_notice(), typed=typed, alert="again.unknown")
    sitting.registered = answer
    return desk.go(request, "/done")


async def _chosen(
    desk: Desk, request: Request, sitting: Sitting, known: Registered, typed: Registration
) -> Response:
    notice = desk.notice or await desk.current_notice()
    if typed.switch:
        return await _uses(desk, request, known, typed)
    if not typed.yes | typed.no <= set(known.ask):
        raise forms.BadForm("unknown_field")
    if typed.notice_hash != notice.hash:
        return await _uses(desk, request, known, _anew(typed), alert="error.notice_changed", status=409)
    asked = Choose(
        session=sitting.core,
        notice_hash=typed.notice_hash,
        scopes=typed.yes,
        declined=typed.no,
        **typed.told,
    )
    try:
        sitting.registered = await desk.ask(asked, Registered)
    except SILENT:
        return await _uses(desk, request, known, typed, alert="error.silent", status=503)
    except Refused as error:
        if error.code != "notice_changed":
            raise
        await desk.current_notice()
        return await _uses(desk, request, known, _anew(typed), alert="error.notice_changed", status=409)
    return desk.go(request, "/done")


def _anew(typed: Registration) -> Registration:
    """What was agreed to under other words has to be chosen again."""
    return replace(typed, yes=frozenset(), no=frozenset())


async def _uses(
    desk: Desk,
    request: Request,
    known: Registered,
    typed: Registration,
    *,
    alert: str = "",
    status: int = 200,
) -> Response:
    notice = desk.notice or await desk.current_notice()
    return desk.page(
        request,
        "uses.html",
        status=status,
        lang=typed.switch,
        notice=notice,
        offers=[offer for offer in notice.scopes if offer.scope in known.ask],
        typed=typed,
        errors={},
        alert=alert,
        sources=forms.SOURCES,
    )


def _page(
    desk: Desk,
    request: Request,
    typed: Registration,
    errors: dict[str, str],
    *,
    alert: str = "",
    status: int,
) -> Response:
    return desk.page(
        request,
        "again.html",
        status=status,
        typed=typed.typed_phone,
        party=typed.typed_party,
        errors=errors,
        alert=alert,
    )
