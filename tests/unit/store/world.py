"""What the store's tests write: persons, visits and calls, cleared by the real gate."""

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.consent.gate import Gate
from edge.consent.policy import Event, State
from edge.domain import facts
from edge.domain.facts import PersonId
from edge.domain.idcard import CardKind
from edge.ports import Cleared
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.rows import Erased
from edge.store.store import SqlStore
from edge.wire import (
    Basis,
    BasisKind,
    Batch,
    CallRecorded,
    ConsentRecorded,
    ConsentWithdrawn,
    DeviceHealth,
    EntryResult,
    EraseCommand,
    ErasureReceipt,
    Evidence,
    Purpose,
    Receipt,
    Record,
    Scope,
    TimeQuality,
    VerdictIssued,
    VisitRecorded,
)

IDENTITY = BoxIdentity("tenant", "site", "box")
NOTICE_HASH = hashlib.sha256(b"notice").hexdigest()
T0 = 1_700_000_000_000
HOUR = 3_600_000


def new_id() -> str:
    return secrets.token_hex(16)


@dataclass
class Someone:
    """A person as the test knows them."""

    phone: str
    person: PersonId = field(default_factory=lambda: PersonId(new_id()))
    name: str = ""
    number: str = ""
    vector: bytes = b""
    visits: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


class World:
    """A store in a directory, its gate, and acts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.credentials = Credentials.create(directory / "credentials")
        self.now = T0
        self.open()

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def open(self) -> None:
        self.store = SqlStore.open(self.state, self.credentials, IDENTITY, lambda: self.now)
        self.gate = Gate(self.store)

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def stamp(self) -> dict[str, Any]:
        self.now += 1
        return {"at_ms": self.now, "quality": TimeQuality.SYNCHRONISED}

    def token(self, purpose: str, who: Someone) -> str:
        return self.credentials.tokens.token(purpose, who.phone)

    # -- acts ------------------------------------------------------------------------------

    def given(self, who: Someone, scope: Scope, records: tuple[Record, ...] = ()) -> facts.ConsentGiven:
        version = self.store.consent(who.person, scope).version + 1
        return facts.ConsentGiven(
            **self.stamp(),
            person=who.person,
            scope=scope,
            version=version,
            notice_version="n1",
            notice_hash=NOTICE_HASH,
            act="tap",
            proof=secrets.token_bytes(64),
            records=records,
        )

    def agree(self, who: Someone, *scopes: Scope) -> None:
        for scope in scopes:
            version = self.store.consent(who.person, scope).version + 1
            record = ConsentRecorded(
                who=self.token("registration", who),
                scope=scope,
                consent_version=version,
                notice_version="n1",
                notice_hash=NOTICE_HASH,
                act="tap",
                at_ms=self.now,
            )
            self.store.apply(self.gate.agreed(self.given(who, scope, (record,))))

    def change(self, who: Someone, scope: Scope, event: Event, state: State) -> None:
        token = self.token("registration", who)
        withdrawn = ConsentWithdrawn(who=token, scope=scope, at_ms=self.now, by="visitor")
        fact = facts.ConsentChanged(
            **self.stamp(),
            person=who.person,
            scope=scope,
            version=self.store.consent(who.person, scope).version + 1,
            state=state,
            records=(withdrawn,) if event is Event.WITHDRAW else (),
            urgent=True,
        )
        self.store.apply(self.gate.changed(fact, event))

    def withdraw(self, who: Someone, scope: Scope) -> None:
        self.change(who, scope, Event.WITHDRAW, State.WITHDRAWN)

    def register(self, phone: str, *more: Scope) -> Someone:
        who = Someone(phone)
        self.agree(who, Scope.REGISTRATION, *more)
        self.index(who, Scope.REGISTRATION)
        if Scope.CHANNEL_RISK in more:
            self.index(who, Scope.CHANNEL_RISK)
        contact = facts.ContactKept(
            **self.stamp(), person=who.person, scope=Scope.REGISTRATION, phone=who.phone
        )
        self.store.apply(self.gate.clear(who.person, contact))
        return who

    def index(self, who: Someone, scope: Scope) -> None:
        tokens = (self.token(scope.value, who),)
        fact = facts.PersonIndexed(**self.stamp(), person=who.person, scope=scope, tokens=tokens)
        self.store.apply(self.gate.clear(who.person, fact))

    def opened(self, who: Someone, visit: str) -> Cleared[facts.VisitOpened]:
        stamp = self.stamp()
        basis = Basis(kind=BasisKind.CONSENT, scope=Scope.REGISTRATION)
        evidence = (Evidence(kind="registration", at_ms=stamp["at_ms"], basis=basis),)
        record = VisitRecorded(
            visit_id=visit,
            revision=1,
            who=self.token("registration", who),
            returning=bool(who.visits),
            party_size=2,
            arrived_ms=stamp["at_ms"],
            evidence=evidence,
        )
        fact = facts.VisitOpened(
            **stamp,
            visit=visit,
            person=who.person,
            party_size=2,
            returning=bool(who.visits),
            evidence=evidence,
            records=(record,),
        )
        return self.gate.clear(who.person, fact)

    def visit(self, who: Someone) -> str:
        visit = new_id()
        self.store.apply(self.opened(who, visit))
        who.visits.append(visit)
        return visit

    def evidence(self, who: Someone, visit: str, kind: str, scope: Scope) -> None:
        stamp = self.stamp()
        basis = Basis(kind=BasisKind.CONSENT, scope=scope)
        piece = Evidence.model_validate({"kind": kind, "at_ms": stamp["at_ms"], "basis": basis})
        fact = facts.EvidenceAdded(**stamp, visit=visit, person=who.person, evidence=piece)
        self.store.apply(self.gate.clear(who.person, fact))

    def close_visit(self, who: Someone, visit: str) -> None:
        stamp = self.stamp()
        fact = facts.VisitClosed(**stamp, visit=visit, person=who.person, departed_ms=stamp["at_ms"])
        self.store.apply(self.gate.clear(who.person, fact))

    def tell(self, who: Someone, visit: str, source: Any) -> None:
        fact = facts.SourceTold(**self.stamp(), visit=visit, person=who.person, source=source)
        self.store.apply(self.gate.clear(who.person, fact))

    def enrol(self, who: Someone, vector: bytes) -> None:
        who.vector = vector
        fact = facts.TemplateEnrolled(**self.stamp(), person=who.person, model="sface", vector=vector)
        self.store.apply(self.gate.clear(who.person, fact))

    def keep_card(self, who: Someone, name: str, number: str) -> None:
        who.name, who.number = name, number
        fact = facts.CardKept(
            **self.stamp(),
            person=who.person,
            name=name,
            kind=CardKind.RESIDENT,
            number=number,
            valid_until="20301231",
        )
        self.store.apply(self.gate.clear(who.person, fact))

    def record_call(self, who: Someone, audio: bytes) -> str:
        """A call with a recording of `audio` (ciphertext, as a worker would leave it)."""
        call, spool, key = new_id(), new_id(), secrets.token_bytes(32)
        (self.store.spool / spool).write_bytes(audio)
        record = self.call_record(call, self.token("recording", who))
        noted = facts.CallNoted(
            **self.stamp(),
            call=call,
            line="main",
            duration_ms=9000,
            answered=True,
            recorded=True,
            records=(record,),
        )
        kept = facts.RecordingKept(
            **self.stamp(), call=call, person=who.person, spool=spool, duration_ms=5000, key=key
        )
        self.store.apply(self.gate.recorded_call(who.person, noted), self.gate.clear(who.person, kept))
        who.calls.append(call)
        return call

    def count_call(self, number: str | None) -> str:
        call = new_id()
        noted = facts.CallNoted(
            **self.stamp(),
            call=call,
            line="main",
            duration_ms=9000,
            answered=True,
            recorded=False,
            number=number,
            records=(self.call_record(call, None),),
        )
        self.store.apply(self.gate.inquiry(noted))
        return call

    def call_record(self, call: str, who: str | None) -> CallRecorded:
        return CallRecorded(
            call_id=call,
            line="main",
            started_ms=self.now,
            duration_ms=9000,
            answered=True,
            notice_played=True,
            recorded=who is not None,
            who=who,
        )

    def report(
        self, who: Someone, ref: str, lapses_ms: int = T0 + 30 * 24 * HOUR, changed_ms: int = T0
    ) -> None:
        fact = facts.ReportLodged(
            **self.stamp(),
            report_ref=ref,
            token=self.token("channel_risk", who),
            channel="channel",
            agent="agent",
            reported_ms=T0,
            lapses_ms=lapses_ms,
            changed_ms=changed_ms,
        )
        self.store.apply(self.gate.on_other_basis(fact))

    def books(self, who: Someone, ref: str) -> None:
        """A row of each of the other books."""
        token = self.token("channel_risk", who)
        said = {**self.stamp(), "changed_ms": T0, "mark": "0" * 64}
        later = T0 + 30 * 24 * HOUR
        for fact in (
            facts.FollowedUp(**said, ref=f"F-{ref}", report_ref=ref, followed_ms=T0),
            facts.ReportExtended(**said, ref=f"E-{ref}", report_ref=ref, logged_ms=T0, until_ms=later),
            facts.DealMade(
                **said, deal_ref=f"D-{ref}", channel="channel", buyers=((token,),), subscribed_ms=T0,
                contracted_ms=None, owner="office", lapses_ms=later,
            ),
            facts.CustomerListed(**said, ref=f"C-{ref}", token=token, since_ms=T0, lapses_ms=later),
            facts.ListSupplied(**said, ref="customers"),
            facts.ChannelNamed(**said, code="channel", name="A Channel"),
        ):  # fmt: skip
            self.store.apply(self.gate.on_other_basis(fact))

    def judge(self, who: Someone, ref: str, version: int = 1) -> str:
        inputs = f'{{"report":"{ref}","version":{version}}}'
        digest = hashlib.sha256(inputs.encode()).hexdigest()
        record = VerdictIssued(
            verdict_id=new_id(),
            report_ref=ref,
            version=version,
            who=self.token("channel_risk", who),
            verdict="RISK",
            reasons=("late_report",),
            rule_set="standard",
            rule_version=1,
            inputs_hash=digest,
            reported_ms=T0,
            presence_ms=T0,
            decided_ms=self.now,
        )
        fact = facts.VerdictReached(
            **self.stamp(),
            about="report",
            ref=ref,
            version=version,
            verdict="RISK",
            reasons=("late_report",),
            inputs=inputs,
            inputs_hash=digest,
            since_ms=T0,
            records=(record,),
        )
        self.store.apply(self.gate.on_other_basis(fact))
        return digest

    def note(self, urgent: bool = False, code: str = "started") -> None:
        health = DeviceHealth(device="camera", state="up", code=code, since_ms=self.now)
        fact = facts.Noted(**self.stamp(), records=(health,), urgent=urgent)
        self.store.apply(self.gate.impersonal(fact))

    def erase(self, *persons: Someone, tokens: tuple[str, ...] = (), command_id: str | None = None) -> Erased:
        """Erase as headquarters' order does; return what the box says that it destroyed."""
        said: list[Erased] = []
        who = self.token("registration", persons[0]) if persons else tokens[0]
        order = EraseCommand(command_id=command_id or new_id(), box="box", issued_ms=self.now, who=who)

        def conclude(erased: Erased) -> Cleared[facts.CommandDone]:
            said.append(erased)
            receipt = ErasureReceipt(
                command_id=order.command_id,
                who=who,
                outcome="erased" if erased.rows or erased.keys_destroyed else "nothing_held",
                keys_destroyed=erased.keys_destroyed,
                rows=dict(erased.rows),
                at_ms=self.now,
            )
            fact = facts.CommandDone(
                **self.stamp(), command=order, outcome=receipt.outcome, records=(receipt,), urgent=True
            )
            return self.gate.on_other_basis(fact)

        whom = tuple(p.person for p in persons)
        self.store.erase(self.gate.permit_rights(), whom, conclude, tokens)
        return said[0]

    # -- looking ---------------------------------------------------------------------------

    def rights(self, who: Someone | None = None) -> Any:
        return self.gate.permit_rights(who.person if who else None)

    def permit(self, purpose: Purpose, who: Someone) -> Any:
        return self.gate.permit(purpose, who.person)


def committed(batch: Batch) -> Receipt:
    """Headquarters' receipt for all of a batch."""
    results = tuple(EntryResult(sequence=e.sequence, outcome="committed") for e in batch.entries)
    return Receipt(batch_id=batch.batch_id, box=batch.box, epoch=batch.epoch, results=results)
