"""A real store, gate and office in a new directory for each test, and a reception over them."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from edge.consent.gate import Gate
from edge.ipc.kiosk import Notice
from edge.runtime import notice as notices
from edge.runtime.clock import Clock
from edge.runtime.office import Office
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from tests.unit.runtime.samethread import SameThread
from tests.unit.runtime.test_reception import AtTheDesk


@pytest.fixture
def notice() -> Notice:
    return notices.load(Path(str(resources.files("edge"))) / "notice.example.toml")


@pytest.fixture
def office(tmp_path: Path, notice: Notice) -> Iterator[Office]:
    credentials = Credentials.create(tmp_path / "credentials")
    identity = BoxIdentity(tenant="riverside", site="hefei-01", box="box-01")
    store = SqlStore.open(tmp_path / "state", credentials, identity)
    yield Office(store, Gate(store), credentials.tokens, Clock("hypervisor"), notice, credentials.sign)
    store.close()


@pytest.fixture
def thread() -> Iterator[SameThread]:
    one = SameThread()
    yield one
    one.close()


@pytest.fixture
def desk(office: Office, thread: SameThread) -> AtTheDesk:
    return AtTheDesk(office, thread)
