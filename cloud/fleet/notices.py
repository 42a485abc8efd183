"""Publishes the notice of a site: judged here as on the box, kept, and sent to its boxes; never shows one.

The box judges again by itself and answers; whichever refuses, the site goes on with the notice it has.
"""

import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select

from cloud.errors import InvalidOrder
from cloud.store.schema import boxes, commands, notices
from cloud.store.upsert import upsert
from edge.wire.notice import BadNotice, NoticeText, may_follow, parse_notice, read_notice

_OPERATION = "publish a notice"


@dataclass(frozen=True, slots=True)
class Published:
    """A notice that was kept, and the commands that carry it."""

    order_id: str
    notice_hash: str
    command_ids: tuple[str, ...]


def read_file(path: Path) -> NoticeText:
    """Return the notice in a TOML file; InvalidOrder with the rule that it breaks."""
    try:
        return read_notice(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidOrder(_OPERATION, "unreadable", error.strerror or str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise InvalidOrder(_OPERATION, "not_toml", str(path)) from None
    except BadNotice as error:
        raise InvalidOrder(_OPERATION, error.code, error.hint) from None


def publish(
    connection: Connection,
    tenant: str,
    site: str,
    notice: NoticeText,
    *,
    box: str | None = None,
    by: str,
    now_ms: int,
) -> Published:
    """Keep `notice` for `site` and send it to its boxes, or to `box` alone.

    Raises InvalidOrder: `unknown_site`, `unknown_box`, and what may_follow refuses.
    """
    targets = _targets(connection, tenant, site, box)
    last = latest(connection, tenant, site)
    try:
        may_follow(notice, last)
    except BadNotice as error:
        raise InvalidOrder(_OPERATION, error.code, error.hint) from None
    row = {
        "tenant": tenant,
        "site": site,
        "notice_hash": notice.hash,
        "version": notice.version,
        "text": notice.to_text(),
        "published_by": by,
        "published_ms": now_ms,
    }
    upsert(connection, notices, row, lambda new: {"published_ms": new.published_ms})
    published = Published(secrets.token_hex(16), notice.hash, tuple(secrets.token_hex(16) for _ in targets))
    connection.execute(insert(commands), _rows(published, tenant, site, targets, by, now_ms))
    return published


def latest(connection: Connection, tenant: str, site: str) -> NoticeText | None:
    """Return the notice that was published last for a site."""
    asked = (
        select(notices.c.text)
        .where(notices.c.tenant == tenant, notices.c.site == site)
        .order_by(notices.c.published_ms.desc(), notices.c.version.desc())
        .limit(1)
    )
    text = connection.execute(asked).scalar_one_or_none()
    return parse_notice(text) if text is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of one publication at one box; `outcome` None while it hasn't answered."""

    site: str
    box: str
    version: str
    notice_hash: str
    issued_ms: int
    outcome: str | None
    code: str | None


def standing(connection: Connection, tenant: str) -> tuple[Standing, ...]:
    """Return every publication by site and box, newest first."""
    same = (notices.c.tenant == commands.c.tenant) & (notices.c.site == commands.c.site)
    asked = (
        select(commands, notices.c.version)
        .join(notices, same & (notices.c.notice_hash == commands.c.notice_hash))
        .where(commands.c.tenant == tenant, commands.c.kind == "notice")
        .order_by(commands.c.issued_ms.desc(), commands.c.site, commands.c.box)
    )
    return tuple(
        Standing(row.site, row.box, row.version, row.notice_hash, row.issued_ms, row.outcome, row.code)
        for row in connection.execute(asked)
    )


def _targets(connection: Connection, tenant: str, site: str, box: str | None) -> tuple[str, ...]:
    asked = select(boxes.c.box).where(boxes.c.tenant == tenant, boxes.c.site == site).order_by(boxes.c.box)
    found = tuple(connection.execute(asked).scalars())
    if not found:
        raise InvalidOrder(_OPERATION, "unknown_site", "no box is enrolled there")
    if box is None:
        return found
    if box not in found:
        raise InvalidOrder(_OPERATION, "unknown_box", "it isn't enrolled at this site")
    return (box,)


def _rows(
    published: Published, tenant: str, site: str, targets: tuple[str, ...], by: str, now_ms: int
) -> list[dict[str, object]]:
    return [
        {
            "tenant": tenant,
            "command_id": command_id,
            "order_id": published.order_id,
            "site": site,
            "box": box,
            "kind": "notice",
            "notice_hash": published.notice_hash,
            "ground": "notice_published",
            "issued_by": by,
            "issued_ms": now_ms,
            "state": "issued",
            "due_ms": now_ms,
            "sends": 0,
        }
        for command_id, box in zip(published.command_ids, targets, strict=True)
    ]
