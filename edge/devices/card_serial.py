"""The kind "card_serial": an ID-card terminal on a serial port; reads a card under a lease only."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.devices._card.photo import PhotoConfig
from edge.ipc.driver import DeviceConfig, Driver


class Config(DeviceConfig):
    """Where the terminal is and how it is asked."""

    kind: Literal["card_serial"] = "card_serial"
    worker: Literal["card"] = "card"
    port: Annotated[str, StringConstraints(pattern=r"^/.+$")]
    """A device path; prefer /dev/serial/by-id/…, which stays the same when cables change places."""
    baud: Literal[115200, 57600, 38400, 19200, 9600] = 115200
    """The rate that is tried first."""
    other_rates: bool = True
    """Try the other rates when nothing answers at `baud`. The terminal's own setting is never changed."""
    poll_ms: Annotated[int, Field(ge=300, le=5000)] = 400
    """Milliseconds between two looks for a card; terminals want 300 or more."""
    confirm_twice: bool = True
    """Read a card a second time where the terminal grants it, and accept only what is the same."""
    photo: PhotoConfig | None = None
    """The vendor's decoder of card photos; without it a photo isn't decodable and all else works."""


def open(config: Config) -> Driver:
    """Return the driver; the port is opened by each session."""
    from edge.devices._card.terminal import CardTerminal

    return CardTerminal(config)
