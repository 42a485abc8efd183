"""What holds for every test: `--long`, no traffic beyond this machine, no thread or process left behind."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

RUN_MARK = "GATEHOUSE_TEST_RUN"
"""In the environment of every process that a test starts, so that orphans are found as well."""
GRACE_S = 10.0

settings.register_profile("short", deadline=None, database=None, print_blob=True, max_examples=60)
settings.register_profile("long", deadline=None, database=None, print_blob=True, max_examples=5000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the campaigns at full length")


def pytest_configure(config: pytest.Config) -> None:
    os.environ[RUN_MARK] = token_hex(8)
    settings.load_profile("long" if config.getoption("--long") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in Path(item.path).relative_to(config.rootpath).parts:
            item.add_marker(pytest.mark.e2e)
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="a campaign at full length: give --long"))


ONE_PLAY = ("test_demo.py", "test_wire.py")
"""Files that look at one and the same played script: they have to be in one process."""


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # the library has no types
    """Spreads whole files over the processes, and keeps those of the one play together."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.split("::", 1)[0]
        return "the play" if file.endswith(ONE_PLAY) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    return _ByFile(config, log)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether campaigns run at full length."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session", autouse=True)
def stay_on_this_machine() -> Iterator[None]:
    """Refuse connections of the tests themselves to any address but loopback."""
    real = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            assert host == "localhost" or ip_address(host).is_loopback, f"a test reached out to {host}"
        real(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment] # put back below
    yield
    socket.socket.connect = real  # type: ignore[method-assign] # the original


def _threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.is_alive()}


def _processes() -> set[psutil.Process]:
    """Return this run's living processes, children and orphans, but not this one."""
    mine, found = os.environ[RUN_MARK], set(psutil.Process().children(recursive=True))
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARK) == mine:
                found.add(process)
        except psutil.Error:
            continue  # it ended meanwhile, or is another user's
    return {one for one in found if one.pid != os.getpid() and _lives(one)}


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200] or process.name()
    except psutil.Error:
        return f"process {process.pid}"


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail the module whose tests leave a thread or a process, and end those processes."""
    threads, processes = _threads(), _processes()
    yield
    deadline = time.monotonic() + GRACE_S
    while (_threads() - threads or _processes() - processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    left_threads, left_processes = _threads() - threads, _processes() - processes
    commands = sorted(_command(one) for one in left_processes)
    for process in left_processes:
        if _lives(process):
            process.kill()
    assert not left_threads, f"threads left behind: {sorted(one.name for one in left_threads)}"
    assert not commands, f"processes left behind: {commands}"
