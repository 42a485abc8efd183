"""Who may see which page: nothing, unless the page names the role (P3); never decides by address."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__gatehouse_allows__"
_COOKIELESS = "__gatehouse_cookieless__"


class Role(StrEnum):
    """What a person of headquarters is there for."""

    ADMIN = "admin"
    """Runs the place: operation, people, and all below."""
    OFFICER = "officer"
    """Carries out visitors' rights, and all below."""
    REVIEWER = "reviewer"
    """Decides on findings, enters appeals, and looks at what a viewer looks at."""
    VIEWER = "viewer"
    """Looks at visits, calls and verdicts."""
    CLERK = "clerk"
    """Brings in the books of channels and office; sees no visit, call or verdict."""


EVERYONE = frozenset(Role)
LOOKERS = EVERYONE - {Role.CLERK}
BOOKKEEPERS = frozenset({Role.ADMIN, Role.CLERK})
OFFICERS = frozenset({Role.ADMIN, Role.OFFICER})
ADMINS = frozenset({Role.ADMIN})
REVIEWERS = frozenset({Role.ADMIN, Role.REVIEWER})
APPELLANTS = frozenset({Role.ADMIN, Role.OFFICER, Role.REVIEWER})
"""Who enters what a channel objects, and hands out packages."""
PUBLIC: frozenset[Role] = frozenset()


def allow(roles: frozenset[Role]) -> Callable[[F], F]:
    """Mark a page as open to `roles`; PUBLIC marks one for people who have not logged in."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, _MARK, roles)
        return endpoint

    return mark


def for_visitors(endpoint: F) -> F:
    """Mark a page as open to the public, without a session, a cookie or a form's token.

    Nothing that the browser holds vouches for its sender, so there is nothing that a forged form could use.
    """
    setattr(endpoint, _COOKIELESS, True)
    return allow(PUBLIC)(endpoint)


def cookieless(endpoint: object) -> bool:
    """Return whether a page has nothing to do with sessions."""
    return bool(getattr(endpoint, _COOKIELESS, False))


def allowed(endpoint: object) -> frozenset[Role] | None:
    """Return the roles that a page names; None means that it names none, and nobody may see it."""
    marked: frozenset[Role] | None = getattr(endpoint, _MARK, None)
    return marked
