"""A whole sales office and its headquarters on one machine: real peers, one box; for the demo and the tests.

Nothing of edge/ or cloud/ knows of it; it starts the product by its commands, as an installer would.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Page

from scripts.site.broker import Mosquitto, free_port
from scripts.site.cameras import Cameras, cache_root, film
from scripts.site.card_terminal import Terminal
from scripts.site.notice_wav import render
from scripts.site.processes import BIN, ROOT, Program, run, until
from scripts.site.registrar import Registrar
from scripts.site.wiretap import Wiretap

TENANT, SITE, BOX = "riverside", "hefei-01", "box-01"
PROJECT = "riverside-phase-2"
LINE = "front-desk"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What of the site to start, and how fast its counting interval is."""

    interval_s: int = 30
    cameras: bool = True
    terminal: bool = True
    phone: bool = True
    kiosk: bool = True
    noise: float = 0.05
    films: dict[str, str] = field(
        default_factory=lambda: {"entrance": "entrance-empty", "desk": "desk-empty"}
    )


RULES = """name = "riverside-2026"
[[versions]]
version = 1
effective_from = 2026-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 0 }
answer = {}
"""
"""Late reports alone: what a report comes to hangs on its own customer's acts, as the oracles reckon."""


class Place:
    """Everything, started in order and ended in the reverse order."""

    def __init__(self, root: Path, options: Options | None = None, say: Say | None = None) -> None:
        self.root = root
        self.options = options or Options()
        self._say: Say = say or _silently
        self._stack = contextlib.ExitStack()
        self.logs = root / "logs"
        self.box_directory = root / "box"
        self.headquarters_directory = root / "headquarters"
        self.kiosk_url = ""
        self.headquarters_url = self.signing_key = self.enrolment_key = self.password = ""
        self.cameras: Cameras | None = None
        self.terminal: Terminal | None = None
        self.registrar: Registrar | None = None

    # -- life ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._start_broker()
        self._set_up_headquarters()
        self._start_peers()
        self._set_up_box()
        self._start_headquarters()
        self._start_box()

    def _start_broker(self) -> None:
        self._say("broker: mosquitto, mutual TLS, one access list per box")
        self.broker = Mosquitto(self.root / "broker")
        self.broker.start()
        self._stack.callback(self.broker.stop)
        audit = self.broker.credentials("audit")
        self.wiretap = self._stack.enter_context(Wiretap(self.broker.host, self.broker.port, audit))

    # -- headquarters ----------------------------------------------------------------------

    def _set_up_headquarters(self) -> None:
        self._say("headquarters: keys, tables, page")
        directory, port = self.headquarters_directory, free_port()
        run(str(BIN / "gatehouse-cloud"), "init", str(directory))
        own = self.broker.credentials("headquarters")
        self.headquarters_config = directory / "headquarters.toml"
        self.headquarters_url = f"http://127.0.0.1:{port}"
        self.headquarters_config.write_text(
            f"""tenant = "{TENANT}"
[database]
url = "sqlite:///{directory}/headquarters.db"
[mqtt]
host = "{self.broker.host}"
port = {self.broker.port}
ca = "{own.ca}"
cert = "{own.cert}"
key = "{own.key}"
client_id = "headquarters-1"
resend_s = 5
[web]
host = "127.0.0.1"
port = {port}
public_url = "{self.headquarters_url}"
session_secret = "session.secret"
timezone = "Asia/Shanghai"
[signing]
key = "signing.key"
"""
        )
        self.headquarters_key = str(json.loads(self.cloud("status", "--json"))["public_key"])

    def cloud(self, *command: str, stdin: str | None = None) -> str:
        """Run `gatehouse-cloud …` for this headquarters and return its output."""
        name, *rest = command
        extra = [rest.pop(0)] if name in {"box", "notice", "crm"} else []
        words = [str(BIN / "gatehouse-cloud"), name, *extra, "--config", str(self.headquarters_config), *rest]
        return run(*words, stdin=stdin)

    def bring_in(self, kind: str, text: str) -> None:
        """Bring a book (CSV) in as a CRM does: its own client seals each row to the box, and waits for it."""
        directory = self.root / "crm"
        key = directory / "crm.key"
        if not key.exists():
            directory.mkdir(exist_ok=True)
            printed = self.cloud("crm", "add", "demo-crm", "--project", PROJECT)
            key.touch(mode=0o600)
            key.write_text(
                next(word for line in printed.splitlines() for word in line.split() if len(word) > 40)
            )
        file = directory / f"{kind}-{now_ms()}.csv"
        file.write_bytes(text.encode("gbk"))
        common = ["--url", self.headquarters_url, "--key-file", str(key), "--state", str(directory / "state")]
        words = ["--kind", kind, "--box-key", self.signing_key, "--wait", "60"]
        run(str(BIN / "gatehouse-crm"), "push", str(file), *words, *common)

    def _start_headquarters(self) -> None:
        names = ["--tenant", TENANT, "--site", SITE, "--box", BOX]
        self.cloud("box", "add", *names, "--public-key", self.signing_key)
        common = ["--config", str(self.headquarters_config)]
        self.ingest = self._program("ingest", [str(BIN / "gatehouse-cloud"), "ingest", *common])
        self.web = self._program("web", [str(BIN / "gatehouse-cloud"), "web", *common])
        until("headquarters' page", lambda: "http" in self.web.tail(50), 30)

    def ledger(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return what headquarters has received, as its own command prints it."""
        more = ["--kind", kind] if kind else []
        return [json.loads(line) for line in self.cloud("ledger", "--json", *more).splitlines()]

    def first_login_link(self) -> str:
        """Return the one-time link that the page's first start printed."""
        links = [w for w in self.web.tail(200).split() if w.startswith(self.headquarters_url + "/")]
        return links[0] if links else self.headquarters_url

    def log_in(self, page: Page) -> None:
        """Log in at headquarters, the first time by its one-time link with a new password."""
        if not self.password:
            self.password = secrets.token_urlsafe(12)
            page.goto(self.first_login_link())
            for field in page.locator("input[type=password]").all():
                field.fill(self.password)
            page.locator("main form button").click()
            page.wait_for_url(f"{self.headquarters_url}/login")
        page.goto(f"{self.headquarters_url}/login")
        page.locator("#username").fill("admin")
        page.locator("#password").fill(self.password)
        page.locator("main form button").click()
        page.wait_for_url(f"{self.headquarters_url}/")

    # -- peers -----------------------------------------------------------------------------

    def _start_peers(self) -> None:
        options = self.options
        if options.cameras:
            self._say("cameras: GStreamer RTSP server, digest authentication, films of real people")
            films = {mount: film(name) for mount, name in options.films.items()}
            self.cameras = self._stack.enter_context(Cameras(films))
        if options.terminal:
            self._say("card terminal: whole protocol on a virtual serial line, with noise")
            self.terminal = Terminal(self.root / "terminal", slow=True, noise=options.noise)
            self._stack.enter_context(self.terminal)
        if options.phone:
            self._say("telephone: kamailio as the registrar, sipp as the callers")
            self.registrar = Registrar(self.root / "registrar", {"8001": "box line secret"})
            self._stack.enter_context(self.registrar)

    def show(self, mount: str, name: str) -> int:
        """Let a camera see another film; return the wall time in ms from which it does."""
        assert self.cameras is not None
        return self.cameras.order("switch", mount, str(film(name)))

    # -- the box ---------------------------------------------------------------------------

    def _set_up_box(self) -> None:
        self._say("box: credentials, configuration, notice")
        directory = self.box_directory
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "edge" / "notice.example.toml", directory / "notice.toml")
        (directory / "rules.toml").write_text(RULES)
        shutil.copy(ROOT / "edge" / "staff-notice.example.toml", directory / "staff-notice.toml")
        self.config = directory / "gatehouse.toml"
        self.kiosk_url = f"http://127.0.0.1:{free_port()}"
        self.config.write_text(self._box_configuration())
        made = run(str(BIN / "gatehouse"), "credentials", str(directory / "credentials"))
        self.signing_key, self.enrolment_key = (line.split()[-1] for line in made.splitlines())
        run(str(BIN / "gatehouse"), "check-config", "--config", str(self.config))
        self._hand_out_project_keys()

    def _hand_out_project_keys(self) -> None:
        """As the project's officer does: make the keys, seal them to the box, import them there."""
        self.officer_file, sealed = self.root / "officer.json", self.root / "project-keys.sealed"
        if self.officer_file.exists():
            return
        made = self._officer("new", "--tenant", TENANT, "--project", PROJECT)
        self._import_keys(sealed, "--officer", made.splitlines()[0].split()[-1])

    def _officer(self, command: str, *words: str) -> str:
        return run(str(BIN / "gatehouse-cloud"), "project-keys", command, str(self.officer_file), *words)

    def _import_keys(self, sealed: Path, *words: str) -> None:
        self._officer("seal", "--box", BOX, "--enrolment-key", self.enrolment_key, "--out", str(sealed))
        self.gatehouse("credentials", "import-keys", str(sealed), *words)

    def exchange_project_keys(self) -> None:
        """Let the officer make the next generation and the box import it; it counts from the next start."""
        self._officer("rotate")
        self._import_keys(self.root / f"project-keys.{now_ms()}.sealed")

    def _box_configuration(self) -> str:
        own = self.broker.credentials(BOX)
        desk = ('camera = "desk"\n' if self.cameras else "") + (
            'terminal = "card"\n' if self.terminal else ""
        )
        models = cache_root() / "models"
        return f"""notice = "notice.toml"
staff_notice = "staff-notice.toml"
[site]
tenant = "{TENANT}"
site = "{SITE}"
box = "{BOX}"
[paths]
state = "state"
run = "run"
credentials = "credentials"
[mqtt]
host = "{self.broker.host}"
port = {self.broker.port}
ca = "{own.ca}"
certificate = "{own.cert}"
key = "{own.key}"
headquarters_keys = ["{self.headquarters_key}"]
[[destinations]]
host = "{self.broker.host}"
country = "CN"
processor = "this machine"
[[destinations]]
host = "127.0.0.1"
country = "CN"
processor = "this machine"
[desk]
{desk}[kiosk]
port = {self.kiosk_url.rsplit(":", 1)[1]}
[footfall]
interval_s = {self.options.interval_s}
[models]
detector = "{models / "yunet.onnx"}"
embedder = "{models / "sface.onnx"}"
[rules]
file = "rules.toml"
report_keeps_days = 30
[face_assessment]
sha256 = "{"0" * 64}"
made = 2026-01-01
valid_until = 2099-12-31
approved_by = "the test's officer"
[rights]
page = "{self.headquarters_url}"
[clock]
kept_by = "hypervisor"
{self._devices()}"""

    def _devices(self) -> str:
        text = ""
        if self.cameras is not None:
            for mount in self.options.films:
                text += self._device(mount, "rtsp", self.cameras.password) + (
                    f'role = "{mount}"\nurl = "{self.cameras.url(mount)}"\nusername = "{self.cameras.user}"\n'
                )
        if self.terminal is not None:
            text += self._device("card", "card_serial") + f'port = "{self.root / "terminal"}"\n'
        if self.registrar is not None:
            text += self._device("phone", "sip", "box line secret") + (
                f'line = "{LINE}"\nregistrar = "127.0.0.1"\nport = {self.registrar.port}\n'
                f"bind_port = {free_port()}\n"
                f'username = "8001"\nnotice_wav = "{self._spoken_notice()}"\n'
            )
        return text

    def _spoken_notice(self) -> Path:
        sound = self.box_directory / "notice.wav"
        render(sound, "您好,这里是示例售楼处。同意通话录音请按一,不按键则不录音。")
        return sound

    def _device(self, name: str, kind: str, password: str | None = None) -> str:
        text = f'[[devices]]\nid = "{name}"\nkind = "{kind}"\n'
        if password is not None:
            secret = self.box_directory / f"{name}.password"
            secret.write_text(password)
            secret.chmod(0o600)
            text += f'password_file = "{secret.name}"\n'
        return text

    def _start_box(self) -> None:
        self._say("box: core, workers, kiosk")
        common = ["--config", str(self.config)]
        self.core = self._program("core", [str(BIN / "gatehouse"), "run", *common])
        until("the core", (self.box_directory / "run" / "kiosk.sock").exists, 30)
        if self.options.kiosk:
            self.kiosk = self._program("kiosk", [str(BIN / "gatehouse"), "kiosk", *common])
            until("the kiosk's page", lambda: "Uvicorn running" in self.kiosk.tail(50), 30)

    def _program(self, name: str, command: list[str]) -> Program:
        program = Program(name, command, self.logs / f"{name}.log")
        program.start()
        self._stack.callback(program.stop)
        return program

    def gatehouse(self, *command: str) -> str:
        """Run `gatehouse … --config` for this box and return its output."""
        return run(str(BIN / "gatehouse"), *command, "--config", str(self.config))

    def status(self) -> dict[str, Any]:
        """Return the box's own status (for waiting until it is ready, never as a proof)."""
        done: dict[str, Any] = json.loads(self.gatehouse_lenient("status", "--json") or "{}")
        return done

    def gatehouse_lenient(self, *command: str) -> str:
        """As `gatehouse`, but a non-zero exit (unhealthy, not running) is an empty or partial answer."""
        import subprocess

        words = [str(BIN / "gatehouse"), *command, "--config", str(self.config)]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False).stdout

    def wait_ready(self, seconds: float = 40.0) -> None:
        """Wait until every configured device is up."""

        def ready() -> bool:
            devices = self.status().get("devices", [])
            return bool(devices) and all(d["state"] == "up" for d in devices)

        until("all devices up", ready, seconds)

    # -- what a peer knows by itself ---------------------------------------------------------

    def token(self, purpose: str, number: str) -> str:
        """Return the token that the contract gives for a number: HMAC-SHA256 under the project's key.

        Computed here from the project's keys, as the developer's own audit would, not by the box.
        """
        keys = json.loads(self.officer_file.read_text())["keys"]
        mac = hmac.new(bytes.fromhex(keys[purpose]), number.encode(), hashlib.sha256)
        return f"{purpose}:{mac.hexdigest()}"


def _silently(_line: str) -> None:
    """Say nothing."""


def now_ms() -> int:
    """Return the wall time in milliseconds."""
    return time.time_ns() // 1_000_000


if __name__ == "__main__":  # a site to play with: python -m scripts.site.place DIR
    with Place(Path(sys.argv[1]), say=print) as place:
        print(place.kiosk_url, place.headquarters_url, place.web.tail(5), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
