"""Reading needs a permit: of the right purpose, of the right person, on a consent that still holds."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.consent.policy import Event, State
from edge.domain.errors import Refused
from edge.wire import Purpose, Scope
from tests.unit.store.test_apply import full
from tests.unit.store.world import Someone, World

PHONE = "+8613800138000"
LOOKUPS = (Purpose.RECEPTION, Purpose.CHANNEL_RISK, Purpose.CALL_HANDLING)

READS: dict[str, tuple[set[Purpose], Callable[[World, Someone, Any], object]]] = {
    "tokens_of": ({Purpose.RECEPTION}, lambda w, s, p: w.store.tokens_of(p)),
    "contact": ({Purpose.RECEPTION}, lambda w, s, p: w.store.contact(p, Scope.REGISTRATION)),
    "templates": ({Purpose.FACE_CONFIRMATION}, lambda w, s, p: w.store.templates(p)),
    "card": ({Purpose.IDENTITY_CHECK}, lambda w, s, p: w.store.card(p)),
    "visits": ({Purpose.RECEPTION}, lambda w, s, p: w.store.visits(p)),
    "report": ({Purpose.CHANNEL_RISK}, lambda w, s, p: w.store.report(p, "R1")),
    "reports": (
        {Purpose.CHANNEL_RISK},
        lambda w, s, p: w.store.reports_by_token(p, w.token("channel_risk", s)),
    ),
    "dossiers": ({Purpose.CHANNEL_RISK}, lambda w, s, p: w.store.dossiers(p, [w.token("channel_risk", s)])),
    "deal": ({Purpose.CHANNEL_RISK}, lambda w, s, p: w.store.deal(p, "D-R1")),
    "known_customer": ({Purpose.CHANNEL_RISK}, lambda w, s, p: w.store.known_customer(p, "C-R1")),
    "risk_tokens": ({Purpose.CHANNEL_RISK}, lambda w, s, p: w.store.risk_tokens(p, "", 9)),
    "recording": ({Purpose.CALL_HANDLING}, lambda w, s, p: w.store.recording(p, s.calls[0])),
    "recordings_of": ({Purpose.CALL_HANDLING}, lambda w, s, p: w.store.recordings_of(p)),
}
PURPOSES = {
    Purpose.RECEPTION: Scope.REGISTRATION,
    Purpose.FACE_CONFIRMATION: Scope.FACE_MATCH,
    Purpose.IDENTITY_CHECK: Scope.ID_CARD,
    Purpose.CHANNEL_RISK: Scope.CHANNEL_RISK,
    Purpose.CALL_HANDLING: Scope.RECORDING,
}


@pytest.mark.parametrize("name", READS)
def test_each_read_answers_its_own_purpose_only(world: World, name: str) -> None:
    who = full(world)
    allowed, read = READS[name]
    for purpose in PURPOSES:
        permit = world.permit(purpose, who)
        if purpose in allowed:
            assert read(world, who, permit)
        else:
            with pytest.raises(Refused, match="not_for_this_purpose"):
                read(world, who, permit)
    assert read(world, who, world.rights(who))


@pytest.mark.parametrize("name", READS)
def test_p43_withdrawal_ends_use_at_once(world: World, name: str) -> None:
    who = full(world)
    allowed, read = READS[name]
    purpose = next(iter(allowed))
    permit = world.permit(purpose, who)
    assert read(world, who, permit)
    world.withdraw(who, PURPOSES[purpose])
    with pytest.raises(Refused, match="consent_changed"):
        read(world, who, permit)
    with pytest.raises(Refused, match="no_consent"):
        world.permit(purpose, who)


@pytest.mark.parametrize("name", ["tokens_of", "contact", "templates", "card", "visits", "recordings_of"])
def test_what_is_about_one_person_needs_a_permit_that_names_them(world: World, name: str) -> None:
    who = full(world)
    with pytest.raises(Refused, match="names_nobody"):
        READS[name][1](world, who, world.rights())


def test_a_token_is_looked_up_for_its_own_purpose(world: World) -> None:
    who = world.register(PHONE, Scope.CHANNEL_RISK)
    own = {Purpose.RECEPTION: "registration", Purpose.CHANNEL_RISK: "channel_risk"}
    for purpose in LOOKUPS:
        lookup = world.gate.permit_lookup(purpose)
        for token in ("registration", "channel_risk"):
            if own.get(purpose) == token:
                assert world.store.person_by_token(lookup, world.token(token, who)) == who.person
            else:
                with pytest.raises(Refused):
                    world.store.person_by_token(lookup, world.token(token, who))
    unknown = Someone("+8613700137000")
    assert world.store.person_by_token(world.rights(), world.token("registration", unknown)) is None
    assert world.store.person_by_token(world.rights(), world.token("channel_risk", who)) == who.person
    assert world.store.tokens_of(world.rights(who)) == (
        (Scope.CHANNEL_RISK, world.token("channel_risk", who)),
        (Scope.REGISTRATION, world.token("registration", who)),
    )


def test_the_recording_of_another_person_stays_closed(world: World) -> None:
    who = full(world)
    other = world.register("+8613700137000", Scope.RECORDING)
    with pytest.raises(Refused, match="another_person"):
        world.store.recording(world.permit(Purpose.CALL_HANDLING, other), who.calls[0])


def test_visits_come_newest_first(world: World) -> None:
    who = world.register(PHONE)
    made = [world.visit(who) for _ in range(3)]
    world.close_visit(who, made[1])
    assert [v.visit for v in world.store.visits(world.permit(Purpose.RECEPTION, who))] == made[::-1]
    assert [v.visit for v in world.store.open_visits()] == [made[0], made[2]]
    assert [v.returning for v in world.store.visits(world.rights(who))] == [True, True, False]


def test_presences_are_the_consented_ones(world: World) -> None:
    """Late consent to `channel_risk` covers registrations still held; each sign needs its own scope."""
    who = world.register(PHONE, Scope.ID_CARD)
    token, lookup = world.token("channel_risk", who), world.gate.permit_lookup(Purpose.CHANNEL_RISK)
    visit = world.visit(who)
    world.evidence(who, visit, "id_card", Scope.ID_CARD)
    assert world.store.dossiers(lookup, [token]).customers[token].presences == []
    world.agree(who, Scope.CHANNEL_RISK)
    world.index(who, Scope.CHANNEL_RISK)
    seen = world.store.dossiers(lookup, [token]).customers[token].presences
    assert [p.kind for p in seen] == ["registration", "id_card"]
    assert seen[0].at_ms < seen[1].at_ms
    world.withdraw(who, Scope.ID_CARD)
    left = world.store.dossiers(lookup, [token]).customers[token]
    assert [p.kind for p in left.presences] == ["registration"]
    assert not world.store.withdrew_channel_risk(lookup, token)
    world.withdraw(who, Scope.CHANNEL_RISK)
    assert world.store.dossiers(lookup, [token]).customers[token].presences == []
    assert world.store.withdrew_channel_risk(lookup, token)


def test_p14_the_answer_counts_only_while_channel_risk_is_active(world: World) -> None:
    who = world.register(PHONE, Scope.CHANNEL_RISK)
    token, lookup = world.token("channel_risk", who), world.gate.permit_lookup(Purpose.CHANNEL_RISK)
    for source in ("walk_in", "agent"):
        world.tell(who, world.visit(who), source)
    told = world.store.dossiers(lookup, [token]).customers[token].answers
    assert [source for _, source, _ in told] == ["walk_in", "agent"]
    world.change(who, Scope.CHANNEL_RISK, Event.CHANGE, State.RECONSENT)
    assert world.store.dossiers(lookup, [token]).customers[token].answers == []


def test_reports_come_first_reporter_first(world: World) -> None:
    who = world.register(PHONE)
    world.report(who, "B")
    world.report(who, "A")
    rows = world.store.reports_by_token(
        world.gate.permit_lookup(Purpose.CHANNEL_RISK), world.token("channel_risk", who)
    )
    assert [r.report_ref for r in rows] == ["A", "B"]
    assert world.store.report(world.rights(), "A") == rows[0]
    assert world.store.report(world.rights(), "C") is None


def test_what_is_shown_of_a_row_holds_no_identity(world: World) -> None:
    who = full(world)
    rights = world.rights(who)
    shown = [
        world.store.card(rights),
        world.store.recording(rights, who.calls[0]),
        world.store.report(rights, "R1"),
    ]
    for secret in (PHONE, who.name, who.number, world.token("channel_risk", who), "agent="):
        assert secret not in repr(shown)
