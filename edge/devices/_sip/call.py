"""One call from its first ring to its end, and what is told of it; never decides to record.

Runs in the session's thread alone, except `Tap.onFrameReceived` (the media thread). The native objects
are dropped by `release`, in that thread and before the library is destroyed.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import pjsua2 as pj

from edge.devices._sip.quality import Quality
from edge.devices._sip.recording import Recording, Side
from edge.domain.errors import DeviceMisconfigured
from edge.domain.voice import SAMPLE_RATE
from edge.ipc.guard import Guard
from edge.ipc.messages import CallEnded, CallKey, CallStarted, FromWorker
from edge.ipc.supervise import now_ms

log = logging.getLogger(__name__)

_KEYS = frozenset("0123456789*#")
_MAX_KEYS = 32
"""Keys of one call that are passed on: a caller can't flood the core."""
_SEAL_S = 10.0
"""Seconds that the end of a call waits for a disk that stalls; what is sealed later isn't told."""
_FRAME_US = 20_000


@dataclass(frozen=True, slots=True)
class Manner:
    """How calls are taken: what is played (with its length), how long to ring, how long a call may last."""

    device: str
    notice: str
    notice_s: float
    ring_s: float
    longest_s: float


class Tap(pj.AudioMediaPort):  # type: ignore[misc]  # pjsua2 has no types
    """Where the bridge delivers one side of a call; feeds the recording that is attached, if any."""

    def __init__(self, guard: Guard, side: Side) -> None:
        super().__init__()
        self._guard = guard
        self._side = side
        self.recording: Recording | None = None
        form = pj.MediaFormatAudio()
        form.init(pj.PJMEDIA_FORMAT_PCM, SAMPLE_RATE, 1, _FRAME_US, 16)
        self.createPort("tap", form)

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:
        """Take one frame (media thread)."""
        with self._guard:
            recording = self.recording
            if recording is not None and frame.size:
                recording.feed(self._side, bytes(bytearray(frame.buf)))


class Taps:
    """Pairs of taps that are used again and again: a port is never destroyed while media run."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._free: list[tuple[Tap, Tap]] = []

    def take(self) -> tuple[Tap, Tap]:
        """Return a free pair, a new one if all are in use."""
        return self._free.pop() if self._free else (Tap(self._guard, 0), Tap(self._guard, 1))

    def give_back(self, pair: tuple[Tap, Tap]) -> None:
        """Return a pair that nothing is connected to any more."""
        self._free.append(pair)

    def clear(self) -> None:
        """Destroy the ports; media must have stopped."""
        self._free.clear()


class NativeCall(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """Passes the library's callbacks to `Call`.

    It must be gone when the callback that told of its end returns: the library may give its place to the
    next caller at once, and an older object that dies later would take that caller's callbacks away.
    """

    def __init__(
        self, account: pj.Account, native_id: int, guard: Guard, forget: Callable[["NativeCall"], None]
    ) -> None:
        super().__init__(account, native_id)
        self._guard = guard
        self._forget = forget
        self.owner: Call | None = None

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        """The call went to another state."""
        with self._guard:
            info = self.getInfo()
            owner = self.owner
            if info.state != pj.PJSIP_INV_STATE_DISCONNECTED:
                if owner is not None:
                    owner.on_state(info.state)
                return
            self.owner = None
            self._forget(self)
            if owner is not None:
                owner.on_gone()

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        """Media were set up or changed."""
        with self._guard:
            if self.owner is not None:
                self.owner.on_media()

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:
        """The caller pressed a key."""
        with self._guard:
            if self.owner is not None:
                self.owner.on_key(prm.digit)

    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:
        """A media stream ended: its statistics are final."""
        with self._guard:
            if self.owner is not None:
                self.owner.on_statistics(self.getStreamStat(prm.streamIdx))

    def say_goodbye(self) -> None:
        """Hang up, whatever state the call is in."""
        try:
            self.hangup(_reply(0))
        except pj.Error as error:
            log.info("could not hang up status=%s", error.status)


class Call:
    """One caller. `tick` drives everything that happens by time; `over` says when it can be dropped."""

    def __init__(
        self,
        native: NativeCall,
        number: str,
        manner: Manner,
        observe: Callable[[FromWorker], None],
        taps: Taps,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.over = False
        """CallEnded was sent."""
        self._native: NativeCall | None = native
        native.owner = self
        self._manner = manner
        self._observe = observe
        self._taps = taps
        self._pair: tuple[Tap, Tap] | None = None
        self._recording: Recording | None = None
        self._audio: pj.AudioMedia | None = None
        self._player: pj.AudioMediaPlayer | None = None
        self._quality = Quality()
        self._began = time.monotonic()
        self._answered_at: float | None = None
        self._answered = False
        self._notice_at: float | None = None
        self._ended_at: float | None = None
        self._notice_played = False
        self._keys = 0
        observe(CallStarted(device=manner.device, call=self.id, number=number, at_ms=now_ms()))

    @property
    def ended(self) -> bool:
        """Whether the line is gone; the recording may still be being sealed."""
        return self._ended_at is not None

    # ---- by time

    def ring(self) -> None:
        """Tell the caller that it rings."""
        self._try("ring", lambda native: native.answer(_reply(180)))

    def tick(self, now: float) -> None:
        """Do what is due at `now` (seconds of time.monotonic())."""
        if self.ended:
            self._tell_end()
            return
        if self._answered_at is None and now - self._began >= self._manner.ring_s:
            self._answered_at = now
            self._try("answer", lambda native: native.answer(_reply(200)))
        if self._notice_at is not None and now - self._notice_at >= self._manner.notice_s:
            self._notice_played = True
        if now - self._began >= self._manner.longest_s:
            self.hang_up()

    def refuse(self, status: int) -> None:
        """Turn the caller away before answering."""
        self._try("refuse", lambda native: native.hangup(_reply(status)))

    def hang_up(self) -> None:
        """End the call from our side."""
        if not self.ended:
            self._try("hang up", lambda native: native.hangup(_reply(0)))

    # ---- by the core

    @property
    def recordable(self) -> bool:
        """Whether `record` can be called: somebody speaks, and nothing is recorded yet."""
        return not self.ended and self._audio is not None and self._recording is None

    def record(self, fd: int, key: bytes) -> None:
        """Record from now on into `fd`, which is the recording's from now on."""
        try:
            self._recording = Recording(fd, key)
        except OSError as error:
            log.error("recording not begun call=%s errno=%s", self.id, error.errno)
            return
        self._pair = self._taps.take()
        for tap in self._pair:
            tap.recording = self._recording
        self._connect_taps()

    def stop_recording(self) -> None:
        """Seal no more of this call: the consent ended. The call itself goes on."""
        if self._recording is not None:
            self._recording.finish()

    # ---- by the library

    def on_state(self, state: int) -> None:
        """Follow the signalling."""
        if state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._answered = True

    def on_gone(self) -> None:
        """The line is gone: let go of the native call. Its streams ended before."""
        self._ended_at = time.monotonic()
        self._native = None
        self._stop_media()

    def on_media(self) -> None:
        """Connect what the caller hears and what is recorded to the call's (perhaps new) audio."""
        if self._native is None or self.ended:
            return
        self._audio = None
        info = self._native.getInfo()  # owns the list below: it must live as long
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._audio = self._native.getAudioMedia(index)
                break
        if self._audio is None:
            return
        if self._player is None:
            self._player = _player(self._manner.notice)
            self._notice_at = time.monotonic()
        self._player.startTransmit(self._audio)
        if self._recording is not None:
            self._connect_taps()

    def on_key(self, digit: str) -> None:
        """Pass a key on, once the notice has begun."""
        if digit not in _KEYS or self._notice_at is None or self._keys >= _MAX_KEYS:
            return
        self._keys += 1
        self._observe(CallKey(device=self._manner.device, call=self.id, key=digit, at_ms=now_ms()))

    def on_statistics(self, stat: pj.StreamStat) -> None:
        """Take the final numbers of one stream."""
        self._quality.add(stat)

    # ---- the end

    def release(self) -> None:
        """Drop the native call, whatever state it is in; CallEnded is sent if it wasn't yet.

        Called in the session's thread before the library is destroyed. Waits for the seal at most 1 s.
        """
        if self._native is not None:
            self._native.owner = None
            self._native = None
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            self._stop_media()
        if self._recording is not None:
            self._recording.join(1.0)
        self._tell_end(wait=False)

    def _sealing(self) -> bool:
        if self._recording is None or self._recording.done or self._ended_at is None:
            return False
        return time.monotonic() - self._ended_at < _SEAL_S

    def _connect_taps(self) -> None:
        if self._pair is not None and self._audio is not None and self._player is not None:
            self._audio.startTransmit(self._pair[0])
            self._player.startTransmit(self._pair[1])

    def _stop_media(self) -> None:
        if self._recording is not None:
            self._recording.finish()
        if self._pair is not None:
            for source, tap in zip((self._audio, self._player), self._pair, strict=True):
                tap.recording = None
                self._stop(source, tap)
            self._taps.give_back(self._pair)
            self._pair = None
        self._audio = None
        self._player = None

    def _stop(self, source: pj.AudioMedia, tap: Tap) -> None:
        try:
            source.stopTransmit(tap)
        except pj.Error as error:
            # The call's own port is already gone with its stream, and the connection with it.
            log.debug("port gone call=%s status=%s", self.id, error.status)

    def _tell_end(self, *, wait: bool = True) -> None:
        if self.over or (wait and self._sealing()):
            return
        self.over = True
        assert self._ended_at is not None
        self._observe(
            CallEnded(
                device=self._manner.device,
                call=self.id,
                at_ms=now_ms(),
                duration_ms=round((self._ended_at - self._began) * 1000),
                answered=self._answered,
                notice_played=self._notice_played,
                recorded_ms=self._recording.sealed_ms if self._recording else 0,
                loss_permille=self._quality.loss_permille,
                mos_x100=self._quality.mos_x100,
            )
        )

    def _try(self, what: str, act: Callable[[NativeCall], None]) -> None:
        if self._native is None:
            return
        try:
            act(self._native)
        except pj.Error as error:
            # Only a caller who hung up in the same moment makes this fail; the state callback tells it.
            log.info("could not %s call=%s status=%s", what, self.id, error.status)


def tell_unanswered(device: str, number: str, observe: Callable[[FromWorker], None]) -> None:
    """Tell of a caller who was turned away before there was a `Call`."""
    call = secrets.token_hex(16)
    observe(CallStarted(device=device, call=call, number=number, at_ms=now_ms()))
    observe(
        CallEnded(
            device=device,
            call=call,
            at_ms=now_ms(),
            duration_ms=0,
            answered=False,
            notice_played=False,
            recorded_ms=0,
        )
    )


def _player(path: str) -> pj.AudioMediaPlayer:
    player = pj.AudioMediaPlayer()
    try:
        player.createPlayer(path, pj.PJMEDIA_FILE_NO_LOOP)
    except pj.Error:
        raise DeviceMisconfigured("play the notice", "notice_unusable", "was it changed?") from None
    return player


def _reply(status: int) -> pj.CallOpParam:
    prm = pj.CallOpParam()
    if status:
        prm.statusCode = status
    return prm
