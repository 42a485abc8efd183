"""A guardian agrees for a child: by an adult's own card or a signature, kept as a proof, and nothing else."""

import asyncio
import json
from datetime import date, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.archive import GuardianEvidence, check, guardian_file
from edge.consent.policy import Event, State
from edge.domain.age import ADULT_FROM, CHILD_UNTIL, younger
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.idcard import CardKind
from edge.domain.reasons import Reason
from edge.ipc import kiosk
from edge.ipc import officer as protocol
from edge.ipc.messages import CardFailed, CardRead
from edge.runtime.departures import Departures
from edge.runtime.guardianproofs import GuardianProofs
from edge.runtime.office import Office, Shown, new_id
from edge.store.keys import GUARDIAN
from edge.wire import Scope, key_id
from tests.unit.runtime.test_cards import EARLIER, card
from tests.unit.runtime.test_officer import opened, public_key
from tests.unit.runtime.test_reception import AtTheDesk, rows, years_ago
from tests.unit.runtime.test_retention import PERIODS

DRAWN = tuple(tuple((100 * s + 10 * n, 50 + n) for n in range(6)) for s in range(2))


async def child(desk: AtTheDesk, session: str | None = None, **fields: object) -> kiosk.ChildRegistered:
    request = {
        "session": session or await desk.begin(), "notice_hash": desk.office.notice.hash,
        "by": "signature", "guardian": "王芳", "drawn": DRAWN,
    } | fields  # fmt: skip
    answer = await desk.reception.answer(kiosk.RegisterChild.model_validate(request))
    assert isinstance(answer, kiosk.ChildRegistered)
    return answer


async def by_card(desk: AtTheDesk, read: CardRead | CardFailed | Exception) -> kiosk.ChildRegistered:
    desk.leases.card = read
    return await child(desk, by="card", guardian=None, drawn=())


def shown(office: Office) -> dict[str, object]:
    (row,) = office.store.guardian_proofs(office.gate.permit_rights())
    found: dict[str, object] = json.loads(office.store.shown_by_guardian(office.gate.permit_rights(), row))
    return found


def leaving(office: Office) -> list[str]:
    batch = office.store.take_batch(100)
    return [entry.record.kind for entry in batch.entries] if batch else []


def test_p39_a_signature_registers_the_visit_and_nothing_leaves(desk: AtTheDesk) -> None:
    """P39: the visit alone, by a guardian's act; neither consent nor visit is queued for headquarters."""
    answer = asyncio.run(child(desk, name="小明", party_size=3))
    assert answer.registered is not None
    assert answer.registered.active == (Scope.REGISTRATION,)
    (person,) = {row.person for row in desk.office.store.open_visits()}
    assert desk.office.store.consent(person, Scope.REGISTRATION).act == "guardian"
    assert shown(desk.office) == {"name": "王芳", "drawn": [[list(p) for p in s] for s in DRAWN]}
    assert rows(desk.office, "contacts") == rows(desk.office, "person_tokens") == 0
    assert leaving(desk.office) == []


def test_a_card_proves_with_the_name_and_four_digits(desk: AtTheDesk) -> None:
    """P6: no more of the card than a proof needs, whatever kind it is."""
    assert asyncio.run(by_card(desk, card(CardKind.RESIDENT))).outcome == "registered"
    assert shown(desk.office) == {"name": "张三丰", "number_ends": "002X", "kind": "resident"}
    assert rows(desk.office, "cards") == 0


REFUSED: dict[str, dict[str, object]] = {
    "not_adult": {"birth": years_ago(ADULT_FROM, days=1)},
    "expired": {"valid_until": EARLIER},
    "unsure": {"confirmed_twice": False},
}


@pytest.mark.parametrize("outcome", REFUSED)
def test_p39_no_guardian_no_registration(desk: AtTheDesk, outcome: str) -> None:
    """P39: a card that is no adult's, or not surely read, leaves nothing at all."""
    read = card(CardKind.RESIDENT, **REFUSED[outcome])
    assert asyncio.run(by_card(desk, read)).outcome == outcome
    assert rows(desk.office, "consents") == rows(desk.office, "guardian_proofs") == 0


@pytest.mark.parametrize("code", ["no_card", "not_lifted", "unsupported_layout", "garbled"])
def test_a_card_that_was_not_read_says_why(desk: AtTheDesk, code: str) -> None:
    failed = CardFailed.model_validate({"device": "card", "lease": "1" * 32, "code": code})
    told = {"unsupported_layout": "unknown_card", "garbled": "failed"}.get(code, code)
    assert asyncio.run(by_card(desk, failed)).outcome == told
    assert rows(desk.office, "consents") == 0


def test_a_guardian_who_walks_away_while_their_card_is_read_registers_nobody(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        session = await desk.begin()

        async def read(*_lease: object, **_how: object) -> CardRead:
            await desk.reception.answer(kiosk.End(session=session))
            return card(CardKind.RESIDENT)

        monkeypatch.setattr(desk.leases, "read_card", read)
        assert (await child(desk, session, by="card", guardian=None, drawn=())).outcome == "failed"
        assert len(desk.leases.cancelled) == 1
        assert rows(desk.office, "consents") == 0

    asyncio.run(scene())


def test_a_tap_is_no_signature_and_a_typed_name_is_one(desk: AtTheDesk) -> None:
    with pytest.raises(InvalidInput, match="signature_too_short"):
        asyncio.run(child(desk, drawn=(((1, 1),),)))
    with pytest.raises(InvalidInput, match="name_missing"):
        asyncio.run(child(desk, guardian=None))
    assert asyncio.run(child(desk, drawn=())).outcome == "registered"


def test_p7_the_notice_in_force_is_the_one_that_counts(desk: AtTheDesk) -> None:
    with pytest.raises(InvalidInput, match="notice_changed"):
        asyncio.run(child(desk, notice_hash="0" * 64))


def test_the_proof_outlives_the_visit_and_ends_with_its_period(desk: AtTheDesk) -> None:
    """P8: the child's data goes when they leave; the guardian's proof when proofs go, key first."""
    asyncio.run(child(desk, name="小明"))
    office = desk.office
    (visit,) = office.store.open_visits()
    Departures(office, "21:00").leave(visit)
    assert rows(office, "names") == rows(office, "visits") == 0
    assert shown(office)["name"] == "王芳"
    (row,) = office.store.guardian_proofs(office.gate.permit_rights())
    office.store.purge_due(PERIODS, row.at_ms + PERIODS.proofs - 1)
    assert rows(office, "guardian_proofs") == 1
    office.store.purge_due(PERIODS, row.at_ms + PERIODS.proofs)
    assert rows(office, "guardian_proofs") == 0
    assert office.store._keys.key(row.proof, GUARDIAN) is None


def test_the_start_sweeps_no_proof_that_stands(desk: AtTheDesk) -> None:
    asyncio.run(child(desk))
    desk.office.store.sweep()
    assert shown(desk.office)["name"] == "王芳"


@pytest.mark.parametrize("ended", ["withdraw", "expire"])
def test_p38_a_child_stays_a_child_after_the_guardians_consent_ended(desk: AtTheDesk, ended: str) -> None:
    """P38, P39: then a tap of their own counts for no scope; a guardian's act does."""
    office = desk.office
    asyncio.run(child(desk))
    (person,) = {row.person for row in office.store.open_visits()}
    aim = {"withdraw": State.WITHDRAWN, "expire": State.EXPIRED}[ended]
    office.change(person, Scope.REGISTRATION, Event(ended), aim)
    for scope in (Scope.REGISTRATION, Scope.MARKETING):
        with pytest.raises(Refused, match="guardian_needed"):
            office.agree(person, scope, "tap", None)
    office.agree(person, Scope.REGISTRATION, "guardian", None, guardian=Shown("signature", {"name": "王芳"}))
    assert office.active(person, Scope.REGISTRATION)


def test_p39_a_guardians_act_needs_what_they_showed_and_no_other_act_takes_it(desk: AtTheDesk) -> None:
    proof = Shown("signature", {"name": "王芳"})
    ways: tuple[tuple[Literal["tap", "guardian"], Shown | None], ...] = (("guardian", None), ("tap", proof))
    for act, given_proof in ways:
        with pytest.raises(Refused, match="no_proof"):
            desk.office.agree(PersonId(new_id()), Scope.REGISTRATION, act, None, guardian=given_proof)


def test_a_proof_is_opened_with_a_reason_and_anybody_can_check_it(desk: AtTheDesk) -> None:
    """P3, P40: listed without a name; opened under an audit entry; checked with the public key alone."""
    asyncio.run(child(desk))
    office = desk.office
    proofs = GuardianProofs(office, key_id(public_key(office)))
    listed = proofs.answer(protocol.ShowGuardians(), "privacy")
    assert isinstance(listed, protocol.GuardianProofs)
    (line,) = listed.proofs
    assert line.by == "signature"
    asked = protocol.ExportGuardian(proof=line.proof, reason=Reason.COMPLAINT)
    file = opened(proofs.answer(asked, "privacy"))
    checked = check(file, public_key(office))
    assert isinstance(checked.exported, GuardianEvidence)
    assert json.loads(checked.exported.shown)["name"] == "王芳"
    noted = [(row.code, row.subject) for row in office.store.audit_tail(2)]
    assert noted == [("officer_export_guardian", "account-privacy"), ("because_complaint", line.proof)]
    with pytest.raises(InvalidInput, match="no_such_proof"):
        proofs.answer(protocol.ExportGuardian(proof="0" * 32, reason=Reason.COMPLAINT), "privacy")


@pytest.mark.parametrize("change", [{"shown": '{"name":"李四"}'}, {"words": "{}"}, {"proof": "00" * 64}])
def test_a_proof_with_another_content_is_refused_though_the_box_signed_the_file(
    desk: AtTheDesk, change: dict[str, str]
) -> None:
    asyncio.run(child(desk))
    office, key = desk.office, key_id(public_key(desk.office))
    (row,) = office.store.guardian_proofs(office.gate.permit_rights())
    sound = {
        "tenant": "riverside", "site": "hefei-01", "box": "box-01", "at_ms": row.at_ms,
        "quality": row.quality, "words": row.words, "proof": row.signature.hex(),
        "shown": office.store.shown_by_guardian(office.gate.permit_rights(), row).decode(),
    }  # fmt: skip
    check(guardian_file(GuardianEvidence.model_validate(sound), office.sign, key), public_key(office))
    forged = guardian_file(GuardianEvidence.model_validate(sound | change), office.sign, key)
    with pytest.raises(InvalidInput, match=r"signature_wrong|changed"):
        check(forged, public_key(office))


@given(st.dates(date(1950, 1, 1), date(2050, 1, 1)), st.integers(0, 40 * 366))
def test_younger_means_before_the_birthday(birth: date, days: int) -> None:
    today = birth + timedelta(days=days)
    turned = today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
    for limit in (CHILD_UNTIL, ADULT_FROM):
        assert younger(limit, f"{birth:%Y%m%d}", f"{today:%Y%m%d}") == (turned < limit)
