"""Receptionists, their shifts and turns (轮排), and what of a guest they may see; in the store's thread.

What is kept of them rests on `employment` and passes the gate; what they see of a visitor passes it too.
"""

from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import StaffId
from edge.domain.rotation import Waiting, line, proposals, since_after_turn
from edge.ipc import staff as protocol
from edge.ipc.messages import CardRead
from edge.ports import Permit
from edge.runtime.guests import Guests
from edge.runtime.office import Office, new_id
from edge.store.rows import StaffRow, VisitRow
from edge.wire import Purpose


class Staff:
    """Who works at the desk of one box. `notice` None: no staff notice is published, so nobody can."""

    def __init__(self, office: Office, guests: Guests, notice: protocol.StaffNotice | None) -> None:
        self._office = office
        self._guests = guests
        self._notice = notice

    # -- operators -------------------------------------------------------------------------

    def add(self, name: str, pin_hash: str) -> protocol.Members:
        """Enrol somebody; Refused while there is no staff notice that they could read."""
        if self._notice is None:
            raise Refused("add staff", "no_staff_notice", "name one in the configuration: staff_notice")
        fact = facts.StaffEnrolled(
            **self._office.stamp(),
            staff=StaffId(new_id()),
            number=self._office.store.next_staff_number(),
            name=name,
            pin_hash=pin_hash,
        )
        self._keep(fact)
        return self.list()

    def list(self) -> protocol.Members:
        """Return everybody."""
        on_shift = {one.staff for one in self._office.store.on_shift(self._permit())}
        return protocol.Members(
            members=tuple(
                protocol.Member(
                    number=m.number,
                    name=m.name,
                    active=m.active,
                    on_shift=m.staff in on_shift,
                    card=self.has_card(m.staff),
                )
                for m in self._office.store.staff(self._permit())
            )
        )

    def disable(self, number: int) -> StaffId:
        """End somebody's work here, and their shift."""
        member = self.member(number)
        with self._office.store.transaction():
            if self._shift_of(member.staff) is not None:
                self.end_shift(member.staff)
            self._keep(
                facts.StaffChanged(**self._office.stamp(), staff=member.staff, active=False, pin_hash=None)
            )
        return member.staff

    def set_pin(self, number: int, pin_hash: str) -> StaffId:
        """Give somebody a new PIN, and let them work (again)."""
        member = self.member(number)
        self._keep(
            facts.StaffChanged(**self._office.stamp(), staff=member.staff, active=True, pin_hash=pin_hash)
        )
        return member.staff

    # -- signing in ------------------------------------------------------------------------

    def pin_hash(self, number: int) -> tuple[StaffId, str] | None:
        """Return whose number it is and the hash of their PIN; None if nobody with it may sign in."""
        member = self._office.store.staff_by_number(self._permit(), number)
        if member is None:
            return None
        pin_hash = self._office.store.pin_hash(self._permit(), member.staff)
        return (member.staff, pin_hash) if pin_hash is not None else None

    def who_has(self, card: CardRead) -> StaffId | None:
        """Return who signs in with this card; None if nobody does."""
        permit = self._office.gate.permit_own_card(Purpose.STAFFING)
        return self._office.store.staff_by_card(permit, card.kind, card.number)

    def has_card(self, staff: StaffId) -> bool:
        """Return whether they can sign in by card."""
        return self._office.store.has_card(self._permit(), staff)

    def keep_card(self, staff: StaffId, card: CardRead) -> None:
        """Keep that they sign in with this card; InvalidInput if somebody else does."""
        with self._office.store.transaction():
            self._keep(
                facts.StaffCardKept(**self._office.stamp(), staff=staff, kind=card.kind, number=card.number)
            )
            self._note_card(staff, "staff_card_kept")

    def drop_card(self, staff: StaffId) -> None:
        """Destroy what is kept of their card."""
        with self._office.store.transaction():
            self._keep(facts.StaffCardDropped(**self._office.stamp(), staff=staff))
            self._note_card(staff, "staff_card_dropped")

    def must_be_told(self, staff: StaffId) -> None:
        """Raise Refused unless they may sign in and read the notice in force: it says what is kept (P7)."""
        if self.untold(staff) is not None:
            raise Refused(
                "keep a card", "notice_unread", "they sign in by PIN first, and read what is recorded of them"
            )

    def untold(self, staff: StaffId) -> protocol.StaffNotice | None:
        """Return the notice that they have yet to acknowledge, if there is one."""
        if self._notice is None or self._notice.hash in self._office.store.staff_told(staff):
            return None
        return self._notice

    def acknowledge(self, staff: StaffId, notice_hash: str) -> None:
        """Keep that they read the notice in force; InvalidInput if it is another one by now."""
        if self._notice is None or notice_hash != self._notice.hash:
            raise InvalidInput("acknowledge a notice", "notice_changed", "show the notice in force")
        self._keep(
            facts.StaffTold(
                **self._office.stamp(),
                staff=staff,
                notice_version=self._notice.version,
                notice_hash=self._notice.hash,
            )
        )

    # -- shifts and turns ------------------------------------------------------------------

    def begin_shift(self, staff: StaffId) -> None:
        """Come on shift, behind everybody who waits; nothing if they are on shift."""
        if self._shift_of(staff) is None:
            stamp = self._office.stamp()
            since = since_after_turn(stamp["at_ms"], self._office.store.on_shift(self._permit()))
            self._keep(facts.ShiftBegan(**stamp, shift=new_id(), staff=staff, since_ms=since))

    def end_shift(self, staff: StaffId) -> None:
        """Go off shift; InvalidInput if they aren't on one."""
        self._change(staff, ended=True)

    def pause(self, staff: StaffId, paused: bool) -> None:
        """Step out of the line and back in, at the same place."""
        self._change(staff, paused=paused)

    def turn(self, number: int) -> None:
        """End somebody's turn: skipped, or taken by a party that isn't registered."""
        self._took_turn(self.member(number).staff)

    def receive(self, visit: str, number: int) -> None:
        """Give an open visit to somebody; their turn is over, unless it was theirs before."""
        member, row = self.member(number), self._guests.open_visit(visit)
        before = self._office.store.receptions(self._guests.permit(row)).get(visit)
        if before == member.staff:
            return
        with self._office.store.transaction():
            self.give(row, number)
            if self._shift_of(member.staff) is not None:
                self._took_turn(member.staff)

    def give(self, row: VisitRow, number: int) -> None:
        """Keep who received a visit, by their number; whose turn it is stays as it is."""
        member = self.member(number)
        fact = facts.VisitReceived(
            **self._office.stamp(), visit=row.visit, person=row.person, staff=member.staff
        )
        self._office.store.apply(self._office.gate.clear(row.person, fact))

    def receivers(self) -> tuple[protocol.Receiver, ...]:
        """Return who may have received a visit: everybody who works here."""
        members = self._office.store.staff(self._permit())
        return tuple(protocol.Receiver(number=m.number, name=m.name) for m in members if m.active)

    def _took_turn(self, staff: StaffId) -> None:
        since = since_after_turn(self._office.clock.now_ms(), self._office.store.on_shift(self._permit()))
        self._change(staff, since_ms=since)

    def _change(
        self,
        staff: StaffId,
        *,
        since_ms: int | None = None,
        paused: bool | None = None,
        ended: bool = False,
    ) -> None:
        now = self._shift_of(staff)
        if now is None:
            raise InvalidInput("change a shift", "not_on_shift", "begin a shift first")
        stamp = self._office.stamp()
        self._keep(
            facts.ShiftChanged(
                **stamp,
                staff=staff,
                since_ms=now.since_ms if since_ms is None else since_ms,
                paused=now.paused if paused is None else paused,
                ended_ms=stamp["at_ms"] if ended else None,
            )
        )

    # -- the page --------------------------------------------------------------------------

    def view(self, staff: StaffId, locks_in_s: int) -> protocol.DeskView:
        """Return the desk's page for one receptionist."""
        members = {m.staff: m for m in self._office.store.staff(self._permit())}
        waiting = line(self._office.store.on_shift(self._permit()))
        now = self._office.clock.now_ms()
        me, mine = members[staff], next((one for one in waiting if one.staff == staff), None)
        numbers = {one: member.number for one, member in members.items()}
        guests = self._guests.all(members)
        unowned = [guest for guest in guests if guest.receiver is None]
        proposed = dict(zip([g.visit for g in unowned], proposals(waiting, len(unowned)), strict=True))
        return protocol.DeskView(
            me=me.number,
            my_name=me.name,
            on_shift=mine is not None,
            paused=mine is not None and mine.paused,
            line=tuple(
                protocol.Colleague(
                    number=numbers[StaffId(one.staff)],
                    name=members[StaffId(one.staff)].name,
                    waiting_s=max(0, now - one.since_ms) // 1000,
                    paused=one.paused,
                )
                for one in waiting
            ),
            guests=tuple(
                guest.model_copy(update={"proposed": numbers[StaffId(who)]})
                if (who := proposed.get(guest.visit)) is not None
                else guest
                for guest in guests
            ),
            left=self._guests.left(members),
            locks_in_s=locks_in_s,
        )

    # -- shared ----------------------------------------------------------------------------

    def note(self, staff: StaffId, code: str, visit: str) -> None:
        """Audit who of staff did what to a visit; by numbers and random ids, never by name."""
        self._office.store.audit(code, f"{visit}.staff{self._number(staff)}", self._office.clock.now_ms())

    def _note_card(self, staff: StaffId, code: str) -> None:
        self._office.store.audit(code, f"staff{self._number(staff)}", self._office.clock.now_ms())

    def _number(self, staff: StaffId) -> int:
        return next(m.number for m in self._office.store.staff(self._permit()) if m.staff == staff)

    def member(self, number: int) -> StaffRow:
        """Return who has this number; InvalidInput if nobody works under it."""
        member = self._office.store.staff_by_number(self._permit(), number)
        if member is None:
            raise InvalidInput("look up staff", "no_such_number")
        return member

    def _shift_of(self, staff: StaffId) -> Waiting | None:
        return next((s for s in self._office.store.on_shift(self._permit()) if s.staff == staff), None)

    def _permit(self) -> Permit:
        return self._office.gate.permit_staff()

    def _keep(self, fact: facts.StaffFact) -> None:
        self._office.store.apply(self._office.gate.employed(fact))
