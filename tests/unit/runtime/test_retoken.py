"""Exchange of the project's keys on one box: everybody stays known, nobody erased comes back."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.projectkeys.keyfile import KeyFile
from cloud.projectkeys.seal import seal
from edge.consent.gate import Gate
from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.ipc.kiosk import Notice, Register
from edge.ipc.messages import CallStarted
from edge.ipc.operator import Imported, ReportRow
from edge.runtime.calls import Calls
from edge.runtime.clock import Clock
from edge.runtime.desk import Desk
from edge.runtime.links import Links
from edge.runtime.office import Office, Told, new_id
from edge.runtime.orders import Orders
from edge.runtime.requests import Requests
from edge.runtime.retoken import AT_ONCE, Retokening
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.credentials import Credentials, enrolment_key, import_keys
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import EraseCommand, Purpose, Retokened, Scope, WithdrawCommand
from tests.unit.runtime.rules import RULES, books

IDENTITY = BoxIdentity(tenant="riverside", site="hefei-01", box="box-01")
OFFICER = KeyFile.new("riverside", "phase-2", 1)
PHONE, NUMBER = "13800138000", "+8613800138000"
EVERY = frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK})
LATER_MS = 4_000_000_000_000


class Box:
    """One box over its directory; `exchange` imports the next keys and starts it again."""

    def __init__(self, directory: Path, notice: Notice) -> None:
        self.directory, self.notice, self.officer = directory, notice, OFFICER
        Credentials.create(directory / "credentials")
        self._take()
        self.open()

    @classmethod
    def again(cls, directory: Path, notice: Notice) -> "Box":
        """Open a box that another process left."""
        box = cls.__new__(cls)
        box.directory, box.notice = directory, notice
        box.open()
        return box

    def open(self) -> None:
        credentials = Credentials.load(self.directory / "credentials", {})
        self.store = SqlStore.open(self.directory / "state", credentials, IDENTITY)
        gate = Gate(self.store)
        self.office = Office(
            self.store, gate, credentials.tokens, Clock("hypervisor"), self.notice, credentials.sign
        )
        self.risk = Risk(self.office, RULES)
        links = Links(self.office, None)
        self.rights = Rights(self.office, self.risk, "box-01", links)
        self.desk = Desk(self.office, self.risk, self.rights, links)
        self.orders = Orders(
            self.office, self.rights, Requests(self.office, self.rights, links), books(self.office, self.risk)
        )

    def _take(self) -> None:
        place = self.directory / "credentials"
        enrolment = enrolment_key(place).public_key().public_bytes_raw().hex()
        sealed = seal(self.officer, "box-01", enrolment).model_dump_json().encode()
        import_keys(place, sealed, "riverside", "box-01", self.officer.officer, replace_officer=False)

    def exchange(self, *, run: bool = True) -> None:
        self.officer = self.officer.rotated()
        self.store.close()
        self._take()
        self.open()
        if run:
            self.run()

    def run(self) -> None:
        run = Retokening(self.office)
        while run.step():
            pass

    def register(self, phone: str = PHONE, scopes: frozenset[Scope] = EVERY) -> tuple[PersonId, bool]:
        request = Register(
            session="0" * 32, notice_hash=self.notice.hash, scopes=scopes, declined=frozenset(), phone=phone,
            source="agent",
        )  # fmt: skip
        answer, visitor = self.desk.register(request)
        assert visitor is not None
        return visitor.person, answer.returning

    def report(self, ref: str, phone: str = PHONE) -> Imported:
        row = ReportRow(ref=ref, phone=phone, channel="c", agent="", reported_ms=LATER_MS)
        return books(self.office, self.risk).import_rows((row,))

    def found(self, token: str) -> PersonId | None:
        return self.store.person_by_token(self.office.gate.permit_rights(), token)

    def exchanged(self) -> list[tuple[str, str]]:
        rows = self.store._database.query("SELECT record FROM outbox WHERE kind = 'retokened' ORDER BY id")
        records = [Retokened.model_validate_json(row.text("record")) for row in rows]
        return [(record.old, record.new) for record in records]

    def erase(self, who: str) -> None:
        self.orders.carry_out(EraseCommand(command_id=new_id(), box="box-01", issued_ms=1, who=who))

    def token(self, purpose: str = "registration") -> str:
        return self.office.tokens.token(purpose, NUMBER)


@pytest.fixture
def box(tmp_path: Path, notice: Notice) -> Box:
    return Box(tmp_path, notice)


def test_a_visitor_is_known_before_and_after_by_old_and_new_token(box: Box) -> None:
    person, _ = box.register()
    old = {purpose: box.token(purpose) for purpose in ("registration", "channel_risk")}
    box.exchange(run=False)
    assert box.found(old["registration"]) == person
    box.run()
    new = {purpose: box.token(purpose) for purpose in old}
    assert sorted(box.exchanged()) == sorted((old[p], new[p]) for p in old)
    assert all(box.found(token) == person for token in (*old.values(), *new.values()))
    assert box.register() == (person, True)
    assert box.store.count_waiting_tokens() == 0
    box.run()
    assert len(box.exchanged()) == 2, "a second run changes nothing"


def test_a_caller_is_found_and_exchanged_by_the_number_of_the_recording(box: Box, tmp_path: Path) -> None:
    calls = Calls(box.office, tmp_path, lambda _line: Told("v1", "ab" * 32))
    call = calls.started(CallStarted(device="p", call="1" * 32, at_ms=1, number=PHONE), "l")
    assert calls.agreed(call) is not None
    old = box.token("recording")
    box.exchange()
    assert box.exchanged() == [(old, box.token("recording"))]
    again = Calls(box.office, tmp_path, lambda _line: Told("v1", "ab" * 32))
    call = again.started(CallStarted(device="p", call="2" * 32, at_ms=2, number=PHONE), "l")
    assert again.agreed(call) is not None
    assert box.found(old) == call.person


def test_every_older_token_still_finds_the_person(box: Box) -> None:
    person, _ = box.register(scopes=frozenset({Scope.REGISTRATION}))
    tokens = [box.token()]
    for _ in range(2):
        box.exchange()
        tokens.append(box.token())
    assert [box.found(token) for token in tokens] == [person] * 3
    assert box.exchanged() == [(tokens[0], tokens[1]), (tokens[1], tokens[2])]


def test_who_comes_before_the_run_reached_them_is_exchanged_at_once(box: Box) -> None:
    """P41: headquarters hears of the new token, and may order by it."""
    box.register()
    box.exchange(run=False)
    box.register()
    assert len(box.exchanged()) == 2
    box.erase(box.token())
    assert box.store.count_waiting_tokens() == 0
    assert box.store._database.count("SELECT count(*) FROM visits") == 0


def test_records_after_the_exchange_name_the_new_token_alone(box: Box) -> None:
    box.register()
    old = box.token()
    while (batch := box.store.take_batch(100)) is not None:
        assert batch.entries
    box.exchange()
    box.register()
    box.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    rows = box.store._database.query("SELECT kind, record FROM outbox WHERE batch IS NULL")
    assert {row.text("kind") for row in rows} >= {"visit", "withdrawal", "retokened"}
    assert all(old not in row.text("record") for row in rows if row.text("kind") != "retokened")


def test_headquarters_orders_by_the_old_token_are_carried_out(box: Box) -> None:
    person, _ = box.register()
    old = box.token()
    box.exchange()
    order = WithdrawCommand(command_id=new_id(), box="box-01", issued_ms=1, who=old, scope=Scope.CHANNEL_RISK)
    assert box.orders.carry_out(order) == (person,)
    box.erase(old)
    assert box.found(old) is None and box.found(box.token()) is None


def test_a_claim_under_an_old_token_is_judged_by_the_new_one_and_kept_under_it_from_then_on(box: Box) -> None:
    box.report("R-1")
    box.exchange()
    box.register()
    assert box.store.verdicts("R-1")[-1].verdict == "RISK"
    assert box.report("R-1").known == 1
    lookup = box.office.gate.permit_lookup(Purpose.CHANNEL_RISK)
    held = box.store.report(lookup, "R-1")
    assert held is not None and held.token == box.token("channel_risk")
    assert box.exchanged() == []


def test_evidence_counts_once_although_two_tokens_lead_to_it(box: Box) -> None:
    box.register()
    box.exchange()
    box.report("R-1")
    lookup = box.office.gate.permit_lookup(Purpose.CHANNEL_RISK)
    tokens = box.office.tokens.tokens("channel_risk", NUMBER)
    customers = box.store.dossiers(lookup, tokens).customers
    people = {id(customers[token]): customers[token] for token in tokens}.values()
    assert len(tokens) == 3 and sum(len(one.presences) for one in people) == 1
    assert len(customers[tokens[0]].presences) == 1
    assert [told for _, told, _ in customers[tokens[0]].answers] == ["agent"]


@pytest.mark.parametrize("exchanges", [1, 3])
def test_who_was_erased_is_not_entered_again_under_newer_keys(box: Box, exchanges: int) -> None:
    """P29, P42: the mark was made of a token that only the old keys can make."""
    box.register()
    box.report("R-1")
    box.erase(box.token())
    for _ in range(exchanges):
        box.exchange()
    assert box.report("R-2").suppressed == 1
    fact = facts.ReportLodged(
        **box.office.stamp(), report_ref="R-3", token=box.token("channel_risk"), channel="c", agent="",
        reported_ms=None, lapses_ms=LATER_MS, changed_ms=1,
        earlier=box.office.tokens.tokens("channel_risk", NUMBER)[1:],
    )  # fmt: skip
    with pytest.raises(Refused, match="suppressed"):
        box.store.apply(box.office.gate.on_other_basis(fact))
    assert box.exchanged() == []
    box.register()
    assert box.report("R-4").new == 1, "their own later act ends it"


def test_an_erasure_after_an_exchange_names_the_tokens_of_every_generation(box: Box) -> None:
    """P41: so headquarters empties what came under the old one as well, and nothing waits to be sent."""
    box.register()
    old = box.token()
    box.exchange()
    box.erase(box.token())
    rows = box.store._database.query("SELECT kind, record FROM outbox WHERE batch IS NULL")
    assert [row.text("kind") for row in rows] == ["erasure_receipt"]
    assert old in rows[0].text("record") and box.token("channel_risk") in rows[0].text("record")
    assert box.store._database.count("SELECT count(*) FROM person_tokens") == 0


def test_whose_number_is_not_held_stays_and_holds_up_nobody(box: Box) -> None:
    people = [box.register(f"138001380{n:02d}")[0] for n in range(AT_ONCE + 5)]
    for person in people[:7]:
        box.store._database.run("DELETE FROM contacts WHERE person = ?", (person,))
    box.exchange()
    assert box.store.count_waiting_tokens() == 2 * 7
    assert len(box.exchanged()) == 2 * (len(people) - 7)


def test_the_gate_lets_an_exchange_through_on_duty_and_only_once(box: Box) -> None:
    person, _ = box.register()
    old = box.token()
    box.exchange(run=False)
    new = box.token()
    fact = facts.PersonRetokened(
        **box.office.stamp(), person=person, old=old, new=new, records=(Retokened(old=old, new=new),)
    )
    cleared = box.office.gate.on_other_basis(fact)
    assert (str(cleared.basis), str(cleared.purpose)) == ("duty", "rights")
    box.store.apply(cleared)
    with pytest.raises(InvalidInput, match="not_waiting"):
        box.store.apply(cleared)
    (row,) = box.store._database.query("SELECT * FROM person_tokens WHERE token = ?", (new,))
    assert (row.text("basis"), row.integer("generation")) == ("consent:registration", 2)


PHONES = [f"1390013900{n}" for n in range(4)]
_ACTS = st.lists(
    st.tuples(st.sampled_from(("register", "exchange", "step", "erase", "report")), st.sampled_from(PHONES)),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_ACTS)
def test_whatever_comes_between_everybody_living_is_one_person(
    tmp_path_factory: pytest.TempPathFactory, notice: Notice, acts: list[tuple[str, str]]
) -> None:
    box = Box(tmp_path_factory.mktemp("box"), notice)
    known: dict[str, PersonId] = {}
    gone: set[str] = set()
    told: dict[str, str] = {}
    """By which token headquarters heard of whom last."""
    for number, (act, phone) in enumerate(acts):
        match act:
            case "register":
                person, returning = box.register(phone)
                assert returning is (phone in known) and known.setdefault(phone, person) == person
                gone.discard(phone)
                told[phone] = box.office.tokens.token("registration", f"+86{phone}")
            case "exchange":
                box.exchange(run=False)
            case "step":
                Retokening(box.office).step()
            case "erase" if phone in known:
                box.erase(told[phone])
                del known[phone]
                gone.add(phone)
            case "report":
                assert box.report(f"R-{number}", phone).suppressed == (phone in gone)
    box.run()
    assert box.store.count_waiting_tokens() == 0
    for phone, person in known.items():
        assert box.found(box.office.tokens.token("registration", f"+86{phone}")) == person
    box.store.close()
