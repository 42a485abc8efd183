"""The visitor's own page: serves it, sealed packages, and takes sealed requests; can read none of them.

Open to the public and reveals nothing: for a link that doesn't exist the answers are of the same form, the
same length and made by the same steps (P32, P40). No cookie, no language in a session, no log of who came.
"""

import hashlib
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cloud.rights import links
from cloud.web.patience import Patience
from cloud.web.roles import for_visitors
from cloud.web.site import Site, SiteOf
from edge.wire.commands import REQUEST_BYTES
from edge.wire.records import PACKAGE_BYTES

router = APIRouter()
_PAGE = resources.files("cloud.web").joinpath("templates/visitor.html").read_text("utf-8")
_STRICT = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}


@router.get("/r/{link}")
@for_visitors
def visitor_page(link: str) -> Response:
    """Show the page, which is the same for every link: what is in it comes from the code alone."""
    return HTMLResponse(_PAGE, headers=_STRICT)


@router.get("/r/{link}/package")
@for_visitors
def visitor_package(request: Request, site: SiteOf, link: str) -> Response:
    """Return the newest sealed package, or as many bytes that nothing opens."""
    if not site.looks.allows(_address(request), link[:64]):
        return _later(site.looks)
    noise = _noise(site, link[:64])
    with site.database.read() as connection:
        sealed = links.package(connection, site.tenant, link[:64])
    return Response(sealed or noise, media_type="application/octet-stream", headers=_STRICT)


@router.post("/r/{link}/request")
@for_visitors
async def visitor_request(request: Request, site: SiteOf, link: str) -> Response:
    """Take a sealed request; the answer doesn't say whether there is a box that it went to."""
    if not site.asks.allows(_address(request), link[:64]):
        return _later(site.asks)
    sealed = await _body(request)
    if sealed is None:
        return JSONResponse({"taken": False}, 400, headers=_STRICT)
    await run_in_threadpool(
        site.database.write, lambda c: links.lodge(c, site.tenant, link[:64], sealed, site.clock())
    )
    return JSONResponse({"taken": True}, 202, headers=_STRICT)


async def _body(request: Request) -> bytes | None:
    """Return the body if it is as long as every request is; read no more than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > REQUEST_BYTES:
            return None
    return bytes(body) if len(body) == REQUEST_BYTES else None


def _noise(site: Site, link: str) -> bytes:
    """Return bytes like a package, always the same ones for a link, made whether they are needed or not."""
    return hashlib.shake_256(site.noise + link.encode()).digest(PACKAGE_BYTES)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _later(patience: Patience) -> Response:
    headers = _STRICT | {"retry-after": str(patience.seconds)}
    return JSONResponse({"taken": False, "seconds": patience.seconds}, 429, headers=headers)
