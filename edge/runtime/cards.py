"""What a card that was read comes to: a child's erases, an expired one isn't kept, an unsure one waits.

Runs on the core's loop; what is kept goes through the desk and its gate. It never has a photo, and never
shows a whole number or a whole address.
"""

import logging
import re
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any, Literal

from edge.config import Config
from edge.domain.age import CHILD_UNTIL, younger
from edge.domain.errors import LinkDown, NotLeased, ProtocolError
from edge.domain.idcard import expired
from edge.domain.idnumber import NATIONS
from edge.ipc.kiosk import CardOutcome, CardSeen, FaceCheck
from edge.ipc.messages import CardRead
from edge.runtime.desk import Desk, Visitor
from edge.runtime.held import Waiting
from edge.runtime.leases import Device, Leases, Verification
from edge.runtime.rights import Rights
from edge.runtime.terminal import Terminal, why
from edge.runtime.workers import Worker
from edge.wire import Purpose

log = logging.getLogger(__name__)

_FACES: dict[str, FaceCheck] = {
    "same": "verified",
    "different": "not_verified",
    "no_face": "no_face",
    "no_face_on_photo": "no_face_on_photo",
}
_ADDRESS_SHOWN = 6
"""Characters: province and city, by which a visitor knows their own card."""

Call = Callable[..., Coroutine[Any, Any, Any]]


class Cards:
    """Reads cards under leases, and keeps what is sure."""

    def __init__(
        self,
        config: Config,
        desk: Desk,
        rights: Rights,
        leases: Leases,
        workers: dict[str, Worker],
        call: Call,
    ) -> None:
        self._config = config
        self._desk = desk
        self._rights = rights
        self._leases = leases
        self._workers = workers
        self._terminal = Terminal(config, leases, workers)
        self._call = call

    async def read(self, visitor: Visitor) -> CardSeen:
        """Grant one card lease; Refused without `id_card`."""
        await self._call(self._desk.may_lease, visitor, Purpose.IDENTITY_CHECK)
        self._leases.held.drop(visitor.person)
        card = await self._terminal.read(visitor.person)
        if not isinstance(card, CardRead):
            return CardSeen(outcome="failed" if card == "busy" else card)
        return await self._problem(visitor, card) or await self._take(visitor, Waiting(card, "not_asked"))

    def can_verify(self) -> bool:
        """Whether this box has a terminal with a decoder of photos, a desk camera, and models."""
        mine = (d for d in self._config.devices if d.id == self._config.desk.terminal)
        decodes = any(getattr(d, "photo", None) is not None for d in mine)
        return decodes and self._device("vision") is not None and self._config.models is not None

    async def verify(self, visitor: Visitor, faces_suspended: bool) -> CardSeen:
        """Read the card and compare its photo with the visitor, 1:1; Refused without both scopes."""
        purposes = (Purpose.IDENTITY_CHECK, *(() if faces_suspended else (Purpose.FACE_CONFIRMATION,)))
        for purpose in purposes:
            await self._call(self._desk.may_lease, visitor, purpose)
        self._leases.held.drop(visitor.person)
        terminal, camera, models = self._device("card"), self._device("vision"), self._config.models
        if terminal is None or camera is None or models is None or faces_suspended:
            return CardSeen(outcome="failed", face="unavailable")
        verifying = _Verifying(models.confirm_at)
        try:
            async with self._leases.verification(visitor.person, terminal, camera) as lease:
                verifying.lease = lease
                await verifying.read(lease)
                if isinstance(verifying.card, CardRead):
                    if (problem := await self._problem(visitor, verifying.card)) is not None:
                        return problem
                    await verifying.compare(lease)
        except TimeoutError:
            log.info("verification ran out of its time")
        except (LinkDown, NotLeased, ProtocolError) as error:
            log.warning("verification unavailable cause=%s", error.cause)
        if not isinstance(verifying.card, CardRead) or verifying.stopped():
            return CardSeen(outcome=verifying.failed, face="unavailable")
        return await self._take(visitor, Waiting(verifying.card, verifying.face))

    async def confirm(self, visitor: Visitor, yes: bool) -> CardSeen:
        """Keep the card that waits for this visitor, or forget it; Refused if `id_card` has ended since."""
        waiting = self._leases.held.take(visitor.person)
        if waiting is None:
            return CardSeen(outcome="too_late")
        if not yes:
            return CardSeen(outcome="not_confirmed")
        # The day may have turned since it was read.
        return await self._problem(visitor, waiting.card) or await self._keep(visitor, waiting)

    async def _take(self, visitor: Visitor, waiting: Waiting) -> CardSeen:
        if waiting.card.confirmed_twice:
            return await self._keep(visitor, waiting)
        await self._call(self._desk.may_lease, visitor, Purpose.IDENTITY_CHECK)
        self._leases.held.put(visitor.person, waiting)
        return masked(waiting.card, "confirm_fields")

    async def _keep(self, visitor: Visitor, waiting: Waiting) -> CardSeen:
        """Keep what `id_card` allows, and that the face confirmed the card's identity if it did."""
        await self._call(self._desk.card_read, visitor, waiting.card)
        if waiting.face == "verified":
            await self._call(self._desk.face_confirmed, visitor)
        return masked(waiting.card, "read", waiting.face)

    def _device(self, kind: Literal["card", "vision"]) -> Device | None:
        name = self._config.desk.terminal if kind == "card" else self._config.desk.camera
        worker = self._workers.get(kind)
        return None if name is None or worker is None else Device(name, worker)

    async def _problem(self, visitor: Visitor, card: CardRead) -> CardSeen | None:
        """Return why a card must not be kept; a child's has everything of this number erased (P38)."""
        today = date.today().strftime("%Y%m%d")  # noqa: DTZ011 — validity ends on the site's own calendar day
        if younger(CHILD_UNTIL, card.birth, today):
            await self._call(self._rights.erase_minor, visitor.number())
            return CardSeen(outcome="minor")
        if expired(card.valid_until, today):
            return CardSeen(outcome="expired")
        return None


class _Verifying:
    """One verification as far as it has come, whatever ends it."""

    def __init__(self, confirm_at: float) -> None:
        self._confirm_at = confirm_at
        self.card: CardRead | None = None
        self.failed: CardOutcome = "failed"
        self.face: FaceCheck = "unavailable"
        self.lease: Verification | None = None

    def stopped(self) -> bool:
        """Whether the visitor stopped it, or withdrew: a card that was read until then isn't kept."""
        return self.lease is not None and self.lease.cancelled

    async def read(self, lease: Verification) -> None:
        """Have the card read."""
        self.failed = "no_card"  # if the time runs out
        answer = await lease.card()
        if isinstance(answer, CardRead):
            self.card, self.failed = answer, "failed"
        else:
            self.failed = why(answer)

    async def compare(self, lease: Verification) -> None:
        """Have the photo compared, if there is one."""
        assert self.card is not None
        if self.card.photo != "sent":
            self.face = "photo_not_decodable"
            return
        self.face = "no_face"  # if the time runs out
        verdict = await lease.compare(self._confirm_at)
        self.face = _FACES[verdict.outcome] if verdict is not None else "unavailable"


def masked(card: CardRead, outcome: CardOutcome, face: FaceCheck = "not_asked") -> CardSeen:
    """Return what the screen may show of a card: enough for its owner, too little for the next in line."""
    doubtful = outcome == "confirm_fields"
    return CardSeen(
        outcome=outcome,
        face=face,
        kind=card.kind,
        masked_name=" ".join(filter(None, (_masked_english(card.english_name), _masked_chinese(card.name)))),
        masked_number=card.number[:3] + "*" * (len(card.number) - 7) + card.number[-4:],
        valid_until=card.valid_until if doubtful else "",
        nation=NATIONS.get(card.nation, "") if doubtful else "",
        masked_address=_masked_address(card.address) if doubtful else "",
    )


def _masked_chinese(name: str) -> str:
    return name[:1] + "*" * (len(name) - 1)


def _masked_english(name: str) -> str:
    return re.sub(r"(?<=[A-Za-z])[A-Za-z]", "*", name)


def _masked_address(address: str) -> str:
    return address[:_ADDRESS_SHOWN] + "*" * min(6, max(0, len(address) - _ADDRESS_SHOWN))
