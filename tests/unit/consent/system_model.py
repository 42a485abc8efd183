"""What may happen to consents and what each allows, written from domain.md alone; imports no rule of edge.

`Model` follows one person's scopes. The test drives it beside the real gate and the real store.
"""

from dataclasses import dataclass

from edge.wire import Purpose, Scope

STATES = "SILENT NOTICED OFFERED DECLINED MINOR ACTIVE BY_GUARDIAN WITHDRAWN EXPIRED RECONSENT"
"""What can lie in the store of one scope before an erasure. CONSENTED lasts for the length of one act.

BY_GUARDIAN is ACTIVE by a guardian's word: the store tells the two apart by the act."""

# From domain.md, "Consent": an act of the visitor at the page puts the choice before them and answers it
# in one ("the visitor acts) → OFFERED"), so each answer is possible wherever an offer is.
_OFFERABLE = "SILENT NOTICED OFFERED DECLINED WITHDRAWN EXPIRED RECONSENT"
ARROWS: dict[str, tuple[str, str]] = {
    "notice": ("SILENT", "NOTICED"),
    "offer": ("NOTICED DECLINED WITHDRAWN EXPIRED RECONSENT", "OFFERED"),
    "decline": (_OFFERABLE, "DECLINED"),
    "found_minor": (_OFFERABLE, "MINOR"),
    "tap": (_OFFERABLE, "ACTIVE"),
    "key": (_OFFERABLE, "ACTIVE"),
    "paper": (_OFFERABLE, "ACTIVE"),
    "guardian": (f"{_OFFERABLE} MINOR", "BY_GUARDIAN"),
    "withdraw": ("ACTIVE BY_GUARDIAN RECONSENT", "WITHDRAWN"),
    "expire": ("ACTIVE BY_GUARDIAN", "EXPIRED"),
    "change": ("ACTIVE BY_GUARDIAN", "RECONSENT"),
    # Alone these are nothing: an agreement is kept with its proof, an erasure by the eraser.
    "agree": ("", ""),
    "guardian_agrees": ("", ""),
    "proof_stored": ("", ""),
    "erase": ("", ""),
    "erased": ("", ""),
}
"""Event: the states from which it leads anywhere, and where."""
AGREEING = ("tap", "key", "guardian", "paper")
OF_THE_PERSON_ALONE = ("tap", "key", "paper")
ON_PAPER = frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.FOLLOW_UP})
"""Nobody stood before a camera, a terminal or a line."""

R, I, F, C = Scope.REGISTRATION, Scope.ID_CARD, Scope.FACE_MATCH, Scope.CHANNEL_RISK  # noqa: E741 — I: the ID card
V = Scope.RECORDING
NEVER = frozenset({"NEVER"})

KEEP: dict[str, frozenset[Scope] | frozenset[str]] = {
    "visit": frozenset({R}),
    "departure": frozenset({R}),
    "corrected size": frozenset({R}),
    "moved": frozenset({R}),
    "renumbered": frozenset({R}),
    "merged": frozenset({R}),
    "name": frozenset({R}),
    "reception": frozenset({R}),
    "appointment": frozenset({R}),
    "evidence registration": frozenset({R}),
    "evidence appointment": frozenset({R}),
    "evidence paper": frozenset({R}),
    "evidence face_confirmed": frozenset({R, F}),
    "evidence id_card": frozenset({R, I}),
    "evidence announced_call": frozenset({R, V}),
    "source": frozenset({C}),
    "template": frozenset({F}),
    "card": frozenset({I}),
    "recording": frozenset({V}),
    "call with its token": frozenset({V}),
    **{f"index {scope}": frozenset({scope}) if scope in {R, C, V} else NEVER for scope in Scope},
    **{f"contact {scope}": frozenset({scope}) if scope in {R, C, V} else NEVER for scope in Scope},
}
"""What may be kept, and which scopes have to be ACTIVE, all of them."""
USE: dict[Purpose, frozenset[Scope] | frozenset[str]] = {
    Purpose.RECEPTION: frozenset({R}),
    Purpose.IDENTITY_CHECK: frozenset({I}),
    Purpose.FACE_CONFIRMATION: frozenset({F}),
    Purpose.CHANNEL_RISK: frozenset({C}),
    Purpose.CALL_HANDLING: frozenset({V}),
    Purpose.CALL_BACK: NEVER,
    Purpose.FOOTFALL: NEVER,
    Purpose.OPERATION: NEVER,
    Purpose.RIGHTS: NEVER,
    Purpose.STAFFING: NEVER,
}
"""What may be read and used about a person, by consent."""


@dataclass(frozen=True)
class Model:
    """One person: scopes that were ever touched, each with its state; the others are SILENT."""

    scopes: tuple[tuple[Scope, str], ...] = ()
    erased: bool = False
    known_minor: bool = False
    """A scope waited for a guardian, or one agreed: a child's own word counts for none from then on (P39)."""

    def state(self, scope: Scope) -> str:
        """Return where one scope stands."""
        return dict(self.scopes).get(scope, "SILENT")

    def after(self, event: str, scope: Scope) -> "Model | None":
        """Return what becomes of it, or None if that is refused."""
        sources, target = ARROWS[event]
        if self.erased or self.state(scope) not in sources.split():
            return None
        if event in OF_THE_PERSON_ALONE and self.known_minor:
            return None
        if event == "paper" and scope not in ON_PAPER:
            return None
        minor = self.known_minor or target in {"MINOR", "BY_GUARDIAN"}
        return Model(tuple(sorted((dict(self.scopes) | {scope: target}).items())), known_minor=minor)

    def gone(self) -> "Model":
        """Return what an erasure leaves: of whoever never did anything, nothing."""
        return Model(tuple((scope, "TOMBSTONE") for scope, _ in self.scopes), erased=bool(self.scopes))

    def allows(self, needed: frozenset[Scope] | frozenset[str]) -> bool:
        """Return whether all that is needed is ACTIVE."""
        return all(one in set(Scope) and self.active(Scope(one)) for one in needed)

    def active(self, scope: Scope) -> bool:
        """Return whether one scope may be relied on."""
        return self.state(scope) in {"ACTIVE", "BY_GUARDIAN"}
