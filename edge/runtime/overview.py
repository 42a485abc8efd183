"""What an operator is told of the box: devices, checks, the outbox; about no person."""

from collections.abc import Mapping

from edge.ipc import operator
from edge.runtime.checks import Facts, run_all
from edge.runtime.chores import FILING
from edge.runtime.parts import Parts

_GOOD = frozenset({"up", "ok", "warn", "connecting"})


class Overview:
    """Looks at the core's parts when it is asked."""

    def __init__(self, parts: Parts, sensed: Mapping[str, int]) -> None:
        self._parts = parts
        self._sensed = sensed

    async def status(self) -> operator.Status:
        """Return every device and every check."""
        devices = tuple(self._device(d.id) for d in self._parts.config.devices)
        checks = run_all(await self._facts())
        return operator.Status(
            healthy=all(line.state in _GOOD for line in (*devices, *checks)),
            devices=devices,
            checks=checks,
            sensed=dict(self._sensed),
            gate=self._parts.gate.tally,
        )

    async def outbox(self) -> operator.OutboxState:
        """Return what waits for headquarters."""
        run, store = self._parts.thread.run, self._parts.store
        return operator.OutboxState(
            depth=await run(store.depth),
            in_flight=self._parts.pump.state.in_flight,
            kinds=await run(store.waiting),
            oldest_s=_since(await run(store.oldest_ms), self._parts.clock.now_ms(), 1000),
        )

    def _device(self, device: str) -> operator.StateLine:
        state = self._parts.operation.states.get(device)
        if state is None:
            return operator.StateLine(name=device, state="connecting", what="not heard of yet")
        return operator.StateLine(name=device, state=state.state, what=state.code, about=state.about)

    async def _facts(self) -> Facts:
        parts, run, store = self._parts, self._parts.thread.run, self._parts.store
        link, now = parts.pump.state.link, parts.clock.now_ms()
        register = parts.config.face_assessment
        return Facts(
            state_directory=parts.config.paths.state,
            clock_quality=parts.clock.quality(),
            outbox_depth=await run(store.depth),
            outbox_oldest_ms=_since(await run(store.oldest_ms), now),
            link=link.name,
            link_code=link.code,
            offline_ms=parts.moments.offline_ms(),
            faces=await run(store.faces),
            faces_filing_ms=_since(await run(store.marked, FILING), now),
            now_ms=now,
            requests_asked_ms=await run(self._requests_asked),
            audit_anchor=await run(store.audit_anchor),
            faces_used=parts.config.desk.camera is not None,
            assessment=register.term() if register is not None else None,
            notice_version=parts.notices.in_force.version,
            notice_hash=parts.notices.in_force.hash,
            key_generation=parts.credentials.tokens.generation,
            tokens_waiting=await run(store.count_waiting_tokens),
        )

    def _requests_asked(self) -> tuple[int, ...]:
        waiting = self._parts.store.waiting_requests(self._parts.gate.permit_rights())
        return tuple(request.at_ms for request in waiting)


def _since(then_ms: int | None, now_ms: int, unit_ms: int = 1) -> int | None:
    return None if then_ms is None else (now_ms - then_ms) // unit_ms
