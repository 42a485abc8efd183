"""The client of the control socket against a real Unix socket: answers, errors, and a core gone wrong."""

import threading
from pathlib import Path

import pytest

from edge.domain.errors import LinkDown, ProtocolError, Refused
from edge.ipc.client import ControlClient
from edge.ipc.framing import MAX_LINE
from edge.ipc.kiosk import Begin, Begun, Depart, Departed, GetNotice, Notice, Recognise, Recognised
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal


def test_the_answer_comes_back_as_its_own_type(core: CoreDouble) -> None:
    client = ControlClient(core.path)
    assert client.ask(GetNotice(), Notice) == NOTICE
    assert client.ask(Depart(phone="13800138000"), Departed) == Departed(closed=True)
    assert [r.method for r in core.asked] == ["notice", "depart"]


def test_many_threads_ask_at_once(core: CoreDouble) -> None:
    client, got = ControlClient(core.path), []
    threads = [threading.Thread(target=lambda: got.append(client.ask(Begin(), Begun))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({begun.session for begun in got}) == 12


def test_what_the_core_refuses_is_refused_with_its_code(core: CoreDouble) -> None:
    core.script("begin", refusal("too_many_sessions", "wait"))
    with pytest.raises(Refused) as caught:
        ControlClient(core.path).ask(Begin(), Begun)
    assert (caught.value.code, caught.value.hint) == ("too_many_sessions", "wait")


def test_a_fault_of_the_core_may_be_tried_again(core: CoreDouble) -> None:
    core.script("begin", refusal("unavailable"))
    with pytest.raises(LinkDown) as caught:
        ControlClient(core.path).ask(Begin(), Begun)
    assert caught.value.recoverable


def test_no_core_and_a_core_that_went_away(core: CoreDouble, tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="core_unreachable"):
        ControlClient(tmp_path / "none.sock").ask(Begin(), Begun)
    core.stop()
    with pytest.raises(LinkDown, match="core_unreachable"):
        ControlClient(core.path).ask(Begin(), Begun)
    core.start()
    assert ControlClient(core.path).ask(Begin(), Begun).session


def test_a_silent_core_costs_the_timeout_and_no_more(core: CoreDouble) -> None:
    core.hold("recognise")
    with pytest.raises(LinkDown, match="core_silent"):
        ControlClient(core.path).ask(Recognise(session="0" * 32), Recognised, timeout=0.2)


@pytest.mark.parametrize(
    "reply",
    [
        b"not json",
        b"{}",
        b'{"ok": true, "result": {"session": "short"}}',
        b'{"ok": true, "result": {}, "phone": "13800138000"}',
        None,
        b"x" * (MAX_LINE + 1),
    ],
)
def test_a_broken_answer_is_an_error_that_quotes_nothing(core: CoreDouble, reply: bytes | None) -> None:
    core.script("begin", reply)
    with pytest.raises(ProtocolError) as caught:
        ControlClient(core.path).ask(Begin(), Begun)
    assert "13800138000" not in str(caught.value)
    assert caught.value.__cause__ is None
