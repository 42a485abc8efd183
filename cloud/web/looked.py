"""Names what was looked at, for the access log; never keeps what somebody typed that isn't there."""

import re
from collections.abc import Mapping
from typing import get_args

from sqlalchemy import Connection, select

from cloud.books import places
from cloud.reports import rights
from cloud.risk import board, opinions
from cloud.store.schema import attachments, verdicts

NOTHING = "-"
_WORD = re.compile(r"[A-Za-z0-9_-]{1,80}")


def subject(connection: Connection, tenant: str, asked: Mapping[str, str]) -> str:
    """Return the deal or report, the appeal's file, the project or the row that an address names.

    `asked`: the parameters of its path, as somebody typed them: `-` for one that isn't there, a customer's
    number instead of a reference, say. Of a random id the first digits.
    """
    if not all(_WORD.fullmatch(one) for one in asked.values()):
        return NOTHING
    if "appeal" in asked:
        return _file(connection, tenant, asked["appeal"], asked["place"])
    if "project" in asked:
        return _of_project(connection, tenant, **{k: asked.get(k, "") for k in ("project", "about", "ref")})
    if "identity" in asked:
        return _row(connection, tenant, asked["subject"], asked["box"], asked["identity"])
    return NOTHING


def _file(connection: Connection, tenant: str, appeal: str, place: str) -> str:
    if place not in map(str, range(1, opinions.MOST_FILES + 1)):
        return NOTHING
    found = select(attachments.c.place).where(
        attachments.c.tenant == tenant, attachments.c.appeal_id == appeal, attachments.c.place == int(place)
    )
    return NOTHING if connection.execute(found).first() is None else f"{appeal[:8]}/{place}"


def _of_project(connection: Connection, tenant: str, project: str, about: str, ref: str) -> str:
    boxes = board.projects(connection, tenant).get(project)
    known = boxes is not None or project in places.projects(connection, tenant)
    if not known or about not in ("", *get_args(board.About)):
        return NOTHING
    if not ref:
        return f"{project}/{about}"[:48]
    column = verdicts.c.deal_ref if about == "deal" else verdicts.c.report_ref
    found = select(verdicts.c.box).where(
        verdicts.c.tenant == tenant,
        column == ref,
        verdicts.c.box.in_(boxes or ()),
        verdicts.c.who.is_not(None),
    )
    return NOTHING if connection.execute(found.limit(1)).first() is None else f"{about}/{ref}"[:48]


def _row(connection: Connection, tenant: str, kind: str, box: str, identity: str) -> str:
    known = next((one for one in get_args(rights.Subject) if one == kind), None)
    if known is None or rights.who_is(connection, tenant, known, box, identity) is None:
        return NOTHING
    return f"{box}/{identity[:8]}"[:48]
