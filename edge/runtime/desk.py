"""The reception desk's service: what a visitor's act at the kiosk changes; runs in the store's thread.

It keeps nothing that the gate didn't clear, and reads nothing without a permit.
"""

from typing import Literal

from edge.consent.policy import State, may_ask
from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.phone import normalise
from edge.ipc.kiosk import Channel, Choose, Notice, Register, RegisterChild, Registered, Source
from edge.ipc.messages import CardRead
from edge.runtime.indexing import index, keep_name
from edge.runtime.links import Links
from edge.runtime.office import Office, Shown, new_id
from edge.runtime.reach import reach
from edge.runtime.records import arrive, next_record
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import (
    Basis,
    BasisKind,
    Evidence,
    Purpose,
    Scope,
)


class Visitor:
    """Who stands at the desk in this session, known in memory only."""

    def __init__(self, person: PersonId, visit: str, number: str | None, since_ms: int) -> None:
        self.person = person
        self.visit = visit
        self.since_ms = since_ms
        """What was given from then on was given in this session."""
        self.link: str | None = None
        """Of the code that was made in this session, once there is one."""
        self._number = number

    @property
    def numberless(self) -> bool:
        """They gave no number: known for this visit alone."""
        return self._number is None

    def number(self) -> str:
        """Return the number that this visitor typed in this session (E.164); Refused without one."""
        if self._number is None:
            raise Refused("use a number", "no_number", "without one only the registration stands")
        return self._number


class Desk:
    """Registration and evidence."""

    def __init__(self, office: Office, risk: Risk, rights: Rights, links: Links) -> None:
        self._office = office
        self._links = links
        self._risk = risk
        self._rights = rights

    # -- registration ----------------------------------------------------------------------

    def register(self, request: Register) -> tuple[Registered, Visitor | None]:
        """Apply the visitor's choices; without `registration` among them nothing is kept at all."""
        if Scope.REGISTRATION not in request.scopes:
            return Registered(outcome="declined"), None
        self._check(request)
        number = normalise(request.phone) if request.phone is not None else None
        with self._office.store.transaction():
            return self._registered(request, number)

    def _registered(self, request: Register, number: str | None) -> tuple[Registered, Visitor]:
        """All in one transaction: a crash leaves either the whole registration or none of it."""
        since_ms = self._office.clock.now_ms()
        person, returning = self._person(number)
        for scope in self._office.store.outdated_of(person):
            self._rights.ask_again(person, scope)
        self._choose(person, number, request.scopes, request.declined, since_ms)
        if request.name is not None:
            keep_name(self._office, person, request.name)
        answer = self._visiting(person, number, request.party_size, returning)
        assert answer.visit is not None
        if request.source is not None and Scope.CHANNEL_RISK in request.scopes:
            self._tell_source(person, answer.visit, request.source, request.channel)
        self._judge(person, number)
        return answer, Visitor(person, answer.visit, number, since_ms)

    def _visiting(self, person: PersonId, number: str | None, party: int, known: bool) -> Registered:
        """Open the visit of whose registration stands; return what the page may say of it."""
        visits_before = self._visits(person)
        returning = known and visits_before > 0
        visit = self._open_visit(person, number, party, returning)
        return Registered(
            outcome="registered",
            returning=returning,
            visit=visit,
            active=self._active(person),
            not_asked_again=self._not_asked(person),
            visits_before=visits_before,
        )

    def come_again(self, phone: str, party: int) -> tuple[Registered, Visitor | None]:
        """Open a visit by the number alone, where its registration stands; nothing is agreed to by that."""
        number, since_ms = normalise(phone), self._office.clock.now_ms()
        with self._office.store.transaction():
            person, known = self._person(number)
            if not known or not self._office.active(person, Scope.REGISTRATION):
                return Registered(outcome="unknown"), None
            for scope in self._office.store.outdated_of(person):
                self._rights.ask_again(person, scope)
            answer = self._visiting(person, number, party, known)
            self._judge(person, number)
        assert answer.visit is not None
        visitor = Visitor(person, answer.visit, number, since_ms)
        return answer.model_copy(update={"ask": self._may_ask(person)}), visitor

    def choose(self, visitor: Visitor, request: Choose, before: Registered) -> Registered:
        """Apply a visitor's answers to what was asked of them after they had come again."""
        self._check_scopes(request.notice_hash, request.scopes, request.declined)
        number = visitor.number()
        with self._office.store.transaction():
            self._choose(visitor.person, number, request.scopes, request.declined, visitor.since_ms)
            if request.source is not None and Scope.CHANNEL_RISK in request.scopes:
                self._tell_source(visitor.person, visitor.visit, request.source, request.channel)
            self._judge(visitor.person, number)
        told = {"active": self._active(visitor.person), "not_asked_again": self._not_asked(visitor.person)}
        return before.model_copy(update=told | {"ask": ()})

    def _judge(self, person: PersonId, number: str | None) -> None:
        if number is not None and self._office.active(person, Scope.CHANNEL_RISK):
            self._risk.judge_person(number)

    def _active(self, person: PersonId) -> tuple[Scope, ...]:
        return tuple(s for s in Scope if self._office.active(person, s))

    def may_read_guardian(self) -> None:
        """Raise Refused unless a guardian's card may be read as a proof."""
        self._office.gate.permit_guardian()

    def register_child(self, request: RegisterChild, shown: Shown) -> tuple[Registered, Visitor]:
        """Register a child's visit by what the guardian showed: this visit alone; nothing of it leaves."""
        self._check_notice(request.notice_hash)
        since_ms, person = self._office.clock.now_ms(), PersonId(new_id())
        with self._office.store.transaction():
            self._office.agree(person, Scope.REGISTRATION, "guardian", None, guardian=shown)
            if request.name is not None:
                keep_name(self._office, person, request.name)
            visit = self._open_visit(person, None, request.party_size, returning=False)
        answer = Registered(outcome="registered", visit=visit, active=(Scope.REGISTRATION,))
        return answer, Visitor(person, visit, None, since_ms)

    def _check_notice(self, notice_hash: str) -> None:
        if notice_hash != self._office.notice.hash:
            raise InvalidInput("register", "notice_changed", "show the notice in force and ask again")

    def _check(self, request: Register) -> None:
        if request.phone is None and request.scopes != {Scope.REGISTRATION}:
            raise InvalidInput("register", "phone_missing", "the other uses need a number to find one again")
        self._check_scopes(request.notice_hash, request.scopes, request.declined)

    def _check_scopes(self, notice_hash: str, scopes: frozenset[Scope], declined: frozenset[Scope]) -> None:
        self._check_notice(notice_hash)
        if Scope.FACE_MATCH in scopes and not self.faces_on:
            raise InvalidInput("register", "notice_changed", "faces are off since the page was shown")
        if not scopes | declined <= {offer.scope for offer in self._office.notice.scopes}:
            raise InvalidInput("register", "scope_not_offered", "the notice doesn't name this scope")

    def _person(self, number: str | None) -> tuple[PersonId, bool]:
        if number is None:
            return PersonId(new_id()), False
        lookup = self._office.gate.permit_lookup(Purpose.RECEPTION)
        known = self._office.find(lookup, "registration", number)
        if known is not None:
            exchange_tokens_of(self._office, known)
        return (known, True) if known is not None else (PersonId(new_id()), False)

    def _choose(
        self,
        person: PersonId,
        number: str | None,
        chosen: frozenset[Scope],
        declined: frozenset[Scope],
        since_ms: int,
    ) -> None:
        """Registration first: the other scopes' proofs name the registration's token."""
        who = self._office.tokens.token("registration", number) if number is not None else None
        for scope in sorted(chosen, key=lambda s: s is not Scope.REGISTRATION):
            if not self._office.active(person, scope):
                covers = reach(self._office, person, number, scope, since_ms)
                self._office.agree(person, scope, "tap", who, covers_ms=covers)
                if number is not None:
                    index(self._office, person, scope, number)
        for scope in sorted(declined - chosen):
            self._rights.decline(person, scope)

    def _open_visit(self, person: PersonId, number: str | None, party: int, returning: bool) -> str:
        stamp, visit = self._office.stamp(), new_id()
        basis = Basis(kind=BasisKind.CONSENT, scope=Scope.REGISTRATION)
        opened = facts.VisitOpened(
            **stamp,
            visit=visit,
            person=person,
            party_size=party,
            returning=returning,
            evidence=(Evidence(kind="registration", at_ms=stamp["at_ms"], basis=basis),),
        )
        arrive(self._office, number, opened)
        return visit

    def _tell_source(self, person: PersonId, visit: str, source: Source, channel: str | None = None) -> None:
        """Keep who brought them, as they said; a company only if it is one of the project's channels."""
        known = source == "agent" and channel in dict(self._office.store.channels())
        fact = facts.SourceTold(
            **self._office.stamp(),
            visit=visit,
            person=person,
            source=source,
            channel=channel if known else None,
        )
        self._office.store.apply(self._office.gate.clear(person, fact))

    def give_code(self, visitor: Visitor) -> str | None:
        """Return the link of this visitor's own page, from this session on, making it at first need.

        Nothing leaves the box of who has no number, not even sealed.
        """
        if visitor.link is None and not visitor.numberless:
            visitor.link = self._links.give(visitor.person, visitor.since_ms, verified=False)
        return visitor.link

    # -- evidence --------------------------------------------------------------------------

    def templates(self, visitor: Visitor) -> list[tuple[str, bytes]]:
        """Return this person's own templates for a 1:1 comparison; Refused without `face_match`."""
        permit = self._office.gate.permit(Purpose.FACE_CONFIRMATION, visitor.person)
        return self._office.store.templates(permit)

    def enrol(self, visitor: Visitor, model: str, vector: bytes) -> None:
        """Keep the first template of a consenting visitor."""
        stamp = self._office.stamp()
        fact = facts.TemplateEnrolled(**stamp, person=visitor.person, model=model, vector=vector)
        self._office.store.apply(self._office.gate.clear(visitor.person, fact))

    def face_confirmed(self, visitor: Visitor) -> None:
        """Note that the face confirmed the identity claimed in this visit."""
        self._add_evidence(visitor, "face_confirmed", Scope.FACE_MATCH)

    def card_read(self, visitor: Visitor, card: CardRead) -> None:
        """Keep what `id_card` allows of the card, and note the evidence. The photo was never here."""
        fact = facts.CardKept(
            **self._office.stamp(),
            person=visitor.person,
            kind=card.kind,
            name=card.english_name or card.name,
            number=card.number,
            valid_until=card.valid_until,
            link=self.give_code(visitor),
        )
        with self._office.store.transaction():
            self._office.store.apply(self._office.gate.clear(visitor.person, fact))
            self._add_evidence(visitor, "id_card", Scope.ID_CARD)

    def may_lease(self, visitor: Visitor, purpose: Purpose) -> None:
        """Raise Refused unless this visitor's consent allows a lease for `purpose`."""
        self._office.gate.permit(purpose, visitor.person)

    def _add_evidence(
        self, visitor: Visitor, kind: Literal["face_confirmed", "id_card"], scope: Scope
    ) -> None:
        stamp = self._office.stamp()
        basis = Basis(kind=BasisKind.CONSENT, scope=scope)
        evidence = Evidence(kind=kind, at_ms=stamp["at_ms"], basis=basis)
        row = self._office.store.visit(visitor.visit)
        if row is None or row.departed_ms is not None:
            raise InvalidInput("add evidence", "visit_is_over")
        record = next_record(self._office, row, evidence=(*row.evidence, evidence))
        fact = facts.EvidenceAdded(
            **stamp,
            visit=row.visit,
            person=visitor.person,
            evidence=evidence,
            records=(record,) if record else (),
        )
        with self._office.store.transaction():
            self._office.store.apply(self._office.gate.clear(visitor.person, fact))
            if self._office.active(visitor.person, Scope.CHANNEL_RISK):
                self._risk.judge_person(visitor.number())

    # -- asking ----------------------------------------------------------------------------

    @property
    def notice(self) -> Notice:
        """The notice in force, as the kiosk shows it; `face_match` isn't asked while faces are off (P36)."""
        notice = self._office.notice
        if self.faces_on:
            return notice
        asked = tuple(one for one in notice.scopes if one.scope is not Scope.FACE_MATCH)
        return notice.model_copy(update={"scopes": asked})

    def shown(self) -> Notice:
        """Return the notice in force with the channels that may be named; in the store's thread."""
        channels = tuple(Channel(code=code, name=name) for code, name in self._office.store.channels())
        return self.notice.model_copy(update={"channels": channels})

    @property
    def faces_on(self) -> bool:
        """Whether the site's impact assessment of face matching holds."""
        return self._office.gate.faces_assessed

    def _may_ask(self, person: PersonId) -> tuple[Scope, ...]:
        """Return what may be asked of a person: not what stands, nor what was refused of late (P50)."""
        now, store = self._office.clock.now_ms(), self._office.store
        rows = ((offer.scope, store.consent(person, offer.scope)) for offer in self.notice.scopes)
        return tuple(scope for scope, row in rows if may_ask(State(row.stands), row.at_ms, now))

    # -- shared ----------------------------------------------------------------------------

    def _visits(self, person: PersonId) -> int:
        permit = self._office.gate.permit(Purpose.RECEPTION, person)
        return len(self._office.store.visits(permit))

    def _not_asked(self, person: PersonId) -> tuple[Scope, ...]:
        now = self._office.clock.now_ms()
        rows = self._office.store.consents(person).items()
        return tuple(
            s for s, r in rows if r.state == State.DECLINED and not may_ask(State.DECLINED, r.at_ms, now)
        )
