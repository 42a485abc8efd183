"""The recogniser: lives for one lease, turns good pictures of one face into templates, keeps nothing.

It ends by itself when the lease's seconds are over, whoever forgets to end it. A picture with a second
prominent face gives no template at all: a bystander's is never computed.
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

from edge.domain.errors import ConfigError, GatehouseError, ProtocolError
from edge.ipc.framing import Lines
from edge.ipc.messages import Embedding, Hello, LeaseOver, Recognise, RecogniserDone, Stop
from edge.vision import align
from edge.vision.detect import Detector, Face
from edge.vision.embed import Embedder
from edge.vision.feed import Picture, read_pictures
from edge.vision.memory import keep_small
from edge.workers.host import receive

log = logging.getLogger(__name__)

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


def main(sock: socket.socket, frames: socket.socket) -> int:
    """Serve one lease: read pictures from `frames`, send templates on `sock`; return the exit code."""
    keep_small()
    lines = Lines(sock)
    lines.send(Hello(worker="recogniser", pid=os.getpid()).model_dump_json().encode())
    try:
        order = receive(lines)
        if not isinstance(order, Recognise):
            return 0 if order is None or isinstance(order, Stop | LeaseOver) else 1
        return _serve(lines, frames, order)
    except GatehouseError as error:
        log.error("recogniser ends cause=%s", error)
        return 1
    except OSError:
        log.info("recogniser ends, the core is gone")
        return 0
    finally:
        frames.close()
        lines.close()


def _serve(lines: Lines, frames: socket.socket, order: Recognise) -> int:
    until = time.monotonic() + order.seconds
    # Even if native code hangs, the process is gone soon after its lease.
    faulthandler.dump_traceback_later(order.seconds + GRACE_S, exit=True)
    try:
        threading.Thread(target=_end_when_told, args=(lines, frames), name="lease", daemon=True).start()
        count = Session(order).run(lines, frames, until)
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


class Session:
    """The models, loaded for this lease, and the judgement which pictures are good enough."""

    def __init__(self, order: Recognise) -> None:
        self._lease = order.lease
        if missing := {"detector", "embedder"} - order.models.keys():
            raise ConfigError("start recognising", f"no model for {sorted(missing)[0]}", "models.*")
        self._detector = Detector(order.models["detector"])
        self._embedder = Embedder(order.models["embedder"])
        self._model = model_name(order.models["embedder"])

    def run(self, lines: Lines, frames: socket.socket, until: float) -> int:
        """Send templates until the frames or the time end; return how many pictures were looked at."""
        count, last = 0, 0.0
        for picture in read_pictures(frames, until):
            count += 1
            if time.monotonic() - last < EVERY_S:
                continue
            if (message := self.look(picture)) is not None:
                last = time.monotonic()
                lines.send(message.model_dump_json().encode())
        return count

    def look(self, picture: Picture) -> Embedding | None:
        """Return the template of the one person in the picture, or None if it isn't good for one."""
        faces = prominent(self._detector.detect(picture))
        if len(faces) != 1 or faces[0].size < SMALLEST_PX or turned_away(faces[0]):
            return None
        (face,) = faces
        upright = align.crop(picture, face.landmarks)
        if align.sharpness(upright) < BLURRED_BELOW:
            return None
        vector = self._embedder.embed(upright).astype("<f4").tobytes()
        return Embedding(
            lease=self._lease,
            model=self._model,
            vector=base64.b64encode(vector).decode(),
            faces=len(faces),
            score_permille=min(1000, round(face.score * 1000)),
            size_px=round(face.size),
        )


def prominent(faces: list[Face]) -> list[Face]:
    """Return the faces of people who stand at the desk, not those who pass far behind."""
    largest = max((face.size for face in faces), default=0.0)
    return [face for face in faces if face.size >= PROMINENT * largest]


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
