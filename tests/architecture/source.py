"""The product's source as syntax trees, for the tests of the architecture."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def tree(path: str) -> ast.Module:
    """Return the syntax tree of a file, given relative to the root."""
    return ast.parse((ROOT / path).read_text(), path)


def files(*packages: str) -> list[str]:
    """Return the Python files under `packages` (or the file itself), relative to the root, sorted."""
    found: list[Path] = []
    for package in packages:
        start = ROOT / package
        found += [start] if start.is_file() else start.rglob("*.py")
    return sorted(str(one.relative_to(ROOT)) for one in found)


def nodes(*packages: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of every file under `packages` with its file."""
    for path in files(*packages):
        for node in ast.walk(tree(path)):
            yield path, node


def name_of(node: ast.AST) -> str:
    """Return the last part of a name: `Cleared` of `ports.Cleared[T]`."""
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
