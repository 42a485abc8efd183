"""What ends by itself: P8 with a clock that is moved past each period."""

import pytest

from edge.domain.errors import StoreError
from edge.store.facts_calls import NUMBER_KEPT_MS
from edge.wire import Scope
from tests.unit.store.world import HOUR, T0, Someone, World

NUMBER = "+8613900139000"


def test_p8_a_callers_number_lasts_72_hours(world: World) -> None:
    call = world.count_call(NUMBER)
    noted = world.now
    assert NUMBER_KEPT_MS == 72 * HOUR
    assert world.store.purge_due(noted + 72 * HOUR - 1) == {"call_numbers": 0, "reports": 0}
    assert world.store.call_number(world.rights(), call) == NUMBER
    assert world.store.purge_due(noted + 72 * HOUR) == {"call_numbers": 1, "reports": 0}
    assert world.store.call_number(world.rights(), call) is None
    assert world.store._keys.names() == set()
    assert world.store._database.count("SELECT count(*) FROM calls") == 1


def test_a_number_is_sealed_under_a_key_of_its_own_call(world: World) -> None:
    first, second = world.count_call(NUMBER), world.count_call(NUMBER)
    assert world.count_call(None) not in {s for s, _ in world.store._keys.names()}
    assert world.store._keys.names() == {(first, "inquiry"), (second, "inquiry")}
    rows = world.store._database.query("SELECT sealed FROM call_numbers")
    assert rows[0].blob("sealed") != rows[1].blob("sealed")


def test_p8_a_report_lapses_with_its_protection(world: World) -> None:
    who = Someone("+8613800138000")
    world.report(who, "R1", lapses_ms=T0 + HOUR)
    world.report(who, "R2", lapses_ms=T0 + 2 * HOUR)
    digest = world.judge(who, "R1")
    assert world.store.purge_due(T0 + HOUR) == {"call_numbers": 0, "reports": 1}
    left = world.store.reports_by_token(world.rights(), world.token("channel_risk", who))
    assert [r.report_ref for r in left] == ["R2"]
    finding = world.store.last_verdict("R1")
    assert finding is not None
    assert (finding.inputs_hash, finding.inputs, finding.verdict) == (digest, None, None)


def test_purging_destroys_the_key_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut between key and row: the row can't be read any more, and goes at the next start."""
    world.count_call(NUMBER)

    def crash() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.store._database, "transaction", crash)
    with pytest.raises(KeyboardInterrupt):
        world.store.purge_due(world.now + 72 * HOUR)
    assert world.store._database.count("SELECT count(*) FROM call_numbers") == 1
    world.reopen()
    assert world.store._database.count("SELECT count(*) FROM call_numbers") == 0


def test_nothing_is_purged_on_trial(world: World) -> None:
    call = world.count_call(NUMBER)
    with pytest.raises(StoreError), world.store.transaction():
        world.store.purge_due(world.now + 72 * HOUR)
    assert world.store.call_number(world.rights(), call) == NUMBER


def test_a_registered_persons_contact_has_another_period(world: World) -> None:
    who = world.register("+8613800138000")
    world.store.purge_due(world.now + 1000 * HOUR)
    assert world.store.contact(world.rights(who), Scope.REGISTRATION) == who.phone
