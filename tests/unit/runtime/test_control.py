"""A control socket, really connected to: who may, what gets an answer, and what costs only its connection."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from edge.domain.errors import InvalidInput, LinkDown, Refused, StoreError
from edge.ipc import kiosk
from edge.ipc.client import ControlClient
from edge.ipc.control import Answer
from edge.ipc.framing import MAX_LINE
from edge.ipc.messages import Message
from edge.runtime import control
from edge.runtime.control import ControlSocket, uid_of

NOBODY = 65534
SECRET = "13800138000"
SESSION = "1" * 32

Answering = Callable[[kiosk.KioskRequest], Awaitable[Message]]


async def begun(request: kiosk.KioskRequest) -> Message:
    return kiosk.Begun(session=SESSION)


@contextlib.asynccontextmanager
async def serving(
    directory: Path, answer: Answering = begun, allowed: frozenset[int] = frozenset()
) -> AsyncIterator[Path]:
    path = directory / "kiosk.sock"
    one = ControlSocket(path, kiosk.KIOSK_REQUEST, answer, allowed)
    await one.start()
    try:
        yield path
    finally:
        await one.stop()


async def exchange(path: Path, *lines: bytes) -> list[bytes]:
    """Send `lines` and return the answers up to the end of the connection or of the lines."""
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
    answers = []
    try:
        for line in lines:
            writer.write(line + b"\n")
            await writer.drain()
            answer = await reader.readline()
            if not answer:
                break
            answers.append(answer)
    except ConnectionError:
        pass  # the box hung up in the middle of what was sent
    finally:
        writer.close()
    return answers


def test_requests_are_answered_in_order_on_one_connection(tmp_path: Path) -> None:
    async def answer(request: kiosk.KioskRequest) -> Message:
        if isinstance(request, kiosk.End):
            return kiosk.Departed(closed=True)
        return kiosk.Begun(session=SESSION)

    async def scene() -> None:
        async with serving(tmp_path, answer) as path:
            end = kiosk.End(session=SESSION).model_dump_json().encode()
            answers = await exchange(path, b'{"method": "begin"}', end, b'{"method": "begin"}')
        results = [Answer.model_validate_json(a).result for a in answers]
        assert results == [{"session": SESSION}, {"closed": True}, {"session": SESSION}]

    asyncio.run(scene())


def test_the_products_own_client_is_answered(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as path:
            client = ControlClient(path, timeout=10)
            got = await asyncio.to_thread(client.ask, kiosk.Begin(), kiosk.Begun)
            assert got == kiosk.Begun(session=SESSION)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe\x00",
        b"\x80\x04\x95pickle",
        b'{"method": "status"}',  # the operator's, not the kiosk's
        b'{"method": "import_reports", "rows": []}',
        b'{"method": "%s"}' % SECRET.encode(),
        b'{"method": "begin", "%s": 1}' % SECRET.encode(),
        b'{"method": "depart", "phone": "%s-extension"}' % SECRET.encode(),
        b'{"method": "depart", "phone": ["%s"]}' % SECRET.encode(),
    ],
)
def test_an_invalid_request_gets_a_code_and_never_its_contents(tmp_path: Path, line: bytes) -> None:
    """P11: forms have fixed fields; the connection lives on."""

    async def scene() -> None:
        async with serving(tmp_path) as path:
            wrong, right = await exchange(path, line, b'{"method": "begin"}')
        answer = Answer.model_validate_json(wrong)
        assert (answer.ok, answer.code) == (False, "invalid_request")
        assert answer.hint.startswith("wrong: ") and len(answer.hint) > len("wrong: ")
        assert SECRET.encode() not in wrong
        assert json.loads(right)["ok"] is True

    asyncio.run(scene())


def test_the_hint_names_the_wrong_field(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as path:
            (answer,) = await exchange(path, b'{"method": "depart", "phone": "x", "extra": 1}')
        assert Answer.model_validate_json(answer).hint == "wrong: an unknown field, depart.phone"

    asyncio.run(scene())


def test_an_oversized_line_ends_its_connection_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as path:
            assert await exchange(path, b"a" * (2 * MAX_LINE)) == []
            assert len(await exchange(path, b'{"method": "begin"}')) == 1

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (Refused("use", "no_consent", "ask first"), "no_consent", "ask first"),
        (InvalidInput("read", "not_a_phone_number"), "not_a_phone_number", ""),
        (LinkDown("speak", "worker_down", "it restarts"), "unavailable", "it restarts"),
        (StoreError("write", "disk full"), "unavailable", "disk full"),
    ],
)
def test_a_domain_error_is_an_answer(tmp_path: Path, error: Exception, code: str, hint: str) -> None:
    async def fail(request: kiosk.KioskRequest) -> Message:
        raise error

    async def scene() -> None:
        async with serving(tmp_path, fail) as path:
            answers = await exchange(path, b'{"method": "begin"}', b'{"method": "begin"}')
        assert len(answers) == 2, "the connection lives on"
        answer = Answer.model_validate_json(answers[0])
        assert (answer.ok, answer.code, answer.hint) == (False, code, hint)

    asyncio.run(scene())


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), ConnectionResetError(SECRET)])
def test_an_unforeseen_error_costs_one_connection_and_is_logged_without_its_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    failing = True

    async def fail(request: kiosk.KioskRequest) -> Message:
        if failing:
            raise error
        return await begun(request)

    async def scene() -> None:
        nonlocal failing
        async with serving(tmp_path, fail) as path:
            assert await exchange(path, b'{"method": "begin"}') == []
            failing = False
            assert len(await exchange(path, b'{"method": "begin"}')) == 1

    asyncio.run(scene())
    text = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert f"type={type(error).__name__}" in text
    assert SECRET not in text


# ---- who may connect ------------------------------------------------------------------------


def as_user(uid: int, path: Path) -> bytes:
    """Ask as another account, from a child of its own; return what came back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # no Python of the parent runs here beyond this block
        status = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(10)
                sock.connect(str(path))
                with contextlib.suppress(BrokenPipeError):
                    sock.sendall(b'{"method": "begin"}\n')
                with contextlib.suppress(ConnectionResetError):
                    os.write(writer, sock.recv(65536))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        got = answer.read()
    _pid, status = os.waitpid(child, 0)
    assert status == 0, "the child could connect and ask"
    return got


@pytest.fixture
def open_directory(tmp_path: Path) -> Path:
    """A directory that every account may enter."""
    if os.getuid() != 0:
        pytest.skip("only root can become another account")
    for part in (tmp_path, *tmp_path.parents):
        if part.stat().st_uid == os.getuid() and not part.stat().st_mode & stat.S_IXOTH:
            part.chmod(part.stat().st_mode | stat.S_IXOTH)
    return tmp_path


@pytest.mark.parametrize(("allowed", "answered"), [(frozenset(), False), (frozenset({NOBODY}), True)])
def test_p3_another_account_is_answered_only_if_it_is_named(
    open_directory: Path, caplog: pytest.LogCaptureFixture, allowed: frozenset[int], answered: bool
) -> None:
    """P3: few people may look; default deny. The peer's credentials decide, not the file's mode."""

    async def scene() -> None:
        async with serving(open_directory, allowed=allowed) as path:
            got = await asyncio.to_thread(as_user, NOBODY, path)
            assert bool(got) is answered
            assert await exchange(path, b'{"method": "begin"}'), "root's own is served meanwhile"

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    refusals = [r for r in caplog.records if "connection refused" in r.getMessage()]
    assert [r.getMessage() for r in refusals] == (
        [] if answered else [f"connection refused socket=kiosk.sock uid={NOBODY}"]
    )


def test_an_account_that_does_not_exist_is_a_clear_error() -> None:
    assert uid_of("root") == 0
    with pytest.raises(InvalidInput, match="create the account gatehouse-nobody-there"):
        uid_of("gatehouse-nobody-there")


# ---- bounds and the end ---------------------------------------------------------------------


def test_one_client_too_many_is_turned_away_until_another_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MOST_CLIENTS", 2)

    async def scene() -> None:
        async with serving(tmp_path) as path:
            idle = [await asyncio.open_unix_connection(path) for _ in range(2)]
            for reader, writer in idle:
                writer.write(b'{"method": "begin"}\n')
                assert await reader.readline()
            assert await exchange(path, b'{"method": "begin"}') == []
            idle[0][1].close()
            async with asyncio.timeout(10):
                while not await exchange(path, b'{"method": "begin"}'):
                    await asyncio.sleep(0)
            idle[1][1].close()

    asyncio.run(scene())


def test_a_client_that_asks_nothing_gives_its_place_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "IDLE_S", 0.05)

    async def scene() -> None:
        async with serving(tmp_path) as path:
            reader, writer = await asyncio.open_unix_connection(path)
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()

    asyncio.run(scene())


def test_stopping_ends_open_connections_and_removes_the_socket(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as path:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b'{"method": "begin"}\n')
            await reader.readline()
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        assert not path.exists()

    asyncio.run(scene())


def test_a_socket_that_a_killed_core_left_behind_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "kiosk.sock"))
    left.close()

    async def scene() -> None:
        async with serving(tmp_path) as path:
            assert await exchange(path, b'{"method": "begin"}')

    asyncio.run(scene())
