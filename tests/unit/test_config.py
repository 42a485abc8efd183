"""A wrong key stops the start with file, path and what was expected; no secret is ever repeated."""

import shutil
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge import devices
from edge.config import Config, Retention, load
from edge.domain.errors import ConfigError

EDGE = Path(str(resources.files("edge")))
PASSWORD = "c4mera-s3cret"
BASE = """
notice = "notice.toml"
[site]
tenant = "riverside"
site = "hefei-01"
box = "box-01"
[paths]
state = "state"
run = "run"
credentials = "credentials"
[mqtt]
host = "mqtt.example"
ca = "ca.crt"
certificate = "box.crt"
key = "box.key"
headquarters_keys = ["0000000000000000000000000000000000000000000000000000000000000000"]
[[destinations]]
host = "mqtt.example"
country = "CN"
processor = "ourselves"
[models]
detector = "yunet.onnx"
embedder = "sface.onnx"
[rules]
file = "rules.toml"
report_keeps_days = 30
[[devices]]
id = "entrance"
kind = "rtsp"
role = "entrance"
url = "rtsp://10.0.0.2/1"
password_file = "camera.password"
[[devices]]
id = "card"
kind = "card_serial"
port = "/dev/ttyUSB0"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration, with the camera's password beside it."""
    (tmp_path / "camera.password").write_text(PASSWORD + "\n")

    def write(text: str) -> Path:
        file = tmp_path / "gatehouse.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_what_is_right_loads_with_paths_beside_the_file(write: Write, tmp_path: Path) -> None:
    config = load(write(BASE))
    assert config.notice == tmp_path / "notice.toml"
    assert config.mqtt.key == tmp_path / "box.key"
    assert config.paths.state == tmp_path / "state"
    assert config.models is not None
    assert config.models.detector == tmp_path / "yunet.onnx"
    assert [(d.id, d.kind, d.worker) for d in config.devices] == [
        ("entrance", "rtsp", "vision"),
        ("card", "card_serial", "card"),
    ]
    assert config.devices[0].password == PASSWORD
    assert PASSWORD not in repr(config)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('box = "box-01"', 'box = "box-01"\nbxo = 1', "site.bxo: unknown key"),
        ('notice = "notice.toml"', 'notice = "notice.toml"\nnoitce = 1', "noitce: unknown key"),
        (
            "report_keeps_days = 30",
            "report_keeps_days = 0",
            "rules.report_keeps_days: Input should be greater",
        ),
        ('file = "rules.toml"\n', "", "rules.file: Field required"),
        ('box = "box-01"', 'box = "Box 1"', "site.box: String should match pattern"),
        ('host = "mqtt.example"\nca', 'host = "mqtt.example"\nport = 70000\nca', "mqtt.port: "),
        ("headquarters_keys = [", 'headquarters_keys = ["abc", ', "mqtt.headquarters_keys[0]: "),
        ('country = "CN"', 'country = "China"', "destinations[0].country: "),
        (
            'kind = "card_serial"',
            'kind = "teletext"',
            "devices[1].kind: expected one of card_keyboard, card_serial, rtsp",
        ),
        ('kind = "card_serial"\n', "", "devices[1].kind: expected one of"),
        ('kind = "card_serial"', 'kind = "_card"', "devices[1].kind: expected one of"),
        ('port = "/dev/ttyUSB0"', "port = 7", "devices[1].port: Input should be a valid string"),
        ('port = "/dev/ttyUSB0"', 'port = "/dev/ttyUSB0"\nbuad = 1', "devices[1].buad: unknown key"),
        ('url = "rtsp://10.0.0.2/1"\n', "", "devices[0].url: Field required"),
        ('url = "rtsp://10.0.0.2/1"', 'url = "http://10.0.0.2/1"', "devices[0].url: expected rtsp://"),
        ('role = "entrance"', 'role = "toilet"', "devices[0].role: Input should be 'entrance' or 'desk'"),
        ('id = "card"', 'id = "entrance"', "two devices have the same id"),
        ("[rules]", '[desk]\ncamera = "attic"\n[rules]', "desk.camera names attic"),
        ("[rules]", '[desk]\nterminal = "attic"\n[rules]', "desk.terminal names attic"),
        ('[models]\ndetector = "yunet.onnx"\nembedder = "sface.onnx"\n', "", "cameras need [models]"),
    ],
)
def test_each_fault_is_named_with_file_path_and_what_was_expected(
    write: Write, old: str, new: str, says: str
) -> None:
    assert BASE.count(old) >= 1
    file = write(BASE.replace(old, new, 1))
    with pytest.raises(ConfigError) as stopped:
        load(file)
    assert str(file) in str(stopped.value)
    assert says in stopped.value.cause
    assert PASSWORD not in str(stopped.value)


def test_every_fault_is_named_at_once(write: Write) -> None:
    with pytest.raises(ConfigError) as stopped:
        load(
            write(
                BASE.replace("report_keeps_days = 30", "report_keeps_days = 0").replace(
                    'box = "box-01"', "box = 1"
                )
            )
        )
    assert "rules.report_keeps_days" in stopped.value.cause
    assert "site.box" in stopped.value.cause


def test_p34_a_destination_abroad_stops_the_start(write: Write) -> None:
    """P34: data stays in the country of the site."""
    with pytest.raises(ConfigError, match=r"destinations outside CN: mqtt\.example"):
        load(write(BASE.replace('country = "CN"', 'country = "US"')))


def test_p34_one_foreign_destination_among_good_ones_stops_the_start(write: Write) -> None:
    more = '[[destinations]]\nhost = "x.example"\ncountry = "SG"\nprocessor = "y"\n[models]'
    with pytest.raises(ConfigError, match=r"destinations outside CN: x\.example"):
        load(write(BASE.replace("[models]", more)))


def test_p34_the_country_is_the_sites_own(write: Write) -> None:
    text = BASE.replace('country = "CN"', 'country = "SG"')
    assert load(write(text.replace('box = "box-01"', 'box = "box-01"\ncountry = "SG"'))).site.country == "SG"


def test_p5_a_broker_that_is_not_registered_stops_the_start(write: Write) -> None:
    """P5, P16: what gets data is in the register of destinations."""
    with pytest.raises(ConfigError, match=r"mqtt\.host .* not in the register of destinations"):
        load(write(BASE.replace('[mqtt]\nhost = "mqtt.example"', '[mqtt]\nhost = "mqtt.elsewhere"')))


def test_a_missing_register_stops_the_start(write: Write) -> None:
    start, end = BASE.index("[[destinations]]"), BASE.index("[models]")
    with pytest.raises(ConfigError, match="destinations: Field required"):
        load(write(BASE[:start] + BASE[end:]))


# ---- passwords ------------------------------------------------------------------------------


def test_a_password_in_the_file_is_refused_and_not_repeated(write: Write) -> None:
    text = BASE.replace('password_file = "camera.password"', f'password = "{PASSWORD}"')
    with pytest.raises(ConfigError) as stopped:
        load(write(text))
    assert "devices[0].password" in stopped.value.cause
    assert "password_file" in stopped.value.hint
    assert PASSWORD not in str(stopped.value)


def test_a_password_in_the_address_is_refused_and_not_repeated(write: Write) -> None:
    text = BASE.replace("rtsp://10.0.0.2/1", f"rtsp://admin:{PASSWORD}@10.0.0.2/1")
    with pytest.raises(ConfigError) as stopped:
        load(write(text))
    assert "devices[0].url" in stopped.value.cause
    assert PASSWORD not in str(stopped.value)


def test_a_password_where_no_key_is_for_it_is_not_repeated(write: Write) -> None:
    with pytest.raises(ConfigError) as stopped:
        load(write(BASE.replace("[mqtt]", f'[mqtt]\npassword = "{PASSWORD}"')))
    assert "mqtt.password: unknown key" in stopped.value.cause
    assert PASSWORD not in str(stopped.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"\n", "empty"),
        (b"\xff\xfe" + PASSWORD.encode(), "not a text"),
    ],
)
def test_a_password_file_that_is_no_good_is_named(
    write: Write, tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = write(BASE)
    secret = tmp_path / "camera.password"
    secret.unlink()
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(ConfigError) as stopped:
        load(file)
    assert "devices[0].password_file" in stopped.value.cause
    assert says in stopped.value.cause
    assert "0600" in stopped.value.hint
    assert PASSWORD not in str(stopped.value)


@pytest.mark.parametrize("value", ["7", '""', '"."', '"a\\u0000b"', "[]", "true"])
def test_a_password_file_that_is_no_name_is_refused(write: Write, value: str) -> None:
    with pytest.raises(ConfigError, match=r"devices\[0\]\.password_file"):
        load(write(BASE.replace('"camera.password"', value)))


# ---- files ----------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: No such file"):
        load(tmp_path / "gone.toml")


@pytest.mark.parametrize("content", [b"[site", b"\xff\xfe", b"a = 1\na = 2", b"\x00", b"= 1"])
def test_what_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "gatehouse.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gatehouse\.toml: not TOML"):
        load(file)


@pytest.mark.parametrize("text", ["devices = 1", "devices = [1]", "devices = {}", "site = 1", ""])
def test_a_table_of_another_shape_is_refused(write: Write, text: str) -> None:
    with pytest.raises(ConfigError):
        load(write(text))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="abc-01", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner)
    ),
    max_leaves=4,
)


def as_toml(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}" = {as_toml(v)}' for k, v in value.items()) + "}"
    return str(value) if isinstance(value, int) else f'"{value}"'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([line for line in BASE.splitlines() if " = " in line]), values)
def test_any_value_anywhere_loads_or_is_a_configuration_error(write: Write, line: str, value: object) -> None:
    key = line.partition(" = ")[0]
    file = write(BASE.replace(line, f"{key} = {as_toml(value)}", 1))
    try:
        load(file)
    except ConfigError as error:
        assert str(file) in str(error)
        assert PASSWORD not in str(error)


def test_the_packaged_example_loads_once_its_password_files_exist(tmp_path: Path) -> None:
    example = Path(str(resources.files("edge"))) / "gatehouse.example.toml"
    shutil.copy(example, tmp_path / "gatehouse.toml")
    (tmp_path / "credentials").mkdir()
    entries = tomllib.loads(example.read_text(encoding="utf-8"))["devices"]
    for entry in entries:
        if "password_file" in entry:
            (tmp_path / entry["password_file"]).write_text(PASSWORD)
    config = load(tmp_path / "gatehouse.toml")
    assert {d.kind for d in config.devices} == set(devices.kinds()), "the example shows every kind of device"
    assert config.desk.camera == "desk"
    assert config.desk.terminal == "card"
    (phone,) = (device for device in config.devices if device.kind == "sip")
    assert dict(phone)["notice_wav"] == tmp_path / "notice.wav", "paths of devices lie beside the file too"


# ---- retention ------------------------------------------------------------------------------


def test_p8_the_example_shows_every_period_and_it_is_the_default() -> None:
    """Nothing is hidden: a site that leaves [retention] out has what the example says."""
    shown = tomllib.loads((EDGE / "gatehouse.example.toml").read_text(encoding="utf-8"))["retention"]
    assert shown == Retention().model_dump()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("call_numbers_days = 9", "unknown key"),
        ("visits_days = 0", "greater than or equal to 1"),
        ("calls_days = 3", "greater than or equal to 4"),
        ("proofs_days = 100", "outlives its proof"),
    ],
)
def test_a_period_that_the_law_or_the_program_forbids_stops_the_start(line: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said if "unknown" not in said else "Extra inputs"):
        Retention.model_validate(tomllib.loads(line))


@pytest.mark.parametrize(
    ("days", "backup", "said"),
    [
        (30, 30, "30 isn't more than backup.keep_days, 30"),
        (20, 5, "20 isn't more than rules.report_keeps_days, 30"),
        (31, 30, ""),
    ],
)
def test_p42_a_tombstone_outlives_what_could_bring_somebody_back(
    tmp_path: Path, days: int, backup: int, said: str
) -> None:
    """P42: a backup that is kept for longer than who was erased is remembered stops the start."""
    text = (EDGE / "gatehouse.example.toml").read_text(encoding="utf-8")
    fields = tomllib.loads(text)
    del fields["devices"], fields["desk"]
    fields["retention"] |= {"tombstones_days": days}
    fields["rules"] |= {"report_keeps_days": 30, "deal_keeps_days": 30, "customer_keeps_days": 30}
    fields["backup"] = {"escrow_key": "0" * 64, "directory": str(tmp_path), "keep_days": backup}
    if not said:
        assert Config.model_validate(fields).retention.tombstones_days == days
        return
    with pytest.raises(ValidationError, match=said):
        Config.model_validate(fields)
