"""Every state × every event against a table written from domain.md, and what no sequence can reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.consent.policy import (
    ASK_AGAIN_AFTER_MS,
    FACE_SUSPENDED_AFTER_MS,
    USABLE,
    Event,
    State,
    may_ask,
    step,
    usable,
)
from edge.domain.errors import Refused

# One line per state, one column per event, "." where domain.md draws no arrow. Written from its text
# ("Consent"), not from the code: the chain SILENT to ACTIVE, the ways out of ACTIVE, the ways back by
# the visitor's act, and "any of these → ERASING → TOMBSTONE".
EVENTS = (
    "notice offer decline agree guardian_agrees proof_stored withdraw expire change erase erased found_minor"
)
TABLE = """
SILENT    NOTICED .       .        .         .         .      .         .       .         ERASING .    .
NOTICED   .       OFFERED .        .         .         .      .         .       .         ERASING .    .
OFFERED   .       .       DECLINED CONSENTED .         .      .         .       .         ERASING .    MINOR
DECLINED  .       OFFERED .        .         .         .      .         .       .         ERASING .    .
MINOR     .       .       .        .         CONSENTED .      .         .       .         ERASING .    .
CONSENTED .       .       .        .         .         ACTIVE WITHDRAWN .       .         ERASING .    .
ACTIVE    .       .       .        .         .         .      WITHDRAWN EXPIRED RECONSENT ERASING .    .
WITHDRAWN .       OFFERED .        .         .         .      .         .       .         ERASING .    .
EXPIRED   .       OFFERED .        .         .         .      .         .       .         ERASING .    .
RECONSENT .       OFFERED .        .         .         .      WITHDRAWN .       .         ERASING .    .
ERASING   .       .       .        .         .         .      .         .       .         .       TOMB .
TOMBSTONE .       .       .        .         .         .      .         .       .         .       .    .
"""

ROWS = {line.split()[0]: line.split()[1:] for line in TABLE.strip().splitlines()}
CELLS = [
    (State(state), Event(event), None if target == "." else State(target.replace("TOMB", "TOMBSTONE")))
    for state, targets in ROWS.items()
    for event, target in zip(EVENTS.split(), targets, strict=True)
]
DAY_MS = 24 * 3600 * 1000
events = st.lists(st.sampled_from(Event), max_size=40)


def test_the_table_has_every_state_and_every_event() -> None:
    assert set(ROWS) == {state.value for state in State}
    assert {(s, e) for s, e, _ in CELLS} == {(s, e) for s in State for e in Event}


@pytest.mark.parametrize(("state", "event", "target"), CELLS)
def test_every_state_and_every_event(state: State, event: Event, target: State | None) -> None:
    if target is not None:
        assert step(state, event) is target
        return
    with pytest.raises(Refused) as refused:
        step(state, event)
    assert refused.value.code == "not_allowed_in_this_state"


def walk(sequence: list[Event]) -> list[tuple[State, Event]]:
    """Play `sequence` from SILENT; return each state with the event that led there, refusals left out."""
    state, path = State.SILENT, []
    for event in sequence:
        try:
            state = step(state, event)
        except Refused:
            continue
        path.append((state, event))
    return path


@given(events)
def test_p1_nothing_is_usable_without_an_agreeing_act_and_its_stored_proof(sequence: list[Event]) -> None:
    """P1: whatever happens, use follows only AGREE or GUARDIAN_AGREES and then PROOF_STORED."""
    path = walk(sequence)
    for i, (state, event) in enumerate(path):
        if usable(state):
            assert event is Event.PROOF_STORED
            assert path[i - 1][1] in {Event.AGREE, Event.GUARDIAN_AGREES}


@given(st.lists(st.sampled_from(sorted(set(Event) - {Event.AGREE, Event.GUARDIAN_AGREES})), max_size=60))
def test_p1_no_sequence_without_agreement_is_ever_usable(sequence: list[Event]) -> None:
    assert not any(usable(state) for state, _ in walk(sequence))


@given(events)
def test_p38_p39_a_minor_becomes_active_only_by_a_guardian(sequence: list[Event]) -> None:
    """P38, P39: from MINOR no way leads to ACTIVE but through a guardian's act, refusals included."""
    minor = False
    for state, event in walk([Event.NOTICE, Event.OFFER, Event.FOUND_MINOR, *sequence]):
        if event is Event.FOUND_MINOR:
            minor = True
        elif event is Event.GUARDIAN_AGREES:
            minor = False
        assert not (minor and usable(state))


def test_p39_a_minor_cannot_agree_themselves() -> None:
    for event in (Event.AGREE, Event.OFFER, Event.DECLINE, Event.PROOF_STORED):
        with pytest.raises(Refused):
            step(State.MINOR, event)


@given(events)
def test_nothing_leaves_a_tombstone(sequence: list[Event]) -> None:
    for event in sequence:
        with pytest.raises(Refused):
            step(State.TOMBSTONE, event)


@given(events)
def test_p43_after_a_withdrawal_nothing_is_usable_until_a_new_agreement(sequence: list[Event]) -> None:
    path = walk([Event.NOTICE, Event.OFFER, Event.AGREE, Event.PROOF_STORED, Event.WITHDRAW, *sequence])
    agreed = False
    for state, event in path[5:]:
        agreed = agreed or event in {Event.AGREE, Event.GUARDIAN_AGREES}
        assert agreed or not usable(state)


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_erased_and_an_erased_one_ends(state: State) -> None:
    """P41: an erasure is possible from every state but those where it is already done."""
    if state in {State.ERASING, State.TOMBSTONE}:
        return
    assert step(step(state, Event.ERASE), Event.ERASED) is State.TOMBSTONE


def test_only_active_is_usable() -> None:
    assert frozenset({State.ACTIVE}) == USABLE
    assert [state for state in State if usable(state)] == [State.ACTIVE]


@pytest.mark.parametrize(
    ("after_ms", "asked"),
    [
        (-DAY_MS, False),  # a clock that was set back doesn't shorten the pause
        (0, False),
        (2 * DAY_MS - 1, False),
        (2 * DAY_MS, True),
        (30 * DAY_MS, True),
    ],
)
def test_p50_a_refused_scope_rests_for_48_hours(after_ms: int, asked: bool) -> None:
    refused_ms = 1_764_000_000_000
    assert may_ask(State.DECLINED, refused_ms, refused_ms + after_ms) is asked


def test_p50_the_pause_is_48_hours_and_faces_rest_after_7_days_alone() -> None:
    assert ASK_AGAIN_AFTER_MS == 172_800_000
    assert FACE_SUSPENDED_AFTER_MS == 604_800_000


@pytest.mark.parametrize("state", sorted(set(State) - {State.DECLINED}))
def test_a_scope_is_offered_only_where_an_offer_leads_on(state: State) -> None:
    """Not while active, not to a minor behind the guardian's back, never to a tombstone."""
    open_to_offers = {State.SILENT, State.NOTICED, State.WITHDRAWN, State.EXPIRED, State.RECONSENT}
    assert may_ask(state, 0, 365 * DAY_MS) is (state in open_to_offers)
