"""Ingest against a real mosquitto with mutual TLS: receipts, kill -9, broker cuts, commands, refusals."""

import json
import queue
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.config import load
from cloud.keys import verified
from cloud.risk import board
from cloud.risk.board import Filter
from cloud.store.database import open_database
from edge.wire import CommandAnswered, EraseCommand, ErasureReceipt, Receipt, Topics, parse_command
from edge.wire.finding import Finding
from scripts.site.broker import Mosquitto
from tests.e2e.headquarters import BoxPeer, cli, ledger, make_headquarters, running, until
from tests.unit.cloud import records
from tests.unit.cloud.findings import case, finding
from tests.unit.cloud.signer import NOON, WHO, Signer, entry, hexid

pytestmark = pytest.mark.e2e


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running_broker:
        yield running_broker


@pytest.fixture
def config(tmp_path: Path, broker: Mosquitto) -> Path:
    return make_headquarters(tmp_path / "hq", broker)


@pytest.fixture
def box(broker: Mosquitto, config: Path) -> Iterator[BoxPeer]:
    signer = Signer()
    cli(
        "box", "add", "--config", str(config), "--site", "harbour", "--box", "box-1",
        "--public-key", signer.public.hex(),
    )  # fmt: skip
    peer = BoxPeer(broker, signer)
    yield peer
    peer.close()


def public_key(config: Path) -> bytes:
    return bytes.fromhex(json.loads(cli("status", "--json", "--config", str(config)))["public_key"])


def one_call(number: int) -> dict[str, object]:
    return entry(number, records.call(call_id=hexid(1000 + number)))


def receipted(box: BoxPeer, count: int, timeout: float = 60) -> set[int]:
    """Collect receipts until `count` sequences are covered."""
    covered: set[int] = set()
    while len(covered) < count:
        receipt = Receipt.model_validate(box.receipts.get(timeout=timeout).body)
        covered |= {r.sequence for r in receipt.results}
    return covered


def test_batches_are_receipted_and_refused_ones_do_not_stop_the_loop(config: Path, box: BoxPeer) -> None:
    with running("ingest", "--config", str(config)) as ingest:
        ingest.wait_for("subscribed")
        box.publish(b"\xff not a batch")
        box.publish(Signer(topics=box.signer.topics).batch([one_call(1)]))
        box.publish(box.signer.batch([one_call(1), one_call(2)]))
        signed = box.receipts.get(timeout=30)
        assert verified(public_key(config), "receipt", signed)
        assert [r["sequence"] for r in ledger(config, "call")] == [1, 2]
        status = json.loads(cli("status", "--json", "--config", str(config)))
        assert status["quarantined"] == 2
        assert status["boxes"][0]["received"] == 2 and status["boxes"][0]["missing"] == 0
        _forged_findings(config, box)
        assert "Traceback" not in "".join(ingest.lines)


def _forged_findings(config: Path, box: BoxPeer) -> None:
    """P33: with its own certificate a box sends another's finding and an altered one; then all again."""
    own, late = finding(box.signer, case(60), ref="R-1"), finding(box.signer, case(-10), ref="R-3")
    another = finding(Signer(Topics("demo", "harbour", "box-2")), case(60), ref="R-2")
    said = Finding("NORMAL", late.outcomes)
    altered = late.model_copy(
        update={"verdict": "NORMAL", "reasons": said.reasons, "review_reasons": said.review_reasons}
    )
    sent = box.signer.batch([entry(n, one) for n, one in enumerate((own, another, altered), 3)])
    for _ in range(2):
        box.publish(sent)
        results = Receipt.model_validate(box.receipts.get(timeout=30).body).results
        assert [(one.sequence, one.outcome, one.code) for one in results] == [
            (3, "committed", "ok"),
            (4, "quarantined", "finding_not_signed"),
            (5, "quarantined", "finding_contradicts"),
        ]
    database = open_database(load(config).database.url)
    with database.read() as connection:
        boxes = board.projects(connection, "demo")["harbour"]
        shown, _ = board.lines(connection, "demo", "harbour", boxes, "report", Filter())
    database.close()
    assert [(line.ref, line.verdict) for line in shown] == [("R-1", "NORMAL")]


def test_what_was_published_before_a_kill_9_is_written_once_after_it(config: Path, box: BoxPeer) -> None:
    with running("ingest", "--config", str(config)) as first:
        first.wait_for("subscribed")
        for number in range(1, 41):
            box.publish(box.signer.batch([one_call(number)]))
        receipted(box, 1)
        first.kill9()
    with running("ingest", "--config", str(config)) as second:
        second.wait_for("subscribed")
        # The broker keeps the session: what the killed process had not acknowledged comes again.
        until(lambda: len(ledger(config, "call")) == 40)
    assert sorted(r["sequence"] for r in ledger(config, "call")) == list(range(1, 41))


def test_a_broker_cut_is_survived(config: Path, broker: Mosquitto, box: BoxPeer) -> None:
    with running("ingest", "--config", str(config)) as ingest:
        ingest.wait_for("subscribed")
        box.publish(box.signer.batch([one_call(1)]))
        receipted(box, 1)
        broker.kill9()
        ingest.wait_for("interrupted")
        broker.start()
        ingest.wait_for("subscribed", count=2)
        box.publish(box.signer.batch([one_call(2)]))
        assert 2 in receipted(box, 1)


def test_an_erasure_order_is_signed_repeated_and_ends_with_the_receipt_P46(
    config: Path, box: BoxPeer
) -> None:
    with running("ingest", "--config", str(config)) as ingest:
        ingest.wait_for("subscribed")
        box.publish(box.signer.batch([entry(1, records.visit()), entry(2, records.consent())]))
        receipted(box, 2)
        order = json.loads(
            cli("erase", "--config", str(config), "--who", "-", "--reason", "visitor_request", stdin=WHO)
        )
        first, again = box.commands.get(timeout=30), box.commands.get(timeout=30)
        assert first == again and verified(public_key(config), "command", first)
        command = parse_command(first.body)
        assert isinstance(command, EraseCommand)
        assert (command.kind, command.who, command.box) == ("erase", WHO, "box-1")
        assert [command.command_id] == order["command_ids"]
        receipt = ErasureReceipt(
            command_id=command.command_id,
            who=WHO,
            outcome="erased",
            keys_destroyed=2,
            rows={"visits": 1},
            at_ms=NOON + 1,
        )
        box.publish(box.signer.batch([entry(3, receipt)]))
        assert 3 in receipted(box, 1)
        assert ledger(config, "visit")[0]["record"] is None
        assert json.loads(cli("status", "--json", "--config", str(config)))["open_commands"] == 0
        while True:  # copies that were under way; then silence for longer than the repetition
            try:
                box.commands.get(timeout=3)
            except queue.Empty:
                break


def test_a_withdrawal_order_is_answered(config: Path, box: BoxPeer) -> None:
    with running("ingest", "--config", str(config)) as ingest:
        ingest.wait_for("subscribed")
        box.publish(box.signer.batch([entry(1, records.visit())]))
        receipted(box, 1)
        arguments = ("--config", str(config), "--who", WHO, "--reason", "visitor_request")
        cli("withdraw", *arguments, "--scope", "registration")
        command = parse_command(box.commands.get(timeout=30).body)
        assert command.kind == "withdraw"
        answer = CommandAnswered(command_id=command.command_id, outcome="done", code="ok", at_ms=NOON)
        box.publish(box.signer.batch([entry(2, answer)]))
        receipted(box, 1)
        assert json.loads(cli("status", "--json", "--config", str(config)))["open_commands"] == 0


def test_run_does_both_in_one_process_and_a_second_one_says_the_port_is_taken(
    config: Path, box: BoxPeer
) -> None:
    with running("run", "--config", str(config)) as both:
        address = both.wait_for("pages:").split()[-1]
        assert f" {address}/first/" in both.wait_for("first password")
        both.wait_for("subscribed")
        box.publish(box.signer.batch([one_call(1)]))
        receipted(box, 1)
        assert urllib.request.urlopen(f"{address}/login", timeout=20).status == 200
        with pytest.raises(
            RuntimeError, match=r"^gatehouse-cloud: listen on 127.0.0.1:\d+: Address already in use"
        ):
            cli("web", "--config", str(config))


def test_a_stranger_without_rights_is_told_so(config: Path, broker: Mosquitto) -> None:
    """A certificate of the site's authority that the access list doesn't know gets nothing."""
    mine, stranger = broker.credentials("headquarters"), broker.credentials("stranger")
    text = (
        config.read_text()
        .replace(str(mine.cert), str(stranger.cert))
        .replace(str(mine.key), str(stranger.key))
    )
    config.write_text(text)
    signer = Signer()
    key = signer.public.hex()
    cli("box", "add", "--config", str(config), "--site", "harbour", "--box", "box-1", "--public-key", key)
    box = BoxPeer(broker, signer)
    try:
        with running("ingest", "--config", str(config)) as ingest:
            ingest.wait_for("subscribed")  # mosquitto grants what it will not deliver
            box.publish(signer.batch([one_call(1)]))
            with pytest.raises(queue.Empty):
                box.receipts.get(timeout=3)
        assert ledger(config) == []
    finally:
        box.close()


def test_a_missing_client_key_stops_the_start(config: Path, box: BoxPeer, broker: Mosquitto) -> None:
    text = config.read_text().replace(str(broker.credentials("headquarters").key), "none.key")
    config.write_text(text)
    with pytest.raises(RuntimeError, match=r"no such file: .*none\.key"):
        cli("ingest", "--config", str(config))
