"""Headquarters with boxes to which one seals; for tests only."""

import base64
import os
from typing import Any

from sqlalchemy import func, select

from cloud.books.queue import Lodgement, SealedFor, Source, lodge
from cloud.books.states import Import, find_import
from cloud.fleet import commands
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store import schema
from cloud.store.database import Database
from edge.wire import BoxKeys, Topics
from edge.wire.facts import SEALED_BYTES, box_keys_signing_input
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, Signer, entry

RESEND = 30_000
CRM = Source(kind="crm", name="fangyou")


def sealed() -> str:
    return base64.b64encode(os.urandom(SEALED_BYTES)).decode()


class Site:
    """Headquarters with enrolled boxes that say their keys; `send` numbers what a box sends."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, NOON
        self._intake = Intake(database, SigningKey(bytes(32)), lambda: self.now)
        self._next: dict[str, int] = {}

    def box(self, name: str, site: str = "harbour") -> Signer:
        signer = Signer(Topics("demo", site, name))
        signer.enrolled_in(self.database)
        return signer

    def send(self, signer: Signer, record: Any, **changes: Any) -> None:
        number = self._next[signer.topics.box] = self._next.get(signer.topics.box, 0) + 1
        raw = entry(number, record, **{"wall_ms": self.now, **changes})
        assert self._intake.accept(signer.topics.batch, signer.batch([raw])) is not None

    def says_keys(self, signer: Signer, project: str | None = "riverside", key: str = "5" * 64) -> None:
        t = signer.topics
        said = box_keys_signing_input(t.tenant, t.site, t.box, project, key)
        self.send(signer, BoxKeys(project=project, enrolment_key=key, signature=signer.key.sign(said).hex()))

    def lodge(self, count: int, *boxes: str, key: str = "5" * 64, project: str = "riverside") -> str:
        made = Lodgement(
            project=project,
            kind="report",
            boxes=tuple(
                SealedFor(box=box, enrolment_key=key, rows=tuple(sealed() for _ in range(count)))
                for box in boxes
            ),
        )
        return self.database.write(lambda c: lodge(c, "demo", made, CRM, self.now))

    def claim(self) -> list[commands.Due]:
        return list(self.database.write(lambda c: commands.claim_due(c, self.now, RESEND)))

    def answer(self, signer: Signer, command_id: str, outcome: str = "done", code: str = "ok") -> None:
        self.send(signer, records.answer(command_id=command_id, outcome=outcome, code=code, at_ms=self.now))

    def state(self, import_id: str) -> Import:
        with self.database.read() as connection:
            found = find_import(connection, "demo", import_id)
        assert found is not None
        return found

    def kept(self) -> int:
        """Return how many orders still hold rows."""
        with self.database.read() as connection:
            holding = schema.fact_orders.c.rows.is_not(None)
            return int(connection.execute(select(func.count()).where(holding)).scalar_one())
