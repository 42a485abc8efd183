"""Which boxes may speak, and with which key; never takes a key from what a box sends."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import NoResultFound

from cloud.errors import InvalidOrder
from cloud.keys import is_public_key
from cloud.names import is_name
from cloud.store.schema import boxes
from edge.wire import Topics, key_id


@dataclass(frozen=True, slots=True)
class Box:
    """One enrolled box."""

    tenant: str
    site: str
    box: str
    public_key: bytes


def find(connection: Connection, tenant: str, box: str) -> Box | None:
    """Return the enrolled box of that name, or None."""
    where = (boxes.c.tenant == tenant, boxes.c.box == box)
    try:
        row = connection.execute(select(boxes).where(*where)).one()
    except NoResultFound:
        return None
    return Box(row.tenant, row.site, row.box, bytes.fromhex(row.public_key))


def enrol(
    connection: Connection, topics: Topics, public_key: str, *, now_ms: int, replace: bool = False
) -> None:
    """Enrol a box with its public key (hex), or with `replace` give an enrolled one a new key.

    Raises InvalidOrder: `bad_name`, `bad_public_key`, `already_enrolled` (another key, without `replace`),
    `at_another_site`.
    """
    operation = f"enrol box {topics.box}"
    if not all(is_name(name) for name in (topics.tenant, topics.site, topics.box)):
        raise InvalidOrder("enrol a box", "bad_name", "tenant, site and box are 1 to 40 of a-z 0-9 -")
    public_key = public_key.lower()
    if not is_public_key(public_key):
        raise InvalidOrder(operation, "bad_public_key", "expected 64 hex digits of a raw Ed25519 key")
    known = find(connection, topics.tenant, topics.box)
    keys = {"public_key": public_key, "key_id": key_id(bytes.fromhex(public_key))}
    if known is None:
        names = {"tenant": topics.tenant, "site": topics.site, "box": topics.box}
        connection.execute(insert(boxes).values(**names, **keys, enrolled_ms=now_ms))
        return
    if known.site != topics.site:
        raise InvalidOrder(operation, "at_another_site", "a box's name is unique within its tenant")
    if known.public_key.hex() == public_key:
        return
    if not replace:
        raise InvalidOrder(operation, "already_enrolled", "with another key: --replace-key changes it")
    where = (boxes.c.tenant == topics.tenant, boxes.c.box == topics.box)
    connection.execute(update(boxes).where(*where).values(**keys))
