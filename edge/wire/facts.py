"""What channels' and the office's books say, row by row, on its way to a box: only the box can read a row.

Whoever has the book (a browser at headquarters, a CRM's client) seals each row to each box of the project;
headquarters carries it. The seal is HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
AES-256-GCM, to the box's enrolment key, with `row_info` as its info and no further associated data. Every row
is equally long before it is sealed: JSON in UTF-8, filled up with spaces. Never opens one, never stores one.

Of rows with one kind and `ref` the one with the highest `changed_ms` counts, in whichever order they arrive;
among equals the one whose canonical spelling is greatest.
"""

import json
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from edge.wire.base import Frozen, HexKey, Name
from edge.wire.columns import BookKind
from edge.wire.nobody import names_nobody
from edge.wire.spelling import canonical

ROW_BYTES = 528
"""Bytes of a row before it is sealed."""
SEALED_BYTES = 32 + ROW_BYTES + 16
"""HPKE's encapsulated key, the row, AES-GCM's tag."""
SEALED_TEXT = SEALED_BYTES * 4 // 3
"""Characters of it in base64; there is no padding, since 3 divides SEALED_BYTES."""
MOST_ROWS = 100
"""Sealed rows of one order to a box."""

SealedRow = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+$", min_length=SEALED_TEXT, max_length=SEALED_TEXT)
]

RowRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$"), AfterValidator(names_nobody)]
Whole = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""A telephone number in E.164."""
Code = Annotated[Name, AfterValidator(names_nobody)]
"""Of a channel or an agent (工号): it may leave the box."""
When = Annotated[int, Field(ge=0, lt=4_102_444_800_000)]
"""Milliseconds before the year 2100: what is later is a wrong date, and no calendar's."""
Masked = Annotated[str, StringConstraints(pattern=r"^[0-9]{3}\*{4}[0-9]{4}$")]
"""First three and last four digits of a mainland mobile number (隐号报备)."""


class _Row(Frozen):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ref: RowRef
    """The book's own name of this row."""
    changed_ms: When
    """When the book changed it last, or when its file was brought in."""
    withdrawn: bool = False
    """The book took it back: it counts as if it had never been there."""


class ReportRow(_Row):
    """A channel's claim (报备). `reported_ms` None: not known. `agent`: by a code (工号), never by name."""

    kind: Literal["report"] = "report"
    phone: Whole | Masked = Field(repr=False)
    channel: Code
    agent: Code | None = None
    reported_ms: When | None = None


class DealRow(_Row):
    """A subscription or contract (认购, 签约). `channel` None: the office's own.

    `owner`: to whom the customer belonged (归属) when it was made; None: the book doesn't say.
    """

    kind: Literal["deal"] = "deal"
    channel: Code | None
    buyers: Annotated[tuple[Whole, ...], Field(min_length=1, max_length=8, repr=False)]
    subscribed_ms: When | None = None
    contracted_ms: When | None = None
    owner: Literal["office", "channel"] | None = None

    @model_validator(mode="after")
    def _buyers_differ(self) -> Self:
        if len(set(self.buyers)) != len(self.buyers):
            raise ValueError("a buyer stands twice")
        return self


class CustomerRow(_Row):
    """Somebody who owns here, or is a live customer of the office (老业主、在跟客户), since then."""

    kind: Literal["customer"] = "customer"
    phone: Whole = Field(repr=False)
    since_ms: When


class CustomerListRow(_Row):
    """The office has brought in its list of owners and live customers: who isn't on it isn't one."""

    kind: Literal["customer_list"] = "customer_list"


class FollowUpRow(_Row):
    """The channel followed up on its report."""

    kind: Literal["follow_up"] = "follow_up"
    report: RowRef
    at_ms: When


class ExtensionRow(_Row):
    """A report's protection was extended: when that was logged, and until when it keeps the customer."""

    kind: Literal["extension"] = "extension"
    report: RowRef
    logged_ms: When
    until_ms: When


class ChannelRow(_Row):
    """A channel of the project: the company's public name. `ref` is its code, a Name."""

    kind: Literal["channel"] = "channel"
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


FactRow = Annotated[
    ReportRow | DealRow | CustomerRow | CustomerListRow | FollowUpRow | ExtensionRow | ChannelRow,
    Field(discriminator="kind"),
]
_ROW: TypeAdapter[FactRow] = TypeAdapter(FactRow)


def parse_row(plain: bytes) -> FactRow:
    """Return the row that an opened seal says; pydantic.ValidationError, which repeats none of it."""
    return _ROW.validate_json(plain)


def of_book(row: FactRow, book: BookKind) -> bool:
    """Tell whether a row is one of this book; that a list of customers was brought in stands in its book."""
    return row.kind == book or (book == "customer" and row.kind == "customer_list")


def padded(row: FactRow) -> bytes:
    """Return the `ROW_BYTES` that are sealed; ValueError for a row that is longer."""
    spelled = json.dumps(row.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":")).encode()
    if len(spelled) > ROW_BYTES:
        raise ValueError("a row is longer than one can be")
    return spelled.ljust(ROW_BYTES)


def row_info(tenant: str, box: str, enrolment_key: str) -> bytes:
    """Return HPKE's info: a row that was sealed for another box, or to another key, doesn't open."""
    return b"gatehouse/v1/fact-row\n" + canonical(
        {"tenant": tenant, "box": box, "enrolment_key": enrolment_key}
    )


class SealingBox(Frozen):
    """Where to a row is sealed, as headquarters hands it out; `signature` is the box's (records.BoxKeys)."""

    tenant: Name
    site: Name
    box: Name
    project: Name | None
    enrolment_key: HexKey
    public_key: HexKey
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


def box_keys_signing_input(
    tenant: str, site: str, box: str, project: str | None, enrolment_key: str
) -> bytes:
    """Return the bytes that the box's signature on its enrolment key covers."""
    said = {"tenant": tenant, "site": site, "box": box, "project": project, "enrolment_key": enrolment_key}
    return b"gatehouse/v1/box-keys\n" + canonical(said)
