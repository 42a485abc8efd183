"""The recogniser: lives for one lease, turns good pictures of one face into templates, keeps nothing.

It ends by itself when the lease's seconds are over, whoever forgets to end it. A picture with a second
prominent face gives no template at all: a bystander's is never computed. Told to compare with a card's
photo, it answers with a verdict alone and no template leaves it.
"""

import base64
import faulthandler
import logging
import os
import re
import socket
import threading
import time
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.domain import faces
from edge.domain.errors import ConfigError, GatehouseError, ProtocolError
from edge.ipc.framing import Lines
from edge.ipc.messages import Compare, Compared, Embedding, Hello, LeaseOver, Recognise, RecogniserDone, Stop
from edge.vision import align
from edge.vision.detect import Detector, Face
from edge.vision.embed import Embedder
from edge.vision.feed import Picture, read_pictures
from edge.vision.memory import keep_small
from edge.workers.host import receive

log = logging.getLogger(__name__)

Outcome = Literal["same", "different", "no_face", "no_face_on_photo"]
Vector = NDArray[np.float32]

EVERY_S = 0.5
"""At most two templates a second."""
SMALLEST_PX = 64.0
"""The shorter side of the face's box, in a picture at most 640 wide."""
BLURRED_BELOW = 60.0
"""Variance of the Laplacian of the aligned face."""
PROMINENT = 0.5
"""A face of at least this share of the largest one's size counts as a second person at the desk."""
TURNED = 0.22
"""How near the nose may be to either eye along the line between them, as a share; less is a profile."""
GRACE_S = 1.0


def main(sock: socket.socket, frames: socket.socket, photo: socket.socket | None = None) -> int:
    """Serve one lease: read pictures from `frames`, answer on `sock`; return the exit code.

    `photo` is where a card's photo comes from, for the order to compare.
    """
    keep_small()
    lines = Lines(sock)
    lines.send(Hello(worker="recogniser", pid=os.getpid()).model_dump_json().encode())
    try:
        order = receive(lines)
        if isinstance(order, Compare) and photo is not None:
            return _serve(lines, frames, Comparison(order, photo))
        if isinstance(order, Recognise):
            return _serve(lines, frames, Session(order))
        return 0 if order is None or isinstance(order, Stop | LeaseOver) else 1
    except GatehouseError as error:
        log.error("recogniser ends cause=%s", error)
        return 1
    except OSError:
        log.info("recogniser ends, the core is gone")
        return 0
    finally:
        frames.close()
        if photo is not None:
            photo.close()
        lines.close()


def _serve(lines: Lines, frames: socket.socket, task: "Session | Comparison") -> int:
    order = task.order
    until = time.monotonic() + order.seconds
    # Even if native code hangs, the process is gone soon after its lease.
    faulthandler.dump_traceback_later(order.seconds + GRACE_S, exit=True)
    try:
        threading.Thread(target=_end_when_told, args=(lines, frames), name="lease", daemon=True).start()
        count = task.run(lines, frames, until)
        lines.send(RecogniserDone(lease=order.lease, frames=count).model_dump_json().encode())
    finally:
        faulthandler.cancel_dump_traceback_later()
    return 0


def _end_when_told(lines: Lines, frames: socket.socket) -> None:
    """Anything the core says after its order, also hanging up, ends the lease."""
    try:
        receive(lines)
    except (ProtocolError, OSError):
        log.info("lease ends by a broken line to the core")
    try:
        frames.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("frames were closed already")


class Eyes:
    """The models, loaded for this lease, and the judgement which pictures are good enough."""

    def __init__(self, models: dict[str, str]) -> None:
        if missing := {"detector", "embedder"} - models.keys():
            raise ConfigError("start recognising", f"no model for {sorted(missing)[0]}", "models.*")
        self._detector = Detector(models["detector"])
        self._embedder = Embedder(models["embedder"])
        self.model = model_name(models["embedder"])

    def look(self, picture: Picture) -> tuple[Vector, Face] | None:
        """Return the template and face of the one person in the picture, or None if it isn't good for one."""
        found = prominent(self._detector.detect(picture))
        if len(found) != 1 or found[0].size < SMALLEST_PX or turned_away(found[0]):
            return None
        (face,) = found
        upright = align.crop(picture, face.landmarks)
        if align.sharpness(upright) < BLURRED_BELOW:
            return None
        return self._embedder.embed(upright), face

    def look_at_photo(self, photo: Picture) -> Vector | None:
        """Return the template of the one face on a card's photo, which is small and fills its frame."""
        picture = align.enlarged(photo)
        found = prominent(self._detector.detect(picture))
        return self._embedder.embed(align.crop(picture, found[0].landmarks)) if len(found) == 1 else None


class Session:
    """Sends templates of who stands there."""

    def __init__(self, order: Recognise) -> None:
        self.order = order
        self._eyes = Eyes(order.models)

    def run(self, lines: Lines, frames: socket.socket, until: float) -> int:
        """Send templates until the frames or the time end; return how many pictures were looked at."""
        count, last = 0, 0.0
        for picture in read_pictures(frames, until):
            count += 1
            if time.monotonic() - last < EVERY_S:
                continue
            if (seen := self._eyes.look(picture)) is not None:
                last = time.monotonic()
                lines.send(self._message(*seen).model_dump_json().encode())
        return count

    def _message(self, vector: Vector, face: Face) -> Embedding:
        return Embedding(
            lease=self.order.lease,
            model=self._eyes.model,
            vector=base64.b64encode(vector.astype("<f4").tobytes()).decode(),
            faces=1,
            score_permille=min(1000, round(face.score * 1000)),
            size_px=round(face.size),
        )


class Comparison:
    """Says whether who stands there is who the card's photo shows, and nothing else."""

    def __init__(self, order: Compare, photo: socket.socket) -> None:
        self.order = order
        self._photo = photo
        self._eyes = Eyes(order.models)

    def run(self, lines: Lines, frames: socket.socket, until: float) -> int:
        """Send one Compared; return how many pictures were looked at."""
        photo = next(read_pictures(self._photo, until), None)
        known = None if photo is None else self._eyes.look_at_photo(photo)
        if known is None:
            self._say(lines, "no_face_on_photo", 0.0)
            return 0
        return self._compare(lines, frames, until, tuple(known.tolist()))

    def _compare(self, lines: Lines, frames: socket.socket, until: float, known: faces.Vector) -> int:
        threshold, count, last = self.order.confirm_at_permille / 1000, 0, 0.0
        seen: list[faces.Vector] = []
        same: bool | None = None
        for picture in read_pictures(frames, until):
            count += 1
            if time.monotonic() - last < EVERY_S or (found := self._eyes.look(picture)) is None:
                continue
            last = time.monotonic()
            seen.append(tuple(found[0].tolist()))
            if (same := faces.confirmation(seen, [known], threshold)) is not None:
                break
        best = max((faces.cosine(one, known) for one in seen), default=0.0)
        self._say(lines, "same" if same else "different" if seen else "no_face", best)
        return count

    def _say(self, lines: Lines, outcome: Outcome, score: float) -> None:
        permille = max(0, min(1000, round(score * 1000)))
        message = Compared(lease=self.order.lease, outcome=outcome, score_permille=permille)
        lines.send(message.model_dump_json().encode())


def prominent(found: list[Face]) -> list[Face]:
    """Return the faces of people who stand at the desk, not those who pass far behind."""
    largest = max((face.size for face in found), default=0.0)
    return [face for face in found if face.size >= PROMINENT * largest]


def turned_away(face: Face) -> bool:
    """Tell whether the nose is too near to one eye's side for a face that looks at the camera."""
    left, right, nose = face.landmarks[0], face.landmarks[1], face.landmarks[2]
    between = right - left
    length = float(between @ between)
    share = float((nose - left) @ between) / length if length else 0.0
    return not TURNED <= share <= 1 - TURNED


def model_name(path: str) -> str:
    """Return the name of the space that a model's vectors live in: its file's name, made a wire code."""
    name = re.sub(r"[^a-z0-9_]", "_", Path(path).stem.lower())
    return (name if name[:1].isalpha() else f"m_{name}")[:48]
