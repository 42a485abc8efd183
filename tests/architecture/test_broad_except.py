"""Only the two supervisors catch whatever comes; everywhere else an unforeseen error is heard of."""

import ast

from tests.architecture.source import ROOT, name_of, nodes

SUPERVISORS = {"edge/runtime/supervise.py", "edge/ipc/supervise.py"}
BROAD = {"Exception", "BaseException"}


def caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return BROAD
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {name_of(one) for one in types}


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether it only cleans up: its last word is a bare `raise`, and nothing leaves before that."""
    last = handler.body[-1]
    leaves = any(
        isinstance(n, ast.Return | ast.Continue | ast.Break) for one in handler.body for n in ast.walk(one)
    )
    return isinstance(last, ast.Raise) and last.exc is None and not leaves


def test_only_the_supervisors_catch_everything() -> None:
    broad = [
        f"{path}:{node.lineno}"
        for path, node in nodes("edge", "cloud")
        if isinstance(node, ast.ExceptHandler)
        and caught(node) & BROAD
        and path not in SUPERVISORS
        and not passes_on(node)
    ]
    assert broad == []


def test_nothing_is_swallowed_without_a_reason() -> None:
    """`except X: pass` stands only with a comment that says why nothing has to be done."""
    silent = [
        f"{path}:{node.lineno}"
        for path, node in nodes("edge", "cloud")
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.body[-1], ast.Pass)
        and "#" not in (ROOT / path).read_text().splitlines()[node.body[-1].lineno - 1]
    ]
    assert silent == []


def test_nothing_suppresses_everything() -> None:
    wide = [
        f"{path}:{node.lineno}"
        for path, node in nodes("edge", "cloud")
        if isinstance(node, ast.Call)
        and name_of(node.func) == "suppress"
        and {name_of(one) for one in node.args} & BROAD
    ]
    assert wide == []
