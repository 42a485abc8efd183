"""The desk's form for what was typed wrongly of a visit; says why something isn't saved, never of whom."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from edge.domain.errors import GatehouseError, InvalidInput, Refused
from edge.ipc import staff
from edge.kiosk import forms
from edge.kiosk.counter import CounterPages

_FIELDS = frozenset({"csrf", "visit", "phone", "name", "party_size"})
_ABOUT_THE_NUMBER = {
    "not_by_correction": "desk.not_by_correction",
    "same_number": "desk.same_number",
    "not_a_phone_number": "desk.bad_phone",
}


@dataclass(frozen=True, slots=True)
class _Typed:
    phone: str
    name: str
    party_size: str


def add_to(routes: APIRouter, pages: CounterPages) -> None:
    """Add the form's two routes."""

    @routes.get("/correct")
    async def show(request: Request) -> Response:
        session = pages.session(request)
        if session is None:
            return pages.home(request)
        visit = forms.opaque(request.query_params.get("visit", ""))
        guest = await guest_of(pages, session, visit)
        if guest is None:
            return pages.home(request)
        return _form(pages, request, guest, _Typed("", guest.name or "", str(guest.party_size)), {})

    @routes.post("/correct")
    async def save(request: Request) -> Response:
        fields = await forms.read(request, _FIELDS)
        session, visit = pages.check(request, fields), forms.opaque(fields.get("visit", ""))
        guest = await guest_of(pages, session, visit)
        if guest is None:
            return pages.home(request)
        typed = _Typed(*(fields.get(one, "") for one in ("phone", "name", "party_size")))
        wrong = _wrong(typed)
        if not wrong:
            wrong = await _save(pages, session, guest, typed)
        return _form(pages, request, guest, typed, wrong, 422) if wrong else pages.home(request, saved="1")


def _wrong(typed: _Typed) -> dict[str, str]:
    found = {}
    if typed.phone.strip() and forms.phone(typed.phone) is None:
        found["phone"] = "desk.bad_phone"
    if typed.name.strip() and forms.name(typed.name) is None:
        found["name"] = "desk.bad_name"
    if forms.party(typed.party_size) is None:
        found["party_size"] = "desk.bad_party"
    return found


async def guest_of(pages: CounterPages, session: str, visit: str) -> staff.Guest | None:
    """Return the visit as the desk shows it now; None if it isn't there, or nobody is signed in any more."""
    try:
        view = await pages.ask(staff.GetDesk(session=session), staff.DeskView)
    except Refused:
        return None
    return next((one for one in (*view.guests, *view.left) if one.visit == visit), None)


async def _save(pages: CounterPages, session: str, guest: staff.Guest, typed: _Typed) -> dict[str, str]:
    """Have the core keep what differs from what stands; return what it says no to, by field."""
    name, party = forms.name(typed.name), forms.party(typed.party_size)
    change = staff.Correct(
        session=session,
        visit=guest.visit,
        phone=forms.phone(typed.phone) if typed.phone.strip() else None,
        name=name if name != guest.name else None,
        party_size=party if party != guest.party_size else None,
    )
    try:
        await pages.ask(change, staff.Done)
    except (Refused, InvalidInput) as error:
        return _why(error, change)
    return {}


def _why(error: GatehouseError, change: staff.Correct) -> dict[str, str]:
    code = getattr(error, "code", "")
    if code in _ABOUT_THE_NUMBER:
        return {"phone": _ABOUT_THE_NUMBER[code]}
    return {"phone" if change.phone is not None else "name": "desk.not_saved"}


def _form(
    pages: CounterPages,
    request: Request,
    guest: staff.Guest,
    typed: _Typed,
    wrong: dict[str, str],
    status: int = 200,
) -> Response:
    shown = {field: wrong.get(field, "") for field in ("phone", "name", "party_size")}
    return pages.page(request, "desk/correct.html", status=status, guest=guest, typed=typed, wrong=shown)
