"""A whole headquarters with its broker for end-to-end tests, and a box that speaks to it over MQTT."""

import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.wire import Signed, parse_signed
from scripts.site.broker import Mosquitto, free_port
from tests.unit.cloud.signer import Signer

COMMAND = [sys.executable, "-c", "from cloud.cli import main; main()"]


def cli(*arguments: str, stdin: str | None = None) -> str:
    """Run `gatehouse-cloud` and return what it printed; its error text on failure is raised."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, input=stdin, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def make_headquarters(directory: Path, broker: Mosquitto, resend_s: float = 2) -> Path:
    """Write a configuration for `broker` and return its path."""
    cli("init", str(directory))
    mine = broker.credentials("headquarters")
    port = free_port()
    config = directory / "headquarters.toml"
    config.write_text(
        f"""tenant = "demo"
[database]
url = "sqlite:///headquarters.db"
[mqtt]
host = "{broker.host}"
port = {broker.port}
ca = "{mine.ca}"
cert = "{mine.cert}"
key = "{mine.key}"
client_id = "headquarters-1"
resend_s = {resend_s}
[web]
host = "127.0.0.1"
port = {port}
public_url = "http://127.0.0.1:{port}"
session_secret = "session.secret"
[signing]
key = "signing.key"
"""
    )
    return config


@dataclass
class Process:
    """A running `gatehouse-cloud` whose output lines can be awaited."""

    popen: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    killed: bool = False
    _grown: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._grown:
                self.lines.append(line)
                self._grown.notify_all()

    def wait_for(self, text: str, count: int = 1, timeout: float = 60) -> str:
        """Return the `count`-th line that holds `text`."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        with self._grown:
            if not self._grown.wait_for(lambda: len(found()) >= count, timeout):
                raise TimeoutError(f"no {text!r} in:\n{''.join(self.lines[-20:])}")
            return found()[count - 1]

    def kill9(self) -> None:
        self.killed = True
        self.popen.kill()
        self.popen.wait()


@contextmanager
def running(*arguments: str) -> Iterator[Process]:
    """Run `gatehouse-cloud` until the block ends, then ask it to stop and see that it does."""
    popen = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    process = Process(popen)
    reader = threading.Thread(target=process.read)
    reader.start()
    try:
        yield process
    finally:
        popen.send_signal(signal.SIGTERM)
        try:
            popen.wait(30)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
            raise
        finally:
            reader.join()
            assert popen.stdout is not None
            popen.stdout.close()
    assert process.killed or popen.returncode == 0, "".join(process.lines[-20:])


class BoxPeer:
    """A box on the broker: publishes payloads, collects what comes down."""

    def __init__(self, broker: Mosquitto, signer: Signer) -> None:
        self.signer = signer
        self.receipts: queue.Queue[Signed] = queue.Queue()
        self.commands: queue.Queue[Signed] = queue.Queue()
        name = signer.topics.box
        mine = broker.credentials(name)
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5
        )
        context = ssl.create_default_context(cafile=str(mine.ca))
        context.load_cert_chain(mine.cert, mine.key)
        self._client.tls_set_context(context)
        self._subscribed = threading.Event()
        self._client.on_connect = lambda c, *_: c.subscribe(f"{signer.topics.base}/down/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(20)

    def _on_message(self, _c: object, _u: object, message: MQTTMessage) -> None:
        target = self.receipts if message.topic.endswith("receipt") else self.commands
        target.put(parse_signed(bytes(message.payload)))

    def publish(self, payload: bytes, topic: str | None = None) -> None:
        self._client.publish(topic or self.signer.topics.batch, payload, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def ledger(config: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """Return what headquarters says it has."""
    more = ("--kind", kind) if kind else ()
    printed = cli("ledger", "--json", "--config", str(config), *more)
    return [json.loads(line) for line in printed.splitlines()]


def until(probe: Callable[[], bool], timeout: float = 60) -> None:
    """Wait until `probe` holds; fail after `timeout` seconds."""
    deadline = threading.Event()
    timer = threading.Timer(timeout, deadline.set)
    timer.start()
    try:
        while not probe():
            assert not deadline.wait(0.1), "it never happened"
    finally:
        timer.cancel()
