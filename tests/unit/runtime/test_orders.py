"""Headquarters' orders: carried out once, and answered whatever is in the way."""

import pytest

from edge.domain.errors import Refused
from edge.ipc.kiosk import Register
from edge.ipc.messages import CallEnded, CallStarted
from edge.runtime.calls import Calls
from edge.runtime.desk import Desk
from edge.runtime.links import Links
from edge.runtime.office import Office, Told
from edge.runtime.orders import Orders
from edge.runtime.requests import Requests
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import CommandAnswered, EraseCommand, ErasureReceipt, Scope, WithdrawCommand
from tests.unit.runtime.rules import RULES, books

PHONE = "13800138000"


class Site:
    def __init__(self, office: Office) -> None:
        self.office = office
        risk = Risk(office, RULES)
        self.rights = Rights(office, risk, "box-01", Links(office, None))
        self.desk = Desk(office, risk, self.rights, Links(office, None))
        self.orders = Orders(
            office,
            self.rights,
            Requests(office, self.rights, Links(office, None)),
            books(office, risk),
        )

    def register(self) -> WithdrawCommand:
        """Register somebody, and return the order to end their `face_match`."""
        scopes = frozenset({Scope.REGISTRATION, Scope.FACE_MATCH})
        self.desk.register(
            Register(session="1" * 32, notice_hash=self.office.notice.hash, scopes=scopes, phone=PHONE)
        )
        who = self.office.tokens.token("registration", "+86" + PHONE)
        return WithdrawCommand(
            command_id="2" * 32, box="box-01", issued_ms=1, who=who, scope=Scope.FACE_MATCH
        )

    def answers(self) -> list[tuple[str, str]]:
        batch = self.office.store.take_batch(500)
        records = [entry.record for entry in batch.entries] if batch else []
        return [(r.outcome, r.code) for r in records if isinstance(r, CommandAnswered)]


@pytest.fixture
def site(office: Office) -> Site:
    return Site(office)


def test_a_withdrawal_needs_no_number(site: Site) -> None:
    """After an older key file was restored the number can't be read; the consent ends all the same."""
    order = site.register()
    person = site.office.store.person_by_token(site.office.gate.permit_rights(), order.who)
    assert person is not None
    site.office.store._tables.database.run("DELETE FROM contacts")
    assert site.orders.carry_out(order) == (person,)
    assert not site.office.active(person, Scope.FACE_MATCH)
    assert site.answers() == [("done", "withdrawn")]


def test_an_order_that_cannot_be_carried_out_is_answered_and_not_repeated_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `carry_out` raises ends the pump, and the broker would send the order again and again."""
    order = site.register()

    def refuses(*_: object) -> None:
        raise Refused("change a consent", "not_allowed_in_this_state")

    monkeypatch.setattr(site.rights, "end_scope", refuses)
    assert site.orders.carry_out(order) == ()
    assert site.answers() == [("refused", "not_allowed_in_this_state")]
    assert site.orders.carry_out(order) == ()
    assert site.answers() == []


def test_p41_an_erasure_forgets_the_number_that_was_kept_to_call_back(site: Site) -> None:
    """P41: the same human called an hour ago and pressed nothing; another caller's number stays."""
    store, rights = site.office.store, site.office.gate.permit_rights()
    calls = Calls(site.office, store.spool, lambda _line: Told("spoken_test", "0" * 64))
    for call, number in (("6" * 32, PHONE), ("7" * 32, "13900139000")):
        ringing = calls.started(CallStarted(device="sip", call=call, number=number, at_ms=1), "main")
        fields = {"device": "sip", "call": call, "at_ms": 2, "duration_ms": 1, "recorded_ms": 0}
        ended = CallEnded.model_validate(fields | {"answered": True, "notice_played": True})
        calls.ended(ringing, ended)
    who = site.register().who
    site.orders.carry_out(EraseCommand(command_id="4" * 32, box="box-01", issued_ms=1, who=who))
    assert store.call_number(rights, "6" * 32) is None
    assert store.call_number(rights, "7" * 32) == "+8613900139000"
    batch = store.take_batch(500)
    assert batch is not None
    (receipt,) = [e.record for e in batch.entries if isinstance(e.record, ErasureReceipt)]
    assert receipt.rows["call_numbers"] == 1
