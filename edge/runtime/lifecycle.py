"""Starting and stopping in stages, each bounded, and telling systemd from real progress; no business."""

import asyncio
import logging
import signal
from collections.abc import Awaitable

import sdnotify

log = logging.getLogger(__name__)


class Lifecycle:
    """The process's own state: ready, alive, stopping."""

    def __init__(self) -> None:
        self._systemd = sdnotify.SystemdNotifier()
        self.stopping = asyncio.Event()

    def listen_for_signals(self) -> None:
        """SIGTERM and SIGINT ask for the staged stop; a second one changes nothing."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)

    def ready(self) -> None:
        """Tell systemd that the core serves."""
        self._systemd.notify("READY=1")
        log.info("ready")

    def alive(self) -> None:
        """Tell systemd's watchdog that there was real progress."""
        self._systemd.notify("WATCHDOG=1")

    def stops(self) -> None:
        """Tell systemd that the staged stop began."""
        self._systemd.notify("STOPPING=1")
        log.info("stopping")


async def stage(name: str, work: Awaitable[object], within_s: float) -> None:
    """Do one stage of the stop; when its time is over, say so and go on."""
    try:
        await asyncio.wait_for(work, within_s)
    except TimeoutError:
        log.warning("stage of the stop took too long name=%s limit_s=%s", name, within_s)
