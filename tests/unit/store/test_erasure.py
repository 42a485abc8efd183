"""Erasure: all of it, or finished at the next start; the receipt says what was destroyed."""

import pytest

from edge.consent.policy import State
from edge.domain.errors import Refused, StoreError
from edge.domain.facts import CommandDone
from edge.ports import Cleared
from edge.store.database import Database
from edge.store.rows import Erased
from edge.wire import ErasureReceipt, Purpose, Scope
from tests.unit.store.test_apply import BUSINESS, everything, full
from tests.unit.store.world import Someone, World

ALL = {
    "tokens": 3,
    "signed_consents": 5,
    "contacts": 1,
    "templates": 1,
    "cards": 1,
    "visits": 1,
    "evidence": 2,
    "sources": 1,
    "follow_ups": 1,
    "extensions": 1,
    "known_customers": 1,
    "deals": 1,
    "deal_buyers": 1,
    "calls": 1,
    "recordings": 1,
    "reports": 1,
    "verdicts": 1,
    "outbox": 8,
}
"""What `someone` leaves behind."""


def someone(world: World) -> Someone:
    who = full(world)
    world.index(who, Scope.RECORDING)
    return who


def tables_with(world: World, *needles: str) -> set[str]:
    """Every table of the database in which one of `needles` stands, in any column."""
    database, found = world.store._database, set()
    for row in database.query("SELECT name FROM sqlite_master WHERE type = 'table'"):
        table = row.text("name")
        for held in database.query(f"SELECT * FROM {table}"):
            if any(n in str(v) for v in held._values.values() for n in needles):
                found.add(table)
    return found


def test_p46_everything_goes_and_the_receipt_says_what(world: World) -> None:
    who, other = someone(world), world.register("+8613700137000")
    world.visit(other)
    tokens = [t for _, t in world.store.tokens_of(world.rights(who))]
    files = list(world.store.spool.iterdir())
    assert len(files) == 1
    said = world.erase(who)
    assert said == Erased(5, ALL)
    batch = world.store.take_batch(1)
    assert batch is not None
    receipt = batch.entries[0].record
    assert isinstance(receipt, ErasureReceipt)
    assert (receipt.keys_destroyed, receipt.rows) == (5, ALL)
    assert list(world.store.spool.iterdir()) == []
    assert tables_with(world, who.person, *who.visits, *who.calls) == {"consents", "audit"}
    assert tables_with(world, *tokens) == {"outbox"}  # the receipt names whom headquarters named
    assert len(world.store.visits(world.rights(other))) == 1
    assert {n for n, _ in world.store._keys.names()} - {"box"} == {other.person, *_calls(world)}


def _calls(world: World) -> set[str]:
    return {r.text("call") for r in world.store._database.query("SELECT call FROM call_numbers")}


def test_what_remains_is_a_skeleton_without_a_token(world: World) -> None:
    who = someone(world)
    proofs = world.store._database.query("SELECT proof FROM consents WHERE state = 'ACTIVE'")
    token = world.token("registration", who)
    world.erase(who)
    assert {r.state for r in world.store.consents(who.person).values()} == {State.TOMBSTONE}
    assert world.store._database.query("SELECT proof FROM consents WHERE state = 'ACTIVE'") == proofs
    assert world.store.suppressed(token)
    assert not world.store.suppressed(world.token("registration", Someone("+8613700137000")))
    finding = world.store.last_verdict("R1")
    assert finding is not None
    assert (finding.verdict, finding.reasons, finding.inputs) == (None, None, None)
    assert len(finding.inputs_hash) == 64 and finding.decided_ms > 0


def test_p29_an_import_doesnt_reenter_them_and_their_own_act_does(world: World) -> None:
    who = someone(world)
    world.erase(who)
    with pytest.raises(Refused, match="suppressed"):
        world.report(who, "R2")
    with pytest.raises(Refused):
        world.visit(who)
    with pytest.raises(Refused):  # not even under the old id, for a scope that was never asked for
        world.agree(who, Scope.MARKETING)
    again = world.register(who.phone, Scope.CHANNEL_RISK)
    assert again.person != who.person
    world.report(again, "R2")
    assert world.store.reports_by_token(world.rights(), world.token("channel_risk", again))


def test_erasing_needs_a_permit_for_rights_and_no_transaction(world: World) -> None:
    who = someone(world)
    before = everything(world)

    def never(_erased: Erased) -> Cleared[CommandDone]:
        raise AssertionError("concluded")

    with pytest.raises(Refused):
        world.store.erase(world.permit(Purpose.RECEPTION, who), (who.person,), never)
    with pytest.raises(StoreError), world.store.transaction():
        world.erase(who)
    assert everything(world) == before
    assert world.store.contact(world.rights(who), Scope.REGISTRATION) == who.phone


def test_nobody_held_is_answered_too(world: World) -> None:
    someone(world)
    stranger = world.token("registration", Someone("+8613700137000"))
    before = everything(world)
    assert world.erase(tokens=(stranger,)) == Erased(0, {})
    after = everything(world)
    assert {t for t in BUSINESS if after[t] != before[t]} == {"commands", "outbox", "tombstones"}


def test_a_claim_on_somebody_unregistered_goes_by_its_token(world: World) -> None:
    stranger = Someone("+8613700137000")
    world.report(stranger, "R1")
    world.judge(stranger, "R1")
    said = world.erase(tokens=(world.token("channel_risk", stranger),))
    assert said == Erased(0, {"reports": 1, "verdicts": 1, "outbox": 1})


def test_two_records_of_one_human_go_together(world: World) -> None:
    visitor = world.register("+8613800138000")
    caller = Someone("+8613800138000")
    world.agree(caller, Scope.RECORDING)
    world.index(caller, Scope.RECORDING)
    world.record_call(caller, b"sealed")
    said = world.erase(visitor, caller)
    assert said.keys_destroyed == 2
    assert said.rows["recordings"] == 1
    assert list(world.store.spool.iterdir()) == []


def test_the_same_order_for_the_same_person_finds_nothing_more(world: World) -> None:
    who = someone(world)
    token = world.token("registration", who)
    world.erase(who)
    assert world.erase(tokens=(token,)) == Erased(0, {})
    assert world.store.person_by_token(world.rights(), token) is None


CRASHES = [
    ("destroy_all", "before"),
    ("destroy_all", "after"),
    ("_delete", "before"),
    ("_delete", "after"),
    ("_bury", "after"),
    ("_keep", "before"),
    ("_keep", "after"),
    ("_clear_away", "before"),
]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("step", "when"), CRASHES)
def test_an_erasure_that_a_crash_cut_is_finished_at_the_next_start(
    world: World, step: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step: afterwards nothing of the person is left, and the order gets its true answer."""
    who = someone(world)
    token = world.token("registration", who)
    owner = world.store._keys if step == "destroy_all" else world.store
    real = getattr(owner, step)

    def crashes(*args: object, **named: object) -> object:
        if when == "after":
            real(*args, **named)
        raise Crash

    monkeypatch.setattr(owner, step, crashes)
    with pytest.raises(Crash):
        world.erase(who)
    world.reopen()
    assert tables_with(world, who.person, *who.visits, *who.calls) <= {"consents", "audit"}
    assert not any(subject == who.person for subject, _ in world.store._keys.names())
    assert list(world.store.spool.iterdir()) == []
    assert {r.state for r in world.store.consents(who.person).values()} == {State.TOMBSTONE}
    assert world.store.suppressed(token)
    assert everything(world)["erasing"] == everything(world)["erasing_tokens"] == 0
    answered = step == "_clear_away"
    assert world.store.waiting().get("erasure_receipt", 0) == int(answered)
    if not answered:
        assert world.erase(tokens=(token,)) == Erased(5, ALL)
        assert world.erase(tokens=(token,)) == Erased(0, {})
    world.reopen()
    assert not {r.code for r in world.store.audit_tail(10)} - {
        "tested",
        "recovered_erasures",
        "recovered_files",
    }


def test_an_answer_that_fails_leaves_the_erasure_begun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are gone, so it can't be undone: it is taken up again, with the whole count."""
    who = someone(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.gate, "on_other_basis", lambda _fact: (_ for _ in ()).throw(Refused("x", "y")))
        with pytest.raises(Refused):
            world.erase(who)
    assert {r.state for r in world.store.consents(who.person).values()} == {State.ERASING}
    with pytest.raises(Refused):
        world.visit(who)
    assert world.erase(who) == Erased(5, ALL)


def test_p42_a_restored_backup_replays_the_erasure_first(world: World) -> None:
    """The database of before the erasure, put back: the key file remembers, and it is erased again."""
    who = someone(world)
    kept = world.register("+8613700137000")
    world.visit(kept)
    token = world.token("registration", who)
    world.store._database.checkpoint()
    backup = (world.state / "box.db").read_bytes()
    world.erase(who)
    world.store.close()
    for name in ("box.db-wal", "box.db-shm"):
        (world.state / name).unlink(missing_ok=True)
    (world.state / "box.db").write_bytes(backup)
    database = Database(world.state / "box.db", world.credentials.store_key, "WAL")
    assert database.count("SELECT count(*) FROM visits") == 2  # the backup does hold them
    database.close()
    world.open()
    assert tables_with(world, who.person, *who.visits, *who.calls) <= {"consents", "audit"}
    assert tables_with(world, token, world.token("channel_risk", who)) == set()
    assert world.store.suppressed(token)
    assert world.store.contact(world.rights(kept), Scope.REGISTRATION) == kept.phone
    assert len(world.store.visits(world.rights(kept))) == 1
