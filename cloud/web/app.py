"""Puts the pages together behind the guard; never serves one that names no role."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from cloud.api.app import PATH, mounted
from cloud.clock import now_ms
from cloud.config import Headquarters
from cloud.errors import StoreUnavailable
from cloud.keys import read_secret
from cloud.risk.opinions import MOST_BYTES, MOST_FILES
from cloud.store.database import Database
from cloud.web.accounts import SESSION_MS, Accounts
from cloud.web.guard import (
    MOST_FORM,
    BadForm,
    Forbidden,
    FormLimit,
    NotLoggedIn,
    SecurityHeaders,
    authorise,
    check_form,
)
from cloud.web.pages import books, entry, looking, operating, rights, risk, visitor
from cloud.web.site import COOKIE, Site, see_other, site_of, templates

_LONGER = (
    (re.compile(r"/risk-appeal"), MOST_FILES * MOST_BYTES + (1 << 20)),
    (re.compile(r"/r/[^/]+/request|/books(/project/[^/]+/(mapping|channels))?"), 2 * books.MOST_BODY),
    (re.compile(rf"{PATH}/.*", re.DOTALL), 2 * books.MOST_BODY),
)
"""Where something else than a form of words is sent: files of an appeal; what is sealed, counted there."""


def most_bytes(path: str) -> int:
    """Return how much of what is sent to `path` is read."""
    return next((most for where, most in _LONGER if where.fullmatch(path)), MOST_FORM)


def create_app(config: Headquarters, database: Database, clock: Callable[[], int] = now_ms) -> FastAPI:
    """Return the application; raise ConfigError when the session secret is unusable."""
    secret = read_secret(config.web.session_secret)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(authorise), Depends(check_form)],
    )
    app.state.site = Site(
        config=config,
        database=database,
        accounts=Accounts(config.tenant, secret),
        clock=clock,
        templates=templates(),
        zone=ZoneInfo(config.web.timezone),
        noise=hashlib.sha256(b"gatehouse/v1/noise" + secret).digest(),
    )
    for pages in (entry, looking, rights, books, operating, risk, visitor):
        app.include_router(pages.router)
    app.router.routes.append(mounted(app.state.site))  # behind its own guard: no cookie counts there
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    _explain_errors(app)
    app.add_middleware(FormLimit, most=most_bytes)
    app.add_middleware(
        SessionMiddleware,
        secret_key=secret.hex(),
        session_cookie=COOKIE,
        max_age=SESSION_MS // 1000,
        same_site="strict",
        https_only=config.web.secure,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(config.web.hostnames))
    app.add_middleware(SecurityHeaders, secure=config.web.secure)
    return app


def _explain_errors(app: FastAPI) -> None:
    def to_login(_request: Request, _error: Exception) -> Response:
        return see_other("/login")

    def message(status: int, key: str) -> Callable[[Request, Exception], Response]:
        def show(request: Request, _error: Exception) -> Response:
            return site_of(request).render(request, "message.html", status, message=key)

        return show

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = "message.form_too_large" if error.status_code == 413 else "message.not_found"
        return message(error.status_code, key)(request, error)

    app.add_exception_handler(NotLoggedIn, to_login)
    app.add_exception_handler(Forbidden, message(403, "message.forbidden"))
    app.add_exception_handler(BadForm, message(400, "message.bad_form"))
    app.add_exception_handler(RequestValidationError, message(400, "message.bad_form"))
    app.add_exception_handler(StoreUnavailable, message(503, "message.unavailable"))
    app.add_exception_handler(HTTPException, http)
