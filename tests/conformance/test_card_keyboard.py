"""The driver of readers that type passes the suite of all drivers, over the bytes of a kernel's device."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.devices.card_keyboard import Config, Keyboard
from edge.ipc.messages import CardLease, LeaseOver, PhotoLease
from tests.conformance.driver_suite import DriverContract, Rig
from tests.fakes.card_keyboard import Reader, hold


class TestCardKeyboard(DriverContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        def driver(name: str) -> Keyboard:
            return Keyboard(Config(id="reader-1", port=str(tmp_path / name)), hold)

        with Reader(tmp_path / "event") as reader:
            yield Rig(
                device="reader-1",
                connect=lambda: driver("event"),
                absent=lambda: driver("no-such-event"),
                vanish=reader.pull,
                restore=reader.plug,
                handles=frozenset({CardLease, PhotoLease, LeaseOver}),
            )
