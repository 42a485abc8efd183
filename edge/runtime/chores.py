"""What the core does again and again by itself: heartbeat, retention, packages, notices; serves nobody."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from edge.runtime.checks import faces
from edge.runtime.lifecycle import Lifecycle
from edge.runtime.parts import Parts

HOUSEKEEPING_S = 60.0
RECLAIM_PAGES = 1024
"""Free pages (4 KiB) given back at once, while nobody stands at the desk and no call goes on."""
ALIVE_S = 5.0
FILING = "faces_filing"
"""The mark of the day on which so many faces were stored that it has to be filed (P53)."""
TELL_S = 0.5
"""How often it is asked whether a visitor's package is stale: one look at an index."""
PAUSE_S = 0.05
"""Between two handfuls of tokens, or of customers who are judged again: visitors at the desk go first."""
JUDGE_S = 1.0
"""How often it is asked whether everything is to be judged again: one look at a small table."""


class Chores:
    """One loop for each chore, for as long as the core runs."""

    def __init__(self, parts: Parts, life: Lifecycle) -> None:
        self._parts = parts
        self._life = life
        self._notice_came = asyncio.Event()

    def notice_came(self) -> None:
        """Have those asked again whom a new notice leaves."""
        self._notice_came.set()

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops; whoever runs them cancels them at the stop."""
        return (
            self._stay_alive(),
            self._keep_house(),
            self._parts.backups.run(),
            self._tell_visitors(),
            self._ask_again(),
            self._exchange_tokens(),
            self._judge_again(),
        )

    async def _stay_alive(self) -> None:
        """The heartbeat of the core alone: the loop turns and the store answers."""
        while True:
            await self._parts.thread.run(self._parts.moments.mark, self._parts.pump.state.link.name == "up")
            self._life.alive()
            await asyncio.sleep(ALIVE_S)

    async def _keep_house(self) -> None:
        parts, run = self._parts, self._parts.thread.run
        while True:
            await run(parts.retention.keep_house)
            await run(self._count_faces)
            if await run(parts.audit.anchor):
                parts.pump.notify()
            if parts.reception.idle and parts.phone.idle:
                await run(parts.store.reclaim, RECLAIM_PAGES)
                await run(parts.store.rewrite_daily, parts.clock.now_ms())
            await run(parts.store.purge_staff, parts.clock.now_ms())
            if await run(parts.departures.close_overdue):
                parts.pump.notify()
            await asyncio.sleep(HOUSEKEEPING_S)

    def _count_faces(self) -> None:
        """Start the filing's clock on the first day on which so many are stored (P53)."""
        store = self._parts.store
        if store.marked(FILING) is None and store.faces() >= faces.FILING:
            store.mark(FILING, self._parts.clock.now_ms())

    async def _tell_visitors(self) -> None:
        """Keep visitors' own pages true: look for stale packages; several changes make one package."""
        while True:
            if await self._parts.thread.run(self._parts.links.refresh):
                self._parts.pump.notify()
            else:
                await asyncio.sleep(TELL_S)

    async def _ask_again(self) -> None:
        """Write down whom a new notice leaves to be asked again: at the start, and after each notice."""
        while True:
            while persons := await self._parts.call(self._parts.notices.ask_again):
                await self._parts.ended(persons)
            await self._notice_came.wait()
            self._notice_came.clear()

    async def _exchange_tokens(self) -> None:
        """Once after each start; it ends at once when all are of the newest keys."""
        while await self._parts.call(self._parts.retokening.step):
            await asyncio.sleep(PAUSE_S)

    async def _judge_again(self) -> None:
        """Go through all claims and deals when that was asked for, before the last stop as well."""
        while True:
            more = await self._parts.thread.run(self._parts.sweep.step)
            if more:
                self._parts.pump.notify()
            await asyncio.sleep(PAUSE_S if more else JUDGE_S)
