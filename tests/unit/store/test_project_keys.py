"""The project's keys: made by its officer, sealed to one box, imported there; two boxes agree on tokens.

The officer's tool and the box's importer are both the real ones; the seal between them is HPKE.
"""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.projectkeys.keyfile import KeyFile
from cloud.projectkeys.seal import seal
from edge.domain.errors import ConfigError, InvalidInput
from edge.store.credentials import Credentials, enrolment_key, import_keys
from edge.store.projectkeys import Expected, ProjectKeys, imported
from edge.store.tokens import TokenKeys
from edge.wire.project import TOKEN_PURPOSES, SealedKeys, officer_signing_input

NUMBER = "+8613800138000"
NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)
OFFICER = KeyFile.new("riverside", "phase-2", 1)


@dataclass
class Box:
    """A box's credentials in a directory."""

    directory: Path
    name: str = "box-01"
    tenant: str = "riverside"

    def __post_init__(self) -> None:
        Credentials.create(self.directory)

    @property
    def enrolment(self) -> str:
        return enrolment_key(self.directory).public_key().public_bytes_raw().hex()

    @property
    def tokens(self) -> TokenKeys:
        return Credentials.load(self.directory, {}).tokens

    def take(self, file: KeyFile | SealedKeys, officer: str | None = None, *, replace: bool = False) -> int:
        sealed = seal(file, self.name, self.enrolment) if isinstance(file, KeyFile) else file
        content = sealed.model_dump_json().encode()
        held = import_keys(self.directory, content, self.tenant, self.name, officer, replace_officer=replace)
        return held.generations[0].generation


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "one")


def code(box: Box, file: KeyFile | SealedKeys, officer: str | None = None, *, replace: bool = False) -> str:
    before = (box.directory / "project-keys.json").read_bytes()
    with pytest.raises(InvalidInput) as refused:
        box.take(file, officer, replace=replace)
    assert (box.directory / "project-keys.json").read_bytes() == before, "nothing was changed"
    return refused.value.code


def test_two_boxes_of_a_project_make_equal_tokens_and_another_project_different_ones(tmp_path: Path) -> None:
    one, two, stranger = Box(tmp_path / "1"), Box(tmp_path / "2", "box-02"), Box(tmp_path / "3", "box-03")
    other = KeyFile.new("riverside", "phase-3", 1)
    assert one.tokens.token("registration", NUMBER) != two.tokens.token("registration", NUMBER)
    for box, file in ((one, OFFICER), (two, OFFICER), (stranger, other)):
        assert box.take(file, file.officer) == 1
    for purpose in TOKEN_PURPOSES:
        assert one.tokens.token(purpose, NUMBER) == two.tokens.token(purpose, NUMBER)
        assert one.tokens.token(purpose, NUMBER) != stranger.tokens.token(purpose, NUMBER)
    assert one.tokens.mark("x") != two.tokens.mark("x"), "tombstones are each box's own"


def test_the_file_is_private_before_and_after_and_there_is_no_draft_left(box: Box) -> None:
    box.take(OFFICER, OFFICER.officer)
    assert stat.S_IMODE((box.directory / "project-keys.json").stat().st_mode) == 0o600
    assert all(not p.name.startswith(".") for p in box.directory.iterdir())


def test_the_sealed_file_shows_no_key_to_whoever_carries_it(box: Box) -> None:
    """Headquarters' service may carry it: ciphertext alone is there."""
    shown = seal(OFFICER, box.name, box.enrolment).model_dump_json()
    secret = [*OFFICER.keys.model_dump().values(), OFFICER.signing]
    assert len(secret) == 5
    for key in secret:
        assert key not in shown and bytes.fromhex(key) not in bytes.fromhex(json.loads(shown)["sealed"])
    stranger = Expected("riverside", box.name, X25519PrivateKey.generate(), OFFICER.officer)
    with pytest.raises(InvalidInput, match="another_enrolment_key"):
        imported(ProjectKeys.make(), SealedKeys.model_validate_json(shown), stranger)


def test_the_first_file_needs_the_officers_key_and_pins_it(box: Box) -> None:
    """Anybody can seal keys that they know to a box, headquarters' service included."""
    assert code(box, OFFICER) == "unknown_officer"
    box.take(OFFICER, OFFICER.officer)
    assert box.take(OFFICER) == 1, "the same again changes nothing"
    impostor = KeyFile.new("riverside", "phase-2", 2)
    assert code(box, impostor) == "another_officer"
    assert code(box, impostor, impostor.officer) == "another_officer"
    assert box.take(impostor, impostor.officer, replace=True) == 2


def test_what_is_for_somebody_else_is_refused(box: Box, tmp_path: Path) -> None:
    two = Box(tmp_path / "two", "box-02")
    assert code(box, seal(OFFICER, "box-02", box.enrolment), OFFICER.officer) == "another_box"
    assert code(box, seal(OFFICER, box.name, two.enrolment), OFFICER.officer) == "another_enrolment_key"
    foreign = KeyFile.new("harbour-group", "phase-2", 1)
    assert code(box, foreign, foreign.officer) == "another_tenant"
    box.take(OFFICER, OFFICER.officer)
    elsewhere = OFFICER.model_copy(update={"project": "phase-9", "generation": 2})
    assert code(box, elsewhere) == "another_project"


def test_generations_go_up_and_the_older_ones_stay(box: Box) -> None:
    own = box.tokens.token("registration", NUMBER)
    box.take(OFFICER, OFFICER.officer)
    first = box.tokens.token("registration", NUMBER)
    second = OFFICER.rotated()
    assert second.generation == 2 and second.officer == OFFICER.officer
    assert box.take(second) == 2
    newest = box.tokens.token("registration", NUMBER)
    assert box.tokens.tokens("registration", NUMBER) == (newest, first, own)
    assert len({newest, first, own}) == 3
    assert box.tokens.generation == 2
    assert code(box, OFFICER) == "older_generation"
    assert code(box, OFFICER.rotated()) == "other_keys"
    assert "keys" not in repr(box.tokens)


def test_a_generation_that_a_box_missed_is_no_obstacle(box: Box) -> None:
    box.take(OFFICER, OFFICER.officer)
    assert box.take(OFFICER.rotated().rotated()) == 3
    assert len(box.tokens.tokens("registration", NUMBER)) == 3


def test_keys_from_before_there_were_generations_are_generation_0(box: Box) -> None:
    path = box.directory / "project-keys.json"
    flat = {
        name: os.urandom(32).hex() for name in ("registration", "channel_risk", "recording", "suppression")
    }
    path.write_text(json.dumps(flat))
    before, mark = box.tokens.token("channel_risk", NUMBER), box.tokens.mark("x")
    with pytest.raises(InvalidInput):
        box.tokens.token("id_card", NUMBER)
    box.take(OFFICER, OFFICER.officer)
    assert box.tokens.tokens("channel_risk", NUMBER)[1:] == (before,)
    assert len(box.tokens.tokens("id_card", NUMBER)) == 1
    assert box.tokens.mark("x") == mark, "tombstones hold across generations"


@pytest.mark.parametrize("missing", ["registration", "channel_risk", "recording", "suppression"])
def test_a_purpose_without_a_key_stops_the_start(box: Box, missing: str) -> None:
    path = box.directory / "project-keys.json"
    flat = dict.fromkeys(("registration", "channel_risk", "recording", "suppression"), "ab" * 32)
    path.write_text(json.dumps({k: v for k, v in flat.items() if k != missing}))
    with pytest.raises(ConfigError) as refused:
        Credentials.load(box.directory, {})
    assert "abab" not in str(refused.value)


ENROLMENT = X25519PrivateKey.generate()
SEALED = seal(OFFICER, "box-01", ENROLMENT.public_key().public_bytes_raw().hex())
EXPECTED = Expected("riverside", "box-01", ENROLMENT, OFFICER.officer)
HELD = ProjectKeys.make()


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(SEALED.sealed) - 1), digit=st.sampled_from("0123456789abcdef"))
def test_a_changed_seal_is_never_taken(at: int, digit: str) -> None:
    text = SEALED.sealed[:at] + digit + SEALED.sealed[at + 1 :]
    if text == SEALED.sealed:
        return
    with pytest.raises(InvalidInput, match="bad_signature"):
        imported(HELD, SEALED.model_copy(update={"sealed": text}), EXPECTED)
    signature = OFFICER.signer.sign(officer_signing_input(SEALED.sealed_for, text)).hex()
    with pytest.raises(InvalidInput, match="does_not_open"):
        imported(HELD, SEALED.model_copy(update={"sealed": text, "signature": signature}), EXPECTED)


@pytest.mark.parametrize("change", [{"generation": 7}, {"project": "phase-9"}])
def test_an_address_moved_to_another_seal_is_never_taken(change: dict[str, object]) -> None:
    moved = SEALED.sealed_for.model_copy(update=change)
    file = SEALED.model_copy(update={"sealed_for": moved})
    with pytest.raises(InvalidInput, match="bad_signature"):
        imported(HELD, file, EXPECTED)
    signature = OFFICER.signer.sign(officer_signing_input(moved, file.sealed)).hex()
    with pytest.raises(InvalidInput, match="does_not_open"):
        imported(HELD, file.model_copy(update={"signature": signature}), EXPECTED)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_are_taken_for_a_sealed_file(content: bytes) -> None:
    from edge.store.projectkeys import read_sealed

    with pytest.raises(InvalidInput, match="not_sealed_keys"):
        read_sealed(content)


TWO = TokenKeys(
    [(n, {p: os.urandom(32) for p in TOKEN_PURPOSES}) for n in (1, 2)], suppression=os.urandom(32)
)


@given(number=NUMBERS)
def test_no_two_purposes_or_generations_share_a_token(number: str) -> None:
    tokens = [t for purpose in TOKEN_PURPOSES for t in TWO.tokens(purpose, number)]
    assert len({t.partition(":")[2] for t in tokens}) == 2 * len(TOKEN_PURPOSES)
    assert all(TWO.tokens(p, number)[0] == TWO.token(p, number) for p in TOKEN_PURPOSES)
