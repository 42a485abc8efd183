"""The command line as a person meets it: help everywhere, errors of one line and a hint, nothing heavy."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from edge.ipc import control, operator
from edge.ipc.framing import Lines
from edge.ipc.messages import Message
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.keys import KeyFile
from edge.store.store import SqlStore

EDGE = Path(str(resources.files("edge")))
COMMANDS = [
    "run",
    "worker",
    "kiosk",
    "check-config",
    "credentials",
    "keys",
    "keys rotate",
    "status",
    "outbox",
    "reports",
    "reports import",
    "audit",
    "audit verify",
    "backup",
    "backup keygen",
    "backup create",
    "backup restore",
    "retention",
    "retention plan",
    "retention apply",
    "consent show",
    "consent withdraw",
    "consent export",
    "rights access",
    "rights erase",
    "rights receipts",
    "verify",
]
HEAVY = {"cv2", "av", "onnxruntime", "pjsua2"}


def gatehouse(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={k: v for k, v in os.environ.items() if k != "GATEHOUSE_FD"} | {"NO_COLOR": "1"} | environment,
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A right configuration: the packaged examples with their password files; no core runs on it."""
    text = (EDGE / "gatehouse.example.toml").read_text(encoding="utf-8")
    text = text.replace('"/run/gatehouse"', f'"{tmp_path}"')
    shutil.copy(EDGE / "notice.example.toml", tmp_path / "notice.toml")
    shutil.copy(EDGE / "rules.example.toml", tmp_path / "rules.toml")
    (tmp_path / "credentials").mkdir()
    for name in ("entrance", "desk", "phone"):
        (tmp_path / "credentials" / f"{name}.password").write_text("a-device-password")
    file = tmp_path / "gatehouse.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_escrows_key_is_made_once_and_only_its_public_half_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "escrow.key"
    made = gatehouse("backup", "keygen", str(file))
    private = bytes.fromhex(file.read_text())
    assert made.returncode == 0
    assert bytes.fromhex(made.stdout) == bytes(PrivateKey(private).public_key)
    assert file.stat().st_mode & 0o077 == 0
    again = gatehouse("backup", "keygen", str(file))
    assert again.returncode == 2
    assert bytes.fromhex(file.read_text()) == private
    assert private.hex() not in made.stdout + made.stderr


def test_keys_are_rotated_only_while_no_core_runs(config: Path, tmp_path: Path) -> None:
    config.write_text(
        config.read_text(encoding="utf-8")
        .replace('"/var/lib/gatehouse"', f'"{tmp_path / "state"}"')
        .replace('"/etc/gatehouse/credentials"', f'"{tmp_path / "credentials"}"'),
        encoding="utf-8",
    )
    own = Credentials.create(tmp_path / "credentials")
    store = SqlStore.open(tmp_path / "state", own, BoxIdentity("riverside-group", "hefei-01", "box-01"))
    store._keys.create(("a" * 32, "registration"))
    before = store._keys.key("a" * 32, "registration")
    refused = gatehouse("keys", "rotate", "-c", str(config))
    assert (refused.returncode, Credentials.load(tmp_path / "credentials", {}).keks) == (2, own.keks)
    assert "another process has it open" in refused.stderr
    store.close()
    done = gatehouse("keys", "rotate", "-c", str(config))
    assert (done.returncode, done.stdout) == (0, "✓ 1 keys are wrapped under a new key-encryption key\n")
    new = Credentials.load(tmp_path / "credentials", {})
    assert len(new.keks) == 1 and new.keks != own.keks
    keys = KeyFile(tmp_path / "state" / "keys.db", new.keys_key, new.keks)
    assert keys.key("a" * 32, "registration") == before
    keys.close()


# ---- help -----------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    shown = gatehouse("--help")
    assert shown.returncode == 0
    assert "consent-first visitor gate" in shown.stdout
    for command in COMMANDS:
        assert f"  {command.split()[0]}" in shown.stdout
    assert "..." not in shown.stdout.partition("Commands:")[2], "every one-line help is whole"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    shown = gatehouse(*command.split(), "--help")
    assert shown.returncode == 0
    assert f"Usage: gatehouse {command}" in shown.stdout.replace("python -m edge.cli", "gatehouse")
    assert "Traceback" not in shown.stderr


def test_help_loads_nothing_heavy() -> None:
    """It imports none of cv2, av, onnxruntime, pjsua2 (nor what the core or the kiosk need)."""
    script = (
        "import sys\nsys.argv = ['gatehouse', '--help']\nimport edge.cli\n"
        "try: edge.cli.main()\nexcept SystemExit: pass\n"
        "print(','.join(sys.modules), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(run.stderr.strip().split(","))
    more = {
        "numpy",
        "rich.console",
        "fastapi",
        "uvicorn",
        "sqlcipher3",
        "paho",
        "cryptography",
        "phonenumbers",
    }
    assert not loaded & (HEAVY | more | {"pydantic", "edge.runtime.core", "edge.config"})


@pytest.mark.parametrize(
    "wrong", [["nonsense"], ["status", "--nonsense"], ["worker", "store"], ["reports", "import"]]
)
def test_a_wrong_command_is_usage_and_exit_code_2(wrong: list[str]) -> None:
    shown = gatehouse(*wrong)
    assert shown.returncode == 2
    assert "Usage: " in shown.stderr
    assert "Traceback" not in shown.stderr


# ---- check-config ---------------------------------------------------------------------------


def test_a_right_configuration_is_confirmed(config: Path) -> None:
    shown = gatehouse("check-config", "--config", str(config))
    assert (shown.returncode, shown.stderr) == (0, "")
    for expected in (
        "riverside-group / hefei-01 / box-01",
        "mqtt.headquarters.example:8883",
        "4 scopes",
        "entrance",
    ):
        assert expected in shown.stdout
    assert "a-device-password" not in shown.stdout


def test_the_example_is_printed_as_it_is_packaged() -> None:
    shown = gatehouse("check-config", "--example")
    assert shown.returncode == 0
    assert shown.stdout == (EDGE / "gatehouse.example.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        ('box = "box-01"', 'box = "box-01"\nbxo = 1', "site.bxo: unknown key", "check-config --example"),
        ("baud = 115200", "baud = 115201", "devices[2].baud: Input should be 115200", "--example"),
        ('"credentials/desk.password"', '"gone.password"', "devices[1].password_file", "mode 0600"),
        ('"notice.toml"', '"gone.toml"', "gone.toml: No such file", "publish the notice"),
        ('country = "CN"\nprocessor', 'country = "US"\nprocessor', "destinations outside CN", "check-config"),
    ],
)  # fmt: skip
def test_a_wrong_one_is_named_with_file_key_and_hint(
    config: Path, old: str, new: str, key: str, hint: str
) -> None:
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), encoding="utf-8")
    for command in (["check-config"], ["run"]):
        shown = gatehouse(*command, "--config", str(config))
        assert shown.returncode == 2
        first, second, *more = shown.stderr.splitlines()
        assert first.startswith("gatehouse: read ") and key in first
        assert (str(config) in first) or ("gone.toml" in first)
        assert second.startswith("  hint: ") and hint in second
        assert more == []
        assert shown.stdout == ""


def test_a_missing_file_is_one_line_and_a_hint(tmp_path: Path) -> None:
    shown = gatehouse("check-config", "--config", str(tmp_path / "gone.toml"))
    assert shown.returncode == 2
    assert len(shown.stderr.splitlines()) == 2
    assert "gone.toml" in shown.stderr and "hint: " in shown.stderr


# ---- asking the core ------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["outbox"]])
def test_without_a_core_the_answer_says_so_with_a_hint(config: Path, command: list[str]) -> None:
    shown = gatehouse(*command, "--config", str(config))
    assert shown.returncode == 2
    assert shown.stderr.splitlines() == [
        "gatehouse: ask the core: core_unreachable",
        "  hint: is `gatehouse run` running, and may this user open the socket?",
    ]
    assert shown.stdout == ""


def test_status_and_outbox_need_no_password_file(config: Path) -> None:
    """An operator may not read the devices' passwords, and need not."""
    shutil.rmtree(config.parent / "credentials")
    assert "core_unreachable" in gatehouse("status", "--config", str(config)).stderr


@contextmanager
def answering(directory: Path, answer: control.Answer) -> Iterator[list[bytes]]:
    """Stand where the core listens, and give every question the same answer."""
    asked: list[bytes] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(directory / "control.sock"))
    server.listen()
    server.settimeout(60)

    def serve() -> None:
        while True:
            lines = Lines(server.accept()[0])
            question = lines.receive()
            if question is None:  # the test is over
                lines.close()
                return
            asked.append(question)
            lines.send(answer.model_dump_json().encode())
            lines.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield asked
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(str(directory / "control.sock"))
    thread.join(60)
    server.close()


def ok(result: Message) -> control.Answer:
    return control.Answer(ok=True, result=result.model_dump(mode="json"))


def status(healthy: bool) -> operator.Status:
    state = "up" if healthy else "auth_failed"
    return operator.Status(
        healthy=healthy,
        devices=(
            operator.StateLine(name="entrance", state=state, what="wrong_password", hint="mend [it]"),
            operator.StateLine(name="card", state="up", what="ready", about="SAM 5.1-2016, 115200 baud"),
        ),
        checks=(operator.StateLine(name="clock", state="ok"),),
        sensed={"entrance headcount": 4},
        gate={"kept consent:registration": 2},
    )


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
def test_status_says_by_its_exit_code_whether_a_person_is_needed(
    config: Path, healthy: bool, code: int
) -> None:
    with answering(config.parent, ok(status(healthy))) as asked:
        table = gatehouse("status", "--config", str(config), COLUMNS="100")
        machine = gatehouse("status", "--json", "--config", str(config))
    assert (table.returncode, machine.returncode) == (code, code)
    assert [json.loads(a) for a in asked] == [{"method": "status"}] * 2
    for expected in (
        "devices",
        "entrance",
        "wrong_password",
        "mend [it]",
        "SAM 5.1-2016, 115200 baud",
        "clock",
        "headcount 4",
        "registration 2",
    ):
        assert expected in table.stdout
    assert operator.Status.model_validate_json(machine.stdout) == status(healthy)


def test_outbox_shows_what_waits_by_kind(config: Path) -> None:
    state = operator.OutboxState(depth=3, in_flight=1, kinds={"visit": 2, "consent": 1}, oldest_s=70)
    with answering(config.parent, ok(state)):
        table = gatehouse("outbox", "--config", str(config))
        machine = gatehouse("outbox", "--json", "--config", str(config))
    assert "waiting 3, of which 1 sent" in table.stdout
    assert table.stdout.index("consent") < table.stdout.index("visit")
    assert operator.OutboxState.model_validate_json(machine.stdout) == state


def test_reports_become_rows_and_nothing_of_them_is_shown(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_bytes(
        "报备编号,客户电话,渠道,经纪人,报备时间\nR-1,13800138000,链家,王五,2026-11-23 14:05\n".encode("gbk")
    )
    with answering(config.parent, ok(operator.Imported(new=1, known=0, suppressed=0, verdicts=1))) as asked:
        shown = gatehouse("reports", "import", str(file), "--config", str(config))
    assert shown.returncode == 0
    assert "1 new, 0 known before, 0 suppressed; 1 verdicts" in shown.stdout
    (row,) = json.loads(asked[0])["rows"]
    assert (row["ref"], row["phone"]) == ("R-1", "+8613800138000")
    assert "1380013" not in shown.stdout + shown.stderr


def test_a_wrong_file_of_reports_asks_the_core_nothing(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("ref,phone,channel,agent,reported_at\nR-1,138,c,a,\n")
    shown = gatehouse("reports", "import", str(file), "--config", str(config))
    assert shown.returncode == 2
    assert "rows_wrong" in shown.stderr and "line 2: not_a_phone_number" in shown.stderr
    assert "core_unreachable" not in shown.stderr


def test_a_refusal_of_the_core_is_one_line_and_its_hint(config: Path) -> None:
    with answering(config.parent, control.Answer(ok=False, code="not_allowed", hint="ask the lead")):
        shown = gatehouse("outbox", "--config", str(config))
    assert shown.returncode == 2
    assert shown.stderr.splitlines() == ["gatehouse: ask the core: not_allowed", "  hint: ask the lead"]


# ---- the rest -------------------------------------------------------------------------------


@pytest.mark.parametrize("fd", [None, "", "x", "9999"])
def test_a_worker_that_nobody_started_says_how_it_is_started(fd: str | None) -> None:
    shown = gatehouse("worker", "card", **({} if fd is None else {"GATEHOUSE_FD": fd}))
    assert shown.returncode == 2
    assert "no socket in GATEHOUSE_FD" in shown.stderr
    assert "gatehouse run" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_credentials_are_made_once_and_only_the_public_key_is_printed(tmp_path: Path) -> None:
    directory = tmp_path / "credentials"
    first, second = gatehouse("credentials", str(directory)), gatehouse("credentials", str(directory))
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout, "nothing is overwritten"
    printed = [line.split() for line in first.stdout.splitlines()]
    assert [words[:2] for words in printed] == [["signing", "key"], ["enrolment", "key"]]
    assert all(len(bytes.fromhex(words[2])) == 32 for words in printed)
    for file in directory.iterdir():
        assert file.stat().st_mode & 0o077 == 0
        assert file.read_bytes().hex() not in first.stdout
    assert first.stderr == ""


def test_no_command_leaves_a_traceback_on_a_directory_instead_of_a_file(tmp_path: Path) -> None:
    commands: list[Callable[[], subprocess.CompletedProcess[str]]] = [
        lambda: gatehouse("check-config", "--config", str(tmp_path)),
        lambda: gatehouse("run", "--config", str(tmp_path)),
        lambda: gatehouse("status", "--config", str(tmp_path)),
        lambda: gatehouse("kiosk", "--config", str(tmp_path)),
        lambda: gatehouse("reports", "import", str(tmp_path)),
    ]
    for command in commands:
        shown = command()
        assert shown.returncode == 2
        assert "Traceback" not in shown.stderr
        assert len(shown.stderr.splitlines()) == 2


def test_the_bench_measures_help_against_its_limit() -> None:
    """Speed itself is the bench's to judge, on a quiet machine; here only that it really measures."""
    bench = Path(__file__).parents[2] / "scripts" / "bench"
    run = subprocess.run(
        [bench, "cli", "--runs", "1", "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    found = json.loads(run.stdout)
    assert found["limit_s"] == 0.3
    assert found["import_typer_cpu_s"] > 0
    assert found["help_cpu_s"] > 0
    assert run.returncode == (0 if found["ok"] else 1)
