"""A real mosquitto with mutual TLS and per-box access lists, for the demo's site and the tests.

Never listens beyond 127.0.0.1 and never takes a client without a certificate of the site's authority.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.site.ca import Credentials, issue, make_ca

MAX_PACKET = (1 << 20) + 4096
"""Bytes: the wire's largest payload and room for MQTT's own header."""

_START_S = 10.0
_STOP_S = 10.0

_CONF = """\
per_listener_settings false
{user}
listener {port} 127.0.0.1
cafile {ca}
certfile {cert}
keyfile {key}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {acl}

# A broker acknowledges from memory; what it may lose is written out after every change all the same.
persistence true
persistence_location {data}/
autosave_on_changes true
autosave_interval 1
persistent_client_expiration 8d

max_packet_size {max_packet}
max_inflight_messages 100
max_queued_messages 20000
max_queued_bytes 268435456
max_keepalive 300
set_tcp_nodelay true
log_dest file {log}
log_type error
log_type warning
log_type notice
log_type information
connection_messages true
"""

_ACL = """\
user headquarters
topic read gatehouse/v1/+/+/+/up/#
topic write gatehouse/v1/+/+/+/down/#

user audit
topic read gatehouse/v1/#

# Every box, by the common name of its certificate.
pattern write gatehouse/v1/+/+/%u/up/#
pattern read gatehouse/v1/+/+/%u/down/#
"""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """One broker on 127.0.0.1:`port`, with its authority in `<directory>/ca` and its memory in `data`.

    `host` and `port` are where clients go, `credentials(name)` gives one its certificate. Starting
    again after `stop` or `kill9` keeps the broker's memory; `forget` between them drops it.
    """

    host = "localhost"

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.directory = directory
        self.port = port or free_port()
        self.ca_directory = directory / "ca"
        self.data = directory / "data"
        self.log = directory / "mosquitto.log"
        self.config = directory / "mosquitto.conf"
        self.ca = make_ca(self.ca_directory)
        self._process: subprocess.Popen[bytes] | None = None
        self._write_configuration()

    def credentials(self, common_name: str) -> Credentials:
        """Return the client certificate of `common_name`, issued at the first call."""
        paths = Credentials(
            self.ca_directory / f"{common_name}.crt", self.ca_directory / f"{common_name}.key", self.ca
        )
        return paths if paths.cert.exists() else issue(self.ca_directory, common_name)

    @property
    def pid(self) -> int | None:
        """The process of the running broker, or None."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the broker and return when it accepts connections; RuntimeError with its log if not."""
        if self._process is not None:
            raise RuntimeError("this broker is running already")
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise RuntimeError("mosquitto is not installed; scripts/setup installs it")
        # A session of its own: Ctrl-C in the terminal reaches the demo, which stops things in order.
        self._process = subprocess.Popen(
            [program, "-c", str(self.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_S
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill9()
                tail = self.log.read_text(errors="replace")[-800:] if self.log.exists() else "no log"
                raise RuntimeError(f"mosquitto did not start on port {self.port}: {tail}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the broker in order (it writes its memory out); return when it is gone."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """End the broker as a power cut would; return when it is gone."""
        self._end(signal.SIGKILL)

    def forget(self) -> None:
        """Drop the stopped broker's memory: sessions, queued and retained messages."""
        if self._process is not None:
            raise RuntimeError("stop the broker first")
        for file in self.data.iterdir():
            file.unlink()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _write_configuration(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        acl = self.directory / "acl"
        acl.write_text(_ACL)
        acl.chmod(0o600)
        server = issue(self.ca_directory, "broker", server=True)
        self.config.write_text(
            _CONF.format(
                # As root mosquitto would change to a user that can't read a test's directory.
                user="user root" if os.geteuid() == 0 else "",
                port=self.port,
                ca=self.ca,
                cert=server.cert,
                key=server.key,
                acl=acl,
                data=self.data,
                log=self.log,
                max_packet=MAX_PACKET,
            )
        )
