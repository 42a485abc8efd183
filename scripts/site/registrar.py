"""A real registrar (kamailio, digest authentication) for the demo's site and the tests.

Stands for the office's telephone provider: phones register with it, and it brings callers to them.
Never listens beyond 127.0.0.1 and knows no user but the ones it was given.
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

_START_S = 10.0
_STOP_S = 5.0

_CONF = """\
#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "htable.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:{directory}/ctl")
modparam("registrar", "min_expires", {min_expires})
modparam("usrloc", "timer_interval", 5)
modparam("tm", "fr_inv_timer", 120000)
modparam("htable", "htable", "users=>size=6;")

event_route[htable:mod-init] {{
{users}
}}

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS") && $rU == $null) {{ sl_send_reply("200", "OK"); exit; }}
    if (has_totag()) {{
        if (loose_route() || is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
        if (!is_method("ACK")) {{ sl_send_reply("404", "Not Here"); }}
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$td", "$sht(users=>$au)", "0")) {{ www_challenge("$td", "1"); exit; }}
        if ($au != $tU) {{ sl_send_reply("403", "Forbidden"); exit; }}
        save("location");
        exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    t_check_trans();
    record_route();
    if (!lookup("location")) {{ sl_send_reply("480", "Temporarily Unavailable"); exit; }}
    t_relay();
}}
"""


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    """Return a port of 127.0.0.1 that nothing uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_for_both() -> int:
    """Return a port that neither UDP nor TCP uses now: kamailio listens to both."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class Registrar:
    """One kamailio with its configuration in `directory`; start and stop it as often as you like.

    `users` maps a user's name to its password. A restart forgets every registration.
    """

    def __init__(
        self, directory: Path, users: dict[str, str], *, min_expires: int = 5, port: int = 0
    ) -> None:
        self.port = port or _free_for_both()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        lines = "\n".join(f'    $sht(users=>{name}) = "{word}";' for name, word in users.items())
        directory.mkdir(parents=True, exist_ok=True)
        self._conf = directory / "kamailio.cfg"
        self._conf.write_text(
            _CONF.format(port=self.port, directory=directory, users=lines, min_expires=min_expires)
        )
        self._conf.chmod(0o600)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return once it answers; RuntimeError with its own words if it doesn't."""
        log = self._directory / "kamailio.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(self._command(), stdout=out, stderr=out, start_new_session=True)
        until = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"kamailio did not start: {log.read_text()[-800:]}")

    def _command(self) -> list[str]:
        options = {"-f": self._conf, "-Y": self._directory, "-P": self._directory / "pid", "-m": 16, "-M": 4}
        return [_program("kamailio"), "-DD", "-E", *(str(word) for pair in options.items() for word in pair)]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.2)
            asker.bind(("127.0.0.1", 0))
            host, port = asker.getsockname()
            asker.connect(("127.0.0.1", self.port))
            try:
                asker.send(
                    f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{time.monotonic_ns()}\r\n"
                    f"From: <sip:probe@{host}>;tag=p\r\nTo: <sip:127.0.0.1:{self.port}>\r\n"
                    f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\n"
                    "Content-Length: 0\r\n\r\n".encode()
                )
                return asker.recv(2048).startswith(b"SIP/2.0 200")
            except ConnectionRefusedError:
                time.sleep(0.02)  # nobody listens yet: the refusal came at once
                return False
            except TimeoutError:
                return False

    def registered(self, user: str) -> bool:
        """Return whether the registrar holds a binding of `user` now: its own word."""
        asked = subprocess.run(
            [_program("kamcmd"), "-s", f"unix:{self._directory}/ctl", "ul.lookup", "location", user],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        return "Contact" in asked.stdout

    def wait_registered(self, user: str, seconds: float, *, want: bool = True) -> float:
        """Wait until `user` is registered (or isn't); return the seconds it took, or raise TimeoutError."""
        began = time.monotonic()
        while self.registered(user) is not want:
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"registered is not {want} after {seconds} s")
            time.sleep(0.05)  # the registrar has no way to tell; asking is a local socket
        return time.monotonic() - began

    def stop(self) -> None:
        """End it at once, with all its processes; nothing is told to the phones."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install kamailio")
    return found
