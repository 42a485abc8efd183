"""The systemd units: accepted without a word, tight, and true to the programs that they start."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge.ipc.framing import Lines
from edge.ipc.messages import FROM_WORKER, TO_WORKER, Hello, Stop
from edge.store import credentials

ROOT = Path(__file__).parents[2]
UNITS = sorted(p for p in (ROOT / "systemd").iterdir() if p.suffix in (".service", ".socket"))
SERVICES = [p for p in UNITS if p.suffix == ".service"]
PROGRAM = "/opt/gatehouse/venv/bin/gatehouse"
EXPOSURE = {"gatehouse.service": 25}
"""The most that `systemd-analyze security` may find, in tenths; the core opens ports and the network."""
OTHERS_EXPOSURE = 15
SECONDS = 30

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd isn't installed here"
)


def name(path: Path) -> str:
    return path.name


def analyze(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units in a directory of their own, starting a program that exists on this machine."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return tmp_path


def settings(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=name)
def test_verify_has_nothing_to_say(unit: Path, units: Path) -> None:
    """It exits 0 on unknown keys, so only silence counts."""
    result = analyze("verify", "--man=no", unit.name, cwd=units)
    assert (result.returncode, result.stderr) == (0, "")


def test_verify_would_have_something_to_say(units: Path) -> None:
    unit = units / "gatehouse.service"
    unit.write_text(unit.read_text(encoding="utf-8").replace("MemoryMax=", "MemoryMost="), encoding="utf-8")
    assert "MemoryMost" in analyze("verify", "--man=no", unit.name, cwd=units).stderr


@pytest.mark.parametrize("unit", SERVICES, ids=name)
def test_the_sandbox_is_tight(unit: Path, units: Path) -> None:
    limit = EXPOSURE.get(unit.name, OTHERS_EXPOSURE)
    result = analyze("security", "--offline=true", f"--threshold={limit}", unit.name, cwd=units)
    assert result.returncode == 0, result.stdout[-200:]
    assert analyze("security", "--offline=true", "--threshold=1", unit.name, cwd=units).returncode != 0


@pytest.mark.parametrize("unit", SERVICES, ids=name)
def test_what_a_unit_starts_is_a_command_that_exists(unit: Path) -> None:
    (line,) = settings(unit, "ExecStart")
    program, *arguments = shlex.split(line)
    assert program == PROGRAM
    result = subprocess.run(
        [sys.executable, "-m", "edge.cli", *arguments, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_the_core_gets_all_its_keys_as_credentials() -> None:
    given = [value.split(":")[0] for value in settings(ROOT / "systemd/gatehouse.service", "LoadCredential")]
    assert given == [*credentials._RAW, credentials._ENROLMENT, credentials._PROJECT]


def test_no_other_unit_gets_a_credential_or_may_see_one() -> None:
    """A worker has no key: neither handed to it nor within its sight."""
    for unit in SERVICES:
        if unit.name != "gatehouse.service":
            assert not settings(unit, "LoadCredential")
            (hidden,) = settings(unit, "InaccessiblePaths")
            assert "-/etc/gatehouse" in hidden
            assert "-/var/lib/gatehouse" in hidden


def test_the_core_may_ask_whether_the_clock_is_synchronised() -> None:
    """Filtered away, the question fails, every time would count as unknown and every verdict suffer."""
    unit = ROOT / "systemd/gatehouse.service"
    assert settings(unit, "SystemCallFilter")[-1].split() == ["adjtimex", "clock_adjtime"]
    assert not settings(unit, "ProtectClock")


def test_every_account_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    result = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(ROOT / "systemd/gatehouse.sysusers")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    made = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    users = {user for unit in UNITS for key in ("User", "SocketUser") for user in settings(unit, key)}
    assert users <= made


def test_a_worker_serves_the_connection_that_its_socket_unit_accepts(tmp_path: Path) -> None:
    """`systemd-socket-activate --accept` hands over connections as a socket unit with Accept=yes does."""
    unit = ROOT / "systemd/gatehouse-worker-card@.service"
    path = tmp_path / "card.sock"
    (environment,) = settings(unit, "Environment")
    arguments = shlex.split(settings(unit, "ExecStart")[0])[1:]
    program = [sys.executable, "-m", "edge.cli", *arguments]
    listener = subprocess.Popen(
        ["systemd-socket-activate", "--accept", f"--listen={path}", f"--setenv={environment}",
         f"--setenv=PYTHONPATH={ROOT}", *program],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert listener.stderr is not None
        for line in listener.stderr:
            if "Listening on" in line:
                break
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.settimeout(SECONDS)
            lines = Lines(connection)
            hello = lines.receive()
            assert hello is not None
            greeting = FROM_WORKER.validate_json(hello)
            assert isinstance(greeting, Hello)
            assert greeting.worker == "card"
            lines.send(TO_WORKER.dump_json(Stop()))
            assert lines.receive() is None
    finally:
        listener.terminate()
        listener.communicate(timeout=SECONDS)


def test_native_libraries_load_where_memory_is_never_writable_and_executable() -> None:
    """What MemoryDenyWriteExecute= asks of them, by the kernel's own switch for it (Linux 6.3)."""
    set_mdwe, refuse_exec_gain = 65, 1
    libraries = (
        "sqlcipher3 nacl.bindings cryptography.hazmat.primitives.ciphers cv2 av onnxruntime pjsua2 serial"
    )
    code = (
        "import ctypes, importlib, sys\n"
        f"if ctypes.CDLL(None).prctl({set_mdwe}, {refuse_exec_gain}, 0, 0, 0): sys.exit(77)\n"
        f"for name in {libraries.split()}: importlib.import_module(name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS * 2, check=False
    )
    if result.returncode == 77:
        pytest.skip(f"this kernel has no such switch: {os.uname().release}")
    assert result.returncode == 0, result.stderr
