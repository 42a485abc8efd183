"""Fixtures: a new database (SQLite, and PostgreSQL where one is installed), an enrolled box, an intake."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store.database import Database, open_database
from tests.unit.cloud.signer import NOON, Signer

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A PostgreSQL cluster on a Unix socket, with nothing on the network."""
    if not POSTGRES:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql")
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    binaries = POSTGRES[-1].parent
    # Not below pytest's directory: only its owner may enter that one, and the server is another user.
    top = Path("/tmp") / f"gatehouse-pg-{os.getpid()}"
    top.mkdir(mode=0o755)
    data = top / "data"
    data.mkdir()
    as_postgres: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(top, "postgres")
        shutil.chown(data, "postgres")
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*arguments: str) -> None:
        subprocess.run([*as_postgres, *arguments], check=True, cwd=top, stdout=subprocess.DEVNULL, timeout=60)

    try:
        run(
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-sync",
        )
        options = f"-c listen_addresses='' -k {top} -c fsync=off -c max_connections=20"
        run(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(top / "log"), "-o", options, "start")
        try:
            yield top
        finally:
            run(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(top)


def _postgres_url(cluster: Path, name: str = "postgres") -> str:
    return f"postgresql+psycopg://postgres@/{name}?host={cluster}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path / 'hq.db'}")
        yield opened
        opened.close()
        return
    cluster = request.getfixturevalue("cluster")
    admin = create_engine(_postgres_url(cluster), isolation_level="AUTOCOMMIT")
    name = f"t{os.urandom(6).hex()}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    opened = open_database(_postgres_url(cluster, name))
    yield opened
    opened.close()
    admin.dispose()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def intake(database: Database, signer: Signer) -> Intake:
    database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=NOON))
    return Intake(database, SigningKey(bytes(32)), lambda: NOON + 1000)
