"""Puts the page together: routes, guards, friendly errors; opens no socket and reads no configuration."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from edge.domain.errors import GatehouseError, LinkDown, ProtocolError, Refused
from edge.ipc.client import ControlClient
from edge.kiosk.counter import HOME, CounterPages
from edge.kiosk.desk import Desk, Expired
from edge.kiosk.forms import BadForm
from edge.kiosk.routes import again, buyer, child, code, lease, mine, rights, staffcard, visit
from edge.kiosk.routes import counter as counter_routes
from edge.kiosk.security import SecureHeaders

log = logging.getLogger(__name__)
_STATIC = Path(__file__).parent / "static"


def create_app(
    client: ControlClient, *, counter: ControlClient, hosts: Sequence[str], https: bool = False
) -> FastAPI:
    """Return the page as an ASGI application; it answers only to the `hosts` named (DNS rebinding).

    `client` asks for visitors, `counter` for receptionists.
    """
    desk = Desk(client, https)

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(desk.follow_core())
        yield
        following.cancel()

    app = FastAPI(
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(SecureHeaders, https=https),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
    )
    for errand in (visit, again, buyer, child, lease, rights, mine, code):
        app.include_router(errand.router(desk))
    pages = CounterPages(desk, counter, https)
    for duty in (counter_routes, staffcard):
        app.include_router(duty.router(pages))
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _explain(app, desk, pages)
    return app


def _explain(app: FastAPI, desk: Desk, counter: CounterPages) -> None:
    """Every error ends on a page that says what to do, to visitors or the desk; none tells of a person."""

    def told(request: Request, status: int, key: str) -> Response:
        if request.url.path == HOME or request.url.path.startswith(f"{HOME}/"):
            return counter.page(request, "desk/trouble.html", status=status, key=key)
        return desk.page(request, "trouble.html", status=status, key=key)

    @app.exception_handler(GatehouseError)
    async def known(request: Request, error: GatehouseError) -> Response:
        status, key = _kind(error)
        log.warning("page_failed status=%d kind=%s cause=%s", status, type(error).__name__, error.cause)
        return told(request, status, key)

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        return told(request, error.status_code, "missing")

    @app.exception_handler(500)
    async def fault(request: Request, error: Exception) -> Response:
        return told(request, 500, "fault")


def _kind(error: GatehouseError) -> tuple[int, str]:
    match error:
        case LinkDown() | ProtocolError():
            return 503, "silent"
        case Expired():
            return 403, "expired"
        case BadForm():
            return 400, "form"
        case Refused():
            return 409, "refused"
        case _:
            return 500, "fault"
