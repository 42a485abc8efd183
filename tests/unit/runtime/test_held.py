"""What visitors are shown of themselves: everything on the box that is theirs, nothing of others (P40)."""

import json
from collections.abc import Iterator

import pytest

from edge.domain import facts
from edge.domain.errors import Refused
from edge.domain.faces import pack
from edge.domain.held import Held
from edge.runtime.office import Office
from edge.wire import Purpose, Scope, canonical
from tests.unit.runtime.place import ALL, OTHER, PHONE, Place


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    yield Place(office)


def test_p40_all_that_is_held_is_shown(place: Place) -> None:
    """P40: access shows every class of data that the box has of this human, also as a caller."""
    visitor = place.register()
    place.desk.enrol(visitor, "sface", pack((1.0, 0.0)))
    place.card(visitor)
    place.call(PHONE, agrees=True)
    place.call(PHONE, agrees=False)
    place.report(PHONE, "R-1")

    held = place.rights.held(visitor.person)

    assert held.active == ALL | {Scope.RECORDING}
    assert {c.phone for c in held.contacts} == {PHONE}
    assert [(v.party_size, v.source) for v in held.visits] == [(3, "friend")]
    assert [e.kind for e in held.visits[0].evidence] == ["registration", "id_card"]
    assert held.card is not None and held.card.number == "11010519491231002X"
    assert [t.model for t in held.templates] == ["sface"]
    assert [(r.line, r.duration_ms) for r in held.recordings] == [("main", 4000)]
    assert len(held.callers) == 1
    assert [r.channel for r in held.reports] == ["示例渠道"]
    assert {t.kind: t.waiting for t in held.headquarters} == {
        "call": 1, "consent": 5, "verdict": 1, "visit": 2,
    }  # fmt: skip
    assert "李四" not in held.model_dump_json(), "the agent's name is the agent's own"


def test_nothing_of_anybody_else_is_shown(place: Place) -> None:
    """P40: what is held of others stays theirs."""
    visitor = place.register()
    other = place.register(OTHER)
    place.card(other)
    place.call(OTHER, agrees=False)
    place.report(OTHER, "R-2")

    held = place.rights.held(visitor.person)

    assert OTHER not in held.model_dump_json()
    assert held.card is None and held.callers == () and held.reports == ()
    assert len(held.visits) == 1


def test_access_does_not_end_with_the_consent(place: Place) -> None:
    """P40, P43: a right isn't lost by a withdrawal; what was lawful before is shown."""
    visitor = place.register()
    place.rights.withdraw_person(visitor.person, ALL, "visitor")

    held = place.rights.held(visitor.person)

    assert held.active == frozenset()
    assert len(held.visits) == 1
    withdrawn = [c for c in held.consents if c.current]
    assert {c.state for c in withdrawn} == {"WITHDRAWN"}


def test_each_agreement_carries_what_was_signed(place: Place, office: Office) -> None:
    """P44: the proof is checkable from the description alone."""
    visitor = place.register()
    public = getattr(office.sign, "__self__").signing_key.public_key()  # noqa: B009 — the fixture's own key

    agreed = [c for c in place.rights.held(visitor.person).consents if c.state == "ACTIVE"]

    assert len(agreed) == len(ALL)
    for consent in agreed:
        assert consent.record is not None and consent.proof is not None
        signed = b"gatehouse/v1/consent\n" + canonical(consent.record.model_dump(mode="json"))
        public.verify(bytes.fromhex(consent.proof), signed)
        assert consent.record.notice_hash == office.notice.hash


def test_an_unknown_number_is_nobody(place: Place) -> None:
    place.register()
    assert place.rights.held_by(OTHER).nothing
    assert not place.rights.held_by(PHONE).nothing


def test_after_an_erasure_only_the_skeleton_is_left(place: Place) -> None:
    """P41: no token and no signed record outlives the erasure."""
    visitor = place.register()
    place.rights.erase_minor(visitor.number())

    held = place.rights.held(visitor.person)

    assert held.nothing
    assert {c.state for c in held.consents if c.current} == {"TOMBSTONE"}
    assert all(c.record is None for c in held.consents)
    assert place.rights.held_by(PHONE).nothing


def test_the_reads_need_the_permit_for_rights(place: Place, office: Office) -> None:
    """P40: reception's own permit doesn't open the whole record."""
    visitor = place.register()
    reception = office.gate.permit(Purpose.RECEPTION, visitor.person)
    reads = ("every_consent", "every_token", "every_contact", "every_template", "every_recording")
    for read in (*reads, "every_source", "card_since"):
        with pytest.raises(Refused):
            getattr(office.store, read)(reception)
    with pytest.raises(Refused):
        office.store.callers(reception, PHONE)
    with pytest.raises(Refused):
        office.store.waiting_about(reception, (visitor.person,), ())


def test_the_json_form_is_canonical_and_comes_back(place: Place) -> None:
    visitor = place.register()
    held = place.rights.held(visitor.person)
    text = canonical(held.model_dump(mode="json"))
    assert Held.model_validate_json(text) == held
    assert canonical(json.loads(text)) == text


def test_a_fact_without_its_record_leaves_no_signed_text(place: Place, office: Office) -> None:
    """Old stores hold agreements whose signed text wasn't kept: shown without it, never made up."""
    visitor = place.register()
    stamp = office.stamp()
    fact = facts.ConsentGiven(
        **stamp, person=visitor.person, scope=Scope.MARKETING, version=1, notice_version="v1",
        notice_hash="0" * 64, act="tap", proof=b"p" * 64,
    )  # fmt: skip
    office.store.apply(office.gate.agreed(fact))
    [one] = [c for c in place.rights.held(visitor.person).consents if c.scope is Scope.MARKETING]
    assert one.record is None and one.proof == (b"p" * 64).hex()
