"""The RTSP driver against a real RTSP server: GStreamer's, with digest and basic authentication."""

import logging
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from edge.devices import rtsp
from edge.domain.errors import AuthFailed, DeviceMisconfigured, Frozen, LinkDown
from edge.ipc.messages import DeviceState, FrameLease, LeaseOver
from scripts.site.cameras import Cameras, film
from tests.conformance.driver_suite import DriverContract, Rig, Session

pytestmark = pytest.mark.e2e

PASSWORD = "p@ss:w/rd%41"
LEASE = "ab" * 16


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    mounts = {"entrance": film("entrance"), "desk": film("desk-empty")}
    with Cameras(mounts, user="install@er", password=PASSWORD) as running:
        yield running


def config(cameras: Cameras, mount: str = "entrance", **changed: Any) -> rtsp.Config:
    fields = {"id": "cam-1", "role": mount, "url": cameras.url(mount), "username": cameras.user}
    return rtsp.Config.model_validate({**fields, "password": cameras.password, **changed})


class TestRtspContract(DriverContract):
    @pytest.fixture
    def rig(self, cameras: Cameras) -> Iterator[Rig]:
        cameras.order("switch", "desk", str(film("desk-empty")))
        with socket.socket() as reserved:  # bound, not listening: nobody else gets the port
            reserved.bind(("127.0.0.1", 0))
            absent = f"rtsp://127.0.0.1:{reserved.getsockname()[1]}/desk"

            def order(what: str) -> None:
                cameras.order(what, "desk")

            yield Rig(
                device="cam-1",
                connect=lambda: rtsp.open(config(cameras, "desk")),
                absent=lambda: rtsp.open(config(cameras, "desk", url=absent)),
                vanish=partial(order, "cut"),
                restore=partial(order, "restore"),
                handles=frozenset({FrameLease, LeaseOver}),
            )
        cameras.order("restore", "desk")


def ended(session: Session, seconds: float = 25.0) -> BaseException:
    assert session.ended(seconds), "the session never ended"
    assert session.error is not None
    return session.error


def chain(error: BaseException) -> str:
    """Return every text that a traceback of `error` could show."""
    texts = list[str]()
    seen: BaseException | None = error
    while seen is not None:
        texts.append(repr(seen) + str(seen))
        seen = seen.__cause__ or seen.__context__
    return " ".join(texts)


@pytest.mark.parametrize("auth", ["digest", "basic"])
def test_a_password_with_special_characters_opens_the_stream(auth: str) -> None:
    with Cameras({"desk": film("desk-empty")}, user="a b@c", password=PASSWORD, auth=auth) as cameras:
        session = Session(rtsp.open(config(cameras, "desk")))
        assert session.sink.wait(session.sink.alive, 15)
        session.close()


def test_a_wrong_password_is_auth_failed_and_nobody_learns_it(
    cameras: Cameras, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "s3cret-wr0ng"
    session = Session(rtsp.open(config(cameras, password=wrong)))
    error = ended(session)
    assert isinstance(error, AuthFailed)
    assert error.state == "auth_failed"
    assert not error.recoverable
    out, err = capfd.readouterr()
    assert wrong not in chain(error) + out + err + caplog.text


def test_no_password_in_any_text_when_the_link_breaks(
    cameras: Cameras, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session = Session(rtsp.open(config(cameras)))
    assert session.sink.wait(session.sink.alive, 15)
    cameras.order("cut", "entrance")
    error = ended(session)
    again = ended(Session(rtsp.open(config(cameras))))
    cameras.order("restore", "entrance")
    assert isinstance(error, LinkDown)
    assert isinstance(again, LinkDown)
    out, err = capfd.readouterr()
    texts = chain(error) + chain(again) + out + err + caplog.text
    assert PASSWORD not in texts
    assert "%40ss" not in texts  # nor percent-encoded


def test_a_path_that_is_not_there_is_misconfigured(cameras: Cameras) -> None:
    url = cameras.url("desk").replace("/desk", "/no-such-stream")
    assert isinstance(ended(Session(rtsp.open(config(cameras, url=url)))), DeviceMisconfigured)


def test_a_server_that_accepts_and_says_nothing_is_link_down(cameras: Cameras) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"rtsp://127.0.0.1:{mute.getsockname()[1]}/desk"
        assert isinstance(ended(Session(rtsp.open(config(cameras, url=url)))), LinkDown)


@pytest.mark.parametrize("role", ["entrance", "desk"])
def test_a_camera_without_new_frames_is_frozen(cameras: Cameras, role: str) -> None:
    session = Session(rtsp.open(config(cameras, role, freeze_s=2)))
    assert session.sink.wait(session.sink.alive, 15)
    cameras.order("freeze", role)
    try:
        error = ended(session)
    finally:
        cameras.order("thaw", role)
    assert isinstance(error, Frozen)
    assert error.code == "no_frames"


@pytest.mark.parametrize("role", ["entrance", "desk"])
def test_a_camera_whose_sensor_hangs_is_frozen(cameras: Cameras, role: str) -> None:
    shown = film("entrance") if role == "entrance" else film("desk-empty")
    session = Session(rtsp.open(config(cameras, role, freeze_s=3)))
    assert session.sink.wait(session.sink.alive, 15)
    cameras.order("switch", role, str(film("desk-still")))
    try:
        error = ended(session)
    finally:
        cameras.order("switch", role, str(shown))
    assert isinstance(error, Frozen)
    assert error.code == "same_picture"


def test_an_empty_room_is_not_frozen(cameras: Cameras) -> None:
    session = Session(rtsp.open(config(cameras, "desk", freeze_s=2)))
    assert session.sink.wait(session.sink.alive, 15)
    assert not session.ended(5.0), repr(session.error)
    session.close()


def test_up_is_reported_once_and_only_when_pictures_arrive(cameras: Cameras) -> None:
    session = Session(rtsp.open(config(cameras)))
    assert session.sink.wait(lambda: session.sink.frames >= 5, 20)
    session.close()
    states = [one.state for one in session.sink.of(DeviceState) if isinstance(one, DeviceState)]
    assert states == ["up"]


def test_a_desk_camera_without_a_lease_gives_no_picture_to_the_pipeline(cameras: Cameras) -> None:
    """P51: what the desk camera sees stays in its decoder until somebody asks to be recognised."""
    session = Session(rtsp.open(config(cameras, "desk")))
    assert session.sink.wait(lambda: len(session.sink.messages) >= 3, 15)
    session.close()
    assert session.sink.frames == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://127.0.0.1/x"},
        {"url": "rtsp://user:hunter2@127.0.0.1/x"},
        {"url": "rtsp:///x"},
        {"role": "changing-room"},
        {"analyse_fps": 0},
        {"freeze_s": 0},
        {"surprise": 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_configuration_is_refused_without_repeating_it(
    cameras: Cameras, wrong: dict[str, object]
) -> None:
    """P52: a role that isn't entrance or desk cannot be configured."""
    with pytest.raises(ValidationError) as refused:
        config(cameras, "desk", **wrong)
    assert "hunter2" not in str(refused.value)
    assert PASSWORD not in str(refused.value)
