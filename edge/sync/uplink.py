"""Keeps one session after another with headquarters' broker; says how the link stands; never sends by itself.

Alone in retrying: exponential back-off with jitter for what may pass, a slow retry and a state that
`status` shows for what a person has to mend.
"""

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from typing import Literal, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from edge.domain.errors import DeviceError, LinkDown
from edge.sync.session import Arrived, Session, UplinkConfig
from edge.wire import Topics

log = logging.getLogger(__name__)

LinkName = Literal["connecting", "up", "down", "refused"]


@dataclass(frozen=True, slots=True)
class Link:
    """How the connection stands, since when (seconds of time.monotonic), and why (a stable code)."""

    name: LinkName
    code: str
    since: float


class Listener(Protocol):
    """Who is told what the uplink sees; called in the event loop's thread, must return at once."""

    def link_changed(self, link: Link) -> None:
        """The connection came up, went down, or is down for another reason."""
        ...

    def published(self, mid: int, refused: str | None) -> None:
        """The broker took message `mid` of the present session, or refused it with a code."""
        ...

    def arrived(self, message: Arrived) -> None:
        """A message came down."""
        ...


class Uplink:
    """The link of the box of `topics` to the broker of `config`."""

    def __init__(self, config: UplinkConfig, topics: Topics) -> None:
        self.config = config
        self.topics = topics
        self.link = Link("connecting", "starting", time.monotonic())
        self._listener: Listener | None = None
        self._session: Session | None = None

    def listen(self, listener: Listener) -> None:
        """Tell `listener` from now on; there is one."""
        self._listener = listener

    async def run(self) -> None:
        """Hold the link until cancelled; what the network does is a state, not an exception."""
        while True:
            cycle = AsyncRetrying(wait=self._wait, retry=retry_if_exception_type(DeviceError))
            try:
                await cycle(self._one_session)
            except _CycleOver:
                # Jitter here too: a restarted broker sees thousands of boxes at this moment.
                await asyncio.sleep(self.config.first_wait_s * (1 + random.random()))  # noqa: S311 — no secret

    def publish(self, payload: bytes) -> int | None:
        """Give one batch to the broker at QoS 1; return its number in this session, None if not connected."""
        return self._session.publish(payload) if self._session else None

    def drop(self, code: str) -> None:
        """End the present session as failed with `code`; another one follows."""
        if self._session:
            self._session.end(LinkDown("use the link to headquarters", code))

    def up(self) -> None:
        """Session event: batches may go."""
        self._report("up", "connected")

    def published(self, mid: int, refused: str | None) -> None:
        """Session event, passed on."""
        if self._listener:
            self._listener.published(mid, refused)

    def arrived(self, message: Arrived) -> None:
        """Session event, passed on."""
        if self._listener:
            self._listener.arrived(message)

    async def _one_session(self) -> None:
        """Hold one session; raise DeviceError when it ends, _CycleOver if it had been healthy."""
        self._session = Session(self.config, self.topics, self)
        try:
            error = await self._session.hold()
        except DeviceError as failed:
            error = failed
        finally:
            self._session = None
        healthy = self.link.name == "up" and time.monotonic() - self.link.since > self.config.healthy_after_s
        self._report("down" if error.recoverable else "refused", error.code)
        if healthy and error.recoverable:
            raise _CycleOver from error
        raise error

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, DeviceError) and not error.recoverable:
            return self.config.slow_wait_s
        first = self.config.first_wait_s
        return wait_exponential_jitter(multiplier=first, max=self.config.last_wait_s, jitter=first)(state)

    def _report(self, name: LinkName, code: str) -> None:
        if (name, code) == (self.link.name, self.link.code):
            return
        self.link = Link(name, code, time.monotonic())
        log.log(logging.INFO if name == "up" else logging.WARNING, "uplink=%s code=%s", name, code)
        if self._listener:
            self._listener.link_changed(self.link)


class _CycleOver(Exception):
    """A session that had been healthy ended: the next one starts a new back-off cycle."""
