"""Orders of erasure and withdrawal: given here, answered by the box; never shows or takes a whole token."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import StringConstraints
from sqlalchemy import Connection

from cloud.errors import InvalidOrder
from cloud.reports import rights
from cloud.reports.lawful import standing_scopes
from cloud.rights.orders import Ground, order_erasure, order_withdrawal
from cloud.web.guard import Fields
from cloud.web.roles import OFFICERS, allow
from cloud.web.site import SiteOf, query, see_other, user_of
from edge.wire import Scope

router = APIRouter()
Box = Annotated[str, StringConstraints(max_length=40)]


class OrderForm(Fields):
    """Which row's person, what to do, and why. Without `scope` it is an erasure."""

    subject: rights.Subject
    box: Box
    identity: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    kind: Literal["erase", "withdraw"]
    scope: Scope | None = None
    ground: Ground


@router.get("/rights")
@allow(OFFICERS)
def rights_page(request: Request, site: SiteOf) -> Response:
    """Show every order with its state and receipts."""
    return site.render(request, "rights.html", orders=query(site, rights.orders))


@router.get("/rights/{subject}/{box}/{identity}")
@allow(OFFICERS)
def rights_form(request: Request, site: SiteOf, subject: rights.Subject, box: Box, identity: str) -> Response:
    """Show what can be ordered for the person behind a row."""
    who = query(site, rights.who_is, subject, box, identity)
    if who is None:
        return site.render(request, "message.html", 404, message="message.not_found")
    return site.render(
        request,
        "rights_new.html",
        who=who,
        subject=subject,
        box=box,
        identity=identity,
        grounds=list(Ground),
        scopes=query(site, standing_scopes, who),
    )


@router.post("/rights")
@allow(OFFICERS)
def give_order(request: Request, site: SiteOf, form: Annotated[OrderForm, Form()]) -> Response:
    """Give the order; the boxes get it within a second when they are online."""
    user = user_of(request)
    assert user is not None

    def work(connection: Connection) -> None:
        who = rights.who_is(connection, site.tenant, form.subject, form.box, form.identity)
        if who is None:
            raise InvalidOrder("give an order", "not_found")
        tenant, by, now = site.tenant, user.username, site.clock()
        if form.kind == "erase":
            order_erasure(connection, tenant, who, ground=form.ground, by=by, now_ms=now)
        elif form.scope is not None:
            order_withdrawal(connection, tenant, who, form.scope, ground=form.ground, by=by, now_ms=now)
        else:
            raise InvalidOrder("give an order", "bad_form")

    try:
        site.database.write(work)
    except InvalidOrder as refused:
        return site.render(request, "message.html", 409, message=f"message.{refused.code}")
    return see_other("/rights")
