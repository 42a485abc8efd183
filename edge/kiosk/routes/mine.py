"""One's own data, later and without the code: by the card that was kept; never shows what was read.

A card that opens nothing gets one page, for whichever reason.
"""

import asyncio

from fastapi import APIRouter, Request, Response

from edge.domain.errors import Refused
from edge.ipc.kiosk import Begin, Begun, FindByCard, MyCode
from edge.kiosk import forms
from edge.kiosk.desk import Desk
from edge.kiosk.routes.code import code_of
from edge.kiosk.routes.lease import LEASE_S
from edge.kiosk.security import sid_of


def router(desk: Desk) -> APIRouter:
    """Return the routes; what a card opens is gone with the sitting."""
    routes = APIRouter(prefix="/mine")

    @routes.get("")
    async def offer(request: Request) -> Response:
        return desk.page(request, "mine.html")

    @routes.post("")
    async def ask(request: Request) -> Response:
        """A tap, and nothing else, opens a lease; whoever was before the screen is forgotten."""
        sid = desk.check(request, await forms.read(request, {"csrf"}))
        begun = await desk.ask(Begin(), Begun)
        sitting, displaced = desk.sittings.open(sid, begun.session)
        for old in displaced:
            await desk.end(old)
        sitting.mine = desk.start(FindByCard(session=sitting.core), MyCode, LEASE_S)
        return desk.go(request, "/mine/card")

    @routes.get("/card")
    async def reading(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.mine is None:
            return desk.go(request, "/mine")
        return desk.page(request, "waiting.html", kind="mine", result="/mine/code")

    @routes.get("/code")
    async def code(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        if sitting is None or sitting.mine is None:
            return desk.go(request, "/mine")
        try:
            # Whoever leaves the page doesn't end the lease by that; the core does.
            outcome = (await asyncio.shield(sitting.mine)).outcome
        except Refused:
            outcome = "failed"
        address = await code_of(desk, sitting.core) if outcome == "found" else None
        if outcome == "found" and address is None:
            outcome = "nothing"  # erased meanwhile
        return desk.page(request, "mine_code.html", outcome=outcome, code=address)

    return routes
