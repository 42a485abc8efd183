"""Starts and ends the processes of demo and tests, each with its log in a file; never part of the product."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GRACE_S = 15.0


class Program:
    """One long-running command of the product. `start` after `stop` or `kill9` runs it anew."""

    def __init__(self, name: str, command: Sequence[str], log: Path, cwd: Path = ROOT) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number; RuntimeError if it doesn't run."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} doesn't run: {self.tail()}")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; its output goes to the end of the log."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, cwd=self._cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )  # fmt: skip

    def stop(self) -> int | None:
        """Ask it to stop; kill its whole session if it doesn't. Return its exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        self._kill_session()
        return self._process.wait()

    def kill9(self) -> None:
        """Kill this one process, as a power cut would; its children have to notice by themselves."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _kill_session(self) -> None:
        assert self._process is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def tail(self, lines: int = 12) -> str:
        """Return the end of its log."""
        if not self.log.exists():
            return "no log"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def run(*command: str, stdin: str | None = None) -> str:
    """Run one command of the product to its end; return its output, or RuntimeError with its words."""
    done = subprocess.run(
        command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def until(what: str, true: Callable[[], bool], seconds: float = 20.0) -> float:
    """Wait until `true()`; return the seconds it took, or raise TimeoutError naming `what`."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began
