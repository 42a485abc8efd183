"""What a person is handed can be checked by anybody with the box's public key, and by nothing else."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge import archive
from edge.archive import AGREED, check
from edge.cli import app
from edge.domain.errors import InvalidInput
from edge.domain.held import Held, HeldConsent, HeldVisit
from edge.runtime import access_page
from edge.wire import ConsentRecorded, Scope, TimeQuality, canonical, key_id
from edge.wire.zipped import zipped

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = key_id(PUBLIC)
T = 1_700_000_000_000


def agreed(scope: Scope, version: int = 1, signer: Ed25519PrivateKey = KEY) -> HeldConsent:
    record = ConsentRecorded(
        who="registration:" + "a" * 64, scope=scope, consent_version=version, notice_version="v1",
        notice_hash="0" * 64, act="tap", at_ms=T,
    )  # fmt: skip
    proof = signer.sign(AGREED + canonical(record.model_dump(mode="json")))
    return HeldConsent(
        scope=scope, version=version, state="ACTIVE", current=True, at_ms=T, quality=TimeQuality.SYNCHRONISED,
        notice_version="v1", notice_hash="0" * 64, act="tap", record=record, proof=proof.hex(),
    )  # fmt: skip


def held(*consents: HeldConsent) -> Held:
    visit = HeldVisit(
        visit="1" * 32, arrived_ms=T, departed_ms=None, party_size=2, returning=False, revision=1, evidence=()
    )
    return Held(
        tenant="t", site="s", box="b", at_ms=T, quality=TimeQuality.SYNCHRONISED, consents=consents,
        visits=(visit,),
    )  # fmt: skip


BOTH = held(agreed(Scope.REGISTRATION), agreed(Scope.FACE_MATCH))
EXPORT = archive.consents_file(BOTH, KEY.sign, NAME)
ARCHIVE = archive.access_file(BOTH, access_page.render(BOTH, NAME), access_page.style(), KEY.sign, NAME)


def on_paper(entered_ms: int = T + 9) -> HeldConsent:
    tapped = agreed(Scope.REGISTRATION)
    assert tapped.record is not None
    record = ConsentRecorded.model_validate(
        tapped.record.model_dump() | {"act": "paper", "entered_ms": entered_ms}
    )
    proof = KEY.sign(AGREED + canonical(record.model_dump(mode="json")))
    changed = {"act": "paper", "quality": TimeQuality.UNKNOWN, "record": record, "proof": proof.hex()}
    return tapped.model_copy(update=changed)


def test_of_a_consent_on_paper_both_times_are_signed_and_said(tmp_path: Path) -> None:
    """P44: a third party sees that the time is a handwritten one, and when it was typed in."""
    consent = on_paper()
    forged = consent.model_copy(update={"record": on_paper(T + 10).record})
    for one, holds in ((consent, True), (forged, False)):
        content = archive.consents_file(held(one), KEY.sign, NAME)
        [checked] = check(content, PUBLIC).consents
        assert checked.holds is holds
    file = tmp_path / "consents.json"
    file.write_bytes(archive.consents_file(held(consent), KEY.sign, NAME))
    said = CliRunner().invoke(app, ["verify", str(file), "--public-key", PUBLIC.hex()])
    assert said.exit_code == 0
    assert "signature holds; by paper; clock unknown" in said.output
    assert "the time is what stands on paper; typed in " in said.output


def failing(content: bytes, public: bytes = PUBLIC) -> str:
    with pytest.raises(InvalidInput) as refused:
        check(content, public)
    return refused.value.code


@pytest.mark.parametrize(("content", "kind"), [(EXPORT, "consents"), (ARCHIVE, "access")])
def test_p44_what_the_box_wrote_is_confirmed(content: bytes, kind: str) -> None:
    """P44: a third party sees with file and key alone what was agreed, when, by which act and notice."""
    checked = check(content, PUBLIC)
    assert (checked.kind, checked.sound) == (kind, True)
    assert [(c.consent.scope, c.consent.act, c.holds) for c in checked.consents] == [
        (Scope.REGISTRATION, "tap", True),
        (Scope.FACE_MATCH, "tap", True),
    ]
    assert {c.consent.notice_hash for c in checked.consents} == {"0" * 64}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([EXPORT, ARCHIVE]), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_is_always_noticed(content: bytes, where: int, by: int) -> None:
    tampered = bytearray(content)
    tampered[where % len(content)] ^= by
    assert failing(bytes(tampered)) in {"not_an_export", "another_key", "signature_wrong", "changed"}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([EXPORT, ARCHIVE]), st.data())
def test_cut_and_grown_files_are_noticed(content: bytes, data: st.DataObject) -> None:
    cut = content[: data.draw(st.integers(min_value=0, max_value=len(content) - 1))]
    grown = content + data.draw(st.binary(min_size=1, max_size=20))
    for wrong in (cut, grown):
        assert failing(wrong) in {"not_an_export", "changed", "signature_wrong"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: ("{" + t).encode()))
def test_anything_else_is_no_export(content: bytes) -> None:
    assert failing(content) == "not_an_export"


@pytest.mark.parametrize("content", [EXPORT, ARCHIVE])
def test_another_key_confirms_nothing(content: bytes) -> None:
    assert failing(content, OTHER.public_key().public_bytes_raw()) == "another_key"


def test_another_box_cannot_sign_in_this_ones_name() -> None:
    assert failing(archive.consents_file(BOTH, OTHER.sign, NAME)) == "signature_wrong"


def test_a_proof_that_does_not_fit_its_consent_is_named() -> None:
    """The outer signature alone isn't enough: each agreement has its own."""
    forged = agreed(Scope.FACE_MATCH, signer=OTHER)
    moved = agreed(Scope.REGISTRATION).model_copy(update={"scope": Scope.MARKETING})
    later = agreed(Scope.ID_CARD).model_copy(update={"at_ms": T + 1})
    content = archive.consents_file(held(agreed(Scope.REGISTRATION), forged, moved, later), KEY.sign, NAME)
    checked = check(content, PUBLIC)
    assert [c.holds for c in checked.consents] == [True, False, False, False]
    assert not checked.sound


def test_a_consent_without_its_signed_text_is_neither_confirmed_nor_denied() -> None:
    old = agreed(Scope.REGISTRATION).model_copy(update={"record": None})
    checked = check(archive.consents_file(held(old), KEY.sign, NAME), PUBLIC)
    assert [c.holds for c in checked.consents] == [None]
    assert checked.sound


def test_files_of_two_archives_cannot_be_mixed() -> None:
    one = held(agreed(Scope.REGISTRATION))
    other = archive.access_file(one, access_page.render(one, NAME), access_page.style(), KEY.sign, NAME)
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as a, zipfile.ZipFile(io.BytesIO(other)) as b:
        files = {name: a.read(name) for name in a.namelist()} | {"consents.json": b.read("consents.json")}
    assert failing(zipped(files)) == "changed"


def test_the_archive_holds_a_page_without_scripts_and_the_data() -> None:
    """P40, P48: readable in both languages on any machine, offline."""
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as whole:
        assert sorted(whole.namelist()) == [
            "consents.json", "data.json", "index.html", "manifest.json", "style.css",
        ]  # fmt: skip
        page, data = whole.read("index.html").decode(), json.loads(whole.read("data.json"))
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert "您的个人信息" in page and "Your personal information" in page
    assert Held.model_validate_json(canonical(data)) == BOTH


def test_a_name_in_the_page_is_text_and_never_markup() -> None:
    name = "<script>alert(1)</script>"
    report = {"channel": name, "reported_ms": T, "until_ms": T, "findings": ()}
    shown = Held.model_validate(BOTH.model_dump() | {"reports": (report,)})
    assert "<script" not in access_page.render(shown, NAME)
