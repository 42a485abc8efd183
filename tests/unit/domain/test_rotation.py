"""轮排: everybody gets their turn, in order of waiting, whatever is skipped and whoever pauses."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.rotation import Waiting, line, proposals, since_after_turn

PEOPLE = st.lists(
    st.builds(
        Waiting, since_ms=st.integers(0, 10**13), staff=st.uuids().map(lambda u: u.hex), paused=st.booleans()
    ),
    max_size=12,
    unique_by=lambda one: one.staff,
)  # fmt: skip
AWAKE = PEOPLE.map(lambda all_: [replace(one, paused=False) for one in all_])


def after_turn(people: list[Waiting], staff: str, now_ms: int) -> list[Waiting]:
    since = since_after_turn(now_ms, people)
    return [replace(one, since_ms=since) if one.staff == staff else one for one in people]


@given(PEOPLE)
def test_the_next_one_has_waited_longest_and_does_not_pause(people: list[Waiting]) -> None:
    (next_,) = proposals(people, 1)
    free = [one for one in people if not one.paused]
    assert (next_ is None) == (not free)
    if free:
        assert next_ == min(free).staff


@given(AWAKE.filter(bool), st.integers(0, 10**13))
def test_in_as_many_receptions_as_people_everybody_has_one(people: list[Waiting], now_ms: int) -> None:
    """Even if the clock stands still or was set back."""
    received = []
    for _ in people:
        (next_,) = proposals(people, 1)
        assert next_ is not None
        received.append(next_)
        people = after_turn(people, next_, now_ms)
    assert sorted(received) == sorted(one.staff for one in people)


@given(PEOPLE.filter(bool), st.data())
def test_a_pause_changes_nobody_elses_order_and_keeps_the_place(
    people: list[Waiting], data: st.DataObject
) -> None:
    who = data.draw(st.sampled_from(people))
    pausing = [replace(one, paused=True) if one is who else one for one in people]
    others = [one.staff for one in line(people) if one.staff != who.staff]
    assert [one.staff for one in line(pausing) if one.staff != who.staff] == others
    back = [replace(one, paused=who.paused) if one.staff == who.staff else one for one in pausing]
    assert line(back) == line(people)


@given(PEOPLE, st.integers(0, 30))
def test_several_parties_at_once_get_different_people_while_there_are_any(
    people: list[Waiting], parties: int
) -> None:
    proposed = proposals(people, parties)
    free = [one.staff for one in line(people) if not one.paused]
    assert len(proposed) == parties
    assert list(proposed[: len(free)]) == free[:parties]
    assert proposed == proposals(reversed(people), parties)
