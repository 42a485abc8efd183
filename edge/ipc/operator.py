"""What an operator can ask of the core through the CLI, and its answers; closed, validated at both ends.

Health, reports, periods, backups, who works at the desk: nothing here says anything about a visitor.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from edge.ipc.messages import Message, Number
from edge.ipc.staff import AddStaff, DisableStaff, DropCardOf, KeepCardOf, ListStaff, SetPin
from edge.wire import Millis
from edge.wire.facts import Masked


class GetStatus(Message):
    """Health of the box: no personal data."""

    method: Literal["status"] = "status"


class GetOutbox(Message):
    """What waits to be sent, by kind: no personal data."""

    method: Literal["outbox"] = "outbox"


class ImportReports(Message):
    """Agents' reports as rows of a file; the core turns numbers into tokens and judges them."""

    method: Literal["import_reports"] = "import_reports"
    rows: tuple["ReportRow", ...] = Field(max_length=500)


class ReportRow(Message):
    """One report (报备). `reported_ms` None if the file didn't say."""

    ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    phone: Number | Masked = Field(repr=False)
    channel: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    agent: Annotated[str, StringConstraints(max_length=60)] = Field(repr=False)
    reported_ms: Millis | None


class PlanRetention(Message):
    """What the scheduler would delete `within_days` from now; changes nothing."""

    method: Literal["plan_retention"] = "plan_retention"
    within_days: Annotated[int, Field(ge=0, le=36500)] = 0


class ApplyRetention(Message):
    """Delete now what is past its period; the scheduler does the same by itself."""

    method: Literal["apply_retention"] = "apply_retention"


class MakeBackup(Message):
    """Make a backup now, in `directory` of the box or where the configuration says."""

    method: Literal["make_backup"] = "make_backup"
    directory: Annotated[str, StringConstraints(pattern=r"^/", max_length=1024)] | None = None


class VerifyAudit(Message):
    """Recompute the audit's chain and tree, and compare it with what headquarters has seen."""

    method: Literal["verify_audit"] = "verify_audit"


StaffManagement = AddStaff | ListStaff | DisableStaff | SetPin | KeepCardOf | DropCardOf
OperatorRequest = Annotated[
    GetStatus
    | GetOutbox
    | ImportReports
    | PlanRetention
    | ApplyRetention
    | MakeBackup
    | VerifyAudit
    | StaffManagement,
    Field(discriminator="method"),
]
OPERATOR_REQUEST: TypeAdapter[OperatorRequest] = TypeAdapter(OperatorRequest)


# ---- answers -------------------------------------------------------------------------------


class StateLine(Message):
    """One device or check: `state` up/ok, connecting/warn, or what is wrong; what to do in `hint`."""

    name: str
    state: str
    what: str = ""
    hint: str = ""
    about: str = ""
    """What a device says of itself."""


class Status(Message):
    """The box's health."""

    healthy: bool
    devices: tuple[StateLine, ...]
    checks: tuple[StateLine, ...]
    sensed: dict[str, int]
    """Since the start, by device and kind of observation; never how many people."""
    gate: dict[str, int]
    """Since the start: what was kept by which basis, used for which purpose, refused for which reason."""


class OutboxState(Message):
    """What waits to be sent, by kind of record."""

    depth: int
    in_flight: int
    kinds: dict[str, int]
    oldest_s: int | None


class RetentionClass(Message):
    """One class of data: rows held, rows past their period, and when the next one will be."""

    name: str
    held: int
    due: int
    next_ms: Millis | None


class RetentionPlan(Message):
    """What would be deleted at `at_ms`, by class; counts, never whose."""

    at_ms: Millis
    classes: tuple[RetentionClass, ...]


class RetentionApplied(Message):
    """How many rows were deleted, by class."""

    rows: dict[str, int]


class BackupMade(Message):
    """The two files of a backup, and how much they take."""

    data: str
    keys: str
    bytes: int
    pruned: int
    """Older backups that were deleted in the same place."""


class AuditState(Message):
    """The audit: `broken_at` is the first entry whose hash is wrong; `anchor_holds` None if there is none."""

    size: int
    root: str
    broken_at: int | None
    anchored_size: int
    anchored_ms: Millis | None
    anchor_holds: bool | None


class Imported(Message):
    """What became of an import of reports."""

    new: int
    known: int
    suppressed: int
    """Not taken: somebody behind them was erased and hasn't come back, or ended `channel_risk`."""
    verdicts: int
