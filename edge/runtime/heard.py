"""What workers say comes to: states, head counts, cards, calls; outside a lease it is refused and audited."""

import logging
from collections import Counter
from collections.abc import Mapping

from edge.domain.errors import NotLeased
from edge.ipc import messages
from edge.runtime.parts import Parts

log = logging.getLogger(__name__)


class Heard:
    """Takes the workers' messages, one after another."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sensed: Counter[str] = Counter()

    @property
    def sensed(self) -> Mapping[str, int]:
        """How many messages of each kind, by device; counts only."""
        return self._sensed

    async def take(self, message: messages.FromWorker) -> None:
        """Take one message; what it leads to is stored before this returns."""
        self._count(message)
        parts = self._parts
        match message:
            case messages.DeviceState():
                await parts.call(parts.operation.device_state, message)
            case messages.Headcount():
                await parts.call(parts.operation.headcount, message)
            case messages.CardRead() | messages.CardFailed():
                await self._card_answer(message)
            case messages.CallStarted():
                await parts.phone.started(message)
            case messages.CallKey():
                await parts.phone.key(message, parts.workers["phone"])
            case messages.CallEnded():
                await parts.phone.ended(message)
            case messages.Embedding() | messages.Compared() | messages.RecogniserDone():
                await self._audit("embedding_outside_lease")
        parts.pump.notify()

    async def lost(self, kind: str) -> None:
        """Say of each device of a worker that is gone that it is down, and end its calls."""
        parts = self._parts
        for device in parts.workers[kind].devices:
            lost = messages.DeviceState(
                device=device, state="down", code=parts.workers[kind].lost_code, at_ms=parts.clock.now_ms()
            )
            await parts.call(parts.operation.device_state, lost)
            if kind == "phone":
                await parts.phone.worker_lost(device)

    def _count(self, message: messages.FromWorker) -> None:
        device = getattr(message, "device", "")
        units = message.units if isinstance(message, messages.Progress) else 1
        kind = "units" if isinstance(message, messages.Progress) else message.type
        self._sensed[f"{device} {kind}".strip()] += units

    async def _card_answer(self, message: messages.CardRead | messages.CardFailed) -> None:
        try:
            self._parts.leases.card_answer(message)
        except NotLeased:
            if isinstance(message, messages.CardRead):
                await self._audit("card_outside_lease")

    async def _audit(self, code: str) -> None:
        log.warning("refused code=%s", code)
        await self._parts.thread.run(self._parts.store.audit, code, None, self._parts.clock.now_ms())
