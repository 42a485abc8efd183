"""Every code that the judging package can give, read from its syntax tree; runs nothing of it.

A code has to be found here: written out, chosen between two that are written out, or bound to a name in the
same function. One that can't be found stops the tests, so that none can be without a case and a sentence.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

JUDGING = Path(__file__).parents[3] / "edge" / "domain" / "judging"


class Module:
    """One file, and what its names may be."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(JUDGING).as_posix()
        self.tree = ast.parse(path.read_text("utf-8"))
        self.functions = {n.name: n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef)}

    def calls(self, of: str) -> Iterator[tuple[ast.Call, ast.FunctionDef]]:
        for function in self.functions.values():
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == of:
                    yield node, function

    def strings(self, node: ast.expr | None, function: ast.FunctionDef) -> set[str]:
        """Return every string that `node` may come to."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp():
                return self.strings(node.body, function) | self.strings(node.orelse, function)
            case ast.Tuple():
                return {text for one in node.elts for text in self.strings(one, function)}
            case ast.Name():
                return {t for one in self.bound(node.id, function) for t in self.strings(one, function)}
            case ast.Call(func=ast.Name(id=called)) if called in self.functions:
                made = self.functions[called]
                returned = [n.value for n in ast.walk(made) if isinstance(n, ast.Return)]
                return {text for one in returned for text in self.strings(one, made)}
        return set()

    def bound(self, name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
        """Return what `name` is bound to in the module or in `function`, row by row of a comprehension."""
        for node in (*self.tree.body, *ast.walk(function)):
            if isinstance(node, ast.Assign):
                yield from _matched(node.targets[0], node.value, name)
            elif isinstance(node, ast.comprehension) and name in _names(node.target):
                of = self.bound(node.iter.id, function) if isinstance(node.iter, ast.Name) else ()
                for row in (one for table in of if isinstance(table, ast.Tuple) for one in table.elts):
                    yield from _matched(node.target, row, name)


def _names(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def _matched(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr]:
    """Return what `name` gets when `value` is unpacked to `target`."""
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, of in zip(target.elts, value.elts, strict=True):
            yield from _matched(one, of, name)


def _argument(call: ast.Call, at: int, name: str) -> ast.expr | None:
    named = {one.arg: one.value for one in call.keywords}
    return call.args[at] if len(call.args) > at else named.get(name)


MODULES = [Module(path) for path in sorted(JUDGING.rglob("*.py")) if path.name != "sentences.py"]


def _outcomes() -> Iterator[tuple[str, str]]:
    for module in MODULES:
        for call, function in module.calls("Outcome"):
            rules = module.strings(_argument(call, 0, "rule"), function)
            found = module.strings(_argument(call, 2, "code"), function)
            if not rules or not found:
                raise AssertionError(f"{module.name}:{call.lineno}: write the rule and its code out")
            # bound by one unpacking, each rule has a code of its own, in the same order
            rows = _rows(module, call, function)
            yield from rows or ((rule, code) for rule in rules for code in found)


def _rows(module: Module, call: ast.Call, function: ast.FunctionDef) -> list[tuple[str, str]]:
    rule, code = _argument(call, 0, "rule"), _argument(call, 2, "code")
    if not (isinstance(rule, ast.Name) and isinstance(code, ast.Name)):
        return []
    pairs = zip(module.bound(rule.id, function), module.bound(code.id, function), strict=True)
    return [(str(ast.literal_eval(a)), str(ast.literal_eval(b))) for a, b in pairs]


def _unknowns() -> Iterator[str]:
    for module in MODULES:
        for call, function in module.calls("Unknown"):
            found = module.strings(_argument(call, 0, "code"), function)
            if not found:
                raise AssertionError(f"{module.name}:{call.lineno}: write the code out")
            yield from found


def _reviews() -> Iterator[str]:
    for module in MODULES:
        for call, function in module.calls("Outcome"):
            yield from module.strings(_argument(call, 5, "review"), function)


OUTCOMES = set(_outcomes())
UNKNOWNS = set(_unknowns())
REVIEWS = set(_reviews())
