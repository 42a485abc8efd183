"""P10: what is joined with a person is theirs again. P25: whoever runs headquarters sees no number."""

import hashlib
import hmac
from pathlib import Path

import pytest

from cloud.setup import init
from edge.domain.errors import Refused
from edge.wire import Scope
from tests.unit.store.world import World

NUMBER = "+8613800138000"


def test_p10_a_call_that_is_joined_with_a_person_has_their_basis_and_their_end(tmp_path: Path) -> None:
    """P10: a counted call is nobody's; the same kind of row under a consent goes with the person."""
    world = World(tmp_path)
    who = world.register(NUMBER, Scope.RECORDING)
    world.index(who, Scope.RECORDING)
    joined, counted = world.record_call(who, b"sealed"), world.count_call(NUMBER)
    rows = world.store._database.query("SELECT call, basis FROM calls")
    assert {row.text("call"): row.text("basis") for row in rows} == {
        joined: "consent:recording",
        counted: "inquiry",
    }
    world.erase(who)
    assert [row.text("call") for row in world.store._database.query("SELECT call FROM calls")] == [counted]
    world.store.close()


def test_p10_a_sign_of_presence_lives_no_longer_than_the_visit_that_it_joins(tmp_path: Path) -> None:
    """P10: evidence under another scope needs the visit's scope too, and goes with the visit."""
    world = World(tmp_path)
    who = world.register(NUMBER, Scope.ID_CARD)
    visit = world.visit(who)
    world.evidence(who, visit, "id_card", Scope.ID_CARD)
    world.withdraw(who, Scope.REGISTRATION)
    with pytest.raises(Refused):
        world.evidence(who, visit, "id_card", Scope.ID_CARD)
    world.erase(who)
    assert world.store._database.count("SELECT count(*) FROM evidence") == 0
    world.store.close()


def test_p25_no_key_of_headquarters_turns_a_number_into_its_token(tmp_path: Path) -> None:
    """P25: with all that headquarters' set-up makes, a known number isn't found in what the box sends."""
    world = World(tmp_path / "box")
    who = world.register(NUMBER)
    init(tmp_path / "headquarters")
    secrets_ = [path.read_bytes() for path in (tmp_path / "headquarters").rglob("*") if path.is_file()]
    assert secrets_
    keys = {secret for one in secrets_ for secret in (one, one.strip())}
    keys |= {bytes.fromhex(one.decode()) for one in set(keys) if _hex(one)}
    batch = world.store.take_batch(100)
    assert batch is not None
    sent = batch.model_dump_json()
    right = world.token("registration", who).partition(":")[2]
    assert right in sent, "this is how the box names the person"
    for key in keys:
        assert hmac.new(key, NUMBER.encode(), hashlib.sha256).hexdigest() not in sent
    assert hashlib.sha256(NUMBER.encode()).hexdigest() not in sent, "no hash without a key"
    world.store.close()


def _hex(text: bytes) -> bool:
    try:
        return bool(bytes.fromhex(text.decode()))
    except ValueError:
        return False
