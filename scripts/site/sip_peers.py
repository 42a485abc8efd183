"""Callers of the office's line, made by sipp, and what each of them knows of its call; never reads the box.

A caller's word comes from sipp's own trace of messages and from what reached the caller's media port.
`python -m scripts.site.sip_peers --help` for the command line.
"""

import datetime as dt
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.site.registrar import Registrar, free_port
from scripts.site.sip_audio import Key, capture, energy, from_alaw, from_ulaw, silence, speech, tone

_SCENARIOS = Path(__file__).parent / "sipp"
_LOUD = 300.0
"""Energy from which a packet of 20 ms counts as something heard."""


@dataclass(frozen=True)
class Plan:
    """What a caller does. Times in seconds from the answer (`give_up`: from the first ring)."""

    number: str = field(repr=False)
    scenario: Literal["talk", "give_up", "stay", "turned_away"] = "talk"
    seconds: float = 10.0
    key: str = ""
    key_at: float = 0.0
    speaks_from: float = 0.0
    """Silent until then: the caller listens to the notice."""
    says: str = ""
    """Spoken by espeak-ng; a tone if empty."""
    loss: float = 0.0
    """Share of the caller's packets that never arrive."""
    asserted: str = field(default="", repr=False)
    """Number in P-Asserted-Identity, as a provider adds it."""
    withheld: bool = False
    address: str = "127.0.0.1"
    """The caller's own address, any of 127.0.0.0/8."""
    status: int = 486
    """`turned_away`: the answer that the caller expects."""
    patience: float = 40.0
    """Seconds beyond the planned ones after which a caller whose line is dead gives up."""


@dataclass(frozen=True)
class Word:
    """What the caller knows. Wall times in milliseconds; None for what didn't happen."""

    number: str = field(repr=False)
    started_ms: int
    ringing_ms: int | None
    answered_ms: int | None
    ended_ms: int
    duration_ms: int
    """From the INVITE to the BYE or CANCEL."""
    answered: bool
    final_status: int
    key: str
    heard_ms: int
    """How much of what came from the box was audible."""
    sent_packets: int
    lost_packets: int
    spoken_energy: float
    """Root mean square of what the caller said, silence left out."""


def place_call(plan: Plan, line: str, server: tuple[str, int], directory: Path | None = None) -> Word:
    """Call `line` at `server` as `plan` says; return the caller's word, or raise RuntimeError.

    Blocks until the call is over. Root or CAP_NET_RAW is needed: sipp sends audio through raw sockets.
    """
    with tempfile.TemporaryDirectory(prefix="caller-", dir=directory) as work:
        return _Caller(plan, Path(work)).call(line, server)


class _Caller:
    def __init__(self, plan: Plan, work: Path) -> None:
        self._plan = plan
        self._work = work
        self._said = _said(plan)
        audio = silence(plan.speaks_from) + self._said
        keys = [Key(plan.key, plan.key_at)] if plan.key else []
        self._lost = capture(work / "call.pcap", audio, keys, loss=plan.loss)
        self._packets = len(audio) // 320
        self._scenario = work / "scenario.xml"
        self._scenario.write_text(_scenario(plan, work / "call.pcap"))
        self._scenario.chmod(0o600)

    def call(self, line: str, server: tuple[str, int]) -> Word:
        media = free_port()
        trace = self._work / "messages.log"
        with _ear(media) as heard:
            done = subprocess.run(
                self._command(line, server, media, trace),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd=self._work,
                timeout=self._plan.seconds + self._plan.patience + 10,
                check=False,
            )
        if done.returncode != 0:
            errors = self._work / "errors.log"
            raise RuntimeError(
                f"sipp ended with {done.returncode}: {errors.read_text()[-600:] if errors.exists() else ''}"
            )
        return self._word(trace.read_text(errors="replace"), heard.milliseconds)

    def _command(self, line: str, server: tuple[str, int], media: int, trace: Path) -> list[str]:
        options = {
            "-sf": self._scenario,
            "-s": line,
            "-i": self._plan.address,
            "-p": free_port(),
            "-mi": self._plan.address,
            "-mp": media,
            "-m": 1,
            "-message_file": trace,
            "-error_file": self._work / "errors.log",
            "-timeout": f"{round(self._plan.seconds + self._plan.patience)}s",
        }
        flags = ["-nostdin", "-trace_msg", "-trace_err", "-timeout_error"]
        words = [str(word) for pair in options.items() for word in pair]
        return [_sipp(), *words, *flags, f"{server[0]}:{server[1]}"]

    def _word(self, trace: str, heard_ms: int) -> Word:
        messages = list(_messages(trace))
        started = next(m for m in messages if m.sent and m.line.startswith("INVITE"))
        ending = next((m for m in messages if m.method in ("BYE", "CANCEL") and not m.status), messages[-1])
        answers = {m.status: m.at_ms for m in reversed(messages) if m.status and m.method == "INVITE"}
        return Word(
            number=_number_in(started.text),
            started_ms=started.at_ms,
            ringing_ms=answers.get(180),
            answered_ms=answers.get(200),
            ended_ms=ending.at_ms,
            duration_ms=ending.at_ms - started.at_ms,
            answered=200 in answers,
            final_status=max(answers, default=0),
            key=self._plan.key if 200 in answers else "",
            heard_ms=heard_ms,
            sent_packets=self._packets - self._lost if 200 in answers else 0,
            lost_packets=self._lost if 200 in answers else 0,
            spoken_energy=energy(self._said),
        )


def _said(plan: Plan) -> bytes:
    seconds = max(0.1, plan.seconds - plan.speaks_from)
    if not plan.says:
        return tone(seconds)
    spoken = speech(plan.says)
    return (spoken * (int(seconds * 16_000) // len(spoken) + 1))[: int(seconds * 8000) * 2]


def _scenario(plan: Plan, pcap: Path) -> str:
    headers = ""
    if plan.asserted:
        headers += f"P-Asserted-Identity: <sip:{plan.asserted}@127.0.0.1;user=phone>\n"
    if plan.withheld:
        headers += "Privacy: id\n"
    text = (_SCENARIOS / f"{plan.scenario}.xml").read_text()
    filled = {"FROM": plan.number, "HEADERS": headers, "CAPTURE": str(pcap), "STATUS": str(plan.status)}
    for name, value in (filled | {"TALK_MS": str(round(plan.seconds * 1000))}).items():
        text = text.replace(f"@{name}@", value)
    return text


@dataclass(frozen=True)
class _Message:
    at_ms: int
    sent: bool
    text: str

    @property
    def line(self) -> str:
        return self.text.splitlines()[0]

    @property
    def status(self) -> int:
        return int(self.line.split()[1]) if self.line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        found = re.search(r"^CSeq:\s*\d+\s+(\w+)", self.text, re.MULTILINE | re.IGNORECASE)
        return found.group(1) if found else ""


_HEAD = re.compile(
    r"^-{20,} (?P<at>\d{4}-\d\d-\d\d[ \t]\d\d:\d\d:\d\d\.\d+).*\n"
    r"\S+ message (?P<way>sent|received)[^\n]*\n\n",
    re.MULTILINE,
)


def _messages(trace: str) -> Iterator[_Message]:
    """Cut sipp's trace of messages into what was sent and received, in order."""
    heads = list(_HEAD.finditer(trace))
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        at = dt.datetime.fromisoformat(head["at"].replace("\t", " ")).astimezone()
        text = trace[head.end() : after.start() if after else len(trace)]
        yield _Message(round(at.timestamp() * 1000), head["way"] == "sent", text.lstrip())


def _number_in(invite: str) -> str:
    """Return whose number the INVITE that was sent names, as the called side may use it."""
    if re.search(r"^Privacy: id", invite, re.MULTILINE):
        return ""
    found = re.search(r"^P-Asserted-Identity: <sip:([^@]*)@", invite, re.MULTILINE)
    found = found or re.search(r"^From: <sip:([^@]*)@", invite, re.MULTILINE)
    return found.group(1) if found else ""


class _Heard:
    def __init__(self) -> None:
        self.milliseconds = 0

    def take(self, rtp: bytes) -> None:
        decode = {0: from_ulaw, 8: from_alaw}.get(rtp[1] & 0x7F)
        if len(rtp) > 12 and decode is not None and energy(pcm := decode(rtp[12:])) > _LOUD:
            self.milliseconds += len(pcm) // 16


@contextmanager
def _ear(port: int) -> Iterator[_Heard]:
    """Listen, beside sipp, to what reaches `port` of this machine."""
    heard, stop = _Heard(), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        raw.settimeout(0.2)
        listener = threading.Thread(target=_listen, args=(raw, port, heard, stop), name="ear")
        listener.start()
        try:
            yield heard
        finally:
            stop.set()
            listener.join()


def _listen(raw: socket.socket, port: int, heard: _Heard, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            packet = raw.recv(2048)
        except TimeoutError:
            continue
        udp = packet[(packet[0] & 0x0F) * 4 :]
        if int.from_bytes(udp[2:4], "big") == port:
            heard.take(udp[8:])


def _sipp() -> str:
    found = shutil.which("sipp", path=f"{os.environ.get('PATH', '')}:/usr/bin")
    if found is None:
        raise RuntimeError("sipp is missing: apt-get install sip-tester")
    return found


app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True)


@app.command()
def call(
    line: Annotated[str, typer.Argument(help="whom to call")],
    server: Annotated[str, typer.Argument(help="registrar as HOST:PORT")],
    plan: Annotated[str, typer.Option(help="fields of Plan as JSON; '-' reads standard input")] = "-",
) -> None:
    """Place one call and print the caller's word as one line of JSON."""
    fields = json.loads(sys.stdin.read() if plan == "-" else plan)
    host, _, port = server.partition(":")
    print(json.dumps(asdict(place_call(Plan(**fields), line, (host, int(port))))))


@app.command()
def registrar(
    directory: Annotated[Path, typer.Argument(help="for its configuration and log")],
    port: Annotated[int, typer.Option()] = 5060,
) -> None:
    """Run a registrar until the end of standard input; users as JSON in its first line."""
    users = json.loads(sys.stdin.readline())
    with Registrar(directory, users, port=port) as running:
        print(json.dumps({"port": running.port}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    app()
