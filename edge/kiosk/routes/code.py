"""The code for the visitor's own page, as a picture of this page's own; remembers none of what it draws."""

import io
import logging

import segno
from fastapi import APIRouter, Request, Response

from edge.domain.errors import GatehouseError
from edge.ipc.kiosk import GetCode, VisitorCode
from edge.kiosk.desk import Desk
from edge.kiosk.security import sid_of

log = logging.getLogger(__name__)


def router(desk: Desk) -> APIRouter:
    """Return the route of the picture."""
    routes = APIRouter()

    @routes.get("/code.svg")
    async def picture(request: Request) -> Response:
        sitting = desk.sittings.get(sid_of(request))
        code = await code_of(desk, sitting.core) if sitting and (sitting.registered or sitting.mine) else None
        if code is None:
            return Response(status_code=404)
        return Response(drawn(code), media_type="image/svg+xml")

    return routes


async def code_of(desk: Desk, session: str) -> str | None:
    """Return what this session's code says; None if there is none, or if the core can't say just now.

    A visitor's registration stands whether or not there is a code to show.
    """
    try:
        return (await desk.ask(GetCode(session=session), VisitorCode)).address
    except GatehouseError as error:
        log.warning("no_code kind=%s", type(error).__name__)
        return None


def drawn(code: str) -> bytes:
    """Return `code` as an SVG with its quiet zone."""
    svg = io.BytesIO()
    segno.make_qr(code, error="m").save(
        svg, kind="svg", border=4, dark="#2a2520", light="#fff", omitsize=True
    )
    return svg.getvalue()
