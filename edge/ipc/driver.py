"""What every device driver is: a Config, an `open`, and one session at a time; never retries.

A new kind of device is one file in edge/devices/ named after its kind, with
`Config(DeviceConfig)` and `open(config: Config) -> Driver`. Heavy imports go inside `open` or
`run`, so that reading a configuration never loads a native parser.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from edge.ipc.messages import FromWorker, ToWorker
from edge.wire.base import Name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DeviceConfig(BaseModel):
    """What every device's configuration has; `password_file` is read by the core, `password` filled in.

    `worker` says which worker process runs this kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Name
    kind: str
    password: str = Field(default="", repr=False)
    worker: Literal["vision", "card", "phone"]


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture in memory: HxWx3 uint8 BGR. It never goes through the core or to disk."""

    image: "NDArray[np.uint8]"
    monotonic: float
    """Seconds of time.monotonic() when it was filmed, as far as the device tells; else when it came."""


class Sink(Protocol):
    """Where a driver puts what it senses; callable from any thread."""

    def observe(self, message: FromWorker) -> None:
        """Pass a message on to the core."""
        ...

    def frame(self, device: str, frame: Frame) -> None:
        """Hand over a frame; the newest win, the call never blocks."""
        ...


class Driver(Protocol):
    """One device. `run` is one session: it returns (asked to) or raises DeviceError."""

    def run(self, sink: Sink) -> None:
        """Speak to the device until `close`; raise DeviceError when the session ends otherwise."""
        ...

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        """Take a message for this device (leases, recording). From the channel's thread; returns at once."""
        ...

    def close(self) -> None:
        """Make `run` return soon. Callable from any thread, more than once."""
        ...
