"""The receptionists' side of the desk: sessions in memory, PINs checked and slowed down; keeps no PIN.

A session is given out for a number and its PIN, and ends after five minutes without an act. Whoever
serves the page only passes it on: here it is looked up again for every request.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId, StaffId
from edge.domain.paper import code_of
from edge.domain.throttle import wait_s, weak
from edge.ipc import staff as protocol
from edge.ipc.messages import CardRead, Message
from edge.runtime.amends import Amends
from edge.runtime.appointments import Appointments
from edge.runtime.buyers import Buyers
from edge.runtime.departures import Departures
from edge.runtime.guests import Guests
from edge.runtime.merging import Merging
from edge.runtime.office import new_id
from edge.runtime.owncard import OwnCard
from edge.runtime.paper import Paper
from edge.runtime.staff import Staff
from edge.runtime.storethread import StoreThread
from edge.runtime.strangers import Strangers
from edge.runtime.terminal import Unread
from edge.wire import Purpose

LOCK_S = 300.0
"""A session without an act for so long is over: the screen stands where visitors pass."""
MOST_SESSIONS = 32
_CARDS = 0
"""In place of a number: all wrong cards count together, since none of them says whose it should be."""
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


_HINTS = {
    "no_card": "lay it on the terminal within 20 s; a visitor may have needed the terminal meanwhile",
    "not_lifted": "take the card off, and lay it down again",
    "unknown_card": "an ID card or a residence permit",
    "failed": "lay it down anew; `gatehouse status` says how the terminal is",
    "busy": "a visitor is using the terminal; try again in a moment",
    "card_taken": "somebody else signs in with it",
}


@dataclass(slots=True)
class _Session:
    staff: StaffId
    told: bool
    by_pin: bool
    touched: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0


class StaffDesk:
    """Answers the desk's page, and operators who manage staff."""

    def __init__(
        self,
        staff: Staff,
        guests: Guests,
        departures: Departures,
        amends: Amends,
        merging: Merging,
        buyers: Buyers,
        paper: Paper,
        appointments: Appointments,
        thread: StoreThread,
        own: OwnCard | None = None,
    ) -> None:
        """`own` None: nobody signs in by card."""
        self._staff = staff
        self._guests = guests
        self._departures = departures
        self._amends = amends
        self._merging = merging
        self._buyers = buyers
        self._strangers = Strangers()
        self._paper = paper
        self._appointments = appointments
        self._moved: Callable[[PersonId], Awaitable[None]] | None = None
        self._own = own if own is not None and own.there else None
        self._call = thread.run
        self._sessions: dict[str, _Session] = {}
        self._failed: dict[int, _Failures] = {}
        self._hashing = asyncio.Lock()

    def on_moved(self, tell: Callable[[PersonId], Awaitable[None]]) -> None:
        """Have `tell` told whose record a visit was taken from: nothing that runs may go on under it."""
        self._moved = tell

    async def answer(self, request: protocol.StaffRequest) -> Message:
        """Return the answer to one request; raises domain errors."""
        if isinstance(request, protocol.SignIn | protocol.SignInByCard | protocol.GetDoor):
            return await self._at_the_door(request)
        session = self._session(request.session)
        if not session.told and not isinstance(request, protocol.Acknowledge | protocol.SignOut):
            raise Refused("use the desk", "notice_unread", "acknowledge what is recorded of you first")
        if isinstance(request, protocol.GetDesk):
            left = LOCK_S - (time.monotonic() - session.touched)
            view: protocol.DeskView = await self._call(self._view, session.staff, int(left))
            return view.model_copy(update={"card": await self._card_of(session.staff)})
        session.touched = time.monotonic()
        if isinstance(
            request, protocol.Appoint | protocol.Came | protocol.NotCame | protocol.CancelAppointment
        ):
            await self._call(self._appointment, session.staff, request)
            return protocol.Done()
        if isinstance(request, protocol.GetPaper | protocol.EnterPaper):
            return await self._call(self._paperwork, session.staff, request)
        if isinstance(request, protocol.Vouch):
            await self._call(self._vouch, session.staff, request.visit)
            return protocol.Done()
        return await self._act(session, request)

    async def _act(self, session: _Session, request: protocol.StaffRequest) -> Message:
        staff = session.staff
        match request:
            case protocol.Acknowledge():
                await self._call(self._staff.acknowledge, staff, request.notice_hash)
                session.told = True
            case protocol.SignOut():
                self._sessions.pop(request.session, None)
            case protocol.Shift():
                await self._shift(staff, request)
            case protocol.Turn():
                await self._call(self._staff.turn, request.number)
            case protocol.Receive():
                await self._call(self._staff.receive, request.visit, request.number)
            case protocol.Leave():
                await self._call(self._leave, staff, request.visit)
            case protocol.KeepMyCard():
                if not session.by_pin:
                    raise Refused("keep a card", "pin_needed", "sign in by PIN to change your card")
                return await self._keep_card(staff)
            case protocol.DropMyCard():
                await self._call(self._staff.drop_card, staff)
            case protocol.Reopen():
                await self._call(self._reopen, staff, request.visit)
            case protocol.Correct():
                await self._correct(staff, request)
            case protocol.Merge():
                await self._merge(staff, request)
        return protocol.Done()

    async def manage(
        self,
        request: protocol.AddStaff
        | protocol.ListStaff
        | protocol.DisableStaff
        | protocol.SetPin
        | protocol.KeepCardOf
        | protocol.DropCardOf,
    ) -> Message:
        """Answer an operator who manages staff."""
        match request:
            case protocol.AddStaff():
                return await self._call(self._staff.add, request.name, await self._hash(request.pin))
            case protocol.DisableStaff():
                self._end_sessions(await self._call(self._staff.disable, request.number))
            case protocol.SetPin():
                pin_hash = await self._hash(request.pin)
                self._end_sessions(await self._call(self._staff.set_pin, request.number, pin_hash))
                self._failed.pop(request.number, None)
            case protocol.KeepCardOf():
                await self._keep_card_of(request.number)
            case protocol.DropCardOf():
                member = await self._call(self._staff.member, request.number)
                await self._call(self._staff.drop_card, member.staff)
            case protocol.ListStaff():
                pass
        return await self._call(self._staff.list)

    # -- signing in ------------------------------------------------------------------------

    async def _at_the_door(
        self, request: protocol.SignIn | protocol.SignInByCard | protocol.GetDoor
    ) -> Message:
        match request:
            case protocol.SignIn():
                return await self._sign_in(request)
            case protocol.SignInByCard():
                return await self._sign_in_by_card()
            case protocol.GetDoor():
                return protocol.Door(card=self._own is not None)

    async def _sign_in(self, request: protocol.SignIn) -> protocol.SignedIn:
        self._slow_down(request.number)
        found = await self._call(self._staff.pin_hash, request.number)
        async with self._hashing:  # one at a time: guesses can't take the box's memory and processor
            right = await asyncio.to_thread(_verify, found[1] if found else None, request.pin)
        if found is None or not right:
            self._note_failure(request.number)
            raise Refused("sign in", "wrong_number_or_pin")
        self._failed.pop(request.number, None)
        return await self._signed_in(found[0], by_pin=True)

    async def _sign_in_by_card(self) -> protocol.SignedIn:
        """A card says who they are, and no more than a PIN does; one that nobody has leaves a count."""
        self._slow_down(_CARDS)
        card = await self._laid()
        if not isinstance(card, CardRead):
            raise Refused("sign in", card)
        staff = await self._call(self._staff.who_has, card)
        if staff is None:
            self._note_failure(_CARDS)
            raise Refused("sign in", "wrong_card")
        self._failed.pop(_CARDS, None)
        return await self._signed_in(staff, by_pin=False)

    async def _signed_in(self, staff: StaffId, *, by_pin: bool) -> protocol.SignedIn:
        self._forget_old()
        if len(self._sessions) >= MOST_SESSIONS:
            raise InvalidInput("sign in", "too_many_sessions", "sign out elsewhere")
        session, untold = new_id(), await self._call(self._staff.untold, staff)
        self._sessions[session] = _Session(staff, told=untold is None, by_pin=by_pin)
        return protocol.SignedIn(session=session, notice=untold)

    # -- cards -----------------------------------------------------------------------------

    async def _laid(self) -> CardRead | Unread:
        """Have the card read that its bearer lays down to sign in; nothing of it is kept by that."""
        if self._own is None:
            raise Refused("read a card", "no_terminal", "sign in by PIN")
        return await self._own.read(Purpose.STAFFING, PersonId(new_id()))

    async def _keep_card(self, staff: StaffId) -> protocol.CardKept:
        card = await self._laid()
        if not isinstance(card, CardRead):
            return protocol.CardKept(outcome=card)
        if not card.confirmed_twice:
            return protocol.CardKept(outcome="failed")  # one wrong digit, and it would sign in nobody
        try:
            await self._call(self._staff.keep_card, staff, card)
        except InvalidInput as error:
            if error.code != "card_taken":
                raise
            return protocol.CardKept(outcome="card_taken")
        return protocol.CardKept(outcome="kept")

    async def _keep_card_of(self, number: int) -> None:
        member = await self._call(self._staff.member, number)
        if not member.active:
            raise InvalidInput("keep a card", "disabled", "`gatehouse staff pin` lets them sign in again")
        await self._call(self._staff.must_be_told, member.staff)
        kept = await self._keep_card(member.staff)
        if kept.outcome != "kept":
            raise InvalidInput("keep a card", kept.outcome, _HINTS[kept.outcome])

    async def _card_of(self, staff: StaffId) -> Literal["none", "kept", "no_terminal"]:
        if self._own is None:
            return "no_terminal"
        return "kept" if await self._call(self._staff.has_card, staff) else "none"

    def _slow_down(self, number: int) -> None:
        failures = self._failed.get(number)
        if failures is not None and time.monotonic() < failures.until:
            left = int(failures.until - time.monotonic()) + 1
            raise Refused("sign in", "too_many_attempts", f"wait {left} s")

    def _note_failure(self, number: int) -> None:
        failures = self._failed.setdefault(number, _Failures())  # at most one for each possible number
        failures.count += 1
        failures.until = time.monotonic() + wait_s(failures.count)

    async def _hash(self, pin: str) -> str:
        if weak(pin):
            raise InvalidInput("set a PIN", "weak_pin", "not one digit repeated, and no run like 123456")
        async with self._hashing:
            return await asyncio.to_thread(_HASHER.hash, pin)

    # -- sessions --------------------------------------------------------------------------

    def _session(self, name: str) -> _Session:
        self._forget_old()
        session = self._sessions.get(name)
        if session is None:
            raise Refused("use the desk", "signed_out", "sign in again")
        return session

    def _forget_old(self) -> None:
        now = time.monotonic()
        for name in [n for n, s in self._sessions.items() if now - s.touched > LOCK_S]:
            del self._sessions[name]

    def _end_sessions(self, staff: StaffId) -> None:
        for name in [n for n, s in self._sessions.items() if s.staff == staff]:
            del self._sessions[name]

    # -- acts ------------------------------------------------------------------------------

    async def _shift(self, staff: StaffId, request: protocol.Shift) -> None:
        match request.change:
            case "begin":
                await self._call(self._staff.begin_shift, staff)
            case "end":
                await self._call(self._staff.end_shift, staff)
            case "pause" | "resume":
                await self._call(self._staff.pause, staff, request.change == "pause")

    def _view(self, staff: StaffId, locks_in_s: int) -> protocol.DeskView:
        view = self._staff.view(staff, locks_in_s)
        return view.model_copy(update={"appointments": self._appointments.shown()})

    def _appointment(
        self,
        staff: StaffId,
        request: protocol.Appoint | protocol.Came | protocol.NotCame | protocol.CancelAppointment,
    ) -> None:
        with self._amends.transaction():
            match request:
                case protocol.Appoint():
                    row = self._amends.visit(request.visit)
                    self._appointments.make(row, request.due_ms, request.party_size)
                    self._staff.note(staff, "desk_appointed", request.visit)
                case protocol.Came():
                    self._staff.note(staff, "desk_came", self._appointments.came(request.appointment))
                case protocol.NotCame():
                    self._staff.note(staff, "desk_not_came", self._appointments.not_came(request.appointment))
                case protocol.CancelAppointment():
                    self._appointments.cancel(request.appointment)
                    self._staff.note(staff, "desk_appointment_off", request.appointment)

    def _leave(self, staff: StaffId, visit: str) -> None:
        self._departures.leave(self._guests.open_visit(visit))
        self._staff.note(staff, "desk_left", visit)

    def _reopen(self, staff: StaffId, visit: str) -> None:
        with self._amends.transaction():
            self._amends.reopen(self._amends.visit(visit))
            self._staff.note(staff, "desk_reopened", visit)

    def _vouch(self, staff: StaffId, visit: str) -> None:
        with self._amends.transaction():
            self._buyers.vouch(self._guests.open_visit(visit).visit)
            self._staff.note(staff, "desk_vouched", visit)

    def _paperwork(self, staff: StaffId, form: protocol.GetPaper | protocol.EnterPaper) -> Message:
        if isinstance(form, protocol.GetPaper):
            notice = self._paper.notice()
            return protocol.PaperDesk(
                notice=notice,
                code=code_of(notice.hash),
                scopes=self._paper.scopes(),
                staff=self._staff.receivers(),
            )
        with self._paper.transaction():
            row = self._paper.open(form)
            if form.receiver is not None:
                self._staff.give(row, form.receiver)
            self._paper.end(form, row)
            self._staff.note(staff, "desk_entered_paper", row.visit)
        return protocol.Done()

    async def _correct(self, staff: StaffId, request: protocol.Correct) -> None:
        was, erasure = await self._call(self._corrected, staff, request)
        if was is not None and self._moved is not None:
            await self._moved(was)
        if erasure is not None:
            await self._call(self._amends.conclude, erasure)

    def _corrected(self, staff: StaffId, request: protocol.Correct) -> tuple[PersonId | None, str | None]:
        """All of it or nothing; the number first: name and size are the right person's then."""
        amends, was, erasure = self._amends, None, None
        with amends.transaction():
            row = amends.visit(request.visit)
            if request.phone is not None:
                was, erasure = amends.renumber(row, request.phone)
                self._staff.note(staff, "desk_corrected_number", request.visit)
            if request.name is not None:
                amends.rename(amends.visit(request.visit), request.name)
                self._staff.note(staff, "desk_corrected_name", request.visit)
            if request.party_size is not None:
                amends.resize(amends.visit(request.visit), request.party_size)
                self._staff.note(staff, "desk_corrected_party", request.visit)
        return was, erasure

    async def _merge(self, staff: StaffId, request: protocol.Merge) -> None:
        if not self._strangers.may_ask():
            raise Refused("merge records", "nothing_to_merge")
        try:
            persons, erasure = await self._call(self._merged, staff, request)
        except Refused as error:
            if error.code in {"nothing_to_merge", "other_card"}:  # each tells of a number's owner
                self._strangers.note()
            raise
        for person in persons:
            if self._moved is not None:
                await self._moved(person)
        await self._call(self._amends.conclude, erasure)

    def _merged(self, staff: StaffId, request: protocol.Merge) -> tuple[tuple[PersonId, PersonId], str]:
        with self._amends.transaction():
            was = self._amends.visit(request.visit).person
            person, erasure = self._merging.merge(was, request.phone)
            self._staff.note(staff, "desk_merged", request.visit)
        return (was, person), erasure


def _verify(pin_hash: str | None, pin: str) -> bool:
    """Check a PIN; a number that nobody has takes as long as a wrong PIN."""
    try:
        return _HASHER.verify(pin_hash or _nobodys(), pin) and pin_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nobodys() -> str:
    return _HASHER.hash(new_id())
