"""Every word exists in both languages, every key that a template uses exists, and none is idle."""

import re
from pathlib import Path
from typing import get_args

import edge.kiosk
from edge.domain.idcard import CardKind
from edge.ipc import staff
from edge.ipc.kiosk import CardSeen, MyCode, Recognised
from edge.kiosk.forms import SOURCES
from edge.kiosk.texts import KEYS, scope_name, text
from edge.wire import Scope

HERE = Path(edge.kiosk.__file__).parent
TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
DERIVED = {
    *(f"source.{source}" for source in SOURCES),
    *(
        f"face.{o}{end}"
        for o in get_args(Recognised.model_fields["outcome"].annotation)
        for end in ("", "_note")
    ),
    *(
        f"card.{o}{end}"
        for o in get_args(CardSeen.model_fields["outcome"].annotation)
        for end in ("", "_note")
    ),
    *(
        f"verify.{face}{end}"
        for face in get_args(CardSeen.model_fields["face"].annotation)
        if face != "not_asked"
        for end in ("", "_note")
    ),
    *(f"mine.{o}{end}" for o in get_args(MyCode.model_fields["outcome"].annotation) for end in ("", "_note")),
    *(f"desk.card_{o}" for o in get_args(staff.CardOutcome)),
    *(f"desk.card_{o}" for o in ("wrong_card", "pin_needed")),
    *(
        f"{kind}.{part}"
        for kind in ("face", "card", "verify", "mine")
        for part in ("wait", "wait_note", "stop")
    ),
    *(f"card.{kind}" for kind in CardKind),
    *(f"lease.without_{kind}" for kind in ("face", "card")),
    *(f"{page}.{part}" for page in ("declined", "left", "withdrawn") for part in ("title", "lead")),
    *(
        f"trouble.{key}{end}"
        for key in ("silent", "expired", "form", "refused", "missing", "fault")
        for end in ("", "_note")
    ),
}
"""Keys that templates put together from an outcome."""


def named_in(paths: list[Path]) -> set[str]:
    found = (re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)?)["']""", path.read_text("utf-8")) for path in paths)
    return {key for keys in found for key in keys}


def test_every_key_that_is_used_exists_and_every_key_is_used() -> None:
    used = named_in([*TEMPLATES, *HERE.glob("*.py"), *HERE.glob("routes/*.py")])
    assert DERIVED <= KEYS
    assert {key for key in KEYS if key not in used | DERIVED} == set()
    calls = {k for p in TEMPLATES for k in re.findall(r"\bt\('([a-z_.]+)'\)", p.read_text("utf-8"))}
    assert calls <= KEYS


def test_both_languages_say_something_and_in_their_own_script() -> None:
    for key in KEYS - {"language"}:
        assert re.search(r"[\u4e00-\u9fff]", text(key, "zh")), key
        assert not re.search(r"[\u4e00-\u9fff]", text(key, "en")), key
        assert text(key, "zh").count("{n}") == text(key, "en").count("{n}"), key
    for scope in Scope:
        assert scope_name(scope, "zh") != scope_name(scope, "en")


def test_templates_carry_no_script_no_style_and_nothing_from_elsewhere() -> None:
    for path in TEMPLATES:
        source = path.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", source), path.name
        assert not re.search(r"https?://|\|\s*safe|//[a-z]", source), path.name
    for path in (HERE / "static").iterdir():
        found = set(re.findall(r"https?://[^\"' )]+", path.read_text("utf-8")))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name
