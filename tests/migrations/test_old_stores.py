"""A store as the first release wrote it opens today, with everything that was in it.

The rows are plain SQL as that release wrote them, so a change of today's code can't change them too.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.secret import Aead

from edge.consent.gate import Gate
from edge.domain.facts import PersonId
from edge.store.credentials import Credentials
from edge.store.database import Database, Value
from edge.store.identity import BoxIdentity
from edge.store.migrate import BOX, KEYS, migrate
from edge.store.store import SqlStore
from edge.wire import Purpose, Scope, VisitRecorded

PERSON, VISIT, CALL, SPOOL, PAIR = (c * 32 for c in "abcde")
EPOCH, BATCH = "1" * 32, "2" * 32
TOKEN = "registration:" + "0" * 64
RISK = "channel_risk:" + "0" * 64
KEY = bytes(range(32))
PHONE = "+8613800138000"
SCOPES = ("registration", "channel_risk", "face_match", "recording")
T = 1_700_000_000_000
RECORD = json.dumps(
    {
        "kind": "visit",
        "v": 1,
        "visit_id": VISIT,
        "revision": 1,
        "who": TOKEN,
        "returning": False,
        "party_size": 2,
        "arrived_ms": T,
        "departed_ms": None,
        "evidence": [
            {"kind": "registration", "at_ms": T, "basis": {"kind": "consent", "scope": "registration"}}
        ],
    },
    sort_keys=True,
    separators=(",", ":"),
)


AUDITED = hashlib.sha256(
    json.dumps([1, T, "tested", None, "0" * 64], separators=(",", ":")).encode()
).hexdigest()

Row = tuple[str, tuple[Value, ...]]


def sealed(scope: str, table: str, row: str, plain: bytes) -> bytes:
    bound = json.dumps([PERSON, scope, table, row], separators=(",", ":")).encode()
    return bytes(Aead(KEY).encrypt(plain, bound))


def rows() -> list[Row]:
    """What release 1 wrote: table and values, column by column."""
    sure, duty = "synchronised", ("duty", "rights")
    registration, risk = ("consent:registration", "reception"), ("consent:channel_risk", "channel_risk")
    face, recording = ("consent:face_match", "face_confirmation"), ("consent:recording", "call_handling")
    report = ("report", "channel_risk")
    contact = sealed("registration", "contacts", PERSON, PHONE.encode())
    template = sealed("face_match", "templates", "f" * 32, b"vector")
    wrapped = sealed("recording", "recordings", CALL, bytes(32))
    waiting = (0, "visit", PERSON, TOKEN, T, sure, RECORD)
    return [
        ("meta", ("tenant", "t")),
        ("meta", ("site", "s")),
        ("meta", ("box", "b")),
        ("meta", ("pair", PAIR)),
        *(
            ("consents", (PERSON, scope, 1, "ACTIVE", T, sure, "n1", "0" * 64, "tap", b"proof", *duty))
            for scope in SCOPES
        ),
        ("consents", (PERSON, "marketing", 1, "DECLINED", T, "unknown", "", None, None, None, *duty)),
        ("person_tokens", (TOKEN, PERSON, "registration", T, *registration)),
        ("person_tokens", (RISK, PERSON, "channel_risk", T, *risk)),
        ("contacts", (PERSON, "registration", contact, T, *registration)),
        ("templates", ("f" * 32, PERSON, "sface", template, T, *face)),
        ("visits", (VISIT, PERSON, 1, T, None, 2, 0, sure, *registration)),
        ("evidence", (VISIT, 1, "registration", T, sure, *registration)),
        ("sources", (VISIT, PERSON, "agent", T, sure, *risk)),
        ("calls", (CALL, "main", 9000, 1, 1, T, sure, *recording)),
        ("recordings", (CALL, PERSON, SPOOL, wrapped, 5000, T, *recording)),
        ("reports", ("R1", RISK, "channel", "agent", T, T * 2, T, *report)),
        ("verdicts", ("R1", 1, "RISK", '["late_report"]', "{}", "0" * 64, T, sure, *report)),
        ("audit", (1, T, "tested", None, "0" * 64, AUDITED, *duty)),
        ("commands", ("9" * 32, "withdraw", "done", T, *duty)),
        ("epochs", (1, EPOCH, None, 1)),
        ("batches", (1, BATCH, EPOCH)),
        ("outbox", (1, *waiting, 1, 1, *registration)),
        ("outbox", (2, *waiting, None, None, *registration)),
    ]


def written(path: Path, key: bytes, directory: Path, given: list[Row]) -> None:
    """Write a file of release 1."""
    database = Database(path, key, "TRUNCATE")
    migrate(database, directory, upto=1)
    for table, values in given:
        database.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    database.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    credentials = Credentials.create(tmp_path / "credentials")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / SPOOL).write_bytes(b"sealed")
    written(tmp_path / "box.db", credentials.store_key, BOX, rows())
    keys: list[Row] = [("keys", (PERSON, scope, KEY)) for scope in SCOPES]
    written(tmp_path / "keys.db", credentials.keys_key, KEYS, [("meta", ("pair", PAIR)), *keys])
    opened = SqlStore.open(tmp_path, credentials, BoxIdentity("t", "s", "b"))
    yield opened
    opened.close()


def test_everything_that_release_1_kept_is_read(store: SqlStore) -> None:
    gate, person = Gate(store), PersonId(PERSON)
    rights = gate.permit_rights(person)
    assert {s: r.state for s, r in store.consents(person).items()} == {
        Scope.REGISTRATION: "ACTIVE",
        Scope.CHANNEL_RISK: "ACTIVE",
        Scope.FACE_MATCH: "ACTIVE",
        Scope.RECORDING: "ACTIVE",
        Scope.MARKETING: "DECLINED",
    }
    assert store.person_by_token(rights, TOKEN) == person
    assert store.contact(rights, Scope.REGISTRATION) == PHONE
    assert store.templates(gate.permit(Purpose.FACE_CONFIRMATION, person)) == [("sface", b"vector")]
    assert [(v.visit, len(v.evidence)) for v in store.visits(rights)] == [(VISIT, 1)]
    customer = store.dossiers(rights, [RISK]).customers[RISK]
    assert [p.at_ms for p in customer.presences] == [T]
    assert customer.answers == [(T, "agent", None)]
    recording = store.recording(rights, CALL)
    assert recording is not None
    assert (recording.key, recording.path.read_bytes()) == (bytes(32), b"sealed")
    report, verdict = store.report(rights, "R1"), store.last_verdict("R1")
    assert report is not None and report.token == RISK
    assert verdict is not None and verdict.reasons == ("late_report",)
    assert store.command_seen("9" * 32)
    assert [row.code for row in store.audit_tail(9)] == ["tested"]
    assert store.audit_broken_at() is None


def test_what_release_1_had_not_sent_is_sent(store: SqlStore) -> None:
    (pending,) = store.pending_batches()
    assert (pending.batch_id, pending.epoch, pending.entries[0].sequence) == (BATCH, EPOCH, 1)
    taken = store.take_batch(10)
    assert taken is not None
    assert taken.previous_epoch == EPOCH and taken.epoch != EPOCH
    for batch in (pending, taken):
        assert isinstance(batch.entries[0].record, VisitRecorded)
        assert batch.entries[0].record.model_dump(mode="json") == json.loads(RECORD) | {
            "departure_estimated": False
        }
