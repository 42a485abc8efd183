"""The page with the real services of the core behind both its sockets: store, gate, sessions; no devices."""

import asyncio
import threading
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from edge.consent.gate import Gate
from edge.ipc import kiosk, staff
from edge.runtime import notice as notices
from edge.runtime.amends import Amends
from edge.runtime.appointments import Appointments
from edge.runtime.buyers import Buyers
from edge.runtime.clock import Clock
from edge.runtime.control import ControlSocket
from edge.runtime.counter import StaffDesk
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk
from edge.runtime.guests import Guests
from edge.runtime.leases import Leases
from edge.runtime.links import Links
from edge.runtime.merging import Merging
from edge.runtime.mydata import MyData
from edge.runtime.notices import Notices
from edge.runtime.office import Office
from edge.runtime.owncard import OwnCard
from edge.runtime.paper import Paper
from edge.runtime.reception import Reception
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.runtime.staff import Staff
from edge.runtime.staffnotice import load_staff
from edge.runtime.storethread import StoreThread
from edge.runtime.workers import Worker
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from tests.unit.runtime.rules import RULES
from tests.unit.runtime.test_reception import CONFIG

R = TypeVar("R")
EDGE = Path(str(resources.files("edge")))
PIN = "280914"


class DeskRig:
    """Runs in a thread of its own; `call` runs something in the store's thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "kiosk.sock"
        self._thread = StoreThread()
        self._loop = asyncio.new_event_loop()
        self._runner = threading.Thread(target=self._loop.run_forever)

    def call(self, work: Callable[..., R], *arguments: object) -> R:
        """Run `work` in the store's thread and return what it returns."""
        done: R = self._run(self._thread.run(work, *arguments))
        return done

    def add(self, name: str, pin: str = PIN) -> int:
        """Enrol a receptionist, as an operator would; return their number."""
        members = self._run(self.counter.manage(staff.AddStaff(name=name, pin=pin)))
        assert isinstance(members, staff.Members)
        return members.members[-1].number

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _open(self) -> None:
        credentials = Credentials.create(self.directory / "credentials")
        identity = BoxIdentity(tenant="t", site="s", box="b")
        self.store = SqlStore.open(self.directory / "state", credentials, identity)
        notice = notices.load(EDGE / "notice.example.toml")
        self.office = Office(
            self.store, Gate(self.store), credentials.tokens, Clock("hypervisor"), notice, credentials.sign
        )
        self.risk = Risk(self.office, RULES)
        links = self.links = Links(self.office, None)
        self.rights = Rights(self.office, self.risk, "b", links)
        Notices(self.office, self.rights).begin(notices.read(EDGE / "notice.example.toml"))
        self.store._database.run("UPDATE notices SET at_ms = at_ms - ?", (9 * 24 * 3600 * 1000,))
        self.desk = Desk(self.office, self.risk, self.rights, links)
        self.departures = Departures(self.office, "21:00")
        self.guests = Guests(self.office)
        told = load_staff(EDGE / "staff-notice.example.toml")
        self.staff = Staff(self.office, self.guests, told)

    async def _start(self) -> None:
        await self._thread.run(self._open)
        leases, workers = Leases({}), dict[str, Worker]()
        own = OwnCard(CONFIG, self.office.gate, leases, workers)
        amends = Amends(self.office, self.risk, self.rights)
        merging = Merging(self.office, self.risk, self.rights)
        paper = Paper(self.office, self.risk, self.rights, self.departures, "21:00")
        buyers = Buyers(self.office, self.risk, self.rights)
        self.counter = StaffDesk(
            self.staff,
            self.guests,
            self.departures,
            amends,
            merging,
            buyers,
            paper,
            Appointments(self.office, self.risk),
            self._thread,
            own,
        )
        reception = Reception(
            CONFIG,
            self.desk,
            self.rights,
            self.links,
            MyData(self.office, own, self._thread.run),
            buyers,
            self.departures,
            leases,
            workers,
            self._thread,
            lambda: 0,
        )
        self._sockets: tuple[ControlSocket[Any], ...] = (
            ControlSocket(self.path, kiosk.KIOSK_REQUEST, reception.answer, frozenset()),
            ControlSocket(
                self.directory / "desk.sock", staff.STAFF_REQUEST, self.counter.answer, frozenset()
            ),
        )
        for one in self._sockets:
            await one.start()

    async def _stop(self) -> None:
        for one in self._sockets:
            await one.stop()
        await self._thread.run(self.store.close)

    def __enter__(self) -> Self:
        self._runner.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._thread.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._runner.join()
        self._loop.close()
