"""Card and person, 1:1: a terminal, a camera that films real people, the box's processes, the real models.

The photo on the card is a real portrait, in a codec of the test's own: no decoder of real cards' photos is
public. People a, b and c are those of the desk films; each photo was taken years apart from the film's.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge.domain.errors import Refused
from edge.ipc.client import ControlClient
from edge.ipc.kiosk import (
    Begin,
    Begun,
    CardSeen,
    Departed,
    End,
    GetNotice,
    Notice,
    Register,
    Registered,
    VerifyCard,
)
from edge.wire import Scope
from scripts.site.place import Options, Place
from scripts.site.processes import until
from tests.fakes.photo_codec import MAGIC, Picture, build, portrait, wlt

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
CARD = {
    "name": "张小满", "sex": "2", "nation": "01", "birth": "19491231", "address": "北京市朝阳区某路1号",
    "number": "11010519491231002X", "issuer": "北京市公安局朝阳分局", "valid_from": "20150301",
    "valid_until": "长期",
}  # fmt: skip
PORTRAITS = ("person_a_2.jpg", "person_b_1.jpg")
ANN, BEA, NOISE = wlt(0), wlt(1), bytes(1024)
BOTH = frozenset({Scope.REGISTRATION, Scope.ID_CARD, Scope.FACE_MATCH})


class Verifying(Place):
    """A place whose terminal has a decoder of photos."""

    library: Path
    portraits: list[Picture]

    def _devices(self) -> str:
        line = f'port = "{self.root / "terminal"}"\n'
        return super()._devices().replace(line, line + f'photo = {{ library = "{self.library}" }}\n')


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verifying]:
    root = tmp_path_factory.mktemp("verify")
    films = {"entrance": "entrance-empty", "desk": "desk-a-1"}
    one = Verifying(root, Options(phone=False, kiosk=False, noise=0.0, films=films))
    one.portraits = [portrait(name) for name in PORTRAITS]
    one.library = build(root, one.portraits)
    with one:
        one.wait_ready(60)
        yield one


class AtTheDesk:
    """A visitor of the box, over the kiosk's own socket."""

    def __init__(self, place: Verifying, phone: str, scopes: frozenset[Scope] = BOTH) -> None:
        self.client = ControlClient(place.box_directory / "run" / "kiosk.sock")
        self.session = self.client.ask(Begin(), Begun).session
        notice = self.client.ask(GetNotice(), Notice)
        request = Register(session=self.session, notice_hash=notice.hash, scopes=scopes, phone=phone)
        self.registered = self.client.ask(request, Registered)

    def verify(self) -> CardSeen:
        return self.client.ask(VerifyCard(session=self.session), CardSeen, timeout=40)

    def leave(self) -> None:
        self.client.ask(End(session=self.session), Departed)


def verified(place: Verifying, phone: str, photo: bytes, film: str = "desk-a-1") -> CardSeen:
    """Put a card with `photo` on the terminal, and let the desk camera see `film`."""
    assert place.terminal is not None
    place.show("desk", film)
    time.sleep(1.5)  # until the next key frame the picture is still the old one
    visitor = AtTheDesk(place, phone)
    assert visitor.registered.can_verify
    place.terminal.place(CARD, photo)
    try:
        return visitor.verify()
    finally:
        place.terminal.lift()
        visitor.leave()


def signs(place: Verifying, phone: str) -> list[str]:
    """Return the kinds of evidence of this number's visit at headquarters, once the card is among them."""
    who, found = place.token("registration", "+86" + phone), list[str]()

    def told() -> bool:
        rows: list[dict[str, Any]] = [row.get("record", row) for row in place.ledger("visit")]
        mine = [row for row in rows if row.get("who") == who]
        found[:] = [e["kind"] for e in max(mine, key=lambda r: r["revision"])["evidence"]] if mine else []
        return "id_card" in found

    until("headquarters to know of the card", told, 30)
    time.sleep(1.0)
    told()
    return found


def test_the_person_on_the_card_is_confirmed_and_another_is_not(place: Verifying) -> None:
    """A photo of a before a; of b before a. A face alone is no evidence; one that confirms a card's is."""
    same = verified(place, "13800138001", ANN)
    assert (same.outcome, same.face) == ("read", "verified")
    assert signs(place, "13800138001") == ["registration", "id_card", "face_confirmed"]
    other = verified(place, "13800138002", BEA)
    assert (other.outcome, other.face) == ("read", "not_verified")
    assert signs(place, "13800138002") == ["registration", "id_card"]


def test_nobody_before_the_camera(place: Verifying) -> None:
    seen = verified(place, "13800138003", ANN, "desk-empty")
    assert (seen.outcome, seen.face) == ("read", "no_face")


def test_a_photo_that_the_library_refuses_leaves_the_rest(place: Verifying) -> None:
    began = time.monotonic()
    seen = verified(place, "13800138004", NOISE)
    assert (seen.outcome, seen.face) == ("read", "photo_not_decodable")
    assert time.monotonic() - began < 15, "no face is looked at for nothing"


@pytest.mark.parametrize("lacking", [Scope.FACE_MATCH, Scope.ID_CARD])
def test_it_needs_both_consents_and_reads_nothing_without(place: Verifying, lacking: Scope) -> None:
    assert place.terminal is not None
    before = place.terminal.count("select", "read_base", "read_address")
    number = "13800138005" if lacking is Scope.ID_CARD else "13800138006"
    visitor = AtTheDesk(place, number, BOTH - {lacking})
    place.terminal.place(CARD, ANN)
    try:
        with pytest.raises(Refused):
            visitor.verify()
    finally:
        place.terminal.lift()
        visitor.leave()
    assert place.terminal.count("select", "read_base", "read_address") == before


def test_p9_p51_no_photo_is_left_on_the_disk_and_no_recogniser_among_the_processes(place: Verifying) -> None:
    """P9, P51: after all of the above; the same search finds the library, which holds both portraits."""
    rows = [p[at].tobytes() for p in place.portraits for at in (40, 63, 90)]

    def holders(root: Path) -> set[str]:
        found: set[str] = set()
        for path in [p for p in root.rglob("*") if p.is_file() and not p.is_symlink()]:
            with suppress(FileNotFoundError):  # the broker exchanges its file while we look
                data = path.read_bytes()
                found |= {path.name} if any(piece in data for piece in (*rows, MAGIC)) else set()
        return found

    assert holders(place.root) == {"libtestwlt.so"}
    children = psutil.Process(place.core.pid).children(recursive=True)
    assert not [child for child in children if "recogniser" in child.cmdline()]
