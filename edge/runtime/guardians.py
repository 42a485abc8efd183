"""How a guardian shows who agrees for a child: their own card, read in a lease, or a signature.

Keeps nothing by itself, and passes on no more of a card than the proof needs: never its whole number, never
its photo.
"""

from datetime import date

from edge.config import Config
from edge.domain.age import ADULT_FROM, younger
from edge.domain.errors import InvalidInput
from edge.domain.facts import PersonId
from edge.domain.idcard import expired
from edge.ipc.kiosk import LEAST_POINTS, GuardianOutcome, RegisterChild
from edge.ipc.messages import CardRead
from edge.runtime.leases import Leases
from edge.runtime.office import Shown
from edge.runtime.terminal import Terminal
from edge.runtime.workers import Worker


class Guardians:
    """Reads cards under leases that guardians ask for."""

    def __init__(self, config: Config, leases: Leases, workers: dict[str, Worker]) -> None:
        self._terminal = Terminal(config, leases, workers)

    async def by_card(self, holder: PersonId) -> Shown | GuardianOutcome:
        """Read one card in a lease of `holder`'s; return what the proof keeps of it, or why it is none."""
        card = await self._terminal.read(holder)
        if not isinstance(card, CardRead):
            return "failed" if card == "busy" else card
        return _shown(card, date.today().strftime("%Y%m%d"))  # noqa: DTZ011 — the site's own calendar day


def by_signature(request: RegisterChild) -> Shown:
    """Return what a signature proves; InvalidInput without a name, or if it is a mere tap."""
    if request.guardian is None:
        raise InvalidInput("take a signature", "name_missing", "a signature without a name proves nothing")
    points = sum(len(stroke) for stroke in request.drawn)
    if request.drawn and points < LEAST_POINTS:
        raise InvalidInput("take a signature", "signature_too_short", "sign again, or let the name stand")
    drawn = [[list(point) for point in stroke] for stroke in request.drawn]
    return Shown("signature", {"name": request.guardian, "drawn": drawn})


def _shown(card: CardRead, today: str) -> Shown | GuardianOutcome:
    if younger(ADULT_FROM, card.birth, today):
        return "not_adult"
    if expired(card.valid_until, today):
        return "expired"
    if not card.confirmed_twice:
        return "unsure"
    name = card.english_name or card.name
    return Shown("card", {"name": name, "number_ends": card.number[-4:], "kind": str(card.kind)})
