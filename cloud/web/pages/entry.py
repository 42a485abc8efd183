"""Logging in and out, and the first password; the only pages without a session. They show no data."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import StringConstraints
from sqlalchemy import Connection

from cloud.errors import InvalidOrder
from cloud.web.guard import Fields
from cloud.web.roles import EVERYONE, PUBLIC, allow
from cloud.web.site import Site, SiteOf, see_other

router = APIRouter()
Password = Annotated[str, StringConstraints(max_length=200)]


class LoginForm(Fields):
    """Name and password."""

    username: Annotated[str, StringConstraints(max_length=60)]
    password: Password


class FirstForm(Fields):
    """A new password, twice."""

    password: Password
    again: Password


@router.get("/login")
@allow(PUBLIC)
def login_page(request: Request, site: SiteOf) -> Response:
    """Show the login."""
    return site.render(request, "login.html", notice=request.session.pop("notice", None), problem=None)


@router.post("/login")
@allow(PUBLIC)
def login(request: Request, site: SiteOf, form: Annotated[LoginForm, Form()]) -> Response:
    """Open a session, or say no and slow down."""
    address = request.client.host if request.client else "unknown"
    subjects = (f"name:{form.username}", f"address:{address}")
    with site.database.read() as connection:
        wait = site.accounts.wait_ms(connection, subjects, site.clock())
        right = wait <= 0 and site.accounts.password_is_right(connection, form.username, form.password)
    if wait > 0:
        return _wait(request, site, wait)
    if not right:
        site.database.write(lambda c: site.accounts.note_failure(c, subjects, site.clock()))
        return site.render(request, "login.html", 401, notice=None, problem=("login.wrong", {}))

    def work(connection: Connection) -> str:
        site.accounts.note_success(connection, subjects)
        return site.accounts.open_session(connection, form.username, site.clock())

    language = request.session.get("lang", "zh")
    request.session.clear()  # a new session: what was planted before the login is gone
    request.session.update(sid=site.database.write(work), lang=language)
    return see_other("/")


def _wait(request: Request, site: Site, wait_ms: int) -> Response:
    seconds = -(-wait_ms // 1000)
    answer = site.render(request, "login.html", 429, notice=None, problem=("login.wait", {"n": seconds}))
    answer.headers["retry-after"] = str(seconds)
    return answer


@router.post("/logout")
@allow(EVERYONE)
def logout(request: Request, site: SiteOf, form: Annotated[Fields, Form()]) -> Response:
    """End the session here and in the browser."""
    token, language = request.session["sid"], request.session.get("lang", "zh")
    site.database.write(lambda c: site.accounts.close_session(c, token))
    request.session.clear()
    request.session["lang"] = language
    return see_other("/login")


@router.get("/first/{token}")
@allow(PUBLIC)
def first_page(request: Request, site: SiteOf, token: str) -> Response:
    """Show the form for the first password to whoever holds the link."""
    return _first(request, site, token, None)


@router.post("/first/{token}")
@allow(PUBLIC)
def first(request: Request, site: SiteOf, token: str, form: Annotated[FirstForm, Form()]) -> Response:
    """Set the first password and use the link up."""
    if form.password != form.again:
        return _first(request, site, token, "first.differ")
    try:
        site.database.write(lambda c: site.accounts.set_first_password(c, token, form.password, site.clock()))
    except InvalidOrder as refused:
        problem = "first.weak" if refused.code == "weak_password" else "message.bad_link"
        return _first(request, site, token, problem)
    request.session["notice"] = "first.done"
    return see_other("/login")


def _first(request: Request, site: Site, token: str, problem: str | None) -> Response:
    with site.database.read() as connection:
        username = site.accounts.link_user(connection, token, site.clock())
    if username is None:
        return site.render(request, "message.html", 404, message="message.bad_link")
    return site.render(request, "first.html", 400 if problem else 200, username=username, problem=problem)
