"""Head counts: no record about fewer than five people, and nobody is lost or counted twice."""

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.footfall import SMALLEST_GROUP, Rollup
from edge.wire import FootfallCounted

INTERVAL_MS = 900_000
counts = st.lists(st.integers(0, 12), max_size=60)


def rolled(passed: list[int]) -> tuple[list[FootfallCounted], int]:
    """Feed consecutive intervals; return the records and how many people still wait."""
    rollup, records = Rollup("entrance"), []
    for i, count in enumerate(passed):
        record = rollup.add(i * INTERVAL_MS, (i + 1) * INTERVAL_MS, count)
        if record is not None:
            records.append(record)
    return records, sum(passed) - sum(r.count for r in records)


def test_five_is_the_smallest_group() -> None:
    assert SMALLEST_GROUP == 5


def test_a_small_group_waits_for_the_next_interval() -> None:
    records, waiting = rolled([0, 3, 0, 1, 1, 2])
    assert [(r.from_ms, r.to_ms, r.count) for r in records] == [(INTERVAL_MS, 5 * INTERVAL_MS, 5)]
    assert waiting == 2


def test_a_full_interval_stands_by_itself() -> None:
    records, waiting = rolled([7, 5])
    assert [(r.from_ms, r.count) for r in records] == [(0, 7), (INTERVAL_MS, 5)]
    assert waiting == 0


@given(counts)
def test_p6_no_record_singles_fewer_than_five_out(passed: list[int]) -> None:
    """P6, and domain.md: rolled up with the next interval until they reach 5."""
    records, waiting = rolled(passed)
    assert all(r.count >= SMALLEST_GROUP for r in records)
    assert 0 <= waiting < SMALLEST_GROUP


@given(counts)
def test_everybody_is_counted_exactly_once(passed: list[int]) -> None:
    """Each record's time holds exactly its own people: records never overlap and leave none out."""
    records, _ = rolled(passed)
    end = 0
    for record in records:
        assert end <= record.from_ms < record.to_ms
        inside = passed[record.from_ms // INTERVAL_MS : record.to_ms // INTERVAL_MS]
        assert sum(inside) == record.count
        assert sum(passed[end // INTERVAL_MS : record.from_ms // INTERVAL_MS]) == 0
        end = record.to_ms


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=30),
    st.lists(st.integers(0, 12), min_size=1, max_size=30),
)
def test_two_entrances_are_never_added_up(one: list[int], other: list[int]) -> None:
    first, second = Rollup("north"), Rollup("south")
    alone, _ = rolled(one)
    mixed = []
    for i in range(max(len(one), len(other))):
        if i < len(other):
            second.add(i * INTERVAL_MS, (i + 1) * INTERVAL_MS, other[i])
        if i < len(one):
            mixed.append(first.add(i * INTERVAL_MS, (i + 1) * INTERVAL_MS, one[i]))
    assert [r.count for r in mixed if r] == [r.count for r in alone]
