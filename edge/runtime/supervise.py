"""The one place of the core that retries: keeps sessions going, each on its own; knows no device.

A session returns (asked to) or raises. Failures back off exponentially with jitter and never spread;
only a StoreError ends the process, because recovery from the disk happens at start.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState
from tenacity.wait import wait_exponential_jitter

from edge.domain.errors import GatehouseError, StoreError, without_text

log = logging.getLogger(__name__)

Session = Callable[[], Awaitable[None]]

FIRST_WAIT_S = 0.5
LAST_WAIT_S = 60.0
HEALTHY_AFTER_S = 5.0
"""A session that lasted this long ends the cycle: its next failure starts from the first wait."""
_BACKOFF = wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=LAST_WAIT_S, jitter=0.5)


class _SessionEnded(Exception):
    """A session failed; `healthy` says whether it had run long enough to start a new cycle."""

    def __init__(self, healthy: bool) -> None:
        super().__init__()
        self.healthy = healthy


async def keep(name: str, session: Session) -> None:
    """Run `session` again and again until it returns; raises only StoreError (and cancellation)."""
    while True:
        try:
            await AsyncRetrying(wait=_BACKOFF, retry=_same_cycle)(_guarded, name, session)
        except _SessionEnded:
            # Jitter here too: a broker that goes down ends the healthy sessions of every box at once.
            await asyncio.sleep(FIRST_WAIT_S * (1 + random.random()))  # noqa: S311 — no secret
            continue
        return


async def contain(name: str, session: Session) -> None:
    """Run `session` once; whatever fails costs it alone. Raises only StoreError (and cancellation)."""
    with contextlib.suppress(_SessionEnded):
        await _guarded(name, session)


def _same_cycle(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return isinstance(error, _SessionEnded) and not error.healthy


async def _guarded(name: str, session: Session) -> None:
    began = time.monotonic()
    try:
        await session()
    except StoreError:
        raise
    except BaseExceptionGroup as group:  # of a session with tasks of its own
        if (failed := _store_error(group)) is not None:
            raise failed from None
        if not isinstance(group, ExceptionGroup):
            raise
        log.error("session failed name=%s type=%s", name, type(group).__name__, exc_info=without_text(group))
    except GatehouseError as error:
        log.warning("session ended name=%s operation=%r cause=%r", name, error.operation, error.cause)
    except Exception as error:  # anything unforeseen costs this session alone
        log.error("session failed name=%s type=%s", name, type(error).__name__, exc_info=without_text(error))
    else:
        return
    raise _SessionEnded(time.monotonic() - began > HEALTHY_AFTER_S)


def _store_error(group: BaseExceptionGroup[BaseException]) -> StoreError | None:
    """Return the StoreError that a group holds, however deep."""
    for error in group.exceptions:
        if isinstance(error, StoreError):
            return error
        if isinstance(error, BaseExceptionGroup) and (found := _store_error(error)) is not None:
            return found
    return None
