"""`gatehouse-cloud project-keys` as the officer runs it, and what it leaves on the disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from typer.testing import CliRunner

from cloud.cli import app
from cloud.errors import ConfigError, InvalidOrder
from cloud.projectkeys.keyfile import load

PUBLIC = X25519PrivateKey.generate().public_key().public_bytes_raw().hex()
PHRASE = "a long passphrase"


def officer(*words: str, typed: str = "") -> str:
    """Run the command; return its output, raise what it raised."""
    done = CliRunner().invoke(app, ["project-keys", *words], input=typed)
    if done.exception is not None:
        raise done.exception
    return done.output


def new(file: Path, *more: str, typed: str = "") -> str:
    return officer("new", str(file), "--tenant", "riverside", "--project", "phase-2", *more, typed=typed)


def test_it_needs_no_configuration_and_no_service(tmp_path: Path) -> None:
    words = ["project-keys", "new", "keys.json", "--tenant", "riverside", "--project", "phase-2"]
    program = [str(Path(sys.executable).with_name("gatehouse-cloud")), *words]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert [p.name for p in tmp_path.iterdir()] == ["keys.json"]
    assert load(tmp_path / "keys.json", None).officer in done.stdout


def test_new_seal_rotate_seal(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    shown = new(file)
    assert file.stat().st_mode & 0o777 == 0o600
    first = load(file, None)
    for number in (1, 2):
        out = tmp_path / f"sealed-{number}"
        words = ("--box", "box-01", "--enrolment-key", PUBLIC.upper(), "--out", str(out))
        shown += officer("seal", str(file), *words)
        sealed = json.loads(out.read_text())
        assert sealed["sealed_for"]["generation"] == number
        assert (sealed["sealed_for"]["box"], sealed["sealed_for"]["enrolment_key"]) == ("box-01", PUBLIC)
        shown += officer("rotate", str(file))
    newest = load(file, None)
    assert (newest.generation, newest.officer) == (3, first.officer)
    for held in (first, newest):
        for secret in (*held.keys.model_dump().values(), held.signing):
            assert secret not in shown and secret not in (tmp_path / "sealed-1").read_text()
    assert first.keys.registration not in file.read_text(), "an exchanged key isn't kept"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    new(file)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="exists"):
        new(file)
    with pytest.raises(ConfigError, match="exists"):
        officer("seal", str(file), "--box", "box-01", "--enrolment-key", PUBLIC, "--out", str(file))
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["keys.json"]


def test_a_passphrase_encrypts_the_file_and_stays_with_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    new(file, "--passphrase", typed=f"{PHRASE}\n{PHRASE}\n")
    assert "keys" not in json.loads(file.read_text())
    first = load(file, PHRASE)
    assert first.keys.registration not in file.read_text()
    officer("rotate", str(file), typed=f"{PHRASE}\n")
    assert load(file, PHRASE).generation == 2
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        officer("rotate", str(file), typed="another phrase\n")
    with pytest.raises(ConfigError):
        load(file, None)


def test_a_short_passphrase_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidOrder, match="short_passphrase"):
        new(tmp_path / "keys.json", "--passphrase", typed="short\nshort\n")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    new(file)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        officer("rotate", str(file))


@pytest.mark.parametrize(
    ("box", "key"),
    [("Box 1", PUBLIC), ("box-01", "ab" * 31), ("box-01", "zz" * 32), ("", PUBLIC)],
    ids=["name", "short", "no hex", "no name"],
)
def test_a_wrong_name_or_key_is_refused(tmp_path: Path, box: str, key: str) -> None:
    file = tmp_path / "keys.json"
    new(file)
    with pytest.raises(InvalidOrder, match="bad_name_or_key"):
        officer("seal", str(file), "--box", box, "--enrolment-key", key, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"kind":"gatehouse-project-keys"}'])
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="it is none"):
        officer("rotate", str(file))


def test_after_a_lost_file_the_next_one_begins_above_the_boxes(tmp_path: Path) -> None:
    new(tmp_path / "keys.json", "--generation", "4")
    assert load(tmp_path / "keys.json", None).generation == 4
