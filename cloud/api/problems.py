"""Every refusal of the API, as RFC 9457 says it: a code for programs, a hint for people; never contents."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from cloud.config import dotted
from cloud.errors import InvalidOrder
from edge.wire.base import Frozen

MEDIA_TYPE = "application/problem+json"
_MOST_SHOWN = 10
_STATUS = {
    "unknown_project": 404,
    "unknown_import": 404,
    "kind_not_allowed": 403,
    "too_many_waiting": 429,
}
_TITLES = {
    400: "Bad request",
    401: "No such key",
    403: "Not allowed",
    404: "Not there",
    405: "Not that way",
    409: "Refused",
    413: "Too large",
    422: "Not of the form",
    429: "Too many",
    503: "Try again",
}
RETRY_S = 30


class Wrong(Frozen):
    """One thing that isn't of the form: where, and which rule it breaks; not what stands there."""

    where: str
    what: str


class Problem(Frozen):
    """Why nothing was done. `code` is stable; `hint` is for whoever runs the program."""

    title: str
    status: int
    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")
    hint: str
    errors: tuple[Wrong, ...] = ()


def problem(
    status: int,
    code: str,
    hint: str = "",
    *,
    errors: tuple[Wrong, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return the answer that says why nothing was done."""
    said = Problem(title=_TITLES[status], status=status, code=code, hint=hint, errors=errors)
    return JSONResponse(said.model_dump(), status, headers, media_type=MEDIA_TYPE)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what an endpoint declares of these refusals."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _TITLES[status], "content": content} for status in statuses}


def of_order(_request: Request, error: Exception) -> JSONResponse:
    """An order that can't be given as asked."""
    assert isinstance(error, InvalidOrder)
    status = _STATUS.get(error.code, 409)
    headers = {"retry-after": str(RETRY_S)} if status == 429 else None
    return problem(status, error.code, error.hint, headers=headers)


def of_form(_request: Request, error: Exception) -> JSONResponse:
    """A request that isn't of the form; what it held isn't repeated."""
    assert isinstance(error, RequestValidationError)
    wrong = tuple(Wrong(where=dotted(one["loc"])[:200], what=_what(one)) for one in error.errors())
    return problem(422, "wrong_form", "see errors, and openapi.json", errors=wrong[:_MOST_SHOWN])


def of_store(_request: Request, _error: Exception) -> JSONResponse:
    """The database is away; the same request may come again."""
    return problem(503, "unavailable", "the same request again later", headers={"retry-after": str(RETRY_S)})


def of_http(_request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: unknown paths, methods, bodies that aren't JSON or are too large."""
    assert isinstance(error, HTTPException)
    codes = {403: "closed", 404: "unknown_path", 405: "unknown_method", 413: "too_large"}
    code = codes.get(error.status_code, "unreadable")
    hint = str(error.detail) if code in ("too_large", "closed") else "see openapi.json"
    return problem(error.status_code, code, hint, headers=error.headers)


def _what(error: Mapping[str, Any]) -> str:
    """Return the rule that was broken: pydantic's name of it, or our own words, which repeat nothing."""
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else str(error["type"])
