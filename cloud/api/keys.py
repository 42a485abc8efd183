"""CRMs' keys: made, listed, revoked, known again; never kept, so none can be shown twice.

A key is 256 random bits. Its SHA-256 is what is stored: nobody finds such a key by trying.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from cloud.errors import InvalidOrder
from cloud.names import is_name
from cloud.store.schema import crm_keys
from edge.wire.columns import FIELDS

PREFIX = "gatehouse-crm-"
"""So that a key that lies about is known for what it is."""
_KEY = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class CrmKey:
    """What one program may: bring in these kinds of books (all, if `kinds` is None) for this project."""

    name: str
    project: str
    kinds: tuple[str, ...] | None
    created_ms: int
    revoked_ms: int | None

    def may(self, kind: str) -> bool:
        """Tell whether it may bring in a book of this kind."""
        return self.kinds is None or kind in self.kinds


def issue(
    connection: Connection, tenant: str, name: str, project: str, kinds: Collection[str] | None, now_ms: int
) -> str:
    """Make a key and return it, the only time. InvalidOrder: `bad_name`, `unknown_kind`, `key_exists`."""
    operation = f"make a key for {name}" if is_name(name) else "make a key"
    if not (is_name(name) and is_name(project)):
        raise InvalidOrder(operation, "bad_name", "name and project are 1 to 40 of a-z 0-9 -")
    if kinds is not None and (not kinds or not set(kinds) <= FIELDS.keys()):
        raise InvalidOrder(operation, "unknown_kind", f"expected some of {', '.join(FIELDS)}")
    if connection.execute(select(crm_keys).where(*_this(tenant, name))).first():
        raise InvalidOrder(
            operation, "key_exists", "revoke it and take another name: the access log names it"
        )
    key = PREFIX + secrets.token_urlsafe(32)
    row = {"tenant": tenant, "name": name, "project": project, "key_hash": _hash(key), "created_ms": now_ms}
    connection.execute(insert(crm_keys).values(**row, kinds=None if kinds is None else sorted(set(kinds))))
    return key


def known_keys(connection: Connection, tenant: str) -> tuple[CrmKey, ...]:
    """Return every key's name and rights, revoked ones too."""
    asked = select(crm_keys).where(crm_keys.c.tenant == tenant).order_by(crm_keys.c.name)
    return tuple(_key(row) for row in connection.execute(asked))


def revoke(connection: Connection, tenant: str, name: str, now_ms: int) -> None:
    """End a key at once; InvalidOrder `unknown_key`. To revoke it again changes nothing."""
    if not connection.execute(select(crm_keys).where(*_this(tenant, name))).first():
        raise InvalidOrder("revoke a key", "unknown_key", "`crm list` shows the names")
    open_ = (*_this(tenant, name), crm_keys.c.revoked_ms.is_(None))
    connection.execute(update(crm_keys).where(*open_).values(revoked_ms=now_ms))


def recognise(connection: Connection, tenant: str, key: str) -> CrmKey | None:
    """Return whose key this is, or None if it is nobody's or was revoked."""
    if not _KEY.fullmatch(key):
        return None
    asked = select(crm_keys).where(
        crm_keys.c.tenant == tenant,
        crm_keys.c.key_hash == _hash(key),
        crm_keys.c.revoked_ms.is_(None),
    )
    row = connection.execute(asked).first()
    return _key(row) if row else None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _this(tenant: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return crm_keys.c.tenant == tenant, crm_keys.c.name == name


def _key(row: Row[Any]) -> CrmKey:
    kinds = None if row.kinds is None else tuple(row.kinds)
    return CrmKey(row.name, row.project, kinds, row.created_ms, row.revoked_ms)
