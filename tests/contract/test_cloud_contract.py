"""Headquarters keeps what the wire says, imports nothing of the box but the wire, and installs without it."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import BaseModel

from cloud.store.database import open_database
from cloud.store.schema import ERASED_VERDICT, FACTS, METADATA, PERSONAL, verdicts
from edge.wire import Record

CLOUD = Path(__file__).parents[2] / "cloud"
RECORDS = get_args(get_args(Record)[0])
COMMON = {
    "tenant", "box", "epoch", "sequence", "site", "wall_ms", "time_quality", "basis", "basis_scope", "purpose"
}  # fmt: skip
HEAVY = ("av", "cv2", "onnxruntime", "pjsua2", "sqlcipher3", "numpy", "serial", "phonenumbers")


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.model_fields["kind"].default)
def test_every_field_of_the_wire_has_its_column_and_no_column_has_another_source_P6(
    record: type[BaseModel],
) -> None:
    kind = record.model_fields["kind"].default
    fields = set(record.model_fields) - {"kind", "v"}
    if kind == "voided":
        assert not fields and kind not in FACTS
        return
    assert {c.name for c in FACTS[kind].columns} - COMMON == fields


def test_every_table_that_names_a_person_is_emptied_by_an_erasure() -> None:
    lasting = {"erasures", "suppression", "commands"}  # proofs, by a keyed hash only
    naming = {t.name for t in METADATA.tables.values() if "who" in t.c}
    renaming = {t.name for t in METADATA.tables.values() if {"old", "new"} <= set(t.c.keys())}
    assert naming == {t.name for t in PERSONAL} | lasting and renaming == {"retokened"}
    assert {c.name for c in verdicts.columns if c.name in ERASED_VERDICT} == set(ERASED_VERDICT)


def test_tenant_is_first_in_every_key() -> None:
    for table in METADATA.tables.values():
        assert next(iter(table.primary_key.columns)).name == "tenant", table.name


def test_the_migrations_make_exactly_these_tables_and_run_twice(tmp_path: Path) -> None:
    for _ in range(2):
        database = open_database(f"sqlite:///{tmp_path / 'hq.db'}")
        with database.read() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        database.close()
    assert (tmp_path / "hq.db").stat().st_mode & 0o777 == 0o600


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_cloud_imports_nothing_of_the_box_but_the_wire() -> None:
    for file in CLOUD.rglob("*.py"):
        of_edge = {name for name in _imports(file) if name.split(".")[0] == "edge"}
        assert all(name == "edge.wire" or name.startswith("edge.wire.") for name in of_edge), file


def test_every_module_loads_without_a_dependency_of_the_box() -> None:
    modules = sorted(
        ".".join(("cloud", *f.relative_to(CLOUD).with_suffix("").parts)).removesuffix(".__init__")
        for f in CLOUD.rglob("*.py")
        if f.name != "env.py" and not f.name[0].isdigit()
    )
    blocked = f"import sys; [sys.modules.__setitem__(n, None) for n in {HEAVY!r}]\n"
    code = blocked + "\n".join(f"import {name}" for name in modules)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys\nfrom cloud.cli import app\nfrom typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([n for n in ('sqlalchemy', 'fastapi', 'paho', 'alembic', 'argon2') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
