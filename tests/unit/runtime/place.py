"""The box's services over one store, and the acts of visitors, callers and agents, for tests."""

from edge.ipc import kiosk, operator
from edge.ipc.messages import CallEnded, CallStarted, CardRead
from edge.runtime.calls import Calls
from edge.runtime.corrections import Corrections
from edge.runtime.desk import Desk, Visitor
from edge.runtime.links import Links
from edge.runtime.merging import Merging
from edge.runtime.office import Office, Told, new_id
from edge.runtime.officer import Officer
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import Record, Scope
from tests.unit.runtime.rules import RULES, books

PHONE, OTHER = "+8613800138000", "+8613900139000"
ALL = frozenset({Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD, Scope.CHANNEL_RISK})


class Place:
    """The services over one store."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.risk = Risk(office, RULES)
        links = Links(office, "https://hq.example")
        self.rights = Rights(office, self.risk, "box-01", links)
        self.desk = Desk(office, self.risk, self.rights, links)
        self.calls = Calls(office, office.store.spool, lambda _line: Told("spoken_1", "0" * 64))
        self.corrections = Corrections(office, self.risk, self.rights)
        self.merging = Merging(office, self.risk, self.rights)
        self.officer = Officer(office, self.rights, self.corrections, self.merging, links, "0" * 16)

    def register(self, phone: str = PHONE, scopes: frozenset[Scope] = ALL) -> Visitor:
        request = kiosk.Register(
            session=new_id(),
            notice_hash=self.office.notice.hash,
            scopes=scopes,
            phone=phone,
            party_size=3,
            source="friend" if Scope.CHANNEL_RISK in scopes else None,
        )
        _answer, visitor = self.desk.register(request)
        assert visitor is not None
        return visitor

    def card(self, visitor: Visitor) -> None:
        fields = {
            "device": "terminal", "kind": "resident", "lease": new_id(), "name": "王小明",
            "number": "11010519491231002X",
            "birth": "19491231", "valid_until": "20351231", "confirmed_twice": True, "at_ms": 1, "sex": "1",
            "nation": "01", "address": "某地", "issuer": "某局", "valid_from": "20151231",
        }  # fmt: skip
        self.desk.card_read(visitor, CardRead.model_validate(fields))

    def call(self, phone: str, *, agrees: bool) -> None:
        call_id = new_id()
        ringing = CallStarted(device="line", call=call_id, number=phone, at_ms=self.office.clock.now_ms())
        call = self.calls.started(ringing, "main")
        if agrees:
            self.calls.agreed(call)
        fields = {
            "device": "line", "call": call_id, "at_ms": self.office.clock.now_ms(), "duration_ms": 9000,
            "answered": True, "notice_played": True, "recorded_ms": 4000 if agrees else 0,
        }  # fmt: skip
        self.calls.ended(call, CallEnded.model_validate(fields))

    def report(self, phone: str, ref: str) -> operator.Imported:
        row = operator.ReportRow(ref=ref, phone=phone, channel="示例渠道", agent="李四", reported_ms=1)
        return books(self.office, self.risk).import_rows((row,))

    def leaving(self) -> list[Record]:
        """Take what waits, in the order in which it leaves."""
        batch = self.office.store.take_batch(500)
        return [entry.record for entry in batch.entries] if batch else []

    def audited(self, last: int) -> list[tuple[str | None, str | None]]:
        """The last entries of the audit."""
        return [(row.code, row.subject) for row in self.office.store.audit_tail(last)]
