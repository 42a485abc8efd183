"""The desk's form for who registered here before with another number; shows nothing of that record."""

from fastapi import APIRouter, Request, Response

from edge.domain.errors import InvalidInput, Refused
from edge.ipc import staff
from edge.kiosk import forms
from edge.kiosk.counter import CounterPages
from edge.kiosk.routes.corrections import guest_of

_FIELDS = frozenset({"csrf", "visit", "phone", "said"})
_WHY = {
    "nothing_to_merge": "desk.nothing_to_merge",
    "other_card": "desk.other_card",
    "same_number": "desk.same_record",
    "not_a_phone_number": "desk.bad_phone",
}


def add_to(routes: APIRouter, pages: CounterPages) -> None:
    """Add the form's two routes."""

    @routes.get("/merge")
    async def show(request: Request) -> Response:
        session = pages.session(request)
        if session is None:
            return pages.home(request)
        guest = await guest_of(pages, session, forms.opaque(request.query_params.get("visit", "")))
        if guest is None or guest.phone is None:
            return pages.home(request)
        return _form(pages, request, guest, "", said=False, wrong={})

    @routes.post("/merge")
    async def merge(request: Request) -> Response:
        fields = await forms.read(request, _FIELDS)
        session, visit = pages.check(request, fields), forms.opaque(fields.get("visit", ""))
        guest = await guest_of(pages, session, visit)
        if guest is None:
            return pages.home(request)
        typed = fields.get("phone", "")
        said, number, wrong = fields.get("said") == "yes", forms.phone(typed), dict[str, str]()
        if not said:
            wrong["said"] = "desk.must_be_said"
        if number is None:
            wrong["phone"] = "desk.bad_phone"
        elif not wrong:
            wrong = await _merge(pages, staff.Merge(session=session, visit=visit, phone=number))
        return _form(pages, request, guest, typed, said=said, wrong=wrong) if wrong else pages.home(request)


async def _merge(pages: CounterPages, act: staff.Merge) -> dict[str, str]:
    """Have the core do it; return what it says no to, by field."""
    try:
        await pages.ask(act, staff.Done)
    except (Refused, InvalidInput) as error:
        return {"phone": _WHY.get(error.code, "desk.not_saved")}
    return {}


def _form(
    pages: CounterPages,
    request: Request,
    guest: staff.Guest,
    typed: str,
    *,
    said: bool,
    wrong: dict[str, str],
) -> Response:
    shown = {field: wrong.get(field, "") for field in ("phone", "said")}
    return pages.page(
        request,
        "desk/merge.html",
        status=422 if wrong else 200,
        guest=guest,
        typed=typed,
        said=said,
        wrong=shown,
    )
