"""The store's thread for tests whose store is called from the loop's own: one at a time is what counts."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from edge.runtime.storethread import StoreThread

P = ParamSpec("P")
R = TypeVar("R")


class SameThread(StoreThread):
    """Runs each function where it is asked for, after others had their turn."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        await asyncio.sleep(0)
        return function(*args, **kwargs)
