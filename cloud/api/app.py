"""Puts the API together behind its own guard; never a page, and no cookie counts here."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from cloud.api import endpoints, problems
from cloud.api.guard import OPEN, KeyGuard
from cloud.errors import InvalidOrder, StoreUnavailable
from cloud.web.site import Site

PATH = "/api/v1"
_SAYS = """For CRMs' programs: bring in books of reports, deals and customers, each row sealed to each box.

Headquarters can't open a row, and shows no visit and no finding here."""


def mounted(site: Site) -> Mount:
    """Return the API at its place, where it answers for every path, one with a line break in it too."""
    mount = Mount(PATH, create_api(site))
    mount.path_regex = re.compile(f"^{PATH}/(?P<path>.*)$", re.DOTALL)
    return mount


def create_api(site: Site) -> FastAPI:
    """Return the application behind its guard."""
    api = FastAPI(
        title="Gatehouse headquarters", version="1", description=_SAYS, docs_url=None, redoc_url=None,
        openapi_url=OPEN,
    )  # fmt: skip
    api.state.site = site
    api.include_router(endpoints.router)
    for kind, explain in (
        (InvalidOrder, problems.of_order),
        (RequestValidationError, problems.of_form),
        (StoreUnavailable, problems.of_store),
        (HTTPException, problems.of_http),
    ):
        api.add_exception_handler(kind, explain)
    api.add_middleware(KeyGuard, site=site)
    described = api.openapi
    api.openapi = lambda: _with_key(described())  # type: ignore[method-assign]  # as FastAPI's manual extends it
    return api


def _with_key(said: dict[str, Any]) -> dict[str, Any]:
    """Add what the guard asks for, and the form of every refusal, to the description."""
    parts = said["components"]
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    form = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= form.pop("$defs") | {"Problem": form}
    said["security"] = [{"key": []}]
    said["servers"] = [{"url": PATH}]
    return said
