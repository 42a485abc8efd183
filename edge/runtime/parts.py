"""What the core is made of: store, gate, services, workers, pump, each built once; it runs none of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from edge.config import Config
from edge.consent.gate import Gate
from edge.domain.facts import PersonId
from edge.ipc.messages import Assign, FromWorker
from edge.ipc.staff import StaffNotice
from edge.runtime import notice as notices
from edge.runtime import rulebook
from edge.runtime.amends import Amends
from edge.runtime.appointments import Appointments
from edge.runtime.assessed import assessed
from edge.runtime.audit import Audit
from edge.runtime.backups import BackupService
from edge.runtime.books import Books, Keeps
from edge.runtime.buyers import Buyers
from edge.runtime.calls import Calls
from edge.runtime.clock import Clock
from edge.runtime.corrections import Corrections
from edge.runtime.counter import StaffDesk
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk
from edge.runtime.findings import Findings
from edge.runtime.guests import Guests
from edge.runtime.leases import Leases
from edge.runtime.links import Links
from edge.runtime.merging import Merging
from edge.runtime.moments import Moments
from edge.runtime.mydata import MyData
from edge.runtime.notices import Notices
from edge.runtime.office import Office, Told
from edge.runtime.officer import Officer
from edge.runtime.operation import Operation
from edge.runtime.orders import Orders
from edge.runtime.owncard import OwnCard
from edge.runtime.paper import Paper
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
from edge.runtime.sweep import Sweep
from edge.runtime.workers import Worker
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.sync.pump import Pump
from edge.sync.session import UplinkConfig
from edge.sync.trust import Headquarters
from edge.sync.uplink import Uplink
from edge.wire import Command, NoticeText, Topics

P = ParamSpec("P")
R = TypeVar("R")

UNITS = Path("/run/gatehouse-worker")
"""Where the worker units listen (systemd/README.md)."""


class Hears(Protocol):
    """Who is told what workers and headquarters say."""

    async def worker_said(self, message: FromWorker) -> None:
        """Take one message of a worker."""

    async def worker_lost(self, kind: str) -> None:
        """Take note that a worker is gone."""

    async def commanded(self, command: Command) -> None:
        """Carry out what headquarters asks for."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The core's parts, and the two ways in which all of them are used."""

    config: Config
    credentials: Credentials
    clock: Clock
    store: SqlStore
    thread: StoreThread
    moments: Moments
    gate: Gate
    books: Books
    risk: Risk
    links: Links
    departures: Departures
    orders: Orders
    retention: Retention
    audit: Audit
    counter: StaffDesk
    backups: BackupService
    notices: Notices
    officer: Officer
    findings: Findings
    operation: Operation
    retokening: Retokening
    sweep: Sweep
    phone: Phone
    leases: Leases
    workers: dict[str, Worker]
    reception: Reception
    pump: Pump

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call into the store's thread, then tell the pump that rows may wait."""
        result = await self.thread.run(function, *args, **kwargs)
        self.pump.notify()
        return result

    async def ended(self, persons: tuple[PersonId, ...]) -> None:
        """Some use of these persons' data ended: their lease, their recording, what a batch holds of them."""
        for person in persons:
            self.leases.cancel(person)
        if "phone" in self.workers:
            await self.phone.consent_changed(persons, self.workers["phone"])
        self.pump.notify(changed=True)


def identity_of(config: Config) -> BoxIdentity:
    """Return who this box is."""
    return BoxIdentity(tenant=config.site.tenant, site=config.site.site, box=config.site.box)


def compose(
    config: Config,
    notice: NoticeText,
    credentials: Credentials,
    store: SqlStore,
    thread: StoreThread,
    hears: Hears,
    own_workers: bool,
) -> Parts:
    """Build everything; `own_workers` are started by the core, others are units of their own."""
    clock = Clock(config.clock.kept_by)
    gate = Gate(store, assessed(config, clock))
    office = Office(store, gate, credentials.tokens, clock, notices.shown(notice), credentials.sign)
    risk = Risk(office, rulebook.load(config.rules.file))
    kept = config.rules
    keeps = Keeps(kept.report_keeps_days, kept.deal_keeps_days, kept.customer_keeps_days)
    sweep = Sweep(office, risk)
    books = Books(office, risk, sweep, credentials.enrolment_key, keeps)
    links = Links(office, config.rights.page)
    rights = Rights(office, risk, config.site.box, links)
    departures = Departures(office, config.desk.closes_at)
    guests = Guests(office)
    moments, operation, leases = Moments(store, clock), Operation(office), Leases(_models(config))
    workers = _workers(config, hears, own_workers)
    merging = Merging(office, risk, rights)
    own = OwnCard(config, gate, leases, workers)
    buyers = Buyers(office, risk, rights)
    lines = {d.id: str(getattr(d, "line", d.id)) for d in config.devices}
    return Parts(
        config=config,
        credentials=credentials,
        clock=clock,
        store=store,
        thread=thread,
        moments=moments,
        gate=gate,
        books=books,
        risk=risk,
        links=links,
        departures=departures,
        orders=Orders(office, rights, Requests(office, rights, links), books),
        retention=Retention(office, config.retention.periods(), links, rights),
        audit=Audit(office),
        counter=StaffDesk(
            Staff(office, guests, _staff_notice(config)),
            guests,
            departures,
            Amends(office, risk, rights),
            merging,
            buyers,
            Paper(office, risk, rights, departures, config.desk.closes_at),
            Appointments(office, risk),
            thread,
            own,
        ),
        backups=BackupService(config.backup, store, identity_of(config), credentials, thread, clock.now_ms),
        notices=Notices(office, rights),
        officer=Officer(
            office, rights, Corrections(office, risk, rights), merging, links, credentials.key_id
        ),
        findings=Findings(office, risk, credentials.key_id),
        operation=operation,
        retokening=Retokening(office),
        sweep=sweep,
        phone=Phone(Calls(office, store.spool, _spoken(config).get), thread, lines),
        leases=leases,
        workers=workers,
        reception=Reception(
            config,
            Desk(office, risk, rights, links),
            rights,
            links,
            MyData(office, own, thread.run),
            buyers,
            departures,
            leases,
            workers,
            thread,
            moments.offline_ms,
        ),
        pump=_pump(config, credentials, store, thread, hears),
    )


def _staff_notice(config: Config) -> StaffNotice | None:
    return load_staff(config.staff_notice) if config.staff_notice is not None else None


def _spoken(config: Config) -> dict[str, Told]:
    """What the callers of each line hear, by line."""
    sounds = {str(getattr(d, "line", "")): getattr(d, "notice_wav", None) for d in config.devices}
    told = {line: notices.spoken(Path(sound)) for line, sound in sounds.items() if sound is not None}
    return {line: one for line, one in told.items() if one is not None}


def _models(config: Config) -> dict[str, str]:
    models = config.models
    return {"detector": str(models.detector), "embedder": str(models.embedder)} if models else {}


def _workers(config: Config, hears: Hears, own: bool) -> dict[str, Worker]:
    made: dict[str, Worker] = {}
    for kind in sorted({d.worker for d in config.devices}):
        mine = tuple(d.model_dump(mode="json") for d in config.devices if d.worker == kind)
        models = {k: v for k, v in _models(config).items() if kind == "vision" and k == "detector"}
        assign = Assign(devices=mine, models=models, headcount_s=config.footfall.interval_s)
        unit = None if own else UNITS / f"{kind}.sock"
        made[kind] = Worker(kind, assign, hears.worker_said, hears.worker_lost, unit)
    return made


def _pump(
    config: Config, credentials: Credentials, store: SqlStore, thread: StoreThread, hears: Hears
) -> Pump:
    site, mqtt = config.site, config.mqtt
    where = UplinkConfig(host=mqtt.host, port=mqtt.port, ca=mqtt.ca, cert=mqtt.certificate, key=mqtt.key)
    keys = (bytes.fromhex(key) for key in mqtt.headquarters_keys)
    return Pump(
        store,
        thread.run,
        Uplink(where, Topics(site.tenant, site.site, site.box)),
        credentials.sign,
        credentials.key_id,
        headquarters=Headquarters(keys, site.box),
        on_command=hears.commanded,
    )
