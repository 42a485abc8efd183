"""Both ends for tests of the pump: a box around the real Pump, headquarters as a paho client that signs."""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.sync.pump import Pump
from edge.sync.session import UplinkConfig
from edge.sync.trust import Headquarters
from edge.sync.uplink import Uplink
from edge.wire import Batch, Command, Signed, Topics, key_id, parse_signed, signing_input
from scripts.site.broker import Mosquitto
from tests.fakes.outbox import MemoryOutbox, health


def signed(key: Ed25519PrivateKey, context: Literal["batch", "receipt", "command"], body: Any) -> bytes:
    """Return `body` as a payload signed by `key`."""
    signature = key.sign(signing_input(context, body)).hex()
    return Signed(
        body=body, key_id=key_id(key.public_key().public_bytes_raw()), signature=signature
    ).to_bytes()


def connect(broker: Mosquitto, name: str, client_id: str, on_message: Any, *filters: str) -> Client:
    """Return a running paho client named `name` that has its subscriptions."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    mine = broker.credentials(name)
    context = ssl.create_default_context(cafile=str(mine.ca))
    context.load_cert_chain(mine.cert, mine.key)
    client.tls_set_context(context)
    client.reconnect_delay_set(1, 1)
    ready = threading.Event()
    client.on_connect = lambda c, *_: c.subscribe([(one, 1) for one in filters])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = on_message
    client.connect(broker.host, broker.port)
    client.loop_start()
    assert ready.wait(20)
    return client


@dataclass
class HeadquartersPeer:
    """Keeps every entry that arrives, answers with receipts while `answering`, counts deliveries."""

    broker: Mosquitto
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    answering: bool = True
    entries: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)
    deliveries: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def open(self) -> None:
        self.client = connect(
            self.broker, "headquarters", f"hq-{token_hex(4)}", self._take, "gatehouse/v1/+/+/+/up/batch"
        )

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _take(self, _c: object, _u: object, message: MQTTMessage) -> None:
        body = parse_signed(bytes(message.payload)).body
        with self.changed:
            self.bodies.append(body)
            self.deliveries[body["batch_id"]] += 1
            for entry in body["entries"]:
                self.entries[body["box"], body["epoch"], entry["sequence"]] = entry["record"]
            self.changed.notify_all()
        if self.answering:
            self.answer(body)

    def receipt(self, body: dict[str, Any], **changes: object) -> dict[str, Any]:
        """Return an honest receipt for a batch, but for `changes`."""
        results = [{"sequence": e["sequence"], "outcome": "committed", "code": "ok"} for e in body["entries"]]
        honest = {"v": 1, "batch_id": body["batch_id"], "box": body["box"], "epoch": body["epoch"]}
        return honest | {"results": results} | changes

    def answer(self, body: dict[str, Any]) -> None:
        self.send(self.topics(body).receipt, signed(self.key, "receipt", self.receipt(body)))

    def topics(self, body: dict[str, Any]) -> Topics:
        return Topics(body["tenant"], body["site"], body["box"])

    def send(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, qos=1)

    def numbers(self, box: str) -> list[int]:
        """Return the `since_ms` of every health record that `box` got through, in order of number."""
        return sorted(
            r["since_ms"] for (name, _, _), r in self.entries.items() if name == box and "since_ms" in r
        )

    async def until(self, reached: Callable[[], bool], timeout: float = 60) -> None:
        """Wait for an arrival after which `reached` holds."""

        def wait() -> bool:
            with self.changed:
                return self.changed.wait_for(reached, timeout)

        assert await asyncio.to_thread(wait), "headquarters never saw it"


@contextmanager
def headquarters(broker: Mosquitto) -> Iterator[HeadquartersPeer]:
    peer = HeadquartersPeer(broker)
    peer.open()
    try:
        yield peer
    finally:
        peer.close()


def quick(broker: Mosquitto, name: str, **changes: Any) -> UplinkConfig:
    """Return the configuration of a box that waits less between its tries."""
    mine = broker.credentials(name)
    waits = {"first_wait_s": 0.1, "last_wait_s": 0.5, "slow_wait_s": 600.0}
    where: dict[str, Any] = {
        "host": broker.host,
        "port": broker.port,
        "ca": mine.ca,
        "cert": mine.cert,
        "key": mine.key,
    }
    return UplinkConfig(**(where | waits | changes))


@dataclass
class Box:
    """A running pump and what it works on."""

    outbox: MemoryOutbox
    pump: Pump
    uplink: Uplink
    store: ThreadPoolExecutor
    key: Ed25519PrivateKey

    async def do(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Call into the outbox as the core does: in the store's one thread."""
        return await asyncio.get_running_loop().run_in_executor(self.store, fn, *args)

    async def add(self, numbers: range, urgent: bool = False) -> None:
        """Let rows wait, in one go as one transaction: a link that comes up meanwhile can't split them."""

        def add_all() -> None:
            for number in numbers:
                self.outbox.add(health(number), urgent)

        await self.do(add_all)
        self.pump.notify()

    async def until(self, reached: Callable[[], bool], timeout: float = 60) -> None:
        """Wait until `reached` holds; it is asked again 50 times a second."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not reached():
            assert asyncio.get_running_loop().time() < deadline, f"it never happened: {self.pump.state}"
            await asyncio.sleep(0.02)

    async def empty(self) -> None:
        await self.until(lambda: self.outbox.depth() == 0)


async def _no_command(command: Command) -> None:
    raise AssertionError(f"unexpected command {command.kind}")


@asynccontextmanager
async def box(
    config: UplinkConfig,
    topics: Topics,
    hq_key: Ed25519PrivateKey,
    *,
    outbox: MemoryOutbox | None = None,
    on_command: Callable[[Command], Awaitable[None]] = _no_command,
    **options: Any,
) -> AsyncIterator[Box]:
    """Run a pump; on leaving it is cancelled, and whatever it failed with is raised."""
    key = Ed25519PrivateKey.generate()
    outbox = outbox or MemoryOutbox(topics)
    uplink = Uplink(config, topics)
    with ThreadPoolExecutor(1, "store") as store:

        def run(fn: Callable[..., Any], /, *args: object) -> Awaitable[Any]:
            return asyncio.get_running_loop().run_in_executor(store, fn, *args)

        pump = Pump(
            outbox, run, uplink, key.sign, key_id(key.public_key().public_bytes_raw()),
            headquarters=Headquarters([hq_key.public_key().public_bytes_raw()], topics.box),
            on_command=on_command, **options,
        )  # fmt: skip
        task = asyncio.create_task(pump.run())
        try:
            yield Box(outbox, pump, uplink, store, key)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


def entries_of(batch: Batch) -> list[int]:
    """Return the sequences of a batch."""
    return [entry.sequence for entry in batch.entries]
