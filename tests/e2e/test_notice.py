"""Headquarters publishes a notice over the real broker; the box shows it at once (P7, P23, P47)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.ipc.client import ControlClient
from edge.ipc.kiosk import Begin, Begun, ComeAgain, GetNotice, Notice, Register, Registered
from edge.wire import Scope
from scripts.site.place import SITE, Options, Place
from scripts.site.processes import BIN, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
NUMBER = "13800138000"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    options = Options(cameras=False, terminal=False, phone=False, kiosk=False)
    with Place(tmp_path_factory.mktemp("site"), options) as one:
        yield one


def kiosk(place: Place) -> ControlClient:
    return ControlClient(place.box_directory / "run" / "kiosk.sock", 10.0)


def register(place: Place, *scopes: Scope) -> None:
    notice, session = kiosk(place).ask(GetNotice(), Notice), kiosk(place).ask(Begin(), Begun).session
    request = Register(session=session, notice_hash=notice.hash, scopes=frozenset(scopes), phone=NUMBER)
    assert kiosk(place).ask(request, Registered).outcome == "registered"


def written(place: Place, name: str, *changes: tuple[str, str]) -> str:
    text = (place.box_directory / "notice.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file: Path = place.root / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_p7_a_new_notice_is_shown_at_once_and_outlives_a_restart(place: Place) -> None:
    register(place, Scope.REGISTRATION, Scope.FACE_MATCH)
    v2 = ('version = "v1"', 'version = "v2"')
    file = written(place, "v2.toml", v2, ("最多看二十秒", "最多看十九秒"))
    place.cloud("notice", "publish", file, "--site", SITE)
    until("the box's answer", lambda: "done (in_force)" in place.cloud("notice", "list"), 90)
    assert kiosk(place).ask(GetNotice(), Notice).version == "v2"
    session = kiosk(place).ask(Begin(), Begun).session
    again = kiosk(place).ask(ComeAgain(session=session, phone=NUMBER), Registered)
    assert Scope.FACE_MATCH in again.ask and again.active == (Scope.REGISTRATION,)
    until("headquarters hears that the face isn't used", lambda: bool(place.ledger("withdrawal")), 60)
    [told] = place.ledger("withdrawal")
    assert (told["record"]["scope"], told["record"]["by"]) == ("face_match", "notice")
    place.core.stop()
    place.core.start()
    until("the core", (place.box_directory / "run" / "kiosk.sock").exists, 60)
    assert kiosk(place).ask(GetNotice(), Notice).version == "v2"


def test_p47_headquarters_publishes_no_narrower_notice(place: Place) -> None:
    file = written(place, "v3.toml", ('version = "v1"', 'version = "v3"'), ('"erase", ', ""))
    command: list[str | Path] = [BIN / "gatehouse-cloud", "notice", "publish", file, "--site", SITE]
    refused = subprocess.run(
        [*command, "--config", place.headquarters_config], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "narrows_rights" in refused.stderr and "erase" in refused.stderr
    assert kiosk(place).ask(GetNotice(), Notice).version != "v3"
