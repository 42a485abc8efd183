"""The pump against a real mosquitto with mutual TLS: nothing is lost, nothing unproven is believed (P35)."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.sync.pump import MAX_ARRIVALS
from edge.wire import Command, Topics
from scripts.site.broker import Mosquitto, free_port
from scripts.site.ca import issue, make_ca
from tests.e2e.pump_rig import Box, HeadquartersPeer, box, headquarters, quick, signed
from tests.fakes.outbox import MemoryOutbox

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def hq(broker: Mosquitto) -> Iterator[HeadquartersPeer]:
    with headquarters(broker) as peer:
        yield peer


@pytest.fixture
def topics() -> Topics:
    """A box of its own for each test: the broker remembers sessions."""
    return Topics("demo", "harbour", f"box-{token_hex(4)}")


@asynccontextmanager
async def running(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics, **options: Any
) -> AsyncIterator[Box]:
    async with box(quick(broker, topics.box), topics, hq.key, **options) as one:
        yield one


def test_batches_leave_and_receipts_delete_rows(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    async def scenario() -> None:
        async with running(broker, hq, topics) as one:
            await one.add(range(1, 251))
            await one.empty()
            assert one.pump.state.last_receipt is not None
            assert one.pump.state.link.name == "up"
            assert not one.pump.state.ignored
            assert not one.pump.state.refused

    asyncio.run(scenario())
    assert hq.numbers(topics.box) == list(range(1, 251))
    assert sorted(key[2] for key in hq.entries) == list(range(1, 251))


def test_an_urgent_row_overtakes_a_backlog(broker: Mosquitto, hq: HeadquartersPeer, topics: Topics) -> None:
    """P43: a withdrawal doesn't wait behind what gathered offline."""
    outbox = MemoryOutbox(topics)

    async def scenario() -> None:
        async with running(broker, hq, topics, outbox=outbox, batch_entries=10, window=1) as one:
            hq.answering = False
            await one.add(range(1, 101))
            await hq.until(lambda: len(hq.bodies) == 1)
            await one.add(range(1000, 1001), urgent=True)
            hq.answering = True
            hq.answer(hq.bodies[0])
            await one.empty()

    asyncio.run(scenario())
    assert hq.bodies[1]["entries"][0]["record"]["since_ms"] == 1000


def test_no_more_than_the_window_is_under_way(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    hq.answering = False

    async def scenario() -> None:
        async with running(broker, hq, topics, batch_entries=50) as one:
            await one.add(range(1, 2001))
            await hq.until(lambda: len(hq.bodies) == 4)
            await one.add(range(3000, 3010))
            await one.do(lambda: None)
            assert one.pump.state.in_flight == 4
            assert len(hq.bodies) == 4
            assert one.outbox.depth() == 2010
            hq.answering = True
            for body in hq.bodies[:4]:
                hq.answer(body)
            await one.empty()

    asyncio.run(scenario())
    assert len(hq.numbers(topics.box)) == 2010
    assert max(hq.deliveries.values()) == 1


def test_the_broker_killed_and_back_loses_nothing(tmp_path: Path, topics: Topics) -> None:
    with Mosquitto(tmp_path) as broker, headquarters(broker) as hq:

        def more_than(floor: int) -> bool:
            return len(hq.numbers(topics.box)) > floor

        async def scenario() -> None:
            async with running(broker, hq, topics, batch_entries=20, receipt_s=1.0) as one:
                for cut in range(3):
                    await one.add(range(cut * 200, cut * 200 + 100))
                    await hq.until(partial(more_than, cut * 200))
                    await asyncio.to_thread(broker.kill9)
                    await one.add(range(cut * 200 + 100, cut * 200 + 200))
                    await one.until(lambda: one.pump.state.link.name == "down")
                    await asyncio.to_thread(broker.start)
                    await one.until(lambda: one.pump.state.link.name == "up")
                await one.empty()

        asyncio.run(scenario())
        assert hq.numbers(topics.box) == list(range(600))


def test_a_broker_that_forgot_everything_is_no_loss(tmp_path: Path, topics: Topics) -> None:
    """A PUBACK is no proof: acknowledged by the broker, then lost by it, and still it arrives."""
    with Mosquitto(tmp_path) as broker:

        async def scenario() -> None:
            with headquarters(broker) as hq:
                hq.answering = False
                async with running(broker, hq, topics, receipt_s=1.0) as one:
                    await one.add(range(1, 11))
                    await hq.until(lambda: len(hq.bodies) == 1)
                    await asyncio.to_thread(broker.stop)
                    broker.forget()
                    hq.entries.clear()
                    hq.answering = True
                    await asyncio.to_thread(broker.start)
                    await one.empty()
                assert hq.numbers(topics.box) == list(range(1, 11))

        asyncio.run(scenario())


def test_unproven_receipts_delete_nothing(broker: Mosquitto, hq: HeadquartersPeer, topics: Topics) -> None:
    hq.answering = False
    stranger = Ed25519PrivateKey.generate()

    async def scenario() -> None:
        async with running(broker, hq, topics) as one:
            await one.add(range(1, 11))
            await hq.until(lambda: len(hq.bodies) == 1)
            body = hq.bodies[0]
            honest = hq.receipt(body)
            good = signed(hq.key, "receipt", honest)
            for payload in (
                signed(stranger, "receipt", honest),
                signed(hq.key, "command", honest),
                good.replace(b'"committed"', b'"quarantined"'),
                good[:-3],
                b"",
                signed(hq.key, "receipt", hq.receipt(body, box="box-other")),
                signed(hq.key, "receipt", hq.receipt(body, epoch=token_hex(16))),
                signed(hq.key, "receipt", hq.receipt(body, batch_id=token_hex(16))),
                signed(hq.key, "receipt", hq.receipt(body, note="extra")),
                signed(
                    hq.key, "receipt", hq.receipt(body, results=[{"sequence": 999, "outcome": "committed"}])
                ),
            ):
                hq.send(topics.receipt, payload)
            hq.send(topics.command, good)
            await one.until(lambda: sum(one.pump.state.ignored.values()) == 11)
            assert one.pump.state.ignored == {
                "unknown_key": 1,
                "bad_signature": 3,
                "malformed": 2,
                "other_box": 1,
                "other_epoch": 1,
                "unknown_batch": 1,
                "wrong_schema": 1,
                "other_rows": 1,
            }
            assert one.outbox.depth() == 10
            hq.send(topics.receipt, good)
            await one.empty()

    asyncio.run(scenario())


def test_a_partial_receipt_ends_only_its_rows(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    hq.answering = False

    async def scenario() -> None:
        async with running(broker, hq, topics, receipt_s=0.2) as one:
            await one.add(range(1, 4))
            await hq.until(lambda: len(hq.bodies) == 1)
            body = hq.bodies[0]
            first = [{"sequence": body["entries"][0]["sequence"], "outcome": "quarantined", "code": "bad"}]
            hq.send(topics.receipt, signed(hq.key, "receipt", hq.receipt(body, results=first)))
            await one.until(lambda: one.outbox.depth() == 2)
            hq.answering = True
            await one.empty()

    asyncio.run(scenario())


def test_a_batch_without_a_receipt_is_sent_again_unchanged(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    hq.answering = False

    async def scenario() -> None:
        async with running(broker, hq, topics, receipt_s=0.2) as one:
            await one.add(range(1, 6))
            await hq.until(lambda: len(hq.bodies) >= 3)
            hq.answering = True
            await one.empty()

    asyncio.run(scenario())
    assert all(body == hq.bodies[0] for body in hq.bodies)


def test_a_voided_entry_replaces_what_was_sent(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    """P41: a row that is erased while its batch has no receipt goes out again without its content."""
    hq.answering = False

    async def scenario() -> None:
        async with running(broker, hq, topics) as one:
            await one.add(range(1, 4))
            await hq.until(lambda: len(hq.bodies) == 1)
            assert await one.do(one.outbox.void, 2)
            one.pump.notify(changed=True)
            await hq.until(lambda: len(hq.bodies) == 2)
            hq.answer(hq.bodies[0])
            await one.until(lambda: one.pump.state.ignored == {"repeated": 1})
            assert one.outbox.depth() == 3, "a receipt for what was sent before doesn't end what says Voided"
            hq.answer(hq.bodies[1])
            await one.empty()

    asyncio.run(scenario())
    assert [entry["record"]["kind"] for entry in hq.bodies[1]["entries"]] == ["health", "voided", "health"]
    assert hq.numbers(topics.box) == [1, 3]


def test_after_a_restart_the_old_epoch_is_finished_first(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    hq.answering = False
    outbox = MemoryOutbox(topics)

    async def scenario() -> None:
        async with running(broker, hq, topics, outbox=outbox) as one:
            await one.add(range(1, 11))
            await hq.until(lambda: len(hq.bodies) == 1)
        hq.answer(hq.bodies[0])  # while the box is off: the broker keeps it
        outbox.next_epoch()
        async with running(broker, hq, topics, outbox=outbox) as one:
            hq.answering = True
            await one.add(range(11, 21))
            await one.empty()

    asyncio.run(scenario())
    assert {(key[1], key[2]) for key in hq.entries} == {
        (epoch, sequence) for epoch in {body["epoch"] for body in hq.bodies} for sequence in range(1, 11)
    }
    assert len({body["epoch"] for body in hq.bodies}) == 2
    assert hq.bodies[-1]["previous_epoch"] == hq.bodies[0]["epoch"]


def test_a_refused_publish_is_a_state_and_no_loop(broker: Mosquitto, hq: HeadquartersPeer) -> None:
    """The broker ties a box to its certificate: under another name nothing gets through (P3)."""
    mine, foreign = f"box-{token_hex(4)}", Topics("demo", "harbour", f"box-{token_hex(4)}")

    async def scenario() -> None:
        async with box(quick(broker, mine), foreign, hq.key) as one:
            await one.add(range(1, 4))
            await one.until(lambda: bool(one.pump.state.refused))
            one.pump.notify()
            await one.add(range(4, 6))
            await one.until(lambda: one.pump.state.refused.get("not_authorized", 0) >= 2)
            await asyncio.sleep(0.5)
            batches = len(await one.do(one.outbox.pending_batches))
            assert one.pump.state.refused == {"not_authorized": batches}, "one try for each batch"
            assert one.pump.state.in_flight == batches
            assert one.outbox.depth() == 5

    asyncio.run(scenario())
    assert not hq.bodies


def erase(topics: Topics, **changes: object) -> dict[str, Any]:
    return {
        "kind": "erase", "v": 1, "command_id": token_hex(16), "box": topics.box, "issued_ms": 1,
        "who": "visitor:" + "0" * 64,
    } | changes  # fmt: skip


def test_commands_sent_while_the_box_was_off_arrive(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    """P46: headquarters' order reaches the box when it comes back; a forged or foreign one never does."""
    done: list[Command] = []

    async def take(command: Command) -> None:
        done.append(command)

    async def scenario() -> None:
        async with running(broker, hq, topics) as one:
            await one.until(lambda: one.pump.state.link.name == "up")
        orders = [erase(topics) for _ in range(2 * MAX_ARRIVALS)]
        for order in orders:
            hq.send(topics.command, signed(hq.key, "command", order))
        hq.send(topics.command, signed(Ed25519PrivateKey.generate(), "command", erase(topics)))
        hq.send(topics.command, signed(hq.key, "command", erase(topics, box="box-other")))
        hq.send(topics.command, signed(hq.key, "command", erase(topics, kind="run_shell")))
        last = erase(topics)
        hq.send(topics.command, signed(hq.key, "command", last))
        async with running(broker, hq, topics, on_command=take) as one:
            await one.until(lambda: len(done) == len(orders) + 1)
            assert one.pump.state.ignored == {"unknown_key": 1, "other_box": 1, "wrong_schema": 1}
        assert [command.command_id for command in done] == [o["command_id"] for o in [*orders, last]]

    asyncio.run(scenario())


def test_a_command_that_was_not_finished_comes_again(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    """The broker hears of a command's arrival only after it was handled, so a crash in between repeats it."""
    order = erase(topics)

    async def scenario() -> None:
        begun = asyncio.Event()

        async def hang(command: Command) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with running(broker, hq, topics, on_command=hang) as one:
            await one.until(lambda: one.pump.state.link.name == "up")
            hq.send(topics.command, signed(hq.key, "command", order))
            await asyncio.wait_for(begun.wait(), 30)
        again = asyncio.Event()

        async def take(command: Command) -> None:
            assert command.command_id == order["command_id"]
            again.set()

        async with running(broker, hq, topics, on_command=take):
            await asyncio.wait_for(again.wait(), 30)

    asyncio.run(scenario())


def test_what_the_command_handler_raises_ends_the_pump(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics
) -> None:
    class DiskFailed(RuntimeError):
        pass

    async def fail(command: Command) -> None:
        raise DiskFailed

    async def scenario() -> None:
        async with running(broker, hq, topics, on_command=fail) as one:
            await one.until(lambda: one.pump.state.link.name == "up")
            hq.send(topics.command, signed(hq.key, "command", erase(topics)))
            await one.until(lambda: one.uplink.link.name == "up" and one.pump.state.in_flight == 0)
            await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(scenario())
    assert caught.group_contains(DiskFailed)


def test_a_client_without_a_certificate_is_refused(broker: Mosquitto) -> None:
    """P35: encryption alone doesn't open the door."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id="nobody",
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    client.tls_set_context(ssl.create_default_context(cafile=str(broker.ca)))
    gone, accepted = threading.Event(), threading.Event()
    client.on_connect = lambda *_: accepted.set()
    client.on_disconnect = lambda *_: gone.set()
    try:
        client.connect(broker.host, broker.port)
    except ssl.SSLError:
        return
    client.loop_start()
    assert gone.wait(20)
    client.loop_stop()
    assert not accepted.is_set()


async def fails_with(one: Box, name: str, code: str) -> None:
    await one.add(range(1, 3))
    await one.until(lambda: one.pump.state.link.name == name)
    assert one.pump.state.link.code == code
    assert one.outbox.depth() == 2


def test_a_certificate_of_another_authority_stays_at_the_door(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics, tmp_path: Path
) -> None:
    make_ca(tmp_path)
    foreign = issue(tmp_path, topics.box)

    async def scenario() -> None:
        config = quick(broker, topics.box, cert=foreign.cert, key=foreign.key)
        async with box(config, topics, hq.key) as one:
            await fails_with(one, "down", "closed_at_the_door")

    asyncio.run(scenario())
    assert not hq.bodies


def test_a_broker_of_another_authority_gets_nothing(
    broker: Mosquitto, hq: HeadquartersPeer, topics: Topics, tmp_path: Path
) -> None:
    """P35, P16: a broker that can't prove to be headquarters' learns nothing, and isn't hammered."""
    other = make_ca(tmp_path)

    async def scenario() -> None:
        async with box(quick(broker, topics.box, ca=other), topics, hq.key) as one:
            await fails_with(one, "refused", "server_certificate")

    asyncio.run(scenario())
    assert not hq.bodies


def test_a_broker_under_another_name_gets_nothing(tmp_path: Path, topics: Topics) -> None:
    broker = Mosquitto(tmp_path)
    issue(broker.ca_directory, "broker", server=True, san=["elsewhere.example"])
    key = Ed25519PrivateKey.generate()

    async def scenario() -> None:
        async with box(quick(broker, topics.box), topics, key) as one:
            await fails_with(one, "refused", "server_certificate")

    with broker:
        asyncio.run(scenario())


def test_a_missing_certificate_is_a_state(broker: Mosquitto, topics: Topics, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()

    async def scenario() -> None:
        async with box(quick(broker, topics.box, cert=tmp_path / "none.crt"), topics, key) as one:
            await fails_with(one, "refused", "own_certificate")

    asyncio.run(scenario())


def test_nobody_at_the_address_is_a_state(broker: Mosquitto, topics: Topics) -> None:
    key = Ed25519PrivateKey.generate()

    async def scenario() -> None:
        async with box(quick(broker, topics.box, port=free_port()), topics, key) as one:
            await fails_with(one, "down", "unreachable")

    asyncio.run(scenario())


def test_a_broker_that_asks_for_a_password_is_a_state(tmp_path: Path, topics: Topics) -> None:
    """A CONNACK with `not authorised` is tried again slowly and shown, never in a loop."""
    broker = Mosquitto(tmp_path)
    broker.config.write_text(
        broker.config.read_text().replace("use_identity_as_username true", "use_identity_as_username false")
    )
    key = Ed25519PrivateKey.generate()

    async def scenario() -> None:
        async with box(quick(broker, topics.box), topics, key) as one:
            await fails_with(one, "refused", "not_authorized")
            await asyncio.sleep(1)

    with broker:
        asyncio.run(scenario())
        assert broker.log.read_text().count("not authorised") == 1


def listen_once(answer: bytes | None) -> tuple[socket.socket, bytearray, threading.Thread]:
    """Listen as a server that speaks plainly: keep what the first client says, answer, hang up."""
    server, heard = socket.create_server(("127.0.0.1", 0)), bytearray()
    server.settimeout(30)

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            heard.extend(connection.recv(65536))
            connection.sendall(answer or b"")

    thread = threading.Thread(target=serve)
    thread.start()
    return server, heard, thread


def test_a_plain_broker_hears_nothing_in_clear(broker: Mosquitto, topics: Topics) -> None:
    """P35: a downgrade to no TLS fails before a single byte of MQTT is sent."""
    key = Ed25519PrivateKey.generate()
    server, heard, thread = listen_once(b"\x20\x03\x00\x00\x00")  # a plain MQTT 5 CONNACK: success

    async def scenario() -> None:
        port = server.getsockname()[1]
        async with box(
            quick(broker, topics.box, port=port, last_wait_s=30, first_wait_s=30), topics, key
        ) as one:
            await fails_with(one, "down", "tls_failed")

    asyncio.run(scenario())
    thread.join()
    server.close()
    assert heard[0] == 0x16, "a TLS handshake"
    assert b"MQTT" not in heard
    assert topics.box.encode() not in heard


def test_an_old_tls_is_refused(broker: Mosquitto, topics: Topics) -> None:
    """P35: TLS 1.1 is no TLS."""
    key = Ed25519PrivateKey.generate()
    mine = issue(broker.ca_directory, "old-broker", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(mine.cert, mine.key)
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(30)
    outcomes: list[str] = []

    def serve() -> None:
        connection, _ = server.accept()
        try:
            with context.wrap_socket(connection, server_side=True):
                outcomes.append("handshake")
        except ssl.SSLError as error:
            outcomes.append(error.reason or "")

    thread = threading.Thread(target=serve)
    thread.start()

    async def scenario() -> None:
        port = server.getsockname()[1]
        async with box(quick(broker, topics.box, port=port, first_wait_s=30), topics, key) as one:
            await fails_with(one, "down", "tls_failed")

    asyncio.run(scenario())
    thread.join()
    server.close()
    assert outcomes
    assert outcomes != ["handshake"]
