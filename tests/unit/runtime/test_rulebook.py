"""The project's rules as the box reads them: whole and right, or a clear word on what is wrong."""

from importlib import resources
from pathlib import Path

import pytest

from edge.domain.errors import ConfigError
from edge.runtime.rulebook import load

EXAMPLE = Path(str(resources.files("edge"))) / "rules.example.toml"
RIGHT = """
name = "r"
[[versions]]
version = 1
effective_from = 2026-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 30 }
[[versions]]
version = 2
effective_from = 2026-06-01T00:00:00+08:00
intercept = { within_minutes = 30, suspected_minutes = 30 }
"""
JUNE_MS = 1_780_243_200_000


def test_the_example_is_right_also_with_every_rule_that_it_shows(tmp_path: Path) -> None:
    assert load(EXAMPLE).name == "riverside-2026"
    whole = tmp_path / "rules.toml"
    shown = EXAMPLE.read_text(encoding="utf-8").splitlines()
    switched = [
        one.removeprefix("# ") if one.startswith(("# [", "# w", "# s", "# r", "# v")) else one
        for one in shown
    ]
    whole.write_text("\n".join(switched), encoding="utf-8")
    rules = load(whole).versions[0]
    on = {name for name, table in rules if table is not None} - {"name", "version", "effective_from"}
    assert on == set(type(rules).model_fields) - {"name", "version", "effective_from"}


def test_a_claim_is_judged_by_the_version_of_its_time(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RIGHT)
    book = load(file)
    versions = [book.at(at_ms).version for at_ms in (None, 0, JUNE_MS - 1, JUNE_MS, JUNE_MS * 2)]
    assert versions == [1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("name = ", "name ", "rules_wrong|not_toml|Expected"),
        ("within_minutes = 30", "within_minutes = -1", "within_minutes: Input should be greater"),
        ("late_report", "late_raport", "late_raport: Extra inputs"),
        ("version = 2", "version = 1", "a higher number"),
        ("2026-06-01T00:00:00+08:00", "2025-06-01T00:00:00+08:00", "begins later"),
        ("2026-06-01T00:00:00+08:00", "2026-06-01", "effective_from: Input should"),
        ("[[versions]]\nversion = 1", "[versions]\nversion = 1", "rules_wrong|Cannot"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RIGHT.replace(right, wrong))
    with pytest.raises(ConfigError, match=said) as stopped:
        load(file)
    assert "rules.toml" in str(stopped.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "gone.toml")
