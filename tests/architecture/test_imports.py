"""Who may import whom: the contracts hold, name every package, and the running core has no native parser."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.source import ROOT, nodes

NATIVE = ("av", "cv2", "onnxruntime", "pjsua2")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]
PROJECT = PYPROJECT["project"]


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


def packages() -> set[str]:
    return {
        f"edge.{one.stem}"
        for one in (ROOT / "edge").iterdir()
        if (one / "__init__.py").exists() or (one.suffix == ".py" and one.stem != "__init__")
    }


def test_every_package_of_the_box_is_in_a_contract() -> None:
    """A new package has to say where it belongs."""
    named = {
        part.strip(" ()")
        for contract in CONTRACTS
        for layer in [*contract.get("layers", ()), *contract.get("source_modules", ())]
        for part in layer.split("|")
    }
    assert packages() <= named, packages() - named


def test_headquarters_may_not_use_any_package_of_the_box_but_the_contract() -> None:
    """The list in pyproject is complete: every package of edge but wire is forbidden to cloud."""
    forbidden = next(set(c["forbidden_modules"]) for c in CONTRACTS if c.get("source_modules") == ["cloud"])
    assert packages() - {"edge.wire"} <= forbidden


def test_headquarters_reads_only_the_contracts_public_names() -> None:
    """Not only which package: cloud takes what edge.wire and its modules offer, nothing private."""
    private = [
        f"{path}: {alias.name}"
        for path, node in nodes("cloud")
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edge")
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert private == []


@pytest.mark.parametrize(
    "module", ["edge.runtime.core", "edge.kiosk.app", "edge.sync.pump", "edge.store.store"]
)
def test_what_holds_keys_or_faces_visitors_loads_no_native_parser(module: str) -> None:
    """P51: the core can't be taken over by a frame, a call or a card's picture."""
    loaded = python(f"import {module}, sys; print(*[m for m in {NATIVE!r} if m in sys.modules])")
    assert loaded == ""


def test_the_search_for_loaded_parsers_finds_them() -> None:
    assert python(f"import cv2, sys; print(*[m for m in {NATIVE!r} if m in sys.modules])") == "cv2"


def test_the_command_line_loads_nothing_heavy() -> None:
    heavy = (*NATIVE, "numpy", "sqlcipher3", "paho", "fastapi", "uvicorn", "edge.runtime", "edge.vision")
    assert python(f"import edge.cli, sys; print(*[m for m in {heavy!r} if m in sys.modules])") == ""


def test_the_configuration_loads_no_driver_of_a_device() -> None:
    """Reading a configuration with every kind of device in it imports no native parser."""
    assert python(f"import edge.config, sys; print(*[m for m in {NATIVE!r} if m in sys.modules])") == ""


def test_the_contract_installs_without_the_box() -> None:
    """edge.wire runs where none of the box's dependencies is there."""
    blocked = (*NATIVE, "sqlcipher3", "paho", "nacl", "serial", "tenacity", "typer", "numpy", "cryptography")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import edge.wire; print(edge.wire.WIRE_VERSION)"
    )
    assert python(code) == "1"


MODULE_OF = {
    "opencv-python-headless": "cv2",
    "paho-mqtt": "paho",
    "pjsua2-python": "pjsua2",
    "pynacl": "nacl",
    "pyserial": "serial",
    "python-multipart": "python_multipart",
}


def modules(extra: str) -> set[str]:
    """Return the modules that an extra of pyproject brings."""
    wanted = PROJECT["optional-dependencies"][extra]
    names = {re.split(r"[<>=!\[ ]", one)[0] for one in wanted}
    return {MODULE_OF.get(name, name.replace("-", "_")) for name in names}


def test_headquarters_runs_without_the_boxs_dependencies() -> None:
    """The extra [cloud] is enough: every module of cloud imports without what only [edge] brings."""
    blocked = sorted(modules("edge") - modules("cloud") - {"rich"})  # typer brings rich
    assert {"av", "cv2", "sqlcipher3"} <= set(blocked)
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import pkgutil, importlib, cloud\n"
        "walked = [m.name for m in pkgutil.walk_packages(cloud.__path__, 'cloud.')]\n"
        "names = [n for n in walked if 'migrations' not in n and not n.endswith('__main__')]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names) > 5)"
    )
    assert python(code) == "True"
