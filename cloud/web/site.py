"""What every page has at hand: database, accounts, clock, templates; never a rule of its own."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response

from cloud.config import Headquarters
from cloud.store.database import Database
from cloud.web.accounts import Accounts, User
from cloud.web.patience import Patience
from cloud.web.roles import ADMINS, APPELLANTS, BOOKKEEPERS, LOOKERS, OFFICERS, REVIEWERS
from cloud.web.texts import LANGUAGES, Language, named, say
from cloud.web.view import Clock, short

COOKIE = "gatehouse_session"


@dataclass(frozen=True, slots=True)
class Site:
    """One web process: what its pages share."""

    config: Headquarters
    database: Database
    accounts: Accounts
    clock: Callable[[], int]
    templates: jinja2.Environment
    zone: ZoneInfo
    noise: bytes
    """Makes what is shown for a link that doesn't exist."""
    looks: Patience = field(default_factory=lambda: Patience(most=120, seconds=60))
    asks: Patience = field(default_factory=lambda: Patience(most=10, seconds=600))
    """With visitors' own pages: for each address, and for each link whether it exists or not."""

    @property
    def tenant(self) -> str:
        """Whose pages these are."""
        return self.config.tenant

    def render(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """Return the page `template` in the reader's language."""
        language, user = language_of(request), user_of(request)
        shown: Mapping[str, object] = {
            "language": language,
            "t": lambda key, **v: say(language, key, **v),
            "named": lambda family, code: named(language, family, code),
            "clock": Clock(self.zone, language, self.clock()),
            "short": short,
            "user": user,
            "may_look": user is not None and user.role in LOOKERS,
            "may_book": user is not None and user.role in BOOKKEEPERS,
            "may_order": user is not None and user.role in OFFICERS,
            "may_operate": user is not None and user.role in ADMINS,
            "may_review": user is not None and user.role in REVIEWERS,
            "may_appeal": user is not None and user.role in APPELLANTS,
            "csrf": csrf_of(request),
            "path": request.url.path,
            "other_language": next(one for one in LANGUAGES if one != language),
        }
        return HTMLResponse(self.templates.get_template(template).render({**shown, **values}), status)


def templates() -> jinja2.Environment:
    """Return the environment of the pages: everything escaped, a missing value is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("cloud.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def site_of(request: Request) -> Site:
    """Return the site that serves `request`."""
    found: Site = request.app.state.site
    return found


SiteOf = Annotated[Site, Depends(site_of)]


def user_of(request: Request) -> User | None:
    """Return who is logged in, as `guard.authorise` found."""
    found: User | None = getattr(request.state, "user", None)
    return found


def language_of(request: Request) -> Language:
    """Return the reader's language: what `?lang=` says, and from then on the session; Chinese first."""
    asked = request.query_params.get("lang")
    for language in LANGUAGES:
        if asked == language:
            request.session["lang"] = language
    kept = request.session.get("lang")
    return next((language for language in LANGUAGES if language == kept), LANGUAGES[0])


def csrf_of(request: Request) -> str:
    """Return the session's token against forged forms, making it at first need."""
    if "csrf" not in request.session:
        request.session["csrf"] = secrets.token_urlsafe(24)
    token: str = request.session["csrf"]
    return token


def see_other(location: str) -> Response:
    """Return the redirect after a form."""
    return Response(status_code=303, headers={"location": location})


def query(site: Site, question: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 — what the question returns
    """Ask one question of this tenant."""
    with site.database.read() as connection:
        return question(connection, site.tenant, *arguments)
