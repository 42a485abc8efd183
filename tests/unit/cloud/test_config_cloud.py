"""A wrong configuration stops the start with file, path and expectation, and repeats no value."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.config import Retention, dotted, load
from cloud.errors import ConfigError
from cloud.keys import SigningKey, create_secret, is_public_key, read_secret, verified
from cloud.setup import CONFIG, SESSION, SIGNING, init
from edge.wire import EntryResult, Receipt
from tests.unit.cloud.signer import hexid

SECRET = "p4ssw0rd"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    init(tmp_path / "hq")
    return tmp_path / "hq" / CONFIG


def test_init_makes_a_headquarters_that_loads_and_keeps_its_secrets_to_itself(file: Path) -> None:
    config = load(file)
    assert config.tenant == "demo"
    assert config.database.url == f"sqlite:///{file.parent / 'headquarters.db'}"
    assert config.signing.key == file.parent / SIGNING
    assert config.mqtt.ca == file.parent / "tls/ca.crt"
    for name in (SIGNING, SESSION):
        secret = file.parent / name
        assert secret.stat().st_mode & 0o777 == 0o600 and len(secret.read_bytes()) == 32


def test_init_overwrites_nothing(file: Path) -> None:
    before = {f: f.read_bytes() for f in file.parent.iterdir()}
    with pytest.raises(ConfigError, match="exists already"):
        init(file.parent)
    assert {f: f.read_bytes() for f in file.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('tenant = "demo"', 'tenant = "Demo!"', "tenant: expected 1 to 40 of a-z 0-9 -"),
        ('tenant = "demo"', "tenat = 1", "tenat: unknown key, expected one of tenant, database"),
        ('tenant = "demo"', "", "tenant: missing, expected 1 to 40"),
        ("port = 8883", "port = 0", "mqtt.port: expected a TCP port, 1 to 65535"),
        ("port = 8883", 'port = "8883"', "mqtt.port: expected a TCP port, 1 to 65535"),
        ("port = 8883", "prot = 8883", "mqtt.prot: unknown key, expected one of host, port, ca"),
        ("resend_s = 30", "resend_s = -1", "mqtt.resend_s: expected seconds until"),
        ('url = "sqlite:///headquarters.db"', f'url = "mysql://{SECRET}@x"', "database.url: expected sqlite"),
        (
            'timezone = "Asia/Shanghai"',
            'timezone = "Mars"',
            "web.timezone: unknown time zone, expected an IANA",
        ),
        ("[signing]", "[signin]", "signin: unknown key"),
        ('key = "signing.key"', "", "signing.key: missing, expected a file's path"),
        ("[web]\n", '[web]\nallowed_hosts = ["a", "b", 3]\n', "web.allowed_hosts[2]: expected"),
        (
            'host = "127.0.0.1"\nport = 8080',
            'host = "0.0.0.0"\nport = 8080',
            "web: expected cert and key, or",
        ),
        ("[web]\n", '[web]\ncert = "x"\n', "web: expected both cert and key"),
    ],
)
def test_a_wrong_key_is_named_with_file_path_and_expectation(
    file: Path, old: str, new: str, expected: str
) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(file) in str(caught.value) and expected in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_missing_broken_or_foreign_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    for content in (b"[web", b"\xff\xfe"):
        broken.write_bytes(content)
        with pytest.raises(ConfigError, match="not TOML"):
            load(broken)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "any.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load(file)


def test_a_key_is_written_as_people_write_it() -> None:
    assert dotted(("a", "b", 2, "c")) == "a.b[2].c"


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    create_secret(file)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        read_secret(file)
    file.chmod(0o600)
    file.write_bytes(b"short")
    with pytest.raises(ConfigError, match="expected 32 bytes, found 5"):
        SigningKey.load(file)
    with pytest.raises(FileExistsError):
        create_secret(file)


def test_a_signature_counts_for_one_key_one_use_and_one_body() -> None:
    key, other = SigningKey(bytes(32)), SigningKey(b"1" * 32)
    receipt = Receipt(
        batch_id=hexid(1), box="box-1", epoch=hexid(2),
        results=(EntryResult(sequence=1, outcome="committed"),),
    )  # fmt: skip
    signed = key.sign("receipt", receipt)
    assert verified(key.public, "receipt", signed)
    assert not verified(other.public, "receipt", signed)
    assert not verified(key.public, "command", signed)
    assert not verified(key.public, "receipt", signed.model_copy(update={"body": signed.body | {"box": "b"}}))
    assert not verified(key.public, "receipt", signed.model_copy(update={"key_id": other.key_id}))


def test_only_32_bytes_in_hex_are_a_public_key() -> None:
    good = SigningKey(bytes(32)).public.hex()
    assert is_public_key(good)
    assert not any(map(is_public_key, ("", good[:-2], good + "00", "x" * 64, " " + good)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("proofs_days = 1825", "proofs_days = 1094", "proofs_days is shorter than the 1095 days"),
        ("access_days = 1825", "access_days = 700", "access_days is shorter than the 1095 days"),
        ("visits_days = 730", "visits_days = 0", "retention.visits_days: expected a number of days"),
        ("visits_days = 730", "visit_days = 730", "retention.visit_days: unknown key"),
        ("# [retention.sites.hefei-01]", "[retention.sites.hefei-01]\nproofs_days = 9", "unknown key"),
        ("# [retention.sites.hefei-01]", "[retention.sites.x]\nvisits_days = 3000", "the 3000 days of what"),
    ],
)
def test_no_proof_goes_before_what_it_proves_P8(file: Path, old: str, new: str, said: str) -> None:
    """P8: periods are checked before anything is deleted by them."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=said):
        load(file)


def test_the_example_shows_every_period_with_its_default(file: Path) -> None:
    shown = file.read_text().partition("[retention]")[2]
    for name, days in Retention().model_dump(exclude={"sites"}).items():
        assert f"{name} = {days} " in shown
