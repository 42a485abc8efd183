"""What people say of a finding: a review (复核), an appeal (申诉); kept beside it, changing nothing of it.

Neither names a customer, nor another channel: a text that holds a mobile or identity number, or one of the
project's other channels, is refused. What came with an appeal is kept without its file's name, and goes with
the first erasure of somebody whom the finding is about.
"""

import hashlib
import re
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import ColumnElement, Connection, Row, RowMapping, delete, exists, insert, select, update

from cloud.errors import InvalidOrder
from cloud.store.schema import appeals, attachments, channels, reviews, verdicts
from edge.wire.base import Name
from edge.wire.finding import Ref
from edge.wire.nobody import holds_a_number

SUBJECT = (verdicts.c.report_ref, verdicts.c.deal_ref)
MOST_FILES, MOST_BYTES = 5, 10 << 20
"""Attachments of one appeal, and bytes of each."""
_MEDIA: Mapping[str, bytes] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
SUFFIX: Mapping[str, str] = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=2000)]
Outcome = Literal["upheld", "overturned", "more"]


class Subject(BaseModel):
    """Which deal or report of which project."""

    model_config = ConfigDict(frozen=True)

    project: Name
    about: Literal["deal", "report"]
    ref: Ref


def seen_of(newest: Sequence[RowMapping]) -> str:
    """Return what stands for just these versions of a subject's findings, one of each box."""
    said = sorted(f"{row['box']}:{row['version']}:{row['inputs_hash']}" for row in newest)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def before_of(seen: str, said: Sequence[RowMapping], objections: Sequence[RowMapping]) -> str:
    """Return what stands for all that a page shows of a subject: its findings, and what people said of them.

    Whoever decides sends it back: somebody else's word in the meantime is no longer overlooked.
    """
    ids = [one["review_id"] for one in said] + [one["appeal_id"] for one in objections]
    return hashlib.sha256("\n".join([seen, *sorted(ids)]).encode()).hexdigest()


def waiting(said: Sequence[RowMapping], objections: Sequence[RowMapping]) -> list[RowMapping]:
    """Return the appeals that are open: nobody upheld or overturned; that more is needed decides none."""
    decided = {one["appeal_id"] for one in said if one["outcome"] != "more"}
    return [one for one in objections if one["appeal_id"] not in decided]


def told_once(said: Sequence[RowMapping]) -> list[RowMapping]:
    """Return reviews as people gave them: one that answered several appeals has a row for each."""
    return list({(one["by"], one["at_ms"], one["outcome"]): one for one in reversed(said)}.values())[::-1]


def history(
    connection: Connection, tenant: str, subject: Subject
) -> tuple[list[RowMapping], list[RowMapping], dict[str, list[RowMapping]]]:
    """Return its reviews and appeals, first one first, and by appeal what came with it (no content)."""
    made = tuple(
        list(
            connection.execute(
                select(table).where(*_is(table, tenant, subject)).order_by(table.c.at_ms)
            ).mappings()
        )
        for table in (reviews, appeals)
    )
    files: dict[str, list[RowMapping]] = defaultdict(list)
    columns = [c for c in attachments.c if c.name != "content"]
    asked = select(*columns).where(
        attachments.c.tenant == tenant, attachments.c.appeal_id.in_([one["appeal_id"] for one in made[1]])
    )
    for row in connection.execute(asked.order_by(attachments.c.place)).mappings():
        files[row["appeal_id"]].append(row)
    return made[0], made[1], files


def review(
    connection: Connection,
    tenant: str,
    subject: Subject,
    *,
    outcome: Outcome,
    reason: str,
    seen: str,
    decided_ms: int,
    by: str,
    now_ms: int,
    own: Collection[str],
) -> None:
    """Keep what `by` says; it answers every appeal that is open. `own`: the channel's code, if it has one.

    `decided_ms`: when the newest of the versions before them was decided.

    Raises InvalidOrder: `own_appeal` (they entered one, open or not), `names_a_number`, `names_a_channel`.
    """
    _refuse_names(connection, tenant, subject, "review a finding", reason, own)
    before, objections, _ = history(connection, tenant, subject)
    if connection.execute(select(_entered_by(tenant, subject, by))).scalar():
        raise InvalidOrder("review a finding", "own_appeal", "somebody else decides on it")
    said = {"outcome": outcome, "reason": reason, "seen": seen, "by": by, "at_ms": now_ms}
    said |= {"channel": next(iter(own), None), "decided_ms": decided_ms}
    rows: list[Any] = [one["appeal_id"] for one in waiting(before, objections)] or [None]
    for appeal_id in rows:
        values = {"review_id": secrets.token_hex(16), "appeal_id": appeal_id, **subject.model_dump(), **said}
        connection.execute(insert(reviews).values(tenant=tenant, **values))


def appeal(
    connection: Connection,
    tenant: str,
    subject: Subject,
    *,
    channel: str,
    text: str,
    files: Sequence[bytes],
    seen: str,
    by: str,
    now_ms: int,
    own: Collection[str],
) -> str:
    """Keep what a channel objects, with what it hands in; return the appeal's id.

    Raises InvalidOrder: `another_channel` (the finding isn't about it), `names_a_number`, `names_a_channel`,
    `too_many_files`, `file_too_large`, `file_of_another_kind`.
    """
    operation = "enter an appeal"
    if channel not in own:
        raise InvalidOrder(operation, "another_channel", "the finding is about another one's report")
    _refuse_names(connection, tenant, subject, operation, text, own)
    if len(files) > MOST_FILES:
        raise InvalidOrder(operation, "too_many_files", f"at most {MOST_FILES}")
    kinds = [_media(operation, one) for one in files]
    appeal_id = secrets.token_hex(16)
    said = {"channel": channel, "text": text, "seen": seen, "by": by, "at_ms": now_ms}
    connection.execute(
        insert(appeals).values(tenant=tenant, appeal_id=appeal_id, **subject.model_dump(), **said)
    )
    for place, (content, media) in enumerate(zip(files, kinds, strict=True), 1):
        digest = hashlib.sha256(content).hexdigest()
        row = {"place": place, "media": media, "size": len(content), "sha256": digest, "content": content}
        connection.execute(insert(attachments).values(tenant=tenant, appeal_id=appeal_id, **row))
    return appeal_id


def attachment(connection: Connection, tenant: str, appeal_id: str, place: int) -> RowMapping | None:
    """Return one thing that came with an appeal, with its content."""
    asked = select(attachments).where(
        attachments.c.tenant == tenant, attachments.c.appeal_id == appeal_id, attachments.c.place == place
    )
    return connection.execute(asked).mappings().one_or_none()


def forget(connection: Connection, tenant: str, findings: Sequence[Row[*tuple[Any, ...]]]) -> None:
    """Empty what people wrote and handed in about these findings: somebody whom they are about is erased.

    Who decided what, and when, remains, about no deal or report that could be told: as of a finding.
    `findings`: rows of SUBJECT.
    """
    for report_ref, deal_ref in dict.fromkeys(map(tuple, findings)):
        about, ref = ("deal", deal_ref) if deal_ref is not None else ("report", report_ref)
        if ref is None:
            continue
        mine = select(appeals.c.appeal_id).where(*_so_called(appeals, tenant, about, ref))
        connection.execute(
            delete(attachments).where(attachments.c.tenant == tenant, attachments.c.appeal_id.in_(mine))
        )
        for table, words in ((appeals, "text"), (reviews, "reason")):
            emptied = update(table).where(*_so_called(table, tenant, about, ref))
            connection.execute(emptied.values({words: "", "ref": ""}))


def _so_called(table: Any, tenant: str, about: str, ref: str) -> tuple[Any, ...]:  # noqa: ANN401 — a table
    """Of whichever project: a box may have come to another one since; to forget too much does no harm."""
    return table.c.tenant == tenant, table.c.about == about, table.c.ref == ref


def _entered_by(tenant: str, subject: Subject, by: str) -> ColumnElement[bool]:
    return exists().where(*_so_called(appeals, tenant, subject.about, subject.ref), appeals.c.by == by)


def _is(table: Any, tenant: str, subject: Subject) -> tuple[Any, ...]:  # noqa: ANN401 — a table's columns
    return (
        table.c.tenant == tenant,
        table.c.project == subject.project,
        table.c.about == subject.about,
        table.c.ref == subject.ref,
    )


def _refuse_names(
    connection: Connection, tenant: str, subject: Subject, operation: str, text: str, own: Collection[str]
) -> None:
    """What is written goes to the channel with the package: it names neither a customer nor a competitor."""
    plain = unicodedata.normalize("NFKC", text)
    if holds_a_number(text, anyhow=True):
        raise InvalidOrder(operation, "names_a_number", "a telephone or identity number names the customer")
    asked = select(channels.c.code, channels.c.name).where(
        channels.c.tenant == tenant, channels.c.project == subject.project, channels.c.code.not_in(own)
    )
    for code, name in connection.execute(asked):
        coded = re.search(rf"(?<![0-9A-Za-z-]){re.escape(code)}(?![0-9A-Za-z-])", plain)
        if coded or unicodedata.normalize("NFKC", name) in plain:
            raise InvalidOrder(operation, "names_a_channel", "what is written goes to this channel")


def _media(operation: str, content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise InvalidOrder(operation, "file_too_large", f"at most {MOST_BYTES >> 20} MiB each")
    for media, begins in _MEDIA.items():
        if content.startswith(begins):
            return media
    raise InvalidOrder(operation, "file_of_another_kind", "PDF, JPEG or PNG")
