"""One channel as anybody brings it in, whichever way: by the page's form, a file, a CRM's program.

About companies: code, public name, agents' codes. Never a person's name, a telephone or an identity number.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from edge.wire.base import Frozen
from edge.wire.facts import Code
from edge.wire.nobody import names_nobody

MOST = 500
"""Channels of a project, and agents of a channel."""
_BETWEEN = re.compile(r"[;；、,，/|\s]+")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a character that can't be shown")
    return text


def _each_once(codes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(codes)) != len(codes):
        raise ValueError("a code stands twice")
    return codes


CompanyName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60),
    AfterValidator(_printable),
    AfterValidator(names_nobody),
]
Agents = Annotated[tuple[Code, ...], Field(max_length=MOST), AfterValidator(_each_once)]


class Channel(Frozen):
    """One channel. `agents`: all of its agents' codes; None: nothing is said of them, so they stay.

    `withdrawn`: it brings nobody any more.
    """

    code: Code
    name: CompanyName
    agents: Agents | None = None
    withdrawn: bool = False


class ChannelChanges(Frozen):
    """Channels as they are now; those that aren't named stay as they were."""

    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=MOST)]


def codes_in(text: str) -> tuple[str, ...]:
    """Return the codes that stand in a cell or a field, as they are kept; none is judged."""
    return tuple(one.lower() for one in _BETWEEN.split(text) if one)
