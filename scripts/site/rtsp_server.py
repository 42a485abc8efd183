"""Serves Annex-B files as live RTSP cameras for tests and the demo; never part of the product.

Runs with the SYSTEM's python3 (PyGObject, GstRtspServer), not in the virtual environment. Each mount is
a camera that films from the start of the server on, whether or not someone watches: the file is looped,
one access unit every 1/fps s, stamped with the time at which it was due: a server that had to wait for a
processor catches up in a burst, as a camera behind a busy network does. Commands come on stdin, one per
line, each answered on stdout by one line that ends with the wall time in ms just before it was carried
out:

    freeze MOUNT         connections stay, no new frame     → ok freeze MOUNT 1700000000000
    thaw MOUNT                                              → ok thaw MOUNT …
    cut MOUNT            drop the clients, refuse new ones  → ok cut MOUNT …
    restore MOUNT                                           → ok restore MOUNT …
    switch MOUNT PATH    film another file, from its start  → ok switch MOUNT …
    quit                 (so does the end of stdin)         → ok quit …

A bad command is answered `error REASON …`. Every time a file starts (again), `loop MOUNT PATH …` tells
when, so that whoever knows what the file shows also knows when it was shown. The first line is
`ready URL URL… …`.
"""

import argparse
import sys
import time
from pathlib import Path

import gi  # type: ignore[import-not-found]  # the system's Python has it, the virtual environment hasn't

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402 — as above

ROLE = "viewer"


def say(*words: object, ago_ns: int = 0) -> None:
    """Print one line of the protocol, with the wall time in ms at its end (of `ago_ns` earlier)."""
    print(*words, (time.time_ns() - ago_ns) // 1_000_000, flush=True)


def start_codes(data: bytes) -> list[int]:
    """Return the offsets of all start codes (00 00 01) in an Annex-B stream."""
    found, at = [], data.find(b"\x00\x00\x01")
    while at >= 0:
        found.append(at)
        at = data.find(b"\x00\x00\x01", at + 3)
    return found


class Film:
    """An Annex-B file as access units, split at its access unit delimiters, with its random access points."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hevc = path.suffix in {".h265", ".hevc"}
        data = path.read_bytes()
        cuts, keys = [], []
        for at in start_codes(data):
            kind = (data[at + 3] >> 1) & 0x3F if self.hevc else data[at + 3] & 0x1F
            if kind == (35 if self.hevc else 9):
                cuts.append(at - 1 if at and data[at - 1] == 0 else at)
                keys.append(False)
            elif cuts and (16 <= kind <= 21 if self.hevc else kind == 5):
                keys[-1] = True
        if not cuts or not keys[0]:
            raise ValueError(f"{path}: no access unit delimiters, or it does not start with a key frame")
        self.units = [data[a:b] for a, b in zip(cuts, [*cuts[1:], len(data)], strict=True)]
        self.keys = keys


class Camera(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # untyped GObject
    """One mount: a film, its position, and whether it is frozen or cut."""

    def __init__(self, name: str, film: Film, fps: float) -> None:
        super().__init__()
        self.name, self.film, self.fps = name, film, fps
        self.position, self.frozen, self.cut = 0, False, False
        self.source = None
        self.base_ns = 0
        self.waits_for_key = True
        self.hevc = film.hevc
        self.set_shared(True)
        self.connect("media-configure", self._on_media)

    def do_create_element(self, _url: object) -> Gst.Element:
        codec = "h265" if self.hevc else "h264"
        return Gst.parse_launch(
            f"( appsrc name=src is-live=true format=time stream-type=stream max-bytes=4000000 "
            f"caps=video/x-{codec},stream-format=byte-stream,alignment=au ! {codec}parse ! "
            f"video/x-{codec},stream-format=byte-stream,alignment=au ! "
            # 0: the films repeat their parameter sets; GStreamer would put them before every slice.
            f"rtp{codec}pay name=pay0 pt=96 config-interval=0 )"
        )

    def _on_media(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        self.source = media.get_element().get_by_name_recurse_up("src")
        self.base_ns, self.waits_for_key = time.monotonic_ns(), True
        media.connect("unprepared", self._on_end)

    def _on_end(self, _media: object) -> None:
        self.source = None

    def show(self, film: Film) -> None:
        """Film something else, from its first frame."""
        self.film, self.position = film, 0

    def tick(self, due_ns: int) -> None:
        """Film the access unit that was due at monotonic `due_ns`, and send it if somebody watches."""
        if self.frozen:
            return
        if self.position == 0:
            say("loop", self.name, self.film.path, ago_ns=time.monotonic_ns() - due_ns)
        at, self.position = self.position, (self.position + 1) % len(self.film.units)
        source = self.source
        if source is None or (self.waits_for_key and not self.film.keys[at]):
            return
        self.waits_for_key = False
        buffer = Gst.Buffer.new_wrapped(self.film.units[at])
        buffer.pts = buffer.dts = max(0, due_ns - self.base_ns)
        buffer.duration = int(1e9 / self.fps)
        source.emit("push-buffer", buffer)


class Site:
    """The server: cameras, credentials, the clients that watch, and the commands."""

    def __init__(self, options: argparse.Namespace, user: str, password: str) -> None:
        self.loop = GLib.MainLoop()
        self.fps = options.fps
        self.server = GstRtspServer.RTSPServer()
        self.server.set_address("127.0.0.1")
        self.server.set_service(str(options.port))
        self._protect(options.auth, user, password)
        self.cameras = {}
        for mount, path in (item.split("=", 1) for item in options.mount):
            self.cameras[mount] = Camera(mount, Film(Path(path)), options.fps)
            self.cameras[mount].add_role_from_structure(_may_watch())
            self.server.get_mount_points().add_factory(f"/{mount}", self.cameras[mount])
        self.watching: dict[GstRtspServer.RTSPClient, str] = {}
        self.server.connect("client-connected", self._on_client)
        if not self.server.attach(None):
            raise SystemExit(f"cannot listen on 127.0.0.1:{options.port}")
        self.started_ns, self.ticks = time.monotonic_ns(), 0

    def _protect(self, method: str, user: str, password: str) -> None:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", ROLE)
        if method == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        self.server.set_auth(auth)

    def _on_client(self, _server: object, client: GstRtspServer.RTSPClient) -> None:
        for request in ("options", "describe", "setup", "play"):
            client.connect(f"{request}-request", self._on_request)
        client.connect("closed", lambda gone: self.watching.pop(gone, None))

    def _on_request(self, client: GstRtspServer.RTSPClient, context: GstRtspServer.RTSPContext) -> None:
        mount = context.uri.abspath.strip("/").split("/")[0]
        self.watching[client] = mount
        if mount in self.cameras and self.cameras[mount].cut:
            client.close()

    def tick(self) -> bool:
        """Let every camera film the access units that are due."""
        due = int((time.monotonic_ns() - self.started_ns) / 1e9 * self.fps)
        while self.ticks < due:
            self.ticks += 1
            due_ns = self.started_ns + int(self.ticks / self.fps * 1e9)
            for camera in self.cameras.values():
                camera.tick(due_ns)
        return True

    def on_input(self, channel: GLib.IOChannel, _condition: object) -> bool:
        """Carry out one line of stdin."""
        line = channel.readline()
        if not line:
            self.loop.quit()
            return False
        # Before it is done: whoever watches a camera that is cut may see it sooner than we can say so.
        words, began_ns = line.split(), time.monotonic_ns()
        try:
            self.obey(*words)
        except (KeyError, TypeError, ValueError, OSError) as error:
            say("error", type(error).__name__, str(error).replace("\n", " "))
        else:
            say("ok", *words[:2], ago_ns=time.monotonic_ns() - began_ns)
        return True

    def obey(self, command: str, mount: str = "", path: str = "") -> None:
        """Change one camera, or quit."""
        if command == "quit":
            self.loop.quit()
            return
        camera = self.cameras[mount]
        if command in {"freeze", "thaw"}:
            camera.frozen = command == "freeze"
        elif command in {"cut", "restore"}:
            camera.cut = command == "cut"
            if camera.cut:
                for client in [one for one, seen in self.watching.items() if seen == mount]:
                    client.close()
        elif command == "switch":
            camera.show(Film(Path(path)))
        else:
            raise ValueError(f"unknown command {command}")

    def run(self) -> None:
        """Serve until told to quit."""
        port = self.server.get_bound_port()
        say("ready", *(f"rtsp://127.0.0.1:{port}/{mount}" for mount in self.cameras))
        GLib.timeout_add(5, self.tick)
        channel = GLib.IOChannel.unix_new(sys.stdin.fileno())
        GLib.io_add_watch(channel, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self.on_input)
        self.loop.run()


def _may_watch() -> Gst.Structure:
    rights = Gst.Structure.new_empty(ROLE)
    rights.set_value("media.factory.access", True)
    rights.set_value("media.factory.construct", True)
    return rights


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=8554, help="0 lets the system choose")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--mount", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--fps", type=float, default=25.0)
    parser.add_argument("--auth", choices=["digest", "basic"], default="digest")
    options = parser.parse_args()
    Gst.init(None)
    Site(options, options.user, options.password_file.read_text().strip()).run()


if __name__ == "__main__":
    main()
