"""The table of docs/promises.md: which tests name which promise. UPDATE_PROMISES=1 writes it anew.

A test names a promise in its docstring or its name. What the table says must be so; another test that names a
promise makes it incomplete, not wrong, and whoever adds it needn't touch the table.
"""

import ast
import os
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "promises.md"
BEGIN = "<!-- the table: UPDATE_PROMISES=1 pytest tests/unit/promises/test_index.py -->\n"
PROMISES = {
    1: "use is not consent", 2: "a basis and a purpose on every row", 3: "few may look",
    4: "data stays whole", 5: "only to registered destinations", 6: "only what is necessary leaves",
    7: "the purpose is told before", 8: "kept for the shortest time", 9: "encrypted",
    10: "joined data is the person's again", 11: "forms have fixed fields",
    12: "refusing one scope loses that alone", 13: "a returning visitor is known at once",
    14: "only a consenting visitor's image is used", 15: "images stay on the box",
    16: "processors are named", 17: "a place is a point in time", 18: "a place only on a grant",
    19: "no wechat id to advertisers", 20: "a number is masked", 21: "joined for attribution only with scope",
    22: "profiling can be switched off", 23: "a new purpose asks again", 24: "exemptions are narrow",
    25: "the vendor uses none of the data", 26: "cameras and terminal serve a closed list",
    27: "no recording without its scope", 28: "no sensing without a notice",
    29: "an erased person isn't entered again", 30: "sharing by consent or order alone",
    31: "a successor asks again", 32: "nothing is public", 33: "one session cookie",
    34: "data stays in its country", 35: "encrypted in transit and at rest",
    36: "an expired assessment turns faces off", 37: "incidents are handled", 38: "under 14 shielded",
    39: "a guardian first", 40: "access after an identity check", 41: "erasure, within its time",
    42: "restored backups erase first", 43: "a withdrawal ends use", 44: "answers with reasons, in time",
    45: "free, but for abuse", 46: "an erasure is passed on at once", 47: "rights never narrow silently",
    48: "policy and routes are at hand", 49: "ways without a face, equally quick",
    50: "no repeated asking", 51: "no recogniser on people who weren't asked",
    52: "no cameras where people are private", 53: "stored faces are counted", 54: "logs name nobody",
}  # fmt: skip
_NAMED = re.compile(r"\bP(\d{1,2})\b")
_IN_A_NAME = re.compile(r"(?:^|_)[pP](\d{1,2})(?=_|$)")


def named_in(path: Path) -> dict[int, set[str]]:
    """Return, by promise, the tests of one file that name it; a file's own docstring counts for all of it."""
    tree, found = ast.parse(path.read_text("utf-8")), defaultdict[int, set[str]](set)
    for number in _NAMED.findall(ast.get_docstring(tree) or ""):
        found[int(number)].add("")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            numbers = _NAMED.findall(ast.get_docstring(node) or "") + _IN_A_NAME.findall(node.name)
            for number in numbers:
                found[int(number)].add(node.name)
    return found


def shown() -> dict[int, dict[str, int]]:
    """Return, by promise, the files of tests that name it and how many tests of each."""
    table: dict[int, dict[str, int]] = defaultdict(dict)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, tests in named_in(path).items():
            table[number][path.relative_to(ROOT / "tests").as_posix()] = len(tests)
    return table


SHOWN = shown()


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| | promise | tests |", "|---:|---|---|"]
    for number, words in PROMISES.items():
        files = ", ".join(f"`{name}`" for name in sorted(SHOWN[number])) or "none"
        lines.append(f"| P{number} | {words} | {files} |")
    return "\n".join(lines) + "\n"


def test_what_the_table_says_is_so() -> None:
    if os.environ.get("UPDATE_PROMISES"):
        PAGE.write_text(PAGE.read_text("utf-8").partition(BEGIN)[0] + BEGIN + "\n" + table(), "utf-8")
    rows = re.findall(r"^\| P(\d+) \| (.+?) \| (.+?) \|$", PAGE.read_text("utf-8"), re.M)
    assert {int(number): words for number, words, _ in rows} == PROMISES
    for number, _words, files in rows:
        told = set(re.findall(r"`([^`]+)`", files))
        assert told <= set(SHOWN[int(number)]), f"P{number}: UPDATE_PROMISES=1 writes the table anew"
        assert bool(told) == bool(SHOWN[int(number)]), f"P{number} is shown by now: UPDATE_PROMISES=1"


def test_no_test_names_a_promise_that_there_is_not() -> None:
    assert set(SHOWN) <= set(PROMISES)
