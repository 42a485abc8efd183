"""Reads for a person's right of access: everything of theirs, by a permit for rights alone; never writes."""

import json
from collections import Counter
from collections.abc import Sequence

from edge.domain.facts import PersonId
from edge.domain.held import (
    HeldAppointment,
    HeldCaller,
    HeldConsent,
    HeldContact,
    HeldRecording,
    HeldTemplate,
    HeldToken,
)
from edge.ports import Permit
from edge.store.database import Row
from edge.store.keys import INQUIRY
from edge.store.tables import Part
from edge.wire import ConsentRecorded, Scope, TimeQuality, Token


class HeldReads(Part):
    """One read for each class of data. Raises Refused unless the permit is for rights."""

    def every_consent(self, permit: Permit) -> tuple[HeldConsent, ...]:
        """Return every state of every scope of the permit's person, by scope and version, with its proof."""
        rows = self._database.query(
            "SELECT c.*, s.record,"
            " c.version = max(c.version) OVER (PARTITION BY c.person, c.scope) AS is_current"
            " FROM consents c LEFT JOIN signed_consents s USING (person, scope, version)"
            " WHERE c.person = ? ORDER BY c.scope, c.version",
            (self._subject(permit),),
        )
        return tuple(_consent(row) for row in rows)

    def every_token(self, permit: Permit) -> tuple[HeldToken, ...]:
        """Return the names by which headquarters knows the permit's person."""
        rows = self._database.query(
            "SELECT scope, token, at_ms FROM person_tokens WHERE person = ? ORDER BY scope, token",
            (self._subject(permit),),
        )
        return tuple(
            HeldToken(scope=Scope(r.text("scope")), token=r.text("token"), at_ms=r.integer("at_ms"))
            for r in rows
        )

    def every_contact(self, permit: Permit) -> tuple[HeldContact, ...]:
        """Return the numbers that the permit's person gave."""
        person = self._subject(permit)
        rows = self._database.query("SELECT * FROM contacts WHERE person = ? ORDER BY scope", (person,))
        return tuple(self._contact(person, row) for row in rows)

    def _contact(self, person: PersonId, row: Row) -> HeldContact:
        scope = Scope(row.text("scope"))
        phone = self._keys.open((person, scope), "contacts", person, row.blob("sealed")).decode()
        return HeldContact(scope=scope, phone=phone, at_ms=row.integer("at_ms"))

    def every_template(self, permit: Permit) -> tuple[HeldTemplate, ...]:
        """Return that there are templates, and since when; never the vectors."""
        rows = self._database.query(
            "SELECT model, at_ms FROM templates WHERE person = ? ORDER BY at_ms, template",
            (self._subject(permit),),
        )
        return tuple(HeldTemplate(model=r.text("model"), at_ms=r.integer("at_ms")) for r in rows)

    def card_since(self, permit: Permit) -> int | None:
        """Return when the permit's person's card was read, if something of it is kept."""
        sql = "SELECT at_ms FROM cards WHERE person = ?"
        row = self._database.one(sql, (self._subject(permit),))
        return row.integer("at_ms") if row else None

    def every_source(self, permit: Permit) -> dict[str, tuple[str, str | None]]:
        """Return the answers to "who brought you?", by visit, with the company that was named."""
        rows = self._database.query(
            "SELECT visit, source, channel FROM sources WHERE person = ?", (self._subject(permit),)
        )
        return {row.text("visit"): (row.text("source"), row.maybe_text("channel")) for row in rows}

    def every_appointment(self, permit: Permit) -> tuple[HeldAppointment, ...]:
        """Return the appointments of the permit's person, by their time."""
        rows = self._database.query(
            "SELECT due_ms, party_size, kept_ms, at_ms FROM appointments WHERE person = ?"
            " ORDER BY due_ms, appointment",
            (self._subject(permit),),
        )
        return tuple(
            HeldAppointment(
                due_ms=row.integer("due_ms"),
                party_size=row.integer("party_size"),
                kept_ms=row.maybe_integer("kept_ms"),
                at_ms=row.integer("at_ms"),
            )
            for row in rows
        )

    def every_recording(self, permit: Permit) -> tuple[HeldRecording, ...]:
        """Return the recorded calls of the permit's person; one that goes on still has no line yet."""
        rows = self._database.query(
            "SELECT r.call, coalesce(c.line, '') AS line, r.at_ms, r.duration_ms"
            " FROM recordings r LEFT JOIN calls c USING (call) WHERE r.person = ? ORDER BY r.at_ms, r.call",
            (self._subject(permit),),
        )
        return tuple(
            HeldRecording(
                call=r.text("call"),
                line=r.text("line"),
                at_ms=r.integer("at_ms"),
                duration_ms=r.integer("duration_ms"),
            )
            for r in rows
        )

    def callers(self, permit: Permit, number: str) -> tuple[HeldCaller, ...]:
        """Return the calls that `number` (E.164) is kept of to call back; rights alone may join them."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT n.call, n.sealed, n.purge_ms, c.at_ms FROM call_numbers n JOIN calls c USING (call)"
            " ORDER BY c.at_ms, n.call"
        )
        mine = [r for r in rows if self._number_of_call(r) == number]
        return tuple(
            HeldCaller(call=r.text("call"), at_ms=r.integer("at_ms"), until_ms=r.integer("purge_ms"))
            for r in mine
        )

    def _number_of_call(self, row: Row) -> str:
        call = row.text("call")
        return self._keys.open((call, INQUIRY), "call_numbers", call, row.blob("sealed")).decode()

    def waiting_about(
        self, permit: Permit, persons: Sequence[PersonId], tokens: Sequence[Token]
    ) -> Counter[str]:
        """Return how many records about these persons headquarters hasn't receipted, by kind."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT kind, count(*) AS waiting FROM outbox WHERE person IN (SELECT value FROM json_each(?))"
            " OR who IN (SELECT value FROM json_each(?)) GROUP BY kind",
            (json.dumps(persons), json.dumps(tokens)),
        )
        return Counter({row.text("kind"): row.integer("waiting") for row in rows})


def _consent(row: Row) -> HeldConsent:
    record = row.maybe_text("record")
    return HeldConsent(
        scope=Scope(row.text("scope")),
        version=row.integer("version"),
        state=row.text("state"),
        current=bool(row.integer("is_current")),
        at_ms=row.integer("at_ms"),
        quality=TimeQuality(row.text("quality")),
        notice_version=row.text("notice_version"),
        notice_hash=row.maybe_text("notice_hash"),
        act=row.maybe_text("act"),
        record=ConsentRecorded.model_validate_json(record) if record is not None else None,
        proof=row.blob("proof").hex() if row.maybe_text("act") is not None else None,
        covers_ms=row.maybe_integer("covers_ms"),
    )
