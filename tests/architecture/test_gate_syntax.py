"""Nobody but the gate makes a Cleared or a Permit; the type checker is never talked out of it (P1, P2)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, files, name_of, nodes, tree

GATE = "edge/consent/gate.py"
ON_THE_PATH = ("edge/consent", "edge/ports.py", "edge/store")
PRODUCT = ("edge", "cloud")


def subclasses(of: str) -> list[tuple[str, str]]:
    return [
        (path, node.name)
        for path, node in nodes(*PRODUCT)
        if isinstance(node, ast.ClassDef) and of in map(name_of, node.bases)
    ]


@pytest.mark.parametrize("proof", ["Cleared", "Permit"])
def test_each_proof_has_one_concrete_class_private_to_the_gate(proof: str) -> None:
    assert subclasses(proof) == [(GATE, f"_{proof}")]
    assert subclasses(f"_{proof}") == []


def names(path: str) -> set[str]:
    """Return every identifier, attribute and text in a file: getattr by a string counts as well."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name | ast.Attribute):
            found.add(name_of(node))
        elif isinstance(node, ast.alias):
            found.update((node.name.split(".")[-1], node.asname or ""))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"\w+", node.value))
    return found


@pytest.mark.parametrize("proof", ["_Cleared", "_Permit"])
def test_the_private_classes_are_named_nowhere_else(proof: str) -> None:
    assert proof in names(GATE), "the search finds what is there"
    assert [path for path in files(*PRODUCT) if path != GATE and proof in names(path)] == []


def test_nothing_makes_an_object_past_its_class() -> None:
    """`object.__new__`, `__class__ = …`, `__subclasses__` would each make a proof without the gate."""
    forbidden = {"__new__", "__subclasses__", "__class__", "__bases__", "__reduce__"}
    assert [path for path in files(*PRODUCT) if names(path) & forbidden] == []


@pytest.mark.parametrize("word", ["cast", "Any"])
def test_the_path_has_no_way_around_the_types(word: str) -> None:
    assert [path for path in files(*ON_THE_PATH) if word in names(path)] == []


def test_the_path_silences_no_type_error() -> None:
    silenced = re.compile(r"#\s*(type:\s*ignore|mypy:|pyright:)")
    assert [path for path in files(*ON_THE_PATH) if silenced.search((ROOT / path).read_text())] == []


def test_the_store_takes_no_raw_fact() -> None:
    """No public method of any class of the store takes a fact but as Cleared; two do."""
    known = {n.name for n in tree("edge/domain/facts.py").body if isinstance(n, ast.ClassDef)}
    raw, cleared = [], []
    for path, node in nodes("edge/store"):
        if not isinstance(node, ast.ClassDef):
            continue
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
                continue
            arguments = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]
            arguments += [one for one in (method.args.vararg, method.args.kwarg) if one]
            words = {name_of(n) for a in arguments if a.annotation for n in ast.walk(a.annotation)}
            if "Cleared" in words:
                cleared.append(f"{path}:{method.name}")
            elif words & known:
                raw.append(f"{path}:{method.name}")
    assert raw == []
    assert {one.split(":")[1] for one in cleared} == {"apply", "erase"}


REJECTED = """
from edge.consent.gate import Gate
from edge.domain.facts import ContactKept, Noted, PersonId
from edge.ports import Cleared, Permit
from edge.store.store import SqlStore
from edge.wire import Purpose


def raw_fact(store: SqlStore, fact: ContactKept) -> None:
    store.apply(fact)


def another_persons_door(gate: Gate, fact: ContactKept) -> None:
    gate.impersonal(fact)


def made_by_hand(fact: ContactKept) -> Cleared[ContactKept]:
    return Cleared(fact)


def permit_by_hand() -> Permit:
    return Permit()


def half_a_proof(fact: ContactKept) -> Cleared[ContactKept]:
    class Mine(Cleared[ContactKept]):
        @property
        def fact(self) -> ContactKept:
            return fact

    return Mine()
"""
ACCEPTED = """
from edge.consent.gate import Gate
from edge.domain.facts import ContactKept, Noted, PersonId
from edge.store.store import SqlStore


def through_the_gate(store: SqlStore, gate: Gate, person: PersonId, fact: ContactKept) -> None:
    store.apply(gate.clear(person, fact))


def about_nobody(store: SqlStore, gate: Gate, fact: Noted) -> None:
    store.apply(gate.impersonal(fact))
"""


def mypy(source: str, tmp_path: Path) -> list[str]:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", f"--cache-dir={ROOT}/.mypy_cache", str(snippet)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": error:" in line and "snippet.py" in line]


@pytest.mark.timeout(400)
def test_mypy_rejects_a_raw_record_and_accepts_a_cleared_one(tmp_path: Path) -> None:
    errors = mypy(REJECTED, tmp_path)
    lines = REJECTED.splitlines()
    found = {(lines[int(e.split(":")[1]) - 1].strip(), e.rsplit("[")[-1][:-1]) for e in errors}
    assert found == {
        ("store.apply(fact)", "arg-type"),
        ("gate.impersonal(fact)", "arg-type"),
        ("return Cleared(fact)", "abstract"),
        ("return Cleared(fact)", "call-arg"),
        ("return Permit()", "abstract"),
        ("return Mine()", "abstract"),
    }, errors
    assert mypy(ACCEPTED, tmp_path) == []
