"""The core's one composition root: builds store, gate, services, workers, sockets and pump, and runs them.

It never imports a native parser of what strangers send (av, cv2, onnxruntime, pjsua2).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from edge.config import Config, load
from edge.consent.gate import Gate
from edge.domain.errors import NotLeased, StoreError
from edge.domain.facts import PersonId
from edge.domain.retention import DAY_MS
from edge.ipc import control as protocol
from edge.ipc import messages, officer
from edge.ipc.messages import Assign, Message
from edge.ipc.staff import (
    STAFF_REQUEST,
    AddStaff,
    DisableStaff,
    GetDesk,
    ListStaff,
    SetPin,
    StaffNotice,
    StaffRequest,
)
from edge.runtime import notice as notices
from edge.runtime.audit import Audit
from edge.runtime.backups import BackupService
from edge.runtime.calls import Calls
from edge.runtime.checks import Facts, faces, run_all
from edge.runtime.clock import Clock
from edge.runtime.control import ControlSocket, account, uid_of
from edge.runtime.counter import StaffDesk
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk
from edge.runtime.guests import Guests
from edge.runtime.leases import Leases
from edge.runtime.lifecycle import Lifecycle, stage
from edge.runtime.links import Links
from edge.runtime.notices import Notices
from edge.runtime.office import Office, Told
from edge.runtime.officer import Officer
from edge.runtime.operation import Operation
from edge.runtime.orders import Orders
from edge.runtime.phone import Phone
from edge.runtime.reception import Reception
from edge.runtime.requests import Requests
from edge.runtime.retention import Retention
from edge.runtime.retoken import Retokening
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.runtime.staff import Staff
from edge.runtime.staffnotice import load_staff
from edge.runtime.storethread import StoreThread
from edge.runtime.supervise import keep
from edge.runtime.workers import Worker
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.sync.pump import Pump
from edge.sync.session import UplinkConfig
from edge.sync.trust import Headquarters
from edge.sync.uplink import Uplink
from edge.wire import Command, EraseCommand, NoticeCommand, NoticeText, Topics

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

STORE_FAILED = 74
"""Exit code EX_IOERR of sysexits.h: systemd starts the core again."""
UNITS = Path("/run/gatehouse-worker")
"""Where the worker units listen (systemd/README.md)."""
HOUSEKEEPING_S = 60.0
RECLAIM_PAGES = 1024
"""Free pages (4 KiB) given back at once, while nobody stands at the desk and no call goes on."""
ALIVE_S = 5.0
_FILING = "faces_filing"
TELL_S = 0.5
"""How often it is asked whether a visitor's package is stale: one look at an index."""
RETOKEN_PAUSE_S = 0.05
"""Between two handfuls of tokens: visitors at the desk go first."""
DRAIN_S = 3.0


def run_core(config_path: Path, with_workers: bool) -> int:
    """Run the core until it is told to stop; return the exit code. GatehouseError if it can't start."""
    config = load(config_path)
    notice = notices.read(config.notice)
    credentials = Credentials.load(config.paths.credentials)
    config.paths.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        asyncio.run(Core(config, notice, credentials, with_workers).run())
    except BaseExceptionGroup as group:
        store, others = group.split(StoreError)
        if store is None or others is not None:
            raise
        log.critical("the store failed; recovery happens at the next start: %s", store.exceptions[0])
        return STORE_FAILED
    return 0


class Core:
    """Everything of the box that holds keys."""

    def __init__(
        self, config: Config, notice: NoticeText, credentials: Credentials, with_workers: bool
    ) -> None:
        self._config = config
        self._notice = notice
        self._credentials = credentials
        self._with_workers = with_workers
        self._thread = StoreThread()
        self._workers: dict[str, Worker] = {}
        self._sensed: Counter[str] = Counter()
        self._last_online_ms = 0
        self._notice_came = asyncio.Event()

    async def run(self) -> None:
        """Run until stopped; raises what ends the process (a StoreError), after the staged stop."""
        life = Lifecycle()
        life.listen_for_signals()
        self._store = await self._thread.run(self._open_store)
        try:
            self._compose()
            await self._thread.run(self._notices.begin, self._notice)
            await self._thread.run(self._recall)
            await self._serve(life)
        finally:
            await self._thread.run(self._store.close)
            self._thread.close()

    # -- composition -----------------------------------------------------------------------

    def _open_store(self) -> SqlStore:
        site = self._config.site
        identity = BoxIdentity(tenant=site.tenant, site=site.site, box=site.box)
        return SqlStore.open(self._config.paths.state, self._credentials, identity)

    def _compose(self) -> None:
        config, clock = self._config, Clock(self._config.clock.kept_by)
        self._clock = clock
        self._gate = Gate(self._store)
        office = Office(
            self._store,
            self._gate,
            self._credentials.tokens,
            clock,
            notices.shown(self._notice),
            self._credentials.sign,
        )
        self._risk = Risk(office, config.rules)
        self._links = Links(office, config.rights.page)
        rights = Rights(office, self._risk, config.site.box, self._links)
        desk = Desk(office, self._risk, rights, self._links)
        self._departures = Departures(office, config.desk.closes_at)
        self._orders = Orders(office, rights, Requests(office, rights, self._links))
        self._retention = Retention(office, config.retention.periods(), self._links)
        self._audit_log = Audit(office)
        guests = Guests(office)
        staff = Staff(office, guests, self._staff_notice())
        self._counter = StaffDesk(staff, guests, self._departures, self._thread)
        self._backups = self._make_backups()
        self._notices = Notices(office, rights)
        self._officer = Officer(office, rights, self._links, self._credentials.key_id)
        self._operation = Operation(office)
        self._retokening = Retokening(office)
        lines = {d.id: str(getattr(d, "line", d.id)) for d in config.devices}
        self._phone = Phone(Calls(office, self._store.spool, self._spoken().get), self._thread, lines)
        self._leases = Leases(self._models())
        self._workers = self._make_workers()
        self._reception = Reception(
            config, desk, rights, self._links, self._departures, self._leases, self._workers, self._thread,
            self._offline_ms,
        )  # fmt: skip
        self._pump = self._make_pump()

    def _staff_notice(self) -> StaffNotice | None:
        path = self._config.staff_notice
        return load_staff(path) if path is not None else None

    def _spoken(self) -> dict[str, Told]:
        """What the callers of each line hear, by line."""
        sounds = {str(getattr(d, "line", "")): getattr(d, "notice_wav", None) for d in self._config.devices}
        told = {line: notices.spoken(Path(sound)) for line, sound in sounds.items() if sound is not None}
        return {line: one for line, one in told.items() if one is not None}

    def _models(self) -> dict[str, str]:
        models = self._config.models
        return {"detector": str(models.detector), "embedder": str(models.embedder)} if models else {}

    def _make_workers(self) -> dict[str, Worker]:
        made: dict[str, Worker] = {}
        for kind in sorted({d.worker for d in self._config.devices}):
            mine = tuple(d.model_dump(mode="json") for d in self._config.devices if d.worker == kind)
            models = {k: v for k, v in self._models().items() if kind == "vision" and k == "detector"}
            assign = Assign(devices=mine, models=models, headcount_s=self._config.footfall.interval_s)
            unit = None if self._with_workers else UNITS / f"{kind}.sock"
            made[kind] = Worker(kind, assign, self._from_worker, self._worker_lost, unit)
        return made

    def _make_backups(self) -> BackupService:
        site, own = self._config.site, self._credentials
        identity = BoxIdentity(tenant=site.tenant, site=site.site, box=site.box)
        return BackupService(
            self._config.backup, self._store, identity, own, self._thread, self._clock.now_ms
        )

    def _make_pump(self) -> Pump:
        site, mqtt = self._config.site, self._config.mqtt
        where = UplinkConfig(host=mqtt.host, port=mqtt.port, ca=mqtt.ca, cert=mqtt.certificate, key=mqtt.key)
        keys = (bytes.fromhex(key) for key in mqtt.headquarters_keys)
        return Pump(
            self._store,
            self._thread.run,
            Uplink(where, Topics(site.tenant, site.site, site.box)),
            self._credentials.sign,
            self._credentials.key_id,
            headquarters=Headquarters(keys, site.box),
            on_command=self._on_command,
        )

    # -- running ---------------------------------------------------------------------------

    async def _serve(self, life: Lifecycle) -> None:
        sockets = self._sockets()
        async with asyncio.TaskGroup() as tasks:
            for one in sockets:
                await one.start()
            pump = tasks.create_task(keep("pump", self._pump.run))
            background = [
                tasks.create_task(self._stay_alive(life)),
                tasks.create_task(self._keep_house()),
                tasks.create_task(self._backups.run()),
                tasks.create_task(self._tell_visitors()),
                tasks.create_task(self._ask_again()),
                tasks.create_task(self._exchange_tokens()),
            ]
            workers = self._start_workers(tasks)
            life.ready()
            await life.stopping.wait()
            life.stops()
            await stage("sockets", asyncio.gather(*(one.stop() for one in sockets)), 2.0)
            await stage("workers", self._stop_workers(workers), 8.0)
            await stage("outbox", self._drain(), DRAIN_S)
            for task in (pump, *background, *workers):
                task.cancel()

    def _start_workers(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        return [tasks.create_task(keep(f"worker {k}", w.session)) for k, w in self._workers.items()]

    async def _stop_workers(self, running: list[asyncio.Task[None]]) -> None:
        for worker in self._workers.values():
            await worker.stop()
        await asyncio.gather(*running)

    async def _drain(self) -> None:
        while self._pump.state.link.name == "up" and await self._thread.run(self._store.depth) > 0:
            await asyncio.sleep(0.05)

    async def _stay_alive(self, life: Lifecycle) -> None:
        """The heartbeat of the core alone: the loop turns and the store answers."""
        while True:
            await self._thread.run(self._mark_moment, self._pump.state.link.name == "up")
            life.alive()
            await asyncio.sleep(ALIVE_S)

    def _mark_moment(self, online: bool) -> None:
        now = self._clock.now_ms()
        self._store.mark("alive", now)
        if online:
            self._store.mark("online", now)
            self._last_online_ms = now

    def _recall(self) -> None:
        """Go on from what the last start left: how long the box was down, and offline."""
        alive, now = self._store.marked("alive"), self._clock.now_ms()
        if alive is not None:
            self._operation.box_was_down(tuple(d.id for d in self._config.devices), alive)
        online = self._store.marked("online")
        if online is None:  # never yet: the days without headquarters count from the first start
            self._store.mark("online", now)
        self._last_online_ms = now if online is None else online

    async def _keep_house(self) -> None:
        while True:
            await self._thread.run(self._retention.keep_house)
            await self._thread.run(self._count_faces)
            if await self._thread.run(self._audit_log.anchor):
                self._pump.notify()
            if self._reception.idle and self._phone.idle:
                await self._thread.run(self._store.reclaim, RECLAIM_PAGES)
            await self._thread.run(self._store.purge_staff, self._clock.now_ms())
            if await self._thread.run(self._departures.close_overdue):
                self._pump.notify()
            await asyncio.sleep(HOUSEKEEPING_S)

    def _count_faces(self) -> None:
        """Start the filing's clock on the first day on which so many are stored (P53)."""
        if self._store.marked(_FILING) is None and self._store.faces() >= faces.FILING:
            self._store.mark(_FILING, self._clock.now_ms())

    async def _tell_visitors(self) -> None:
        """Keep visitors' own pages true: look for stale packages; several changes make one package."""
        while True:
            if await self._thread.run(self._links.refresh):
                self._pump.notify()
            else:
                await asyncio.sleep(TELL_S)

    async def _ask_again(self) -> None:
        """Write down whom a new notice leaves to be asked again: at the start, and after each notice."""
        while True:
            while persons := await self._call(self._notices.ask_again):
                await self._ended(persons)
            await self._notice_came.wait()
            self._notice_came.clear()

    async def _exchange_tokens(self) -> None:
        """Once after each start; it ends at once when all are of the newest keys."""
        while await self._call(self._retokening.step):
            await asyncio.sleep(RETOKEN_PAUSE_S)

    def _offline_ms(self) -> int:
        """Over restarts, so by the wall clock; one that was set back counts as online just now."""
        return max(0, self._clock.now_ms() - self._last_online_ms)

    async def _call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call into the store's thread, then tell the pump that rows may wait."""
        result = await self._thread.run(function, *args, **kwargs)
        self._pump.notify()
        return result

    # -- from headquarters and from the workers ---------------------------------------------

    async def _on_command(self, command: Command) -> None:
        persons = await self._call(self._orders.carry_out, command)
        if isinstance(command, EraseCommand):
            self._reception.forget(persons)
        await self._ended(persons)
        if isinstance(command, NoticeCommand):
            self._notice_came.set()

    async def _ended(self, persons: tuple[PersonId, ...]) -> None:
        """Some use of these persons' data ended: their lease, their recording, what a batch holds of them."""
        for person in persons:
            self._leases.cancel(person)
        if "phone" in self._workers:
            await self._phone.consent_changed(persons, self._workers["phone"])
        self._pump.notify(changed=True)

    async def _from_worker(self, message: messages.FromWorker) -> None:
        self._count(message)
        match message:
            case messages.DeviceState():
                await self._call(self._operation.device_state, message)
            case messages.Headcount():
                await self._call(self._operation.headcount, message)
            case messages.CardRead() | messages.CardFailed():
                await self._card_answer(message)
            case messages.CallStarted():
                await self._phone.started(message)
            case messages.CallKey():
                await self._phone.key(message, self._workers["phone"])
            case messages.CallEnded():
                await self._phone.ended(message)
            case messages.Embedding() | messages.Compared() | messages.RecogniserDone():
                await self._audit("embedding_outside_lease")
        self._pump.notify()

    def _count(self, message: messages.FromWorker) -> None:
        device = getattr(message, "device", "")
        units = message.units if isinstance(message, messages.Progress) else 1
        kind = "units" if isinstance(message, messages.Progress) else message.type
        self._sensed[f"{device} {kind}".strip()] += units

    async def _card_answer(self, message: messages.CardRead | messages.CardFailed) -> None:
        try:
            self._leases.card_answer(message)
        except NotLeased:
            if isinstance(message, messages.CardRead):
                await self._audit("card_outside_lease")

    async def _audit(self, code: str) -> None:
        log.warning("refused code=%s", code)
        await self._thread.run(self._store.audit, code, None, self._clock.now_ms())

    async def _worker_lost(self, kind: str) -> None:
        for device in self._workers[kind].devices:
            now = self._clock.now_ms()
            lost = messages.DeviceState(
                device=device, state="down", code=self._workers[kind].lost_code, at_ms=now
            )
            await self._call(self._operation.device_state, lost)
            if kind == "phone":
                await self._phone.worker_lost(device)

    # -- control sockets -------------------------------------------------------------------

    def _sockets(
        self,
    ) -> tuple[
        ControlSocket[protocol.KioskRequest],
        ControlSocket[StaffRequest],
        ControlSocket[protocol.OperatorRequest],
        ControlSocket[officer.OfficerRequest],
    ]:
        run, kiosk_user = self._config.paths.run, self._config.kiosk.user
        kiosk = frozenset({uid_of(kiosk_user)} if kiosk_user else ())
        operators = frozenset(uid_of(user) for user in self._config.operators)
        officers = frozenset(uid_of(user) for user in self._config.officers)
        return (
            ControlSocket(run / "kiosk.sock", protocol.KIOSK_REQUEST, self._kiosk, kiosk),
            ControlSocket(run / "desk.sock", STAFF_REQUEST, self._at_the_counter, kiosk),
            ControlSocket(run / "control.sock", protocol.OPERATOR_REQUEST, self._operator, operators),
            ControlSocket(run / "officer.sock", officer.OFFICER_REQUEST, self._officer_asks, officers),
        )

    async def _kiosk(self, request: protocol.KioskRequest) -> Message:
        answer = await self._reception.answer(request)
        if isinstance(request, protocol.Withdraw | protocol.Register) and "phone" in self._workers:
            await self._phone.consents_changed(self._workers["phone"])
        # A child's card erases (P38), so what a batch under way holds may have been voided.
        self._pump.notify(
            changed=isinstance(request, protocol.ReadCard | protocol.VerifyCard | protocol.ConfirmCard)
        )
        return answer

    async def _at_the_counter(self, request: StaffRequest) -> Message:
        answer = await self._counter.answer(request)
        if not isinstance(request, GetDesk):
            self._pump.notify()
        return answer

    async def _operator(self, request: protocol.OperatorRequest) -> Message:  # noqa: PLR0911 — one per request
        match request:
            case protocol.GetStatus():
                return await self._status()
            case protocol.GetOutbox():
                return await self._outbox()
            case protocol.ImportReports():
                return await self._call(self._risk.import_rows, request.rows)
            case protocol.PlanRetention():
                return await self._thread.run(self._retention.plan, request.within_days * DAY_MS)
            case protocol.VerifyAudit():
                return await self._thread.run(self._audit_log.verify)
            case protocol.MakeBackup():
                return await self._backups.make(Path(request.directory) if request.directory else None)
            case protocol.ApplyRetention():
                return protocol.RetentionApplied(rows=await self._thread.run(self._retention.apply))
            case AddStaff() | ListStaff() | DisableStaff() | SetPin():
                return await self._counter.manage(request)

    async def _officer_asks(self, request: officer.OfficerRequest) -> Message:
        done = await self._call(self._officer.answer, request, account())
        if isinstance(request, officer.EraseAll):
            self._reception.forget(done.ended)
        await self._ended(done.ended)
        return done.answer

    async def _status(self) -> protocol.Status:
        devices = tuple(self._device_line(d.id) for d in self._config.devices)
        checks = run_all(await self._facts())
        good = {"up", "ok", "warn", "connecting"}
        healthy = all(line.state in good for line in (*devices, *checks))
        return protocol.Status(
            healthy=healthy, devices=devices, checks=checks, sensed=dict(self._sensed), gate=self._gate.tally
        )

    def _device_line(self, device: str) -> protocol.StateLine:
        state = self._operation.states.get(device)
        if state is None:
            return protocol.StateLine(name=device, state="connecting", what="not heard of yet")
        return protocol.StateLine(name=device, state=state.state, what=state.code, about=state.about)

    async def _facts(self) -> Facts:
        oldest = await self._thread.run(self._store.oldest_ms)
        filing = await self._thread.run(self._store.marked, _FILING)
        link = self._pump.state.link
        return Facts(
            state_directory=self._config.paths.state,
            clock_quality=self._clock.quality(),
            outbox_depth=await self._thread.run(self._store.depth),
            outbox_oldest_ms=self._clock.now_ms() - oldest if oldest is not None else None,
            link=link.name,
            link_code=link.code,
            offline_ms=self._offline_ms(),
            faces=await self._thread.run(self._store.faces),
            faces_filing_ms=self._clock.now_ms() - filing if filing is not None else None,
            now_ms=self._clock.now_ms(),
            requests_asked_ms=await self._thread.run(self._requests_asked),
            audit_anchor=await self._thread.run(self._store.audit_anchor),
            notice_version=self._notices.in_force.version,
            notice_hash=self._notices.in_force.hash,
            key_generation=self._credentials.tokens.generation,
            tokens_waiting=await self._thread.run(self._store.count_waiting_tokens),
        )

    def _requests_asked(self) -> tuple[int, ...]:
        waiting = self._store.waiting_requests(self._gate.permit_rights())
        return tuple(request.at_ms for request in waiting)

    async def _outbox(self) -> protocol.OutboxState:
        oldest = await self._thread.run(self._store.oldest_ms)
        return protocol.OutboxState(
            depth=await self._thread.run(self._store.depth),
            in_flight=self._pump.state.in_flight,
            kinds=await self._thread.run(self._store.waiting),
            oldest_s=(self._clock.now_ms() - oldest) // 1000 if oldest is not None else None,
        )
