"""The four control sockets: the kiosk's, the desk's, operators', officers'; each passes on, none decides."""

from pathlib import Path
from typing import Any

from edge.domain.facts import PersonId
from edge.domain.retention import DAY_MS
from edge.ipc import kiosk, officer, operator
from edge.ipc.findings import AboutFinding
from edge.ipc.messages import Message
from edge.ipc.staff import (
    STAFF_REQUEST,
    AddStaff,
    DisableStaff,
    DropCardOf,
    GetDesk,
    KeepCardOf,
    ListStaff,
    SetPin,
    StaffRequest,
)
from edge.runtime.control import ControlSocket, account, uid_of
from edge.runtime.overview import Overview
from edge.runtime.parts import Parts


class Sockets:
    """Answers whoever may ask, and tells the others what an answer changed."""

    def __init__(self, parts: Parts, overview: Overview) -> None:
        self._parts = parts
        self._overview = overview
        parts.counter.on_moved(self._moved)

    def all(self) -> tuple[ControlSocket[Any], ...]:
        """Return the sockets, each with who may use it; not started."""
        config = self._parts.config
        run, user = config.paths.run, config.kiosk.user
        page = frozenset({uid_of(user)} if user else ())
        operators = frozenset(uid_of(user) for user in config.operators)
        officers = frozenset(uid_of(user) for user in config.officers)
        return (
            ControlSocket(run / "kiosk.sock", kiosk.KIOSK_REQUEST, self._kiosk, page),
            ControlSocket(run / "desk.sock", STAFF_REQUEST, self._at_the_counter, page),
            ControlSocket(run / "control.sock", operator.OPERATOR_REQUEST, self._operator, operators),
            ControlSocket(run / "officer.sock", officer.OFFICER_REQUEST, self._officer_asks, officers),
        )

    async def _kiosk(self, request: kiosk.KioskRequest) -> Message:
        parts = self._parts
        answer = await parts.reception.answer(request)
        if isinstance(request, kiosk.Withdraw | kiosk.Register) and "phone" in parts.workers:
            await parts.phone.consents_changed(parts.workers["phone"])
        # A child's card erases (P38), so what a batch under way holds may have been voided.
        parts.pump.notify(changed=isinstance(request, kiosk.ReadCard | kiosk.VerifyCard | kiosk.ConfirmCard))
        return answer

    async def _at_the_counter(self, request: StaffRequest) -> Message:
        answer = await self._parts.counter.answer(request)
        if not isinstance(request, GetDesk):
            self._parts.pump.notify()
        return answer

    async def _moved(self, was: PersonId) -> None:
        """A session at the kiosk knows the number that was typed: it is over, and so is its lease."""
        self._parts.reception.forget((was,))
        await self._parts.ended((was,))

    async def _operator(self, request: operator.OperatorRequest) -> Message:  # noqa: PLR0911 — one per request
        parts, run = self._parts, self._parts.thread.run
        match request:
            case operator.GetStatus():
                return await self._overview.status()
            case operator.GetOutbox():
                return await self._overview.outbox()
            case operator.ImportReports():
                return await parts.call(parts.books.import_rows, request.rows)
            case operator.PlanRetention():
                return await run(parts.retention.plan, request.within_days * DAY_MS)
            case operator.VerifyAudit():
                return await run(parts.audit.verify)
            case operator.MakeBackup():
                return await parts.backups.make(Path(request.directory) if request.directory else None)
            case operator.ApplyRetention():
                return operator.RetentionApplied(rows=await run(parts.retention.apply))
            case AddStaff() | ListStaff() | DisableStaff() | SetPin() | KeepCardOf() | DropCardOf():
                return await parts.counter.manage(request)

    async def _officer_asks(self, request: officer.AnyRequest) -> Message:
        parts = self._parts
        if isinstance(request, AboutFinding):
            return await parts.call(parts.findings.answer, request, account())
        done = await parts.call(parts.officer.answer, request, account())
        if isinstance(request, officer.EraseAll | officer.MergeRecords):
            parts.reception.forget(done.ended)
        await parts.ended(done.ended)
        return done.answer
