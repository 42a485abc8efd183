"""The box's secrets: made once, never overwritten, never readable by others, never in a text."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import ConfigError, InvalidInput
from edge.store.credentials import SYSTEMD, Credentials, exchange_kek, settle_kek
from edge.store.tokens import TokenKeys

FILES = ("store.key", "keys.key", "kek.key", "signing.key", "project-keys.json")
MADE = (*FILES, "enrolment.key")


def test_create_makes_private_files_and_load_reads_them(tmp_path: Path) -> None:
    made = Credentials.create(tmp_path / "c")
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == sorted(MADE)
    assert all(stat.S_IMODE((tmp_path / "c" / name).stat().st_mode) == 0o600 for name in MADE)
    read = Credentials.load(tmp_path / "c", {})
    assert (read.store_key, read.keys_key, read.public_key_hex) == (
        made.store_key,
        made.keys_key,
        made.public_key_hex,
    )
    assert read.store_key != read.keys_key
    signature = read.sign(b"message")
    made.signing_key.public_key().verify(signature, b"message")
    assert len(read.key_id) == 16


def test_create_never_overwrites_and_completes_what_is_missing(tmp_path: Path) -> None:
    Credentials.create(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    (tmp_path / "signing.key").unlink()
    Credentials.create(tmp_path)
    after = {name: (tmp_path / name).read_bytes() for name in FILES}
    changed = {name for name in FILES if before[name] != after[name]}
    assert changed == {"signing.key"}


def test_the_kek_is_exchanged_in_two_steps_and_each_can_be_repeated(tmp_path: Path) -> None:
    (old,) = Credentials.create(tmp_path).keks
    for _ in range(2):
        exchange_kek(tmp_path)
        new, before = Credentials.load(tmp_path, {}).keks
        assert before == old and new != old
    for _ in range(2):
        settle_kek(tmp_path)
        assert Credentials.load(tmp_path, {}).keks == (new,)
    assert stat.S_IMODE((tmp_path / "kek.key").stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(MADE)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    Credentials.create(tmp_path)
    (tmp_path / name).chmod(mode)
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        Credentials.load(tmp_path, {})


def test_systemds_directory_wins_and_its_acl_mask_is_accepted(tmp_path: Path) -> None:
    Credentials.create(tmp_path / "own")
    handed = Credentials.create(tmp_path / "systemd")
    for name in FILES:
        (tmp_path / "systemd" / name).chmod(0o440)
    environ = {SYSTEMD: str(tmp_path / "systemd")}
    assert Credentials.load(tmp_path / "own", environ).key_id == handed.key_id
    (tmp_path / "systemd" / "store.key").chmod(0o444)
    with pytest.raises(ConfigError):
        Credentials.load(tmp_path / "own", environ)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_secret_says_which(tmp_path: Path, name: str) -> None:
    Credentials.create(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ConfigError, match="missing"):
        Credentials.load(tmp_path, {})


@pytest.mark.parametrize("name", FILES[:4])
@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"00" * 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    Credentials.create(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match="expected 32"):
        Credentials.load(tmp_path, {})


@pytest.mark.parametrize("spoil", ["not json", "{}", '{"registration": "SECRETSECRET"}', "[]"])
def test_wrong_project_keys_are_refused_without_showing_them(tmp_path: Path, spoil: str) -> None:
    Credentials.create(tmp_path)
    (tmp_path / "project-keys.json").write_text(spoil)
    with pytest.raises(ConfigError) as refused:
        Credentials.load(tmp_path, {})
    assert "SECRET" not in str(refused.value)


def test_an_unknown_project_key_is_refused(tmp_path: Path) -> None:
    Credentials.create(tmp_path)
    path = tmp_path / "project-keys.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "more": "00" * 32}))
    with pytest.raises(ConfigError, match="more"):
        Credentials.load(tmp_path, {})


def test_no_secret_shows_in_a_representation(tmp_path: Path) -> None:
    made = Credentials.create(tmp_path)
    shown = repr(made) + repr(made.tokens)
    assert made.store_key.hex() not in shown and "\\x" not in shown
    held = json.loads((tmp_path / "project-keys.json").read_text())
    for value in (held["suppression"], *held["generations"][0]["keys"].values()):
        assert len(value) == 64 and value not in shown


def test_a_crash_while_creating_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dies)
        with pytest.raises(OSError, match="Input/output"):
            Credentials.create(tmp_path)
    assert list(tmp_path.iterdir()) == []
    Credentials.create(tmp_path)


KEYS = TokenKeys(
    [(0, {name: bytes([n]) * 32 for n, name in enumerate(("registration", "recording"))})], b"\xff" * 32
)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_tokens_of_two_purposes_have_nothing_in_common(number: str) -> None:
    first, second = KEYS.token("registration", number), KEYS.token("recording", number)
    assert first.startswith("registration:") and second.startswith("recording:")
    assert first.partition(":")[2] != second.partition(":")[2]
    assert number.strip("+") not in first
    assert KEYS.token("registration", number) == first
    assert KEYS.mark(first) != KEYS.mark(second)


@given(st.text(max_size=20).filter(lambda t: not (t.startswith("+") and t[1:].isdigit())))
def test_only_normalised_numbers_become_tokens(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        KEYS.token("registration", text)
    assert len(text) < 4 or text not in str(refused.value)


@pytest.mark.parametrize("purpose", ["suppression", "unknown", ""])
def test_no_token_without_a_key_of_its_purpose(purpose: str) -> None:
    with pytest.raises(InvalidInput):
        KEYS.token(purpose, "+8613800138000")
