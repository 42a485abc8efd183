"""The tables of headquarters, tenant first in every key; never a column that the wire has no field for.

`entries` is the ledger: one row for each (box, epoch, sequence) ever received. Each table in FACTS
holds the records of one kind, one row for each ledger row, with its basis and purpose (P2). What is
"current" (the last revision of a visit, the state of a consent) is a question, not a row: so the
tables don't depend on the order in which batches arrive.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)

_NAME = String(40)
_CODE = String(48)
_TOKEN = String(96)
_OPAQUE = String(32)
_SHA256 = String(64)


def _tenant() -> Column[Any]:
    return Column("tenant", _NAME, primary_key=True)


boxes = Table(
    "boxes",
    METADATA,
    _tenant(),
    Column("box", _NAME, primary_key=True),
    Column("site", _NAME, nullable=False),
    Column("public_key", _SHA256, nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("enrolled_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger),
)

epochs = Table(
    "epochs",
    METADATA,
    _tenant(),
    Column("box", _NAME, primary_key=True),
    Column("epoch", _OPAQUE, primary_key=True),
    Column("previous_epoch", _OPAQUE),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "box"], ["boxes.tenant", "boxes.box"]),
)

entries = Table(
    "entries",
    METADATA,
    _tenant(),
    Column("box", _NAME, primary_key=True),
    Column("epoch", _OPAQUE, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", _SHA256, nullable=False),
    Column("kind", _CODE, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("code", _CODE, nullable=False),
    ForeignKeyConstraint(["tenant", "box"], ["boxes.tenant", "boxes.box"]),
)


def _fact(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(
        name,
        METADATA,
        _tenant(),
        Column("box", _NAME, primary_key=True),
        Column("epoch", _OPAQUE, primary_key=True),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("site", _NAME, nullable=False),
        Column("wall_ms", BigInteger, nullable=False),
        Column("time_quality", String(12), nullable=False),
        Column("basis", _CODE, nullable=False),
        Column("basis_scope", String(20)),
        Column("purpose", _CODE, nullable=False),
        *columns,
        ForeignKeyConstraint(
            ["tenant", "box", "epoch", "sequence"],
            ["entries.tenant", "entries.box", "entries.epoch", "entries.sequence"],
        ),
    )


def _who(name: str, *, nullable: bool = False) -> tuple[Column[Any], Index]:
    return Column("who", _TOKEN, nullable=nullable), Index(f"ix_{name}_who", "tenant", "who")


visits = _fact(
    "visits",
    Column("visit_id", _OPAQUE, nullable=False),
    Column("revision", BigInteger, nullable=False),
    *_who("visits"),
    Column("returning", Boolean, nullable=False, quote=True),
    Column("party_size", Integer, nullable=False),
    Column("arrived_ms", BigInteger, nullable=False),
    Column("departed_ms", BigInteger),
    Column("departure_estimated", Boolean, nullable=False, server_default=false()),
    Column("entered_ms", BigInteger),
    Column("evidence", JSON, nullable=False),
    Index("ix_visits_visit", "tenant", "visit_id"),
    Index("ix_visits_arrived", "tenant", "arrived_ms"),
)

footfall = _fact(
    "footfall",
    Column("camera", _NAME, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Index("ix_footfall_from", "tenant", "from_ms"),
)

consents = _fact(
    "consents",
    *_who("consents"),
    Column("scope", String(20), nullable=False),
    Column("consent_version", BigInteger, nullable=False),
    Column("notice_version", _CODE, nullable=False),
    Column("notice_hash", _SHA256, nullable=False),
    Column("act", String(12), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("entered_ms", BigInteger),
)

withdrawals = _fact(
    "withdrawals",
    *_who("withdrawals"),
    Column("scope", String(20), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", String(16), nullable=False),
)

calls = _fact(
    "calls",
    Column("call_id", _OPAQUE, nullable=False),
    Column("line", _NAME, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("notice_played", Boolean, nullable=False),
    Column("recorded", Boolean, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    *_who("calls", nullable=True),
    Column("loss_permille", Integer),
    Column("mos_x100", Integer),
    Index("ix_calls_started", "tenant", "started_ms"),
)

health = _fact(
    "health",
    Column("device", _NAME, nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", _CODE, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Index("ix_health_since", "tenant", "since_ms"),
)

blind = _fact(
    "blind",
    Column("device", _NAME, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("cause", _CODE, nullable=False),
    Index("ix_blind_to", "tenant", "to_ms"),
)

verdicts = _fact(
    "verdicts",
    Column("verdict_id", _OPAQUE, nullable=False),
    Column("report_ref", _NAME),
    Column("deal_ref", _NAME),
    Column("channel", _NAME),
    Column("also", JSON),
    Column("inputs", Text),
    Column("outcomes", JSON),
    Column("signature", String(128)),
    Column("version", BigInteger, nullable=False),
    *_who("verdicts", nullable=True),
    Column("verdict", String(8), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("review_reasons", JSON, nullable=False),
    Column("rule_set", _NAME, nullable=False),
    Column("rule_version", BigInteger, nullable=False),
    Column("inputs_hash", _SHA256, nullable=False),
    Column("reported_ms", BigInteger),
    Column("presence_ms", BigInteger),
    Column("presence_quality", String(12)),
    Column("decided_ms", BigInteger, nullable=False),
    Index("ix_verdicts_decided", "tenant", "decided_ms"),
    Index("ix_verdicts_deal", "tenant", "deal_ref"),
    Index("ix_verdicts_report", "tenant", "report_ref"),
)

erasures = _fact(
    "erasures",
    Column("command_id", _OPAQUE, nullable=False),
    *_who("erasures"),
    Column("also", JSON, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("keys_destroyed", BigInteger, nullable=False),
    Column("rows", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

answers = _fact(
    "answers",
    Column("command_id", _OPAQUE, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", _CODE, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

audit_heads = _fact(
    "audit_heads",
    Column("size", BigInteger, nullable=False),
    Column("root", _SHA256, nullable=False),
    Column("from_size", BigInteger, nullable=False),
    Column("proof", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

audit_logs = Table(
    "audit_logs",
    METADATA,
    _tenant(),
    Column("box", _NAME, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", _SHA256, nullable=False),
    Column("proven_ms", BigInteger, nullable=False),
    Column("alarm", _CODE),
    Column("alarm_ms", BigInteger),
    ForeignKeyConstraint(["tenant", "box"], ["boxes.tenant", "boxes.box"]),
)
"""The newest head of each box's audit that was proven to contain the one before; and what wasn't."""

retokened = _fact(
    "retokened",
    Column("old", _TOKEN, nullable=False),
    Column("new", _TOKEN, nullable=False),
    Index("ix_retokened_old", "tenant", "box", "old"),
    Index("ix_retokened_new", "tenant", "box", "new"),
)

reattributed = _fact(
    "reattributed",
    Column("visit_id", _OPAQUE, nullable=False),
    *_who("reattributed"),
    Column("scopes", JSON, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

box_keys = _fact(
    "box_keys",
    Column("project", _NAME),
    Column("enrolment_key", _SHA256, nullable=False),
    Column("signature", String(128), nullable=False),
)
"""To which key facts for each box are sealed; the newest of a box counts."""

EVERY_BOX = ""
"""In `suppression.box`: headquarters itself ordered this erasure, so it holds whichever box sends."""

packages = _fact(
    "packages",
    Column("link_id", _OPAQUE, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("last", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_packages_link", "tenant", "link_id"),
)
"""Unlike the other facts only the highest revision of each link is kept (rights/links.py)."""

requests = Table(
    "requests",
    METADATA,
    _tenant(),
    Column("command_id", _OPAQUE, primary_key=True),
    Column("site", _NAME, nullable=False),
    Column("box", _NAME, nullable=False),
    Column("link_id", _OPAQUE, nullable=False),
    Column("sealed", Text),
    Column("issued_ms", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("sends", Integer, nullable=False),
    Column("answered_ms", BigInteger),
    Column("outcome", String(16)),
    Column("code", _CODE),
    ForeignKeyConstraint(["tenant", "box"], ["boxes.tenant", "boxes.box"]),
    Index("ix_requests_due", "state", "due_ms"),
    Index("ix_requests_link", "tenant", "link_id"),
)
"""What visitors asked on their own pages, on its way to the box; sealed until answered, then not kept."""

imports = Table(
    "imports",
    METADATA,
    _tenant(),
    Column("import_id", _OPAQUE, primary_key=True),
    Column("project", _NAME, nullable=False),
    Column("kind", _CODE, nullable=False),
    Column("source", String(4), nullable=False),
    Column("source_name", _NAME, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_imports_created", "tenant", "project", "created_ms"),
)
"""Which books came when and from whom: a person's page (`user`) or a CRM's key (`crm`); no row of them."""

fact_orders = Table(
    "fact_orders",
    METADATA,
    _tenant(),
    Column("command_id", _OPAQUE, primary_key=True),
    Column("site", _NAME, nullable=False),
    Column("box", _NAME, nullable=False),
    Column("import_id", _OPAQUE, nullable=False),
    Column("part", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("sends", Integer, nullable=False),
    Column("answered_ms", BigInteger),
    Column("outcome", String(16)),
    Column("code", _CODE),
    Column("rows", JSON(none_as_null=True)),
    ForeignKeyConstraint(["tenant", "box"], ["boxes.tenant", "boxes.box"]),
    ForeignKeyConstraint(["tenant", "import_id"], ["imports.tenant", "imports.import_id"]),
    Index("ix_fact_orders_due", "state", "due_ms"),
    Index("ix_fact_orders_import", "tenant", "import_id"),
)
"""Sealed rows of the books on their way to a box; not kept once it has answered.

They stand last: SQLite reads past what stands before a column, and what is due is looked for twice a second.
"""

column_mappings = Table(
    "column_mappings",
    METADATA,
    _tenant(),
    Column("project", _NAME, primary_key=True),
    Column("name", _NAME, primary_key=True),
    Column("kind", _CODE, primary_key=True),
    Column("mapping", JSON, nullable=False),
    Column("saved_by", _NAME, nullable=False),
    Column("saved_ms", BigInteger, nullable=False),
)
"""Which column of a CRM's file holds which field."""

channels = Table(
    "channels",
    METADATA,
    _tenant(),
    Column("project", _NAME, primary_key=True),
    Column("code", _NAME, primary_key=True),
    Column("name", String(60), nullable=False),
    Column("agents", JSON, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("changed_by", _NAME, nullable=False),
)
"""The companies that bring customers, by their codes; of their agents the codes alone."""

crm_keys = Table(
    "crm_keys",
    METADATA,
    _tenant(),
    Column("name", _NAME, primary_key=True),
    Column("project", _NAME, nullable=False),
    Column("kinds", JSON(none_as_null=True)),
    Column("key_hash", _SHA256, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Index("ix_crm_keys_hash", "tenant", "key_hash", unique=True),
)
"""Which program may bring books in; of its key the SHA-256, as nobody guesses 256 random bits."""

answered_posts = Table(
    "answered_posts",
    METADATA,
    _tenant(),
    Column("key_name", _NAME, primary_key=True),
    Column("idempotency_hash", _SHA256, primary_key=True),
    Column("request_hash", _SHA256, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("answered_ms", BigInteger, nullable=False),
)
"""What a CRM's request was answered, so that one that comes again does nothing twice."""

reviews = Table(
    "reviews",
    METADATA,
    _tenant(),
    Column("review_id", _OPAQUE, primary_key=True),
    Column("project", _NAME, nullable=False),
    Column("about", String(6), nullable=False),
    Column("ref", _NAME, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("appeal_id", _OPAQUE),
    Column("channel", _NAME),
    Column("decided_ms", BigInteger),
    Column("seen", _SHA256, nullable=False),
    Column("by", _NAME, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_reviews_subject", "tenant", "project", "about", "ref"),
)
"""What a person says of a finding (复核); never changed. `seen`: which versions they had before them.

`channel`: whose finding it was then; `decided_ms`: when the newest of those versions was decided.
"""

appeals = Table(
    "appeals",
    METADATA,
    _tenant(),
    Column("appeal_id", _OPAQUE, primary_key=True),
    Column("project", _NAME, nullable=False),
    Column("about", String(6), nullable=False),
    Column("ref", _NAME, nullable=False),
    Column("channel", _NAME, nullable=False),
    Column("text", Text, nullable=False),
    Column("seen", _SHA256, nullable=False),
    Column("by", _NAME, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_appeals_subject", "tenant", "project", "about", "ref"),
)
"""What a channel objects (申诉), as a person entered it; never changed."""

attachments = Table(
    "attachments",
    METADATA,
    _tenant(),
    Column("appeal_id", _OPAQUE, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("media", String(20), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", _SHA256, nullable=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(["tenant", "appeal_id"], ["appeals.tenant", "appeals.appeal_id"]),
)
"""What came with an appeal; without the name that its file had."""

suppression = Table(
    "suppression",
    METADATA,
    _tenant(),
    Column("box", _NAME, primary_key=True),
    Column("who", _TOKEN, primary_key=True),
    Column("erased_ms", BigInteger, nullable=False),
)

quarantine = Table(
    "quarantine",
    METADATA,
    _tenant(),
    Column("box", _NAME, primary_key=True),
    Column("reason", _CODE, primary_key=True),
    Column("sha256", _SHA256, primary_key=True),
    Column("epoch", _OPAQUE),
    Column("sequence", BigInteger),
    Column("kind", _CODE),
    Column("size", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("times", BigInteger, nullable=False),
)

commands = Table(
    "commands",
    METADATA,
    _tenant(),
    Column("command_id", _OPAQUE, primary_key=True),
    Column("order_id", _OPAQUE, nullable=False),
    Column("site", _NAME, nullable=False),
    Column("box", _NAME, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("who", _TOKEN),
    Column("scope", String(20)),
    Column("notice_hash", _SHA256),
    Column("ground", _CODE, nullable=False),
    Column("issued_by", _NAME, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("sends", Integer, nullable=False),
    Column("answered_ms", BigInteger),
    Column("outcome", String(16)),
    Column("code", _CODE),
    ForeignKeyConstraint(["tenant", "box"], ["boxes.tenant", "boxes.box"]),
    Index("ix_commands_due", "state", "due_ms"),
)

notices = Table(
    "notices",
    METADATA,
    _tenant(),
    Column("site", _NAME, primary_key=True),
    Column("notice_hash", _SHA256, primary_key=True),
    Column("version", _CODE, nullable=False),
    Column("text", Text, nullable=False),
    Column("published_by", _NAME, nullable=False),
    Column("published_ms", BigInteger, nullable=False),
)
"""The notices that were published for a site; the latest one is what its boxes should show."""

users = Table(
    "users",
    METADATA,
    _tenant(),
    Column("username", _NAME, primary_key=True),
    Column("role", String(10), nullable=False),
    Column("password_hash", String(200)),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

links = Table(
    "links",
    METADATA,
    _tenant(),
    Column("link_hash", _SHA256, primary_key=True),
    Column("username", _NAME, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "username"], ["users.tenant", "users.username"]),
)

sessions = Table(
    "sessions",
    METADATA,
    _tenant(),
    Column("session_hash", _SHA256, primary_key=True),
    Column("username", _NAME, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "username"], ["users.tenant", "users.username"]),
)

throttle = Table(
    "throttle",
    METADATA,
    _tenant(),
    Column("subject_hash", _SHA256, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)

access_log = Table(
    "access_log",
    METADATA,
    _tenant(),
    Column("minute_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("username", _NAME, primary_key=True),
    Column("action", _CODE, primary_key=True),
    Column("subject", _CODE, primary_key=True),
    Column("times", Integer, nullable=False),
)

FACTS: Mapping[str, Table] = MappingProxyType(
    {
        "visit": visits,
        "footfall": footfall,
        "consent": consents,
        "withdrawal": withdrawals,
        "call": calls,
        "health": health,
        "blind": blind,
        "verdict": verdicts,
        "erasure_receipt": erasures,
        "answer": answers,
        "rights_package": packages,
        "audit_head": audit_heads,
        "retokened": retokened,
        "merged": retokened,
        "reattributed": reattributed,
        "box_keys": box_keys,
    }
)
"""The table of each kind of record; `voided` has none, it takes another's place."""

PERSONAL: tuple[Table, ...] = (visits, consents, withdrawals, calls, verdicts, reattributed)
"""What an erasure empties. Receipts of erasure stay: they are the proof, and hold keyed hashes only; so do
exchanges of tokens, by which what arrives late is known to be the same person's."""

ERASED_VERDICT: Mapping[str, Any] = MappingProxyType(
    {
        "report_ref": None,
        "deal_ref": None,
        "channel": None,
        "also": None,
        "inputs": None,
        "outcomes": None,
        "signature": None,
        "who": None,
        "reasons": [],
        "review_reasons": [],
        "reported_ms": None,
        "presence_ms": None,
        "presence_quality": None,
    }
)
"""What an erasure takes out of a verdict: its finding, hash and date remain, about nobody."""
