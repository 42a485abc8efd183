"""Operation and people, for administrators: gaps, quarantine, access log, accounts."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import StringConstraints
from sqlalchemy import Connection, RowMapping, select

from cloud.errors import InvalidOrder
from cloud.reports import fleet
from cloud.store.schema import access_log, users
from cloud.web.guard import Fields
from cloud.web.roles import ADMINS, Role, allow
from cloud.web.site import Site, SiteOf, query, see_other, user_of

router = APIRouter()
Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class InviteForm(Fields):
    """Who comes, and as what."""

    username: Username
    role: Role


class DisableForm(Fields):
    """Whom to shut out, or let in again."""

    username: Username
    disabled: bool


@router.get("/operations")
@allow(ADMINS)
def operations_page(request: Request, site: SiteOf) -> Response:
    """Show gaps, quarantine and the access log."""
    return site.render(
        request,
        "operations.html",
        boxes=query(site, fleet.box_states),
        quarantine=query(site, fleet.set_aside),
        accesses=query(site, _accesses),
    )


@router.get("/people")
@allow(ADMINS)
def people_page(request: Request, site: SiteOf) -> Response:
    """Show the accounts."""
    return _people(request, site, None)


@router.post("/people/invite")
@allow(ADMINS)
def invite(request: Request, site: SiteOf, form: Annotated[InviteForm, Form()]) -> Response:
    """Add an account and show its one-time link, once."""
    try:
        token = site.database.write(lambda c: site.accounts.invite(c, form.username, form.role, site.clock()))
    except InvalidOrder as refused:
        return site.render(request, "message.html", 409, message=f"message.{refused.code}")
    return _people(request, site, f"{site.config.web.public_url.rstrip('/')}/first/{token}")


@router.post("/people/disable")
@allow(ADMINS)
def disable(request: Request, site: SiteOf, form: Annotated[DisableForm, Form()]) -> Response:
    """Shut an account out at once, or let it in again; nobody shuts themselves out."""
    user = user_of(request)
    assert user is not None
    if form.username != user.username:
        site.database.write(lambda c: site.accounts.set_disabled(c, form.username, form.disabled))
    return see_other("/people")


def _people(request: Request, site: Site, link: str | None) -> Response:
    return site.render(request, "people.html", people=query(site, _users), roles=list(Role), link=link)


def _users(connection: Connection, tenant: str) -> list[RowMapping]:
    asked = select(users).where(users.c.tenant == tenant).order_by(users.c.username)
    return list(connection.execute(asked).mappings())


def _accesses(connection: Connection, tenant: str) -> list[RowMapping]:
    asked = select(access_log).where(access_log.c.tenant == tenant)
    newest = asked.order_by(access_log.c.minute_ms.desc(), access_log.c.username, access_log.c.action).limit(
        50
    )
    return list(connection.execute(newest).mappings())
