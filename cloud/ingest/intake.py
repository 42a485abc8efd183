"""One payload in, one receipt out: judges, writes, signs; never raises on what a stranger sends."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from cloud.clock import now_ms
from cloud.config import Retention
from cloud.fleet import boxes
from cloud.ingest.judge import Delivery, Refused, judge, outer, sender
from cloud.ingest.writer import Applied, apply, set_aside
from cloud.keys import SigningKey
from cloud.store.database import Database
from edge.wire import Topics

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A signed receipt and the topic it goes to."""

    topic: str
    payload: bytes


class Intake:
    """Takes payloads one by one; several may run side by side on one PostgreSQL."""

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        clock: Callable[[], int] = now_ms,
        keep: Mapping[str, Retention] = MappingProxyType({}),
    ) -> None:
        """`keep`: the periods of each tenant, past which what arrives isn't kept at all."""
        self._database, self._key, self._clock, self._keep = database, key, clock, keep

    def accept(self, topic: str, payload: bytes) -> Answer | None:
        """Write what `payload` holds and return the receipt; None when it was refused as a whole.

        On return the transaction is committed. Raises StoreUnavailable: then nothing was written, and
        the message must not be acknowledged.
        """
        try:
            topics = sender(topic)
        except Refused as refused:
            self._refuse(None, payload, refused.reason)
            return None
        try:
            signed = outer(payload)
            with self._database.read() as connection:
                box = boxes.find(connection, topics.tenant, topics.box)
            delivery = judge(topics, signed, box)
        except Refused as refused:
            self._refuse(topics, payload, refused.reason)
            return None
        try:
            return self._write(topics, delivery)
        except (DataError, IntegrityError):
            self._refuse(topics, payload, "store_refused")
            return None

    def _write(self, topics: Topics, delivery: Delivery) -> Answer | None:
        def work(connection: Connection) -> Applied:
            return apply(connection, delivery, self._clock(), self._keep.get(topics.tenant))

        applied = self._database.write(work)
        if applied.erased:
            self._database.forget_freed_pages()
        _LOG.info("batch box=%s entries=%d new=%d", topics.box, len(delivery.entries), applied.new)
        if applied.receipt is None:
            return None
        return Answer(topics.receipt, self._key.sign("receipt", applied.receipt).to_bytes())

    def _refuse(self, topics: Topics | None, payload: bytes, reason: str) -> None:
        tenant, box = (topics.tenant, topics.box) if topics else ("", "")
        digest = hashlib.sha256(payload).hexdigest()

        def work(connection: Connection) -> None:
            set_aside(
                connection, self._clock(), tenant=tenant, box=box, reason=reason,
                sha256=digest, size=len(payload),
            )  # fmt: skip

        self._database.write(work)
        _LOG.warning("refused reason=%s box=%s bytes=%d", reason, box or "-", len(payload))
