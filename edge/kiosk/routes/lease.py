"""Recognising and reading the card: started by a tap alone, shown while it runs; sees no face and no card.

The waiting page asks for the result at once, and the answer comes when the lease has ended: no
polling, one change of page, with a script or without.
"""

import asyncio
from typing import Literal, TypeVar

from fastapi import APIRouter, Request, Response

from edge.domain.errors import Refused
from edge.ipc.kiosk import CardSeen, ConfirmCard, ReadCard, Recognise, Recognised, VerifyCard
from edge.kiosk import forms
from edge.kiosk.desk import Desk
from edge.kiosk.security import sid_of
from edge.kiosk.sittings import Sitting
from edge.wire import Scope

LEASE_S = 30.0
"""Seconds to wait for the end of a lease: 20 at most, and the time to start and stop its worker."""
CONFIRM_S = 5.0
R = TypeVar("R", Recognised, CardSeen)
Kind = Literal["face", "card", "verify"]
_SCOPES = {
    "face": {Scope.FACE_MATCH},
    "card": {Scope.ID_CARD},
    "verify": {Scope.ID_CARD, Scope.FACE_MATCH},
}


def router(desk: Desk) -> APIRouter:
    """Return the routes of both leases; each needs its scope to be active."""
    routes = APIRouter()

    @routes.post("/recognise")
    async def recognise(request: Request) -> Response:
        return await _begin(desk, request, "face", "/recognise")

    @routes.get("/recognise")
    async def recognising(request: Request) -> Response:
        return _waiting(desk, request, "face", "/recognised")

    @routes.get("/recognised")
    async def recognised(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.face is None:
            return desk.go(request, "/done")
        seen = await _ended(sitting.face, Recognised(outcome="unavailable"))
        sitting.outcomes["face"] = seen.outcome
        return desk.page(request, "result.html", kind="face", seen=seen, ended=False)

    @routes.post("/card")
    async def card(request: Request) -> Response:
        return await _begin(desk, request, "card", "/card")

    @routes.get("/card")
    async def reading(request: Request) -> Response:
        return _waiting(desk, request, "card", "/card-read")

    @routes.get("/card-read")
    async def card_read(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.card is None:
            return desk.go(request, "/done")
        return await _card_page(
            desk, request, sitting, await _ended(sitting.card, CardSeen(outcome="failed"))
        )

    @routes.post("/verify")
    async def verify(request: Request) -> Response:
        """Card and face in one lease; how it ends is shown where a card's end is."""
        return await _begin(desk, request, "verify", "/verify")

    @routes.get("/verify")
    async def verifying(request: Request) -> Response:
        return _waiting(desk, request, "verify", "/card-read")

    @routes.post("/card-confirm")
    async def confirm(request: Request) -> Response:
        """The visitor's yes or no to the masked fields; the core alone holds what they stand for."""
        fields = await forms.read(request, {"csrf", "answer"})
        sitting = desk.sittings.get(desk.check(request, fields))
        if sitting is None or sitting.outcomes.get("card") != "confirm_fields":
            return desk.go(request, "/done")
        answer = ConfirmCard(session=sitting.core, yes=fields.get("answer") == "yes")
        sitting.card = desk.start(answer, CardSeen, CONFIRM_S)
        await _ended(sitting.card, CardSeen(outcome="failed"))
        return desk.go(request, "/card-read")

    return routes


async def _card_page(desk: Desk, request: Request, sitting: Sitting, seen: CardSeen) -> Response:
    sitting.outcomes["card"] = seen.outcome
    if seen.face != "not_asked":
        sitting.outcomes["verify"] = seen.face
    if seen.outcome == "minor" and sitting.registered:
        # Every scope has ended, and with them this visitor's dealings (P38). The outcome alone stays, for
        # the page: its script asks for it once to wait, and then shows it.
        sitting.registered = None
        await desk.end(sitting)
    if seen.outcome == "confirm_fields":
        return desk.page(request, "confirm.html", seen=seen)
    return desk.page(request, "result.html", kind="card", seen=seen, ended=seen.outcome == "minor")


async def _begin(desk: Desk, request: Request, kind: Kind, waiting: str) -> Response:
    """Start the lease that was tapped, once, and show that it runs."""
    sitting = await _acted(desk, request, kind)
    if sitting is None:
        return desk.go(request, "/done")
    if kind == "face":
        if sitting.face is None or sitting.face.done():
            sitting.face = desk.start(Recognise(session=sitting.core), Recognised, LEASE_S)
    elif sitting.card is None or sitting.card.done():
        act = VerifyCard if kind == "verify" else ReadCard
        sitting.card = desk.start(act(session=sitting.core), CardSeen, LEASE_S)
    return desk.go(request, waiting)


async def _acted(desk: Desk, request: Request, kind: Kind) -> Sitting | None:
    """Return the sitting whose visitor tapped, or None if this use wasn't agreed to."""
    sid = desk.check(request, await forms.read(request, {"csrf"}))
    sitting = desk.sittings.get(sid)
    if sitting is None or sitting.registered is None or not _SCOPES[kind] <= set(sitting.registered.active):
        return None
    return sitting


def _waiting(desk: Desk, request: Request, kind: Kind, result: str) -> Response:
    sitting = desk.sittings.get(sid_of(request))
    if sitting is None or (sitting.face if kind == "face" else sitting.card) is None:
        return desk.go(request, "/done")
    return desk.page(request, "waiting.html", kind=kind, result=result)


async def _ended(lease: "asyncio.Task[R]", refused: R) -> R:
    """Return how the lease ended; one that the core refused shows as `refused`, no more is told."""
    try:
        # Whoever leaves the page doesn't end the lease by that; the core does, when told to or in time.
        return await asyncio.shield(lease)
    except Refused:
        return refused
