"""The SIP driver keeps the contract of every driver, and its own: registration, and what a call is told as.

Against a real registrar (kamailio) and real callers (sipp).
"""

import base64
import os
import socket
import threading
import wave
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from edge.devices import sip
from edge.devices._sip import session as sip_session
from edge.devices._sip.setup import notice_seconds
from edge.domain.errors import AuthFailed, DeviceMisconfigured, LinkDown
from edge.ipc.driver import Driver
from edge.ipc.guard import Guard
from edge.ipc.messages import CallEnded, CallKey, CallStarted, DeviceState, FromWorker, LeaseOver, RecordCall
from edge.ipc.seal import open_sealed
from scripts.site.registrar import Registrar, free_port
from scripts.site.sip_audio import energy, tone
from scripts.site.sip_peers import Plan, Word, place_call
from tests.conformance.driver_suite import DriverContract, Rig, Session

pytestmark = pytest.mark.e2e

NUMBER = "13800138000"
KEY = bytes(range(32))
NOTICE_S = 1.0


@pytest.fixture(scope="module")
def notice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notice") / "notice.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(tone(NOTICE_S, 600))
    return path


@pytest.fixture
def registrar(tmp_path: Path) -> Iterator[Registrar]:
    with Registrar(tmp_path / "registrar", {"office": "sesame"}) as running:
        yield running


@pytest.fixture
def line(registrar: Registrar, notice: Path) -> Callable[..., Driver]:
    """Open a driver for the registrar; fields may be given."""

    def make(**fields: object) -> Driver:
        known = {
            "id": "line-1",
            "line": "main",
            "registrar": "127.0.0.1",
            "port": registrar.port,
            "username": "office",
            "password": "sesame",
            "register_s": 6,
            "answer_s": 3,
            "notice_wav": notice,
            "ring_ms": 100,
            "bind": "127.0.0.1",
            "bind_port": 0,
        }
        return sip.open(sip.Config.model_validate(known | fields))

    return make


class Core:
    """Plays the core's part: on key 1 it opens a spool file and says to record."""

    def __init__(self, session: Session, spool: Path) -> None:
        self.session = session
        self.open_spool: Callable[[str], int] = lambda call: os.open(
            spool / call, os.O_CREAT | os.O_WRONLY, 0o600
        )
        self._spool = spool
        self.stops_at_once = False
        self._observe = session.sink.observe
        session.sink.observe = self.observe  # type: ignore[method-assign]  # a witness that also answers

    def observe(self, message: object) -> None:
        self._observe(message)  # type: ignore[arg-type]  # what a driver gives is a FromWorker
        if isinstance(message, CallKey) and message.key == "1":
            fd = self.open_spool(message.call)
            key = base64.b64encode(KEY).decode()
            request = RecordCall(device=message.device, call=message.call, key=key)
            self.session.driver.handle(request, lambda: fd)
            if self.stops_at_once:
                over = LeaseOver(lease=message.call, device=message.device)
                self.session.driver.handle(over, lambda: -1)

    def audio(self, call: str) -> tuple[bytes, bool]:
        fd = os.open(self._spool / call, os.O_RDONLY)
        try:
            reader = open_sealed(fd, KEY)
            return b"".join(reader), reader.complete
        finally:
            os.close(fd)


class TestSip(DriverContract):
    @pytest.fixture
    def rig(self, registrar: Registrar, line: Callable[..., Driver]) -> Rig:
        return Rig(
            device="line-1",
            connect=line,
            absent=lambda: line(port=free_port()),
            vanish=registrar.stop,
            restore=registrar.start,
            handles=frozenset({RecordCall, LeaseOver}),
            lost_s=30.0,
        )


@pytest.fixture
def up(line: Callable[..., Driver]) -> Iterator[Callable[..., Session]]:
    """Start a session that is registered; all are closed afterwards."""
    sessions: list[Session] = []

    def start(**fields: object) -> Session:
        session = Session(line(**fields))
        sessions.append(session)
        assert session.sink.wait(lambda: _state(session) == "up", 10), f"not registered: {session.error!r}"
        return session

    yield start
    for session in sessions:
        session.driver.close()
        assert session.ended(5)


def _state(session: Session) -> str:
    states = [m for m in session.sink.messages if isinstance(m, DeviceState)]
    return states[-1].state if states else ""


def call(registrar: Registrar, plan: Plan) -> Word:
    return place_call(plan, "office", ("127.0.0.1", registrar.port))


def ended(session: Session, count: int = 1) -> list[CallEnded]:
    assert session.sink.wait(
        lambda: sum(isinstance(m, CallEnded) for m in session.sink.messages) >= count, 10
    ), "no CallEnded"
    return [m for m in session.sink.of(CallEnded) if isinstance(m, CallEnded)]


# ---- registration


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_registers_says_up_and_gives_the_line_back(
    registrar: Registrar, up: Callable[..., Session], transport: str
) -> None:
    session = up(transport=transport)
    assert registrar.registered("office")
    session.close()
    registrar.wait_registered("office", 2, want=False)


def test_a_wrong_password_is_auth_failed(line: Callable[..., Driver]) -> None:
    session = Session(line(password="open"))
    assert session.ended(10)
    assert isinstance(session.error, AuthFailed)
    assert not session.error.recoverable
    assert "open" not in str(session.error)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_no_registrar_is_link_down(line: Callable[..., Driver], transport: str) -> None:
    session = Session(line(port=free_port(), transport=transport))
    assert session.ended(20)
    assert isinstance(session.error, LinkDown)


def test_a_name_that_nobody_knows_is_link_down(line: Callable[..., Driver]) -> None:
    session = Session(line(registrar="registrar.invalid"))
    assert session.ended(20)
    assert isinstance(session.error, LinkDown)
    assert session.error.code == "name_unknown"


def test_a_port_in_use_is_link_down_and_the_driver_recovers(
    up: Callable[..., Session], line: Callable[..., Driver]
) -> None:
    port = free_port()
    first = up(bind_port=port, transport="udp")
    second = Session(line(bind_port=port))
    assert second.ended(5)
    assert isinstance(second.error, DeviceMisconfigured), "one process has one line"
    assert second.error.code == "second_line"
    first.close()
    again = up(bind_port=port)
    assert again.error is None


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "notice_missing"), (b"", "notice_unusable"), (b"RIFF....WAVEnothing", "notice_unusable")],
)
def test_a_line_without_its_notice_does_not_answer(
    line: Callable[..., Driver], registrar: Registrar, tmp_path: Path, content: bytes | None, code: str
) -> None:
    path = tmp_path / "other.wav"
    if content is not None:
        path.write_bytes(content)
    session = Session(line(notice_wav=path))
    assert session.ended(5)
    assert isinstance(session.error, DeviceMisconfigured)
    assert session.error.code == code
    assert not registrar.registered("office")


def test_a_stereo_notice_is_refused(line: Callable[..., Driver], tmp_path: Path, notice: Path) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(64))
    session = Session(line(notice_wav=path))
    assert session.ended(5)
    assert isinstance(session.error, DeviceMisconfigured)
    config = sip.Config(id="a", line="a", registrar="h", username="u", notice_wav=notice, bind_port=0)
    assert notice_seconds(config) == pytest.approx(NOTICE_S)


def test_a_port_in_use_is_link_down(line: Callable[..., Driver]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        session = Session(line(bind_port=other.getsockname()[1]))
        assert session.ended(5)
    assert isinstance(session.error, LinkDown)
    assert session.error.code == "port_unavailable"


def test_a_registrar_that_restarts_has_us_again_without_a_new_session(
    registrar: Registrar, up: Callable[..., Session]
) -> None:
    session = up(transport="tcp")
    registrar.stop()
    registrar.start()
    registrar.wait_registered("office", 20)
    assert session.error is None


# ---- calls


def test_a_call_without_a_key_is_told_and_not_recorded(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    """P27: no scope, no audio anywhere."""
    session = up()
    Core(session, tmp_path)
    word = call(registrar, Plan(NUMBER, seconds=2.0))
    (end,) = ended(session)
    (start,) = session.sink.of(CallStarted)
    assert isinstance(start, CallStarted)
    assert start.number == word.number == NUMBER
    assert abs(start.at_ms - word.started_ms) < 1000
    assert end.call == start.call
    assert (end.answered, end.notice_played, end.recorded_ms) == (True, True, 0)
    assert abs(end.duration_ms - word.duration_ms) < 500
    assert word.heard_ms == pytest.approx(NOTICE_S * 1000, abs=200), "the caller heard the whole notice"
    assert end.loss_permille == 0
    assert end.mos_x100 is not None
    assert end.mos_x100 > 400
    assert session.sink.of(CallKey) == []
    assert not (tmp_path / end.call).exists()


def test_a_call_with_key_1_is_recorded_sealed(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    session = up()
    core = Core(session, tmp_path)
    word = call(registrar, Plan(NUMBER, seconds=4.0, key="1", key_at=1.2, speaks_from=1.6))
    (end,) = ended(session)
    keys = [m for m in session.sink.of(CallKey) if isinstance(m, CallKey)]
    assert [k.key for k in keys] == [word.key] == ["1"]
    pcm, whole = core.audio(end.call)
    assert whole
    assert end.recorded_ms == len(pcm) // 32
    assert 2000 < end.recorded_ms < 3200
    samples = array("h", pcm)
    caller, heard = samples[0::2].tobytes(), samples[1::2].tobytes()
    assert energy(caller[-2 * 8000 :]) == pytest.approx(word.spoken_energy, rel=0.15)
    assert energy(heard) < 50, "the notice was over, nobody spoke on our side"


def test_p43_a_recording_stops_when_its_consent_ends_and_the_call_goes_on(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    """P43: what was sealed before stays, nothing is added."""
    session = up()
    core = Core(session, tmp_path)
    core.stops_at_once = True
    call(registrar, Plan(NUMBER, seconds=4.0, key="1", key_at=0.5))
    (end,) = ended(session)
    pcm, whole = core.audio(end.call)
    assert whole
    assert end.answered
    assert end.duration_ms > 3000
    assert end.recorded_ms == len(pcm) // 32 < 1000


def test_both_directions_are_recorded(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    session = up()
    core = Core(session, tmp_path)
    call(registrar, Plan(NUMBER, seconds=2.5, key="1", key_at=0.1))
    (end,) = ended(session)
    pcm, _whole = core.audio(end.call)
    heard = array("h", pcm)[1::2].tobytes()
    assert energy(heard[:8000]) > 1000, "the notice was still being played when the key was pressed"
    assert end.notice_played, "a key doesn't cut the notice short"


def test_a_caller_who_gives_up_while_it_rings(registrar: Registrar, up: Callable[..., Session]) -> None:
    session = up(ring_ms=20_000)
    word = call(registrar, Plan(NUMBER, scenario="give_up", seconds=0.5))
    (end,) = ended(session)
    assert (end.answered, end.notice_played, end.recorded_ms) == (False, False, 0)
    assert (end.loss_permille, end.mos_x100) == (None, None)
    assert not word.answered
    assert word.final_status == 487
    assert abs(end.duration_ms - word.duration_ms) < 500


def test_a_caller_who_leaves_during_the_notice(registrar: Registrar, up: Callable[..., Session]) -> None:
    session = up()
    call(registrar, Plan(NUMBER, seconds=0.4))
    (end,) = ended(session)
    assert (end.answered, end.notice_played) == (True, False)


def test_a_call_has_an_end(registrar: Registrar, up: Callable[..., Session]) -> None:
    session = up(max_call_s=5)
    word = call(registrar, Plan(NUMBER, scenario="stay", seconds=9.0))
    (end,) = ended(session)
    assert word.duration_ms == pytest.approx(5000, abs=1000)
    assert end.duration_ms == pytest.approx(word.duration_ms, abs=500)
    assert end.mos_x100 is not None, "who hangs up makes no difference to what was measured"


@pytest.mark.parametrize(
    ("plan", "number"),
    [
        (Plan(NUMBER, scenario="give_up", seconds=0.1, asserted="+8675588888888"), "+8675588888888"),
        (Plan(NUMBER, scenario="give_up", seconds=0.1, asserted=NUMBER, withheld=True), ""),
        (Plan("anonymous", scenario="give_up", seconds=0.1), ""),
    ],
)
def test_the_number_is_what_the_provider_vouches_for(
    registrar: Registrar, up: Callable[..., Session], plan: Plan, number: str
) -> None:
    session = up(ring_ms=20_000)
    call(registrar, plan)
    ended(session)
    (start,) = session.sink.of(CallStarted)
    assert isinstance(start, CallStarted)
    assert start.number == number


def test_lost_packets_are_counted_and_heard(registrar: Registrar, up: Callable[..., Session]) -> None:
    session = up()
    word = call(registrar, Plan(NUMBER, seconds=5.0, loss=0.1))
    (end,) = ended(session)
    lost = 1000 * word.lost_packets / (word.lost_packets + word.sent_packets)
    assert end.loss_permille == pytest.approx(lost, abs=10)
    assert end.mos_x100 is not None
    assert end.mos_x100 < 400


def test_four_calls_at_once_each_recorded_into_its_own_file(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    session = up()
    core = Core(session, tmp_path)
    plans = [Plan(f"1380013800{n}", seconds=4.0, key="1", key_at=1.2) for n in range(4)]
    with ThreadPoolExecutor(4) as callers:
        words = list(callers.map(lambda plan: call(registrar, plan), plans))
    ends = ended(session, 4)
    starts = {m.call: m.number for m in session.sink.of(CallStarted) if isinstance(m, CallStarted)}
    assert sorted(starts.values()) == sorted(w.number for w in words)
    assert {e.call for e in ends} == set(starts)
    assert len(ends) == 4
    for end in ends:
        pcm, whole = core.audio(end.call)
        assert whole
        assert end.recorded_ms == len(pcm) // 32 > 1500


def test_a_line_that_is_full_turns_callers_away_and_tells_of_them(
    registrar: Registrar, up: Callable[..., Session]
) -> None:
    session = up(max_calls=1, ring_ms=3000)
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(call, registrar, Plan(NUMBER, scenario="give_up", seconds=2.0))
        assert session.sink.wait(lambda: any(isinstance(m, CallStarted) for m in session.sink.messages), 10)
        word = call(registrar, Plan(NUMBER, scenario="turned_away", status=486, seconds=1))
        first.result()
    ends = ended(session, 2)
    assert word.final_status == 486
    assert [e.answered for e in ends] == [False, False]


def test_a_fifth_caller_hears_that_the_line_is_busy_and_is_told_of(
    registrar: Registrar, up: Callable[..., Session]
) -> None:
    session = up(ring_ms=20_000)
    with ThreadPoolExecutor(4) as callers:
        plans = [Plan(f"1380013800{n}", scenario="give_up", seconds=4.0) for n in range(4)]
        ringing = [callers.submit(call, registrar, plan) for plan in plans]
        assert session.sink.wait(
            lambda: sum(isinstance(m, CallStarted) for m in session.sink.messages) == 4, 10
        )
        word = call(registrar, Plan("13800138004", scenario="turned_away", status=486, seconds=1))
        assert [r.result().answered for r in ringing] == [False] * 4
    assert word.final_status == 486
    ends = ended(session, 5)
    starts = {m.call: m.number for m in session.sink.of(CallStarted) if isinstance(m, CallStarted)}
    assert "13800138004" in starts.values()
    assert sorted(e.call for e in ends) == sorted(starts)


def test_who_does_not_come_from_the_registrar_is_refused_unheard(up: Callable[..., Session]) -> None:
    """A stranger in the office's network rings the box itself, past the provider."""
    port = free_port()
    session = up(bind_port=port, ring_ms=20_000)
    stranger = Plan(NUMBER, scenario="turned_away", status=403, seconds=1, address="127.0.0.2")
    assert place_call(stranger, "office", ("127.0.0.1", port)).final_status == 403
    assert session.sink.of(CallStarted) == []
    friend = Plan(NUMBER, scenario="give_up", seconds=0.1)
    assert place_call(friend, "office", ("127.0.0.1", port)).final_status == 487
    ended(session)


def test_a_call_that_is_still_being_sealed_costs_the_next_caller_nothing(
    registrar: Registrar, up: Callable[..., Session]
) -> None:
    """The library gives the next caller the place of the last one while the disk still writes."""
    session = up()
    reader, writer = os.pipe()
    core = Core(session, Path())
    core.open_spool = lambda _call: os.dup(writer)
    call(registrar, Plan(NUMBER, seconds=4.5, key="1", key_at=0.3))
    assert session.sink.of(CallEnded) == [], "a pipe that nobody reads holds the seal up"
    with ThreadPoolExecutor(1) as callers:
        second = callers.submit(call, registrar, Plan("13800138001", seconds=3.0))
        assert session.sink.wait(lambda: len(session.sink.messages) >= 4, 10), "the second call rings"
        os.close(writer)
        drain = threading.Thread(target=_drain, args=(reader,))
        drain.start()
        first = ended(session)[0]
        assert first.recorded_ms > 3000
        assert second.result().answered
    drain.join(5)
    assert len(ended(session, 2)) == 2


def _drain(fd: int) -> None:
    while os.read(fd, 65536):
        pass
    os.close(fd)


def test_many_short_calls_each_end_once_and_leave_nothing(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    session = up()
    Core(session, tmp_path)

    def one(number: int) -> None:
        key = "1" if number % 2 else ""
        with suppress(RuntimeError):  # a caller who finds the line busy fails its scenario; it is told of too
            call(registrar, Plan(f"138{number:08}", seconds=0.5 + number % 3 / 3, key=key, key_at=0.2))

    with ThreadPoolExecutor(6) as callers:
        list(callers.map(one, range(30)))
    ends = ended(session, 30)
    starts = [m.call for m in session.sink.of(CallStarted) if isinstance(m, CallStarted)]
    assert len(starts) == 30
    assert sorted(e.call for e in ends) == sorted(starts)
    recorded = [e for e in ends if e.recorded_ms]
    assert {e.call for e in recorded} <= {path.name for path in tmp_path.iterdir()}


def test_a_fault_in_a_callback_ends_the_session_and_not_the_process(
    registrar: Registrar, line: Callable[..., Driver]
) -> None:
    session = Session(line(ring_ms=5000))
    assert session.sink.wait(lambda: _state(session) == "up", 10)
    observe = session.sink.observe

    def faulty(message: FromWorker) -> None:
        observe(message)
        if isinstance(message, CallStarted):
            raise KeyError("a fault")

    session.sink.observe = faulty  # type: ignore[method-assign]  # a witness that fails
    with suppress(RuntimeError):  # this caller is cut off
        call(registrar, Plan(NUMBER, scenario="give_up", seconds=1.0))
    assert session.ended(5)
    assert isinstance(session.error, KeyError)
    again = Session(line())
    assert again.sink.wait(lambda: _state(again) == "up", 10), "the process can open the line again"
    again.close()


def test_a_close_during_a_recorded_call_ends_it_properly(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    session = up()
    core = Core(session, tmp_path)
    with ThreadPoolExecutor(1) as callers:
        word = callers.submit(
            call, registrar, Plan(NUMBER, scenario="stay", seconds=20.0, key="1", key_at=0.2)
        )
        assert session.sink.wait(lambda: any(isinstance(m, CallKey) for m in session.sink.messages), 10)
        threading.Event().wait(0.5)
        session.close()
        assert word.result().answered, "the caller was told with a BYE"
    (end,) = ended(session)
    pcm, whole = core.audio(end.call)
    assert whole
    assert end.recorded_ms == len(pcm) // 32 > 0


def test_a_call_outlives_its_registrar_and_the_loss_is_told_meanwhile(
    registrar: Registrar, up: Callable[..., Session], tmp_path: Path
) -> None:
    session = up()
    core = Core(session, tmp_path)
    with ThreadPoolExecutor(1) as callers:
        word = callers.submit(call, registrar, Plan(NUMBER, seconds=11.0, key="1", key_at=1.2))
        assert session.sink.wait(lambda: any(isinstance(m, CallKey) for m in session.sink.messages), 10)
        registrar.stop()
        assert session.sink.wait(lambda: _state(session) == "down", 15), "the loss was not told"
        assert session.error is None
        assert session.sink.of(CallEnded) == [], "a call needs no registrar while it lasts"
        registrar.start()
        assert word.result().answered
    (end,) = ended(session)
    assert end.recorded_ms > 7000
    assert core.audio(end.call)[1]
    assert session.sink.wait(lambda: _state(session) == "up", 10) or isinstance(session.error, LinkDown)


def test_a_recording_that_nobody_can_take_closes_its_descriptor(up: Callable[..., Session]) -> None:
    session = up()
    fd = os.open(os.devnull, os.O_WRONLY)
    request = RecordCall(device="line-1", call="0" * 32, key=base64.b64encode(KEY).decode())
    session.driver.handle(request, lambda: fd)
    session.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)


def test_the_library_of_the_session_before_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made beside it, it would end the process; a cycle that nothing else holds is collected."""
    monkeypatch.setattr(sip_session, "_GONE_S", 0.1)
    held = sip_session._library(Guard(), cast(sip_session.Session, None))
    with pytest.raises(LinkDown, match="library_in_use"):
        sip_session._library(Guard(), cast(sip_session.Session, None))
    held.itself = held
    del held
    assert sip_session._library(Guard(), cast(sip_session.Session, None)) is not None
