"""Commands on their way to boxes: which are due, sent, answered; never decides to give one.

What is urgent (withdrawals, erasures, notices, visitors' requests) goes first. Of the books a box gets a few
orders at a time, in the order in which they were lodged: however many wait, nothing else waits for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, exists, func, or_, select, update

from cloud.store.schema import commands, fact_orders, imports, notices, requests
from edge.wire import (
    Command,
    CommandAnswered,
    EraseCommand,
    ErasureReceipt,
    FactsCommand,
    NoticeCommand,
    RightsRequest,
    Scope,
    Topics,
    WithdrawCommand,
)

_TABLES = (commands, requests, fact_orders)
"""In the order in which they are sent."""
_SEALED: dict[Table, str] = {requests: "sealed", fact_orders: "rows"}
"""What is deleted with the answer."""
FACTS_AT_ONCE = 4
"""Orders of the books that one box hasn't answered yet; about 77 kB each."""
AT_ONCE = 50
"""Commands of each table that are published before their acknowledgements are waited for."""


@dataclass(frozen=True, slots=True)
class Due:
    """One command to publish now."""

    topics: Topics
    command: Command


def any_due(connection: Connection, now_ms: int) -> bool:
    """Tell whether a command waits to be published."""
    due = or_(*(exists().where(*_due(table, now_ms)) for table in _TABLES))
    return bool(connection.execute(select(due)).scalar_one())


def claim_due(connection: Connection, now_ms: int, resend_ms: int) -> tuple[Due, ...]:
    """Return the commands to publish, oldest first, and put each off until `now_ms + resend_ms`.

    Whoever claims publishes; if it dies before, the command is due again after that time.
    """
    due: list[Due] = []
    for table in _TABLES:
        order = (table.c.issued_ms, *((table.c.import_id, table.c.part) if table is fact_orders else ()))
        asked = select(table).where(*_due(table, now_ms)).order_by(*order).limit(AT_ONCE)
        for row in connection.execute(asked).all():
            where = (table.c.tenant == row.tenant, table.c.command_id == row.command_id)
            connection.execute(update(table).where(*where).values(due_ms=now_ms + resend_ms))
            due.append(Due(Topics(row.tenant, row.site, row.box), _command(connection, table, row)))
    return tuple(due)


def _text(connection: Connection, notice_hash: str) -> str:
    """Return a notice that was published; it is the same text for every site."""
    asked = select(notices.c.text).where(notices.c.notice_hash == notice_hash).limit(1)
    return str(connection.execute(asked).scalar_one())


def mark_sent(connection: Connection, tenant: str, command_id: str, now_ms: int) -> None:
    """Note that the broker took a command; it stays due until the box answers."""
    for table in _TABLES:
        this = (table.c.tenant == tenant, table.c.command_id == command_id, table.c.state != "answered")
        connection.execute(
            update(table).where(*this).values(state="sent", sent_ms=now_ms, sends=table.c.sends + 1)
        )


def ordered_ms(connection: Connection, tenant: str, box: str, receipt: ErasureReceipt) -> int | None:
    """Return when headquarters ordered the erasure that `box` receipts; None: nobody here ordered it."""
    asked = select(commands.c.issued_ms).where(
        commands.c.tenant == tenant,
        commands.c.box == box,
        commands.c.command_id == receipt.command_id,
        commands.c.kind == "erase",
        commands.c.who == receipt.who,
    )
    issued_ms: int | None = connection.execute(asked).scalar_one_or_none()
    return issued_ms


def apply_answers(
    connection: Connection, tenant: str, box: str, answers: Sequence[ErasureReceipt | CommandAnswered]
) -> None:
    """End the commands that `box` answered; another box's answer, or one about another person, ends none."""
    for answer in answers:
        matching = [
            commands.c.tenant == tenant,
            commands.c.box == box,
            commands.c.command_id == answer.command_id,
            commands.c.state != "answered",
        ]
        if isinstance(answer, ErasureReceipt):
            matching += [commands.c.kind == "erase", commands.c.who == answer.who]
        code = answer.code if isinstance(answer, CommandAnswered) else "ok"
        ended = {"state": "answered", "answered_ms": answer.at_ms, "outcome": answer.outcome, "code": code}
        connection.execute(update(commands).where(*matching).values(**ended))
        for table, sealed in _SEALED.items() if isinstance(answer, CommandAnswered) else ():
            this = (
                table.c.tenant == tenant,
                table.c.box == box,
                table.c.command_id == answer.command_id,
                table.c.state != "answered",
            )
            connection.execute(update(table).where(*this).values(**ended, **{sealed: None}))


def _due(table: Table, now_ms: int) -> tuple[ColumnElement[bool], ...]:
    due = (table.c.state.in_(("issued", "sent")), table.c.due_ms <= now_ms)
    return (*due, _among_the_oldest()) if table is fact_orders else due


def _among_the_oldest() -> ColumnElement[bool]:
    """Whether it is one of the FACTS_AT_ONCE that its box has to answer next."""
    open_ = fact_orders.alias()
    place = func.row_number().over(
        partition_by=(open_.c.tenant, open_.c.box),
        order_by=(open_.c.issued_ms, open_.c.import_id, open_.c.part),
    )
    waiting = (
        select(open_.c.command_id, place.label("place"))
        .where(open_.c.state.in_(("issued", "sent")))
        .subquery()
    )
    return fact_orders.c.command_id.in_(select(waiting.c.command_id).where(waiting.c.place <= FACTS_AT_ONCE))


def _command(connection: Connection, table: Table, row: Row[Any]) -> Command:
    common = {"command_id": row.command_id, "box": row.box, "issued_ms": row.issued_ms}
    if table is requests:
        return RightsRequest(**common, link_id=row.link_id, sealed=row.sealed)
    if table is fact_orders:
        of = (imports.c.tenant == row.tenant, imports.c.import_id == row.import_id)
        book = connection.execute(select(imports.c.kind).where(*of)).scalar_one()
        return FactsCommand(**common, book=book, rows=tuple(row.rows))
    if row.kind == "notice":
        text = _text(connection, row.notice_hash)
        return NoticeCommand(**common, notice=text, notice_hash=row.notice_hash)
    if row.kind == "erase":
        return EraseCommand(**common, who=row.who)
    return WithdrawCommand(**common, who=row.who, scope=Scope(row.scope))
