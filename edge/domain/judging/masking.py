"""Whose a claim by a masked number (隐号报备) is: from the customers whom its digits fit, and what they said;
pure.

Digits fit several people, and an agent may guess them. So a claim is completed on somebody by their own
number and their own answer alone, and what isn't sure is looked at by a person, never held against anybody.
"""

from collections.abc import Collection, Iterable, Sequence

from edge.domain.facts import type_of_source
from edge.domain.judging.case import Masked

Told = tuple[int, type_of_source, str | None]
"""An answer to "who brought you?": when, what, and which channel if they said so."""


def completion(channel: str, channels: Collection[str], fitting: Sequence[Iterable[Told]]) -> Masked:
    """Return how a channel's claim by a masked number stands; the same in whichever order things came.

    `channels`: all that have a claim by this masked number. `fitting`: the answers of each customer whom it
    fits and who agreed to `channel_risk`.
    """
    if len(fitting) > 1:
        return "ambiguous"
    named = {which for answers in fitting for _at, source, which in answers if source == "agent"}
    companies = named - {None}
    if companies:
        return "completed" if channel in companies else "candidate"
    if not named:
        return "candidate"  # nobody came yet, or nobody of theirs says that an agent brought them
    return "completed" if set(channels) == {channel} else "ambiguous"
