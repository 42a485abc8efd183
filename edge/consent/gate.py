"""The one gate: turns facts into `Cleared` and intentions into `Permit`; never stores anything itself.

Its two concrete classes are private to this file. Whoever wants to keep, send or read something
about a person needs one of them, and there is no other way to get one.
"""

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec, TypeVar, get_args

from edge.consent.policy import Event, State, step, usable
from edge.domain import facts
from edge.domain.errors import Refused
from edge.domain.facts import Fact, PersonId
from edge.domain.paper import SCOPES as ON_PAPER
from edge.ports import Cleared, ConsentReader, ConsentVersion, Permit
from edge.wire import (
    AuditHead,
    Basis,
    BasisKind,
    BlindTime,
    BoxKeys,
    CallRecorded,
    CommandAnswered,
    ConsentRecorded,
    ConsentWithdrawn,
    DeviceHealth,
    ErasureReceipt,
    Evidence,
    FootfallCounted,
    Merged,
    Purpose,
    Retokened,
    RightsPackage,
    Scope,
    TimeQuality,
    VerdictIssued,
    VisitReattributed,
    VisitRecorded,
)

F = TypeVar("F", bound=Fact)
S = TypeVar("S", bound=facts.StaffFact)
F_co = TypeVar("F_co", bound=Fact, covariant=True)

_IMPERSONAL = (FootfallCounted, DeviceHealth, BlindTime, BoxKeys)
_LEAVES_WITH: dict[type[Fact], tuple[type, ...]] = {
    facts.ConsentGiven: (ConsentRecorded,),
    facts.ConsentChanged: (ConsentWithdrawn,),
    facts.VisitOpened: (VisitRecorded,),
    facts.EvidenceAdded: (VisitRecorded,),
    facts.VisitClosed: (VisitRecorded,),
    facts.AppointmentReset: (VisitRecorded,),
    facts.VisitReopened: (VisitRecorded,),
    facts.VisitCorrected: (VisitRecorded,),
    facts.VisitMoved: (VisitRecorded,),
    facts.VisitTakenBack: (VisitReattributed,),
    facts.NumberTakenBack: (VisitReattributed, ConsentRecorded),
    facts.CallNoted: (CallRecorded,),
    facts.VerdictReached: (VerdictIssued,),
    facts.PackageMade: (RightsPackage,),
    facts.CommandDone: (ErasureReceipt, CommandAnswered, RightsPackage),
    facts.AuditAnchored: (AuditHead,),
    facts.PersonRetokened: (Retokened,),
    facts.PersonsMerged: (Merged,),
    facts.Noted: _IMPERSONAL,
}
"""Which records may leave with a kind of fact; with others none, or a visit left on an answer's basis."""


@dataclass(frozen=True, slots=True)
class _Cleared(Cleared[F_co], Generic[F_co]):
    _fact: F_co
    _basis: Basis
    _purpose: Purpose
    _relies_on: ConsentVersion | None

    def __post_init__(self) -> None:
        """Refuse records that are not this fact's own: they would leave on its basis."""
        if not all(isinstance(r, _LEAVES_WITH.get(type(self._fact), ())) for r in self._fact.records):
            raise Refused("clear a fact", "records_of_another_kind")

    @property
    def fact(self) -> F_co:
        return self._fact

    @property
    def basis(self) -> Basis:
        return self._basis

    @property
    def purpose(self) -> Purpose:
        return self._purpose

    @property
    def relies_on(self) -> ConsentVersion | None:
        return self._relies_on


@dataclass(frozen=True, slots=True)
class _Permit(Permit):
    _purpose: Purpose
    _person: PersonId | None
    _relies_on: ConsentVersion | None

    @property
    def purpose(self) -> Purpose:
        return self._purpose

    @property
    def person(self) -> PersonId | None:
        return self._person

    @property
    def relies_on(self) -> ConsentVersion | None:
        return self._relies_on


SCOPE_OF: dict[type[Fact], tuple[Scope, Purpose]] = {
    facts.VisitOpened: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.VisitClosed: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.VisitReopened: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.VisitCorrected: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.VisitMoved: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.PersonRenumbered: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.PersonsMerged: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.NameKept: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.VisitReceived: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.AppointmentMade: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.AppointmentKept: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.AppointmentReset: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.AppointmentCancelled: (Scope.REGISTRATION, Purpose.RECEPTION),
    facts.SourceTold: (Scope.CHANNEL_RISK, Purpose.CHANNEL_RISK),
    facts.TemplateEnrolled: (Scope.FACE_MATCH, Purpose.FACE_CONFIRMATION),
    facts.CardKept: (Scope.ID_CARD, Purpose.IDENTITY_CHECK),
    facts.RecordingKept: (Scope.RECORDING, Purpose.CALL_HANDLING),
}
"""Under which scope a kind of fact about a person may be kept, and what for. Not here: not kept."""

_INDEX_PURPOSE = {
    Scope.REGISTRATION: Purpose.RECEPTION,
    Scope.CHANNEL_RISK: Purpose.CHANNEL_RISK,
    Scope.RECORDING: Purpose.CALL_HANDLING,
}
_EVIDENCE_SCOPE = {
    "registration": Scope.REGISTRATION,
    "face_confirmed": Scope.FACE_MATCH,
    "id_card": Scope.ID_CARD,
    "appointment": Scope.REGISTRATION,
    "announced_call": Scope.RECORDING,
    "paper": Scope.REGISTRATION,
}
_OTHER_BASES: dict[type[Fact], tuple[BasisKind, Purpose]] = {
    facts.ConsentChanged: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.CommandDone: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.LinkMade: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.PackageMade: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.RequestTaken: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.RequestSettled: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.AuditAnchored: (BasisKind.DUTY, Purpose.OPERATION),
    facts.NoticePut: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.PersonRetokened: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.VisitTakenBack: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.NumberTakenBack: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.ReportLodged: (BasisKind.REPORT, Purpose.CHANNEL_RISK),
    facts.RowEmptied: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.BooksRetokened: (BasisKind.DUTY, Purpose.RIGHTS),
    facts.FollowedUp: (BasisKind.REPORT, Purpose.CHANNEL_RISK),
    facts.ReportExtended: (BasisKind.REPORT, Purpose.CHANNEL_RISK),
    facts.DealMade: (BasisKind.CONTRACT, Purpose.CHANNEL_RISK),
    facts.CustomerListed: (BasisKind.CONTRACT, Purpose.CHANNEL_RISK),
    facts.ListSupplied: (BasisKind.IMPERSONAL, Purpose.OPERATION),
    facts.ChannelNamed: (BasisKind.IMPERSONAL, Purpose.OPERATION),
    facts.VerdictReached: (BasisKind.REPORT, Purpose.CHANNEL_RISK),
}
_EMPLOYMENT = frozenset(get_args(facts.StaffFact))
_BEFORE_TOLD = (facts.StaffEnrolled, facts.StaffChanged, facts.StaffCardDropped, facts.StaffTold)
"""What an operator does, and the reading itself."""
_OWN_CARD = frozenset({Purpose.RIGHTS, Purpose.STAFFING})
"""What a card may be read for because its bearer asks: their own data (`duty`), signing in (`employment`)."""
_PERMIT_SCOPE = {
    Purpose.FACE_CONFIRMATION: Scope.FACE_MATCH,
    Purpose.IDENTITY_CHECK: Scope.ID_CARD,
    Purpose.CHANNEL_RISK: Scope.CHANNEL_RISK,
    Purpose.CALL_HANDLING: Scope.RECORDING,
    Purpose.RECEPTION: Scope.REGISTRATION,
}


_CONSENTING = frozenset({Event.AGREE, Event.GUARDIAN_AGREES, Event.PROOF_STORED})


def _offered(state: State) -> State:
    """Return the state once the page has put the choice before the person, who acted to see it."""
    if state in {State.OFFERED, State.MINOR}:
        return state
    return step(step(state, Event.NOTICE) if state is State.SILENT else state, Event.OFFER)


def _consented(offered: State, act: str) -> State:
    """Return the state after the agreeing act: for a minor only a guardian's counts (P39)."""
    if act != "guardian":
        return step(offered, Event.AGREE)
    minor = offered if offered is State.MINOR else step(offered, Event.FOUND_MINOR)
    return step(minor, Event.GUARDIAN_AGREES)


def _check_paper(fact: facts.ConsentGiven) -> None:
    """Refuse what no form on paper can show: another scope, a time that a clock saw."""
    if (fact.act == "paper") != (fact.entered_ms is not None):
        raise Refused(f"consent to {fact.scope}", "no_proof", "a form on paper says when it was typed in")
    if fact.act == "paper" and fact.scope not in ON_PAPER:
        raise Refused(f"consent to {fact.scope}", "not_on_paper", "only in person")
    if fact.act == "paper" and fact.quality is not TimeQuality.UNKNOWN:
        raise Refused(f"consent to {fact.scope}", "no_clock_saw_it", "the time is what stands on the form")


def _evidence_scope(evidence: Evidence) -> Scope:
    """Return the scope under which a sign of presence may be kept; it has to name that same scope."""
    scope = _EVIDENCE_SCOPE[evidence.kind]
    if evidence.basis != Basis(kind=BasisKind.CONSENT, scope=scope):
        raise Refused("clear a fact", "wrong_basis", f"{evidence.kind} rests on {scope}")
    return scope


def _also_needed(fact: Fact) -> frozenset[Scope]:
    """Return further scopes that have to be ACTIVE: a visit and what is added to it live together.

    What a record tells of a visit again, in a later revision, needs its scope as the first time.
    """
    told = [e for record in fact.records if isinstance(record, VisitRecorded) for e in record.evidence]
    if isinstance(fact, facts.VisitOpened):
        told += fact.evidence
    needed = frozenset(_evidence_scope(evidence) for evidence in told)
    return needed | {Scope.REGISTRATION} if isinstance(fact, facts.EvidenceAdded) else needed


P = ParamSpec("P")
R = TypeVar("R", bound=Cleared[Fact] | Permit)


def _counted(
    decide: Callable[Concatenate["Gate", P], R],
) -> Callable[Concatenate["Gate", P], R]:
    """Count what a decision was, for `status` and the technician."""

    @functools.wraps(decide)
    def counting(gate: "Gate", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            decided = decide(gate, *args, **kwargs)
        except Refused as refusal:
            gate._tally[f"refused {refusal.code}"] += 1
            raise
        ground = decided.basis if isinstance(decided, Cleared) else decided.purpose
        gate._tally[f"{'kept' if isinstance(decided, Cleared) else 'used'} {ground}"] += 1
        return decided

    return counting


class Gate:
    """Decides, from the consents in the store, what may be kept, sent, read or used."""

    def __init__(self, consents: ConsentReader, faces_assessed: Callable[[], bool] = lambda: True) -> None:
        """`faces_assessed`: whether the site's impact assessment of face matching holds now (P36)."""
        self._consents = consents
        self._faces_assessed = faces_assessed
        self._tally: Counter[str] = Counter()

    @property
    def tally(self) -> dict[str, int]:
        """How often what was kept, used or refused since the start; about no person."""
        return dict(self._tally)

    @property
    def faces_assessed(self) -> bool:
        """Whether faces may be matched at this site at all, whoever agreed to it."""
        return self._faces_assessed()

    def _assessed(self, scope: Scope) -> None:
        if scope is Scope.FACE_MATCH and not self._faces_assessed():
            raise Refused(f"rely on {scope}", "no_assessment", "the site's impact assessment doesn't hold")

    # -- keeping ---------------------------------------------------------------------------

    @_counted
    def agreed(self, fact: facts.ConsentGiven) -> Cleared[facts.ConsentGiven]:
        """Clear a new consent: the person was offered the scope (in this act) and agreed to it.

        Storing it is what makes the scope ACTIVE: the proof is durable before anything relies on it.
        """
        self._assessed(fact.scope)
        row = self._consents.consent(fact.person, fact.scope)
        state = State(row.stands)
        if usable(state):
            raise Refused(f"consent to {fact.scope}", "already_active")
        if fact.version != row.version + 1:
            raise Refused(f"consent to {fact.scope}", "consent_changed", "read the consent again")
        if not fact.notice_hash:
            raise Refused(f"consent to {fact.scope}", "no_notice", "the purpose is told before (P7)")
        if not fact.proof:
            raise Refused(f"consent to {fact.scope}", "no_proof", "the box signs what was agreed to")
        if (fact.guardian is not None) != (fact.act == "guardian"):
            raise Refused(f"consent to {fact.scope}", "no_proof", "a guardian shows that they are one")
        _check_paper(fact)
        if fact.act != "guardian" and self._consents.known_minor(fact.person):
            raise Refused(f"consent to {fact.scope}", "guardian_needed", "a child's own word isn't enough")
        step(_consented(_offered(state), fact.act), Event.PROOF_STORED)
        return _Cleared(fact, Basis(kind=BasisKind.DUTY), Purpose.RIGHTS, None)

    @_counted
    def changed(self, fact: facts.ConsentChanged, event: Event) -> Cleared[facts.ConsentChanged]:
        """Clear a change of a consent that is no consent: refusal, withdrawal, expiry, re-asking."""
        if event in _CONSENTING:
            raise Refused(f"consent {event}", "no_proof", "a consent is given with its proof, by `agreed`")
        row = self._consents.consent(fact.person, fact.scope)
        before = State(row.state)
        if event in {Event.DECLINE, Event.FOUND_MINOR}:
            before = _offered(before)
        after = step(before, event)
        if fact.state != after or fact.version != row.version + 1:
            raise Refused(f"consent {event}", "consent_changed", "read the consent again")
        kind, purpose = _OTHER_BASES[facts.ConsentChanged]
        return _Cleared(fact, Basis(kind=kind), purpose, None)

    @_counted
    def clear(self, person: PersonId, fact: F) -> Cleared[F]:
        """Clear a fact about a person under the one scope that its kind needs; Refused without it."""
        scope, purpose = self._scope_of(fact)
        self._assessed(scope)
        for needed in _also_needed(fact):
            self._active(person, needed)
        relies_on = self._active(person, scope)
        if getattr(fact, "person", person) != person:
            raise Refused("clear a fact", "another_person")
        return _Cleared(fact, Basis(kind=BasisKind.CONSENT, scope=scope), purpose, relies_on)

    def _scope_of(self, fact: Fact) -> tuple[Scope, Purpose]:
        if isinstance(fact, facts.PersonIndexed | facts.ContactKept):
            if fact.scope in _INDEX_PURPOSE:
                return fact.scope, _INDEX_PURPOSE[fact.scope]
        elif isinstance(fact, facts.EvidenceAdded):
            return _evidence_scope(fact.evidence), Purpose.RECEPTION
        elif type(fact) in SCOPE_OF:
            return SCOPE_OF[type(fact)]
        raise Refused("clear a fact", "no_basis", "no scope allows to keep this")

    @_counted
    def on_other_basis(self, fact: F) -> Cleared[F]:
        """Clear what rests on `duty`, `report` or `contract`, or is about nobody: a closed list of kinds."""
        if type(fact) not in _OTHER_BASES or isinstance(fact, facts.ConsentChanged):
            raise Refused("clear a fact", "no_basis", "only the kinds that the gate names")
        kind, purpose = _OTHER_BASES[type(fact)]
        if isinstance(fact, facts.VerdictReached) and fact.about == "deal":
            kind = BasisKind.CONTRACT
        return _Cleared(fact, Basis(kind=kind), purpose, None)

    @_counted
    def employed(self, fact: S) -> Cleared[S]:
        """Clear what is kept of a receptionist; no shift before they read what is recorded of them (P7)."""
        if type(fact) not in _EMPLOYMENT or fact.records:
            raise Refused(
                "clear a fact", "no_basis", "only the kinds that the gate names; none leaves the box"
            )
        if not isinstance(fact, _BEFORE_TOLD) and not self._consents.staff_told(fact.staff):
            raise Refused("clear a shift", "no_notice", "they read what is recorded of them first (P7)")
        return _Cleared(fact, Basis(kind=BasisKind.EMPLOYMENT), Purpose.STAFFING, None)

    @_counted
    def inquiry(self, fact: facts.CallNoted) -> Cleared[facts.CallNoted]:
        """Clear a call: counted; its number is kept 72 h to call back and joined with nothing.

        With consent to recording the number isn't kept a second time here, and the record on the
        wire may name the caller's token; without, it may not.
        """
        if fact.recorded or any(getattr(r, "who", None) is not None for r in fact.records):
            raise Refused("clear a call", "inquiry_is_never_joined")
        return _Cleared(fact, Basis(kind=BasisKind.INQUIRY), Purpose.CALL_HANDLING, None)

    @_counted
    def recorded_call(self, person: PersonId, fact: facts.CallNoted) -> Cleared[facts.CallNoted]:
        """Clear a call whose caller agreed to the recording: its record may carry the token."""
        relies_on = self._active(person, Scope.RECORDING)
        basis = Basis(kind=BasisKind.CONSENT, scope=Scope.RECORDING)
        return _Cleared(fact, basis, Purpose.CALL_HANDLING, relies_on)

    @_counted
    def impersonal(self, fact: facts.Noted) -> Cleared[facts.Noted]:
        """Clear what is about no person: a closed list of records."""
        said = bool(fact.records) or fact.off is not None
        if not said or not all(isinstance(r, _IMPERSONAL) for r in fact.records):
            raise Refused("clear an impersonal record", "not_impersonal")
        footfall = any(isinstance(r, FootfallCounted) for r in fact.records)
        purpose = Purpose.FOOTFALL if footfall else Purpose.OPERATION
        return _Cleared(fact, Basis(kind=BasisKind.IMPERSONAL), purpose, None)

    # -- using -----------------------------------------------------------------------------

    @_counted
    def permit(self, purpose: Purpose, person: PersonId) -> Permit:
        """Return leave to read what is held about `person` for `purpose`; Refused without consent."""
        if purpose not in _PERMIT_SCOPE:
            raise Refused(f"use for {purpose}", "no_basis")
        self._assessed(_PERMIT_SCOPE[purpose])
        return _Permit(purpose, person, self._active(person, _PERMIT_SCOPE[purpose]))

    def permit_rights(self, person: PersonId | None = None) -> Permit:
        """Return leave to find and destroy on the person's or headquarters' order (`duty`)."""
        return _Permit(Purpose.RIGHTS, person, None)

    def permit_guardian(self) -> Permit:
        """Return leave to read the card by which a guardian proves who agrees for a child (`duty`)."""
        return _Permit(Purpose.RIGHTS, None, None)

    def permit_staff(self) -> Permit:
        """Return leave to read who works at the desk, for turns and sign-in (`employment`)."""
        return _Permit(Purpose.STAFFING, None, None)

    def permit_own_card(self, purpose: Purpose) -> Permit:
        """Return leave to have one card read whose bearer asks for it, and to ask whether it is known."""
        if purpose not in _OWN_CARD:
            raise Refused(f"read a card for {purpose}", "no_basis")
        return _Permit(purpose, None, None)

    def permit_lookup(self, purpose: Purpose) -> Permit:
        """Return leave to ask whether a token that its own bearer just gave is known, and no more."""
        if purpose not in (Purpose.RECEPTION, Purpose.CHANNEL_RISK, Purpose.CALL_HANDLING):
            raise Refused(f"look up for {purpose}", "no_basis")
        return _Permit(purpose, None, None)

    def _active(self, person: PersonId, scope: Scope) -> ConsentVersion:
        row = self._consents.consent(person, scope)
        if not usable(State(row.stands)):
            raise Refused(f"rely on {scope}", "no_consent", f"the consent is {row.stands}")
        return ConsentVersion(person, scope, row.version)
