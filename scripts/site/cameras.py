"""Starts the site's cameras (rtsp_server.py, under the system's Python) and gives them orders.

For tests and the demo; never part of the product.

with Cameras({"entrance": film("entrance"), "desk": film("desk-empty")}) as cameras:
    cameras.url("desk"); cameras.order("switch", "desk", str(film("desk-a-1")))
"""

import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

SYSTEM_PYTHON = "/usr/bin/python3"
_ANSWER_S = 15.0


def cache_root() -> Path:
    """Return where models, media and films are."""
    return Path(os.environ.get("GATEHOUSE_CACHE") or Path.home() / ".cache" / "gatehouse")


def film(name: str) -> Path:
    """Return one of the films of scripts/site/media.py, making all (half a minute) if it is missing."""
    path = cache_root() / "site" / f"{name}.h264"
    if not path.exists():
        from scripts.site.media import build

        build(cache_root())
    return path


class Cameras:
    """One RTSP server process. `lines` holds what it said, each with the wall time in ms."""

    def __init__(
        self,
        mounts: Mapping[str, Path],
        user: str = "camera",
        password: str = "correct horse",
        port: int = 0,
        auth: str = "digest",
        fps: float = 25.0,
    ) -> None:
        self.user, self.password = user, password
        self.lines: list[tuple[str, int]] = []
        self._answers: queue.Queue[tuple[str, int]] = queue.Queue(64)
        with tempfile.NamedTemporaryFile("w", prefix="camera-") as secret:
            secret.write(password)
            secret.flush()
            command = [SYSTEM_PYTHON, str(Path(__file__).with_name("rtsp_server.py")), "--port", str(port)]
            command += ["--user", user, "--password-file", secret.name, "--auth", auth, "--fps", str(fps)]
            for name, path in mounts.items():
                command += ["--mount", f"{name}={path}"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._reader = threading.Thread(target=self._read, name="cameras", daemon=True)
            self._reader.start()
            ready, self.ready_ms = self._answers.get(timeout=_ANSWER_S)
        if not ready.startswith("ready "):
            raise RuntimeError(f"the cameras did not start: {ready}")
        self._urls = {url.rsplit("/", 1)[1]: url for url in ready.split()[1:]}

    def url(self, mount: str) -> str:
        """Return a camera's address, without credentials."""
        return self._urls[mount]

    def order(self, command: str, mount: str, *more: str) -> int:
        """Give one order (freeze, thaw, cut, restore, switch); return the wall time in ms just before."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join([command, mount, *more]) + "\n")
        self._process.stdin.flush()
        answer, at_ms = self._answers.get(timeout=_ANSWER_S)
        if not answer.startswith("ok "):
            raise RuntimeError(answer)
        return at_ms

    def loops(self, mount: str, shown: Path) -> list[int]:
        """Return the wall times in ms at which this camera started (again) to show this film, so far."""
        return [at for line, at in list(self.lines) if line == f"loop {mount} {shown}"]

    def close(self) -> None:
        """End the server: all cameras are gone at once."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text, _, at = line.strip().rpartition(" ")
            said = (text, int(at))
            self.lines.append(said)
            if not text.startswith("loop "):
                self._answers.put(said)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
