"""A line's configuration is strict, keeps its secrets, and opens without touching anything."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge.devices import load, sip
from edge.devices._sip.inbox import Inbox
from edge.ipc.messages import RecordCall, Stop

GOOD: dict[str, Any] = {
    "id": "line-1",
    "line": "main",
    "registrar": "pbx.example.com",
    "username": "8001",
    "password": "sesame",
    "notice_wav": "/var/lib/gatehouse/notice.wav",
}
KEY = base64.b64encode(bytes(32)).decode()


def record(call: int = 0) -> RecordCall:
    return RecordCall(device="line-1", call=f"{call:032x}", key=KEY)


def closed(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return True
    return False


def test_the_least_that_is_needed_and_its_defaults() -> None:
    config = sip.Config(**GOOD)
    assert (config.kind, config.worker, config.port, config.transport) == ("sip", "phone", 5060, "udp")
    assert config.notice_wav == Path("/var/lib/gatehouse/notice.wav")


def test_it_survives_the_way_to_the_worker() -> None:
    config = sip.Config(**GOOD, bind="127.0.0.1", callers_from=["10.0.0.1"])
    assert sip.Config.model_validate(config.model_dump(mode="json")) == config


def test_it_keeps_its_secrets() -> None:
    config = sip.Config(**GOOD)
    assert "sesame" not in repr(config)
    assert "8001" not in repr(config)
    with pytest.raises(ValidationError) as caught:
        sip.Config.model_validate(GOOD | {"password": 12345678})
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"registrar": "pbx example"},
        {"registrar": "pbx;transport=tls"},
        {"registrar": ""},
        {"username": "8001@evil"},
        {"username": 'x"'},
        {"domain": "a>b"},
        {"port": 0},
        {"port": 70_000},
        {"transport": "sctp"},
        {"register_s": 1},
        {"ring_ms": -1},
        {"max_call_s": 0},
        {"max_calls": 5},
        {"rtp_ports": 6},
        {"rtp_port": 65_530},
        {"bind": "everywhere"},
        {"callers_from": ["pbx"]},
        {"line": "Main Line"},
        {"worker": "vision"},
        {"record_everything": True},
    ],
)
def test_what_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        sip.Config.model_validate(GOOD | wrong)


def test_it_is_found_by_its_name_without_the_native_library() -> None:
    kind = load("sip")
    driver = kind.open(kind.Config.model_validate(GOOD))
    driver.close()
    driver.close()


def test_out_of_a_session_a_request_is_dropped_with_its_descriptor() -> None:
    driver = sip.open(sip.Config(**GOOD))
    fd = os.open(os.devnull, os.O_WRONLY)
    driver.handle(record(), lambda: fd)
    assert closed(fd)


def test_other_messages_take_no_descriptor() -> None:
    driver = sip.open(sip.Config(**GOOD))
    driver.handle(Stop(), lambda: pytest.fail("there was no descriptor to take"))


def test_a_run_after_close_returns_at_once() -> None:
    driver = sip.open(sip.Config(**GOOD))
    driver.close()
    driver.run(None)  # type: ignore[arg-type]  # nothing is told: there is no session


def test_the_inbox_is_bounded_and_owns_what_it_holds() -> None:
    inbox = Inbox()
    fds = [os.open(os.devnull, os.O_WRONLY) for _ in range(70)]
    kept = [inbox.put(record(n), fd) for n, fd in enumerate(fds)]
    assert kept == [True] * 64 + [False] * 6
    assert [closed(fd) for fd in fds] == [False] * 64 + [True] * 6
    first, fd = next(inbox.take())
    assert (first, fd) == (record(0), fds[0])
    inbox.drop_all()
    assert [closed(fd) for fd in fds[1:]] == [True] * 69
    os.close(fds[0])
    assert list(inbox.take()) == []
