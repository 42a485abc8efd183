"""What is about no person: devices' health, blind time, head counts; runs in the store's thread."""

from edge.domain import facts
from edge.domain.footfall import Rollup
from edge.ipc.messages import DeviceState, Headcount
from edge.runtime.office import Office
from edge.wire import BlindTime, DeviceHealth, FootfallCounted

SEEING = "up"
OFF_MS = 60_000
"""A box that restarts in less than a minute keeps nobody from registering."""


class Operation:
    """Remembers each device's state; a device that isn't up is blind until it is again."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.states: dict[str, DeviceState] = {}
        self._blind_since: dict[str, tuple[int, str]] = {}
        self._rollups: dict[str, Rollup] = {}

    def device_state(self, message: DeviceState) -> None:
        """Keep a change of state, and the blind time that it ends."""
        before = self.states.get(message.device)
        if before is not None and (before.state, before.code) == (message.state, message.code):
            return
        self.states[message.device] = message
        records: list[DeviceHealth | BlindTime] = [
            DeviceHealth(
                device=message.device, state=message.state, code=message.code, since_ms=message.at_ms
            )
        ]
        blind = self._blind(message)
        if blind is not None:
            records.append(blind)
        self._note(*records)

    def box_was_down(self, devices: tuple[str, ...], since_ms: int) -> None:
        """The box itself was dead or off until now: its devices have been blind for as long."""
        for device in devices:
            self._blind_since.setdefault(device, (since_ms, "box_down"))
        stamp = self._office.stamp()
        if stamp["at_ms"] - since_ms >= OFF_MS:
            fact = facts.Noted(**stamp, off=(since_ms, stamp["at_ms"]))
            self._office.store.apply(self._office.gate.impersonal(fact))

    def _blind(self, message: DeviceState) -> BlindTime | None:
        if message.state != SEEING:
            self._blind_since.setdefault(message.device, (message.at_ms, message.code))
            return None
        since = self._blind_since.pop(message.device, None)
        if since is None or message.at_ms <= since[0]:
            return None
        return BlindTime(device=message.device, from_ms=since[0], to_ms=message.at_ms, cause=since[1])

    def headcount(self, message: Headcount) -> None:
        """Add a camera's interval; a record leaves once five people are in it."""
        rollup = self._rollups.setdefault(message.device, Rollup(message.device))
        record = rollup.add(message.from_ms, message.to_ms, message.count)
        if record is not None:
            self._note(record)

    def _note(self, *records: FootfallCounted | DeviceHealth | BlindTime) -> None:
        fact = facts.Noted(**self._office.stamp(), records=tuple(records))
        self._office.store.apply(self._office.gate.impersonal(fact))
