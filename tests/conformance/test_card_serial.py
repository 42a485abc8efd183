"""The card terminal's driver passes the suite of all drivers, on a real pseudo-terminal line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.devices import card_serial
from edge.ipc.driver import Driver
from edge.ipc.messages import CardLease, LeaseOver, PhotoLease
from scripts.site.card_terminal import Terminal
from tests.conformance.driver_suite import DriverContract, Rig


class TestCardSerial(DriverContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        def driver(port: str) -> Driver:
            return card_serial.open(card_serial.Config(id="terminal-1", port=port, poll_ms=300))

        with Terminal(tmp_path / "line") as terminal:
            yield Rig(
                device="terminal-1",
                connect=lambda: driver(str(tmp_path / "line")),
                absent=lambda: driver(str(tmp_path / "no-such-line")),
                vanish=terminal.stop,
                restore=terminal.start,
                handles=frozenset({CardLease, PhotoLease, LeaseOver}),
            )
