"""The scheduler over a real store, with a clock that the test moves: consents expire, then data goes (P8)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.config import Retention as Section
from edge.consent.gate import Gate
from edge.consent.policy import State
from edge.domain.errors import Refused
from edge.domain.idcard import CardKind
from edge.domain.retention import DAY_MS
from edge.domain.rightslink import open_package, parts
from edge.ipc import kiosk
from edge.ipc.messages import CardRead
from edge.runtime import retention
from edge.runtime.clock import Clock
from edge.runtime.desk import Desk, Visitor
from edge.runtime.links import Links
from edge.runtime.office import Office
from edge.runtime.retention import Retention
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import ConsentWithdrawn, Purpose, RightsPackage, Scope
from tests.unit.runtime.rules import RULES

PHONE = "13800138000"
EVERYTHING = frozenset({Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD, Scope.CHANNEL_RISK})
PERIODS = Section().periods()


class MovedClock(Clock):
    """Wall time as the test wants it."""

    def __init__(self) -> None:
        super().__init__("hypervisor")
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


class Place:
    def __init__(self, office: Office, clock: MovedClock) -> None:
        self.clock = clock
        self.office = replace(office, clock=clock)
        risk = Risk(self.office, RULES)
        self.links = Links(self.office, "https://hq.example")
        rights = Rights(self.office, risk, "b", self.links)
        self.desk = Desk(self.office, risk, rights, self.links)
        self.retention = Retention(self.office, PERIODS, self.links, rights)

    def come(self, scopes: frozenset[Scope] = EVERYTHING) -> Visitor:
        request = kiosk.Register(
            session="a" * 32, notice_hash=self.office.notice.hash, scopes=scopes, phone=PHONE, source="agent"
        )
        _answer, visitor = self.desk.register(request)
        assert visitor is not None
        return visitor

    def due(self, within_ms: int = 0) -> dict[str, int]:
        return {one.name: one.due for one in self.retention.plan(within_ms).classes if one.due}

    def state(self, visitor: Visitor, scope: Scope) -> str:
        return self.office.store.consent(visitor.person, scope).state


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    yield Place(office, MovedClock())


def card() -> CardRead:
    return CardRead.model_validate(
        {
            "device": "card",
            "lease": "a" * 32,
            "kind": CardKind.RESIDENT,
            "name": "王小明",
            "number": "11010119900307123X",
            "birth": "19900307",
            "sex": "1",
            "nation": "01",
            "address": "-",
            "issuer": "-",
            "valid_from": "20101231",
            "valid_until": "20301231",
            "confirmed_twice": True,
            "at_ms": 1,
        }
    )


def test_p8_each_scope_expires_and_its_data_goes(place: Place) -> None:
    """Nothing before the period; after it the consent is EXPIRED, keys and rows are gone, use is refused."""
    visitor = place.come()
    place.desk.enrol(visitor, "sface", b"v" * 512)
    place.desk.card_read(visitor, card())
    assert place.retention.apply() == {}
    place.clock.ahead_ms = min(PERIODS.scopes[s] for s in EVERYTHING) - DAY_MS
    assert place.retention.apply() == {}
    place.clock.ahead_ms = PERIODS.scopes[Scope.FACE_MATCH] + DAY_MS
    gone = place.retention.apply()
    assert (gone["scope_face_match"], gone["scope_id_card"]) == (1, 1)
    assert (gone["templates"], gone["cards"], gone["keys"]) == (1, 1, 2)
    assert place.state(visitor, Scope.FACE_MATCH) == State.EXPIRED
    assert place.state(visitor, Scope.REGISTRATION) == State.ACTIVE
    with pytest.raises(Refused, match="no_consent"):
        place.office.gate.permit(Purpose.FACE_CONFIRMATION, visitor.person)
    assert place.retention.apply() == {}


def test_p8_after_the_registrations_period_nobody_is_known(place: Place) -> None:
    visitor = place.come()
    place.clock.ahead_ms = PERIODS.scopes[Scope.REGISTRATION] + DAY_MS
    place.retention.apply()
    store, token = place.office.store, place.office.tokens.token("registration", "+86" + PHONE)
    assert store.person_by_token(place.office.gate.permit_rights(), token) is None
    assert store._keys.names() == set()
    for table in ("contacts", "person_tokens", "visits", "evidence", "sources", "templates", "cards"):
        assert store._database.count(f"SELECT count(*) FROM {table}") == 0, table
    assert {place.state(visitor, scope) for scope in EVERYTHING} == {State.EXPIRED}
    again = place.come()
    assert again.person != visitor.person


def test_the_dry_run_tells_what_the_application_does(place: Place) -> None:
    place.desk.enrol(place.come(), "sface", b"v" * 512)
    period = PERIODS.scopes[Scope.FACE_MATCH] + DAY_MS
    told = place.due(period)
    assert place.due() == {}
    place.clock.ahead_ms = period
    assert place.due() == told
    gone = place.retention.apply()
    scopes = {f"scope {name.removeprefix('scope_')}" for name in gone if name.startswith("scope_")}
    assert scopes == {name for name in told if name.startswith("scope ")}
    assert place.due() == {}


def test_what_ended_is_in_the_audit_once(place: Place) -> None:
    place.come()
    place.retention.apply()
    assert place.office.store.audit_tail(9) == ()
    place.clock.ahead_ms = 10_000 * DAY_MS
    place.retention.apply()
    place.retention.apply()
    assert [row.code for row in place.office.store.audit_tail(9)] == ["retention_applied"]


def test_housekeeping_looks_at_scopes_from_time_to_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = place.come()
    place.retention.keep_house()
    place.clock.ahead_ms = PERIODS.scopes[Scope.FACE_MATCH] + DAY_MS
    assert place.retention.keep_house() == {}
    monkeypatch.setattr(retention, "SCOPES_S", 0.0)
    assert place.retention.keep_house()["scope_face_match"] == 1
    assert place.state(visitor, Scope.FACE_MATCH) == State.EXPIRED


def test_the_gate_can_open_a_consent_anew_after_it_expired(place: Place) -> None:
    place.come()
    place.clock.ahead_ms = PERIODS.scopes[Scope.FACE_MATCH] + DAY_MS
    place.retention.apply()
    visitor = place.come()
    assert place.state(visitor, Scope.FACE_MATCH) == State.ACTIVE
    assert isinstance(place.office.gate, Gate)


def test_a_visitors_code_ends_with_the_registration_and_its_page_says_why_P8(place: Place) -> None:
    visitor = place.come()
    link = place.desk.give_code(visitor)
    assert link is not None
    _, secret = parts(place.links.address(link) or "")
    place.links.refresh()
    place.clock.ahead_ms = max(PERIODS.scopes.values()) + 1
    place.retention.apply()
    assert place.links.refresh() == 0 and place.links.address(link) is None
    batch = place.office.store.take_batch(500)
    assert batch is not None
    sent = [e.record for e in batch.entries if isinstance(e.record, RightsPackage)]
    newest = max(sent, key=lambda one: one.revision)
    assert newest.last and b'"state":"lapsed"' in open_package(secret, link, newest.sealed)


def test_p43_headquarters_is_told_of_what_expired(place: Place) -> None:
    """P43: once for each scope that stood, under the token it knows, and before the box forgets that."""
    place.come()
    token = place.office.tokens.token("registration", "+86" + PHONE)
    place.clock.ahead_ms = PERIODS.scopes[Scope.REGISTRATION] + DAY_MS
    place.retention.apply()
    place.retention.apply()
    database = place.office.store._database
    rows = database.query("SELECT record, urgent FROM outbox WHERE kind = 'withdrawal'")
    told = [ConsentWithdrawn.model_validate_json(row.text("record")) for row in rows]
    assert {one.scope for one in told} == EVERYTHING and len(told) == len(EVERYTHING)
    assert {(one.who, one.by) for one in told} == {(token, "period")}
    assert {row.integer("urgent") for row in rows} == {0}, "nobody's own word is held up by it"
