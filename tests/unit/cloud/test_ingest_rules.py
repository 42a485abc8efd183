"""What ingest does with sound and unsound payloads, on SQLite and on PostgreSQL."""

import json

import pytest
from sqlalchemy import Table, func, select

from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Answer, Intake
from cloud.keys import SigningKey, verified
from cloud.reports.lawful import standing_scopes
from cloud.reports.visits import visits_between
from cloud.store import schema
from cloud.store.database import Database
from edge.wire import Receipt, Record, Topics, Voided, parse_signed
from edge.wire.batch import MAX_PAYLOAD
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, Signer, entry, hexid


def count(database: Database, table: Table) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def rows(database: Database, table: Table) -> list[dict[str, object]]:
    with database.read() as connection:
        return [dict(r) for r in connection.execute(select(table)).mappings()]


def outcomes(answer: Answer | None) -> list[tuple[int, str, str]]:
    assert answer is not None
    receipt = Receipt.model_validate(parse_signed(answer.payload).body)
    return [(r.sequence, r.outcome, r.code) for r in receipt.results]


def test_one_record_of_each_kind_lands_in_its_table_with_basis_and_purpose_P2(
    database: Database, intake: Intake, signer: Signer
) -> None:
    raw = [entry(n, make()) for n, make in enumerate(records.ONE_OF_EACH, 1) if make is not records.erasure]
    answer = intake.accept(signer.topics.batch, signer.batch(raw))
    assert {(outcome, code) for _, outcome, code in outcomes(answer)} == {("committed", "ok")}
    for kind, table in schema.FACTS.items():
        found = rows(database, table)
        if kind == "erasure_receipt":
            continue
        assert len(found) == list(schema.FACTS.values()).count(table), kind
        assert found[0]["basis"] and found[0]["purpose"]
        assert found[0]["site"] == "harbour"
    assert count(database, schema.entries) == len(raw)


def test_the_receipt_is_signed_for_this_use_and_goes_to_the_box(intake: Intake, signer: Signer) -> None:
    answer = intake.accept(signer.topics.batch, signer.batch([entry(1, records.visit())]))
    assert answer is not None and answer.topic == signer.topics.receipt
    signed = parse_signed(answer.payload)
    public = SigningKey(bytes(32)).public
    assert verified(public, "receipt", signed)
    assert not verified(public, "command", signed)


def test_the_same_batch_twice_is_written_once_and_receipted_twice(
    database: Database, intake: Intake, signer: Signer
) -> None:
    payload = signer.batch([entry(1, records.visit()), entry(2, records.call())])
    first, second = (intake.accept(signer.topics.batch, payload) for _ in range(2))
    assert first is not None and second is not None and first.payload == second.payload
    assert count(database, schema.visits) == count(database, schema.calls) == 1


def test_what_came_on_paper_says_when_it_was_given_and_when_it_was_typed_in(
    database: Database, intake: Intake, signer: Signer
) -> None:
    """Beside what was tapped, in one batch; of that there is no such time."""
    form = {"kind": "paper", "at_ms": NOON, "basis": {"kind": "consent", "scope": "registration"}}
    raw = [
        entry(1, records.consent(act="paper", entered_ms=NOON + 500)),
        entry(2, records.consent(scope="channel_risk")),
        entry(3, records.visit(entered_ms=NOON + 500, evidence=(form,))),
        entry(4, records.visit(visit_id=hexid(5))),
    ]
    answer = intake.accept(signer.topics.batch, signer.batch(raw))
    assert {(outcome, code) for _, outcome, code in outcomes(answer)} == {("committed", "ok")}
    consents = {(r["scope"], r["act"], r["at_ms"], r["entered_ms"]) for r in rows(database, schema.consents)}
    assert consents == {
        ("registration", "paper", NOON, NOON + 500), ("channel_risk", "tap", NOON, None),
    }  # fmt: skip
    assert {r["visit_id"]: r["entered_ms"] for r in rows(database, schema.visits)} == {
        hexid(1): NOON + 500, hexid(5): None,
    }  # fmt: skip


def test_p29_a_form_that_is_older_than_the_withdrawal_ends_with_it(
    database: Database, intake: Intake, signer: Signer
) -> None:
    """P29: typed in after a withdrawal that the box hadn't heard of, at the time that stands on it."""
    form = {"kind": "paper", "at_ms": NOON, "basis": {"kind": "consent", "scope": "registration"}}
    raw = [
        entry(1, records.withdrawal()),
        entry(2, records.consent(act="paper", entered_ms=NOON + 500)),
        entry(3, records.visit(entered_ms=NOON + 500, evidence=(form,))),
        entry(4, records.visit(visit_id=hexid(5))),
    ]
    intake.accept(signer.topics.batch, signer.batch(raw))
    with database.read() as connection:
        assert standing_scopes(connection, signer.topics.tenant, WHO) == ()
        shown = [one.visit_id for one in visits_between(connection, signer.topics.tenant, 0, NOON * 2)]
    assert shown == [hexid(5)], "what was kept as it happened was lawful then"


def test_other_bytes_under_a_known_sequence_are_put_aside(
    database: Database, intake: Intake, signer: Signer
) -> None:
    intake.accept(signer.topics.batch, signer.batch([entry(1, records.visit())]))
    answer = intake.accept(signer.topics.batch, signer.batch([entry(1, records.visit(party_size=9))]))
    assert outcomes(answer) == [(1, "quarantined", "conflict")]
    assert [r["party_size"] for r in rows(database, schema.visits)] == [2]
    assert [r["reason"] for r in rows(database, schema.quarantine)] == ["conflict"]


def test_voided_takes_the_place_of_a_record_and_the_late_original_stays_out(
    database: Database, intake: Intake, signer: Signer
) -> None:
    original = signer.batch([entry(1, records.visit())])
    intake.accept(signer.topics.batch, original)
    voided = intake.accept(signer.topics.batch, signer.batch([entry(1, Voided())]))
    assert outcomes(voided) == [(1, "committed", "ok")]
    assert count(database, schema.visits) == 0
    assert outcomes(intake.accept(signer.topics.batch, original)) == [(1, "committed", "voided")]
    assert count(database, schema.visits) == 0
    assert rows(database, schema.entries)[0]["kind"] == "voided"
    assert count(database, schema.quarantine) == 0


def test_a_proof_of_erasure_cannot_be_voided(database: Database, intake: Intake, signer: Signer) -> None:
    intake.accept(signer.topics.batch, signer.batch([entry(1, records.erasure())]))
    answer = intake.accept(signer.topics.batch, signer.batch([entry(1, Voided())]))
    assert outcomes(answer) == [(1, "quarantined", "conflict")]
    assert count(database, schema.erasures) == 1


def test_erasure_empties_every_personal_table_and_late_arrivals_stay_out(
    database: Database, intake: Intake, signer: Signer
) -> None:
    personal: list[Record] = [records.visit(), records.consent(), records.withdrawal(), records.verdict()]
    personal.append(records.call(recorded=True, who=WHO, recorded_ms=5))
    raw = [entry(n, r) for n, r in enumerate(personal, 1)]
    raw.append(entry(20, records.visit(visit_id=hexid(50), who=OTHER)))
    intake.accept(signer.topics.batch, signer.batch(raw))
    intake.accept(signer.topics.batch, signer.batch([entry(30, records.erasure())]))
    assert {t.name: count(database, t) for t in schema.PERSONAL} == {
        "visits": 1, "consents": 0, "withdrawals": 0, "calls": 0, "verdicts": 1, "reattributed": 0
    }  # fmt: skip
    late = entry(31, records.visit(revision=2), wall_ms=NOON + 100)
    again = entry(32, records.visit(visit_id=hexid(51), arrived_ms=NOON + 101), wall_ms=NOON + 101)
    answer = intake.accept(signer.topics.batch, signer.batch([late, again]))
    assert outcomes(answer) == [(31, "committed", "erased"), (32, "committed", "ok")]
    codes = {r["sequence"]: r["code"] for r in rows(database, schema.entries)}
    assert codes == dict.fromkeys((1, 2, 3, 4, 5, 31), "erased") | dict.fromkeys((20, 30, 32), "ok")


def test_an_erasure_covers_the_same_persons_tokens_of_other_purposes(
    database: Database, intake: Intake, signer: Signer
) -> None:
    risk = "channel_risk:" + "12" * 32
    intake.accept(signer.topics.batch, signer.batch([entry(1, records.verdict(who=risk))]))
    receipt = records.erasure(also=(risk,))
    late = entry(3, records.verdict(who=risk, version=2))
    intake.accept(signer.topics.batch, signer.batch([entry(2, receipt), late]))
    intake.accept(signer.topics.batch, signer.batch([late]))
    kept = rows(database, schema.verdicts)
    assert [(r["verdict"], r["inputs_hash"], r["decided_ms"]) for r in kept] == [
        ("RISK", "1" * 64, NOON + 20)
    ] * 2
    for row in kept:
        assert {name: row[name] for name in schema.ERASED_VERDICT} == schema.ERASED_VERDICT
    assert {r["who"] for r in rows(database, schema.suppression)} == {WHO, risk}


def test_a_box_whose_clock_is_days_ahead_erases_and_keeps_nobody_out_for_so_long(
    database: Database, intake: Intake, signer: Signer
) -> None:
    day = 86_400_000
    fast = entry(1, records.visit(), wall_ms=NOON + 9 * day)
    erased = entry(2, records.erasure(at_ms=NOON + 10 * day))
    back = entry(3, records.visit(visit_id=hexid(51), arrived_ms=NOON + day), wall_ms=NOON + day)
    intake.accept(signer.topics.batch, signer.batch([fast]))
    intake.accept(signer.topics.batch, signer.batch([erased]))
    assert count(database, schema.visits) == 0
    assert outcomes(intake.accept(signer.topics.batch, signer.batch([back]))) == [(3, "committed", "ok")]
    assert count(database, schema.visits) == 1


def test_erased_rows_are_gone_from_the_file_and_its_log(tmp_path: object, signer: Signer) -> None:
    from pathlib import Path

    from cloud.store.database import open_database

    file = Path(str(tmp_path)) / "hq.db"
    database = open_database(f"sqlite:///{file}")
    database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=NOON))
    intake = Intake(database, SigningKey(bytes(32)), lambda: NOON)
    canary = hexid(0xC0FFEE_C0FFEE)
    intake.accept(signer.topics.batch, signer.batch([entry(1, records.visit(visit_id=canary))]))

    def on_disk() -> bool:
        return any(canary.encode() in f.read_bytes() for f in file.parent.iterdir() if f.is_file())

    assert on_disk()
    intake.accept(signer.topics.batch, signer.batch([entry(2, records.erasure())]))
    assert not on_disk()
    database.close()


def test_one_bad_entry_does_not_lose_its_neighbours(
    database: Database, intake: Intake, signer: Signer
) -> None:
    stranger = entry(2, records.visit()) | {"phone": "x"}
    huge = entry(3, records.call(duration_ms=2**60))
    text = entry(4, records.visit()) | {"wall_ms": str(NOON)}
    nameless = entry(5, records.visit()) | {"sequence": True}
    raw = [entry(1, records.visit()), stranger, huge, text, nameless, {}]
    answer = intake.accept(signer.topics.batch, signer.batch(raw))
    assert outcomes(answer) == [
        (1, "committed", "ok"),
        (2, "quarantined", "invalid_entry"),
        (3, "quarantined", "number_out_of_range"),
        (4, "quarantined", "invalid_entry"),
    ]
    assert count(database, schema.visits) == 1
    aside = rows(database, schema.quarantine)
    assert sorted(str(r["reason"]) for r in aside) == [
        "invalid_entry", "invalid_entry", "no_sequence", "no_sequence", "number_out_of_range"
    ]  # fmt: skip


def _refusals(signer: Signer) -> dict[str, tuple[str, bytes]]:
    topic, good = signer.topics.batch, [entry(1, records.visit())]
    stranger = Signer(topics=signer.topics)
    forged = json.loads(signer.batch(good))
    forged["body"]["entries"][0]["record"]["party_size"] = 5
    floating = json.loads(signer.batch(good))
    floating["body"]["entries"][0]["wall_ms"] = 1.5
    return {
        "foreign_topic": ("gatehouse/v1/demo/harbour/box-1/up/else", signer.batch(good)),
        "unknown_box": (Topics("demo", "harbour", "box-9").batch, signer.batch(good)),
        "bad_signature": (topic, stranger.batch(good)),
        "bad_signature+forged": (topic, json.dumps(forged).encode()),
        "bad_signature+other_use": (topic, signer.sign(signer.body(good), "receipt")),
        "malformed": (topic, b"\xff\x00{"),
        "malformed+large": (topic, b"[" * (MAX_PAYLOAD + 1)),
        "malformed+deep": (topic, b"[" * 100_000),
        "not_canonical": (topic, json.dumps(floating).encode()),
        "malformed_batch": (topic, signer.batch(good, v=2)),
        "malformed_batch+empty": (topic, signer.batch([])),
        "foreign_batch": (topic, signer.batch(good, box="box-2")),
    }


@pytest.mark.parametrize("case", _refusals(Signer()))
def test_an_untrusted_payload_never_reaches_a_table_and_gets_no_receipt(
    database: Database, intake: Intake, signer: Signer, case: str
) -> None:
    topic, payload = _refusals(signer)[case]
    assert intake.accept(topic, payload) is None
    assert intake.accept(topic, payload) is None
    assert count(database, schema.entries) == count(database, schema.visits) == 0
    (aside,) = rows(database, schema.quarantine)
    assert (aside["reason"], aside["times"], aside["size"]) == (case.partition("+")[0], 2, len(payload))
    assert outcomes(intake.accept(signer.topics.batch, signer.batch([entry(1, records.visit())])))


def test_a_batch_replayed_under_another_box_is_refused(
    database: Database, intake: Intake, signer: Signer
) -> None:
    other = Signer(topics=Topics("demo", "harbour", "box-2"))
    database.write(lambda c: enrol(c, other.topics, other.public.hex(), now_ms=NOON))
    assert intake.accept(other.topics.batch, signer.batch([entry(1, records.visit())])) is None
    assert rows(database, schema.quarantine)[0]["reason"] == "bad_signature"
    assert count(database, schema.entries) == 0


def test_gaps_are_what_is_missing_below_the_highest_sequence(
    database: Database, intake: Intake, signer: Signer
) -> None:
    for sequences in ((5, 6), (1,), (5, 6), (9,)):
        raw = [entry(s, records.call(call_id=hexid(100 + s))) for s in sequences]
        intake.accept(signer.topics.batch, signer.batch(raw))
    (epoch,) = rows(database, schema.epochs)
    assert (epoch["highest"], epoch["received"]) == (9, 4)


def test_no_content_of_what_was_refused_is_kept(database: Database, intake: Intake, signer: Signer) -> None:
    raw = entry(1, records.visit()) | {"phone": "13800001234"}
    intake.accept(signer.topics.batch, signer.batch([raw]))
    kept = repr(rows(database, schema.quarantine)) + repr(rows(database, schema.entries))
    assert WHO not in kept and "13800001234" not in kept
