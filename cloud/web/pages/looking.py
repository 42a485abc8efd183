"""Overview, visits, calls: what everybody with a role may look at; changes nothing."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from cloud.reports import calls, fleet, verdicts, visits
from cloud.web.roles import EVERYONE, LOOKERS, allow
from cloud.web.site import SiteOf, query, see_other, user_of
from cloud.web.view import CHART_HEIGHT, CHART_WIDTH, bars, day

router = APIRouter()
QUIET_MS = 5 * 60_000
"""A box that has said nothing for so long is shown as silent."""


@router.get("/")
@allow(EVERYONE)
def overview(request: Request, site: SiteOf) -> Response:
    """Show today's figures and every site with its boxes and devices; a clerk is sent on to the books."""
    user = user_of(request)
    if user is None or user.role not in LOOKERS:
        return see_other("/books")
    now = site.clock()
    today = day(site.zone, now)
    span = (today.from_ms, today.to_ms)
    boxes = query(site, fleet.box_states)
    came = query(site, visits.visits_between, *span, 100_000)
    rang = query(site, calls.calls_between, *span, 100_000)
    counted = query(site, visits.footfall_between, *span)
    return site.render(
        request,
        "overview.html",
        sites={name: [b for b in boxes if b.site == name] for name in dict.fromkeys(b.site for b in boxes)},
        devices=query(site, fleet.devices),
        blind=query(site, fleet.blind_ms, *span),
        quiet_before=now - QUIET_MS,
        people=sum(one.count for one in counted),
        visits=len(came),
        returning=sum(one.returning for one in came),
        calls=len(rang),
        answered=sum(one["answered"] for one in rang),
        recorded=sum(one["recorded"] for one in rang),
        risks=query(site, verdicts.risks_between, *span),
        bars=bars(site.zone, counted),
        chart=(CHART_WIDTH, CHART_HEIGHT),
    )


@router.get("/visits")
@allow(LOOKERS)
def visits_page(request: Request, site: SiteOf) -> Response:
    """Show the registered visits of one day."""
    chosen = day(site.zone, site.clock(), request.query_params.get("day"))
    found = query(site, visits.visits_between, chosen.from_ms, chosen.to_ms)
    return site.render(request, "visits.html", day=chosen, visits=found)


@router.get("/calls")
@allow(LOOKERS)
def calls_page(request: Request, site: SiteOf) -> Response:
    """Show the calls of one day."""
    chosen = day(site.zone, site.clock(), request.query_params.get("day"))
    found = query(site, calls.calls_between, chosen.from_ms, chosen.to_ms)
    return site.render(request, "calls.html", day=chosen, calls=found)
