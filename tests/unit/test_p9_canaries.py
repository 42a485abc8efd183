"""P9, P35: what lies on the disk of a box shows nobody anything, and what was erased is nowhere.

Fifty people with known numbers, names, card numbers, faces and voices are kept; then the bytes of
every file are searched for them, as text, as hex, as UTF-16 and as base64. The same search is shown
to find them where they lie in the clear.
"""

import base64
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from edge.store.database import Database, Value
from edge.wire import Purpose, Scope, canonical
from tests.unit.store.world import Someone, World, committed

PEOPLE = 50
ERASED = 25
SCOPES = (Scope.CHANNEL_RISK, Scope.FACE_MATCH, Scope.ID_CARD, Scope.RECORDING)


def needles(who: Someone) -> dict[str, bytes]:
    """What must not be found of one person. A number's last digits suffice to find it in any form."""
    return {
        "phone": who.phone[3:].encode(),
        "name": who.name.encode(),
        "card": who.number.encode(),
        "face": who.vector[16:48],
    }


def forms(plain: bytes) -> Iterator[bytes]:
    """The spellings in which a careless program would leave it."""
    yield plain
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for shift in range(3):  # base64 of text that begins somewhere before it
        yield base64.b64encode(plain[(3 - shift) % 3 :])[:-4]
    try:
        yield plain.decode().encode("utf-16-le")
    except UnicodeDecodeError:
        return


def found(image: bytes, people: list[Someone], tokens: dict[str, list[str]]) -> set[str]:
    """Return what of whom stands in `image`."""
    hits = set()
    for who in people:
        wanted = needles(who) | {f"token{n}": t[-64:].encode() for n, t in enumerate(tokens[who.person])}
        for what, plain in wanted.items():
            if any(form in image for form in forms(plain)):
                hits.add(f"{what} of {who.person}")
    return hits


@dataclass
class Town:
    world: World
    people: list[Someone]
    tokens: dict[str, list[str]]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    chance = random.Random(7)
    world = World(tmp_path_factory.mktemp("town"))
    people: list[Someone] = []
    tokens: dict[str, list[str]] = {}
    for n in range(PEOPLE):
        who = world.register(f"+86139{chance.randrange(10**8):08d}", *SCOPES)
        world.index(who, Scope.RECORDING)
        visit = world.visit(who)
        world.evidence(who, visit, "id_card", Scope.ID_CARD)
        world.tell(who, visit, "agent")
        world.enrol(who, chance.randbytes(512))
        surname, given = (
            chance.choice("王李张刘陈杨赵"),
            "".join(chance.sample("娜静敏丽强磊洋勇艳杰涛明", 2)),
        )
        world.keep_card(who, f"{surname}{given}{n:02d}", f"1101011990{chance.randrange(10**7):07d}X")
        world.record_call(who, Aead(secrets.token_bytes(32)).encrypt(b"voice" * 200))
        world.report(who, f"R{n}")
        world.judge(who, f"R{n}")
        people.append(who)
        tokens[who.person] = [t for _, t in world.store.tokens_of(world.rights(who))]
    for who in people[:5]:
        world.count_call(who.phone)
    world.store.take_batch(40)
    yield Town(world, people, tokens)
    world.store.close()


def on_disk(world: World) -> dict[str, bytes]:
    """Every byte of the store, its names included, as a thief of the disk has it."""
    files = [p for p in world.state.rglob("*") if p.is_file()]
    return {str(p.relative_to(world.state)): p.name.encode() + p.read_bytes() for p in files}


def in_the_clear(world: World) -> bytes:
    """Every value of every table, as somebody with the database's key has it; without the key file's."""
    values: list[Value] = []
    for table in world.store._database.query("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in world.store._database.query(f"SELECT * FROM {table.text('name')}"):
            values += row._values.values()
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)


def test_p9_no_file_shows_anybody(town: Town) -> None:
    images = on_disk(town.world)
    assert {"box.db", "box.db-wal", "keys.db"} <= set(images)
    assert sum(name.startswith("spool/") for name in images) == PEOPLE
    for name, image in images.items():
        assert found(image, town.people, town.tokens) == set(), name
        assert not any(form in image for form in forms(b"voicevoice")), name


def test_p35_no_file_is_a_plain_database(town: Town) -> None:
    for name, image in on_disk(town.world).items():
        assert b"SQLite format 3" not in image, name
        assert b"CREATE TABLE" not in image, name
    for key in (bytes(32), town.world.credentials.keys_key):
        with pytest.raises(Exception, match="wrong key"):
            Database(_copy(town.world), key, "WAL")


def _copy(world: World) -> Path:
    copy = world.directory / f"copy-{secrets.token_hex(4)}.db"
    copy.write_bytes((world.state / "box.db").read_bytes())
    return copy


def test_the_search_finds_what_lies_in_the_clear(town: Town) -> None:
    """Else the tests beside it would show nothing: tokens in the opened database, the rest in a dump."""
    hits = found(in_the_clear(town.world), town.people, town.tokens)
    assert hits == {f"token{n} of {who.person}" for who in town.people for n in range(3)}
    who = town.people[0]
    for what, plain in needles(who).items():
        for form in forms(plain):
            assert found(b"..." + form + b"...", [who], town.tokens) == {f"{what} of {who.person}"}


def test_sealed_rows_are_unreadable_with_the_databases_key_alone(town: Town) -> None:
    assert not any(
        hit.startswith(("phone", "name", "card", "face"))
        for hit in found(in_the_clear(town.world), town.people, town.tokens)
    )


Sealed = tuple[str, str, str, bytes]
"""Scope, table, row and the sealed bytes."""


def sealed_of(world: World, who: Someone) -> list[Sealed]:
    """Every sealed value of one person."""
    database = world.store._database
    held: list[Sealed] = []
    for row in database.query("SELECT * FROM contacts WHERE person = ?", (who.person,)):
        held.append((row.text("scope"), "contacts", who.person, row.blob("sealed")))
    for row in database.query("SELECT * FROM templates WHERE person = ?", (who.person,)):
        held.append(("face_match", "templates", row.text("template"), row.blob("sealed")))
    for row in database.query("SELECT * FROM cards WHERE person = ?", (who.person,)):
        held.append(("id_card", "cards", who.person, row.blob("sealed")))
    for row in database.query("SELECT * FROM recordings WHERE person = ?", (who.person,)):
        held.append(("recording", "recordings", row.text("call"), row.blob("wrapped")))
    return held


def opens(key: bytes, person: str, scope: str, table: str, row: str, sealed: bytes) -> bool:
    try:
        Aead(key).decrypt(sealed, canonical([person, scope, table, row]))
    except CryptoError:
        return False
    return True


def test_p9_after_an_erasure_nothing_of_them_is_left_and_all_of_the_others(town: Town) -> None:
    """Runs last in this file: it changes the town."""
    world, gone, kept = town.world, town.people[:ERASED], town.people[ERASED:]
    stolen: dict[str, list[Sealed]] = {who.person: sealed_of(world, who) for who in town.people}
    assert all(len(values) == 4 for values in stolen.values())
    voices = {who.person: _spool_of(world, who) for who in town.people}
    for who in gone:
        world.erase(who)
    while (batch := world.store.take_batch(500)) is not None:
        assert batch.entries
    opened = in_the_clear(world)
    answered = {f"token{n} of {w.person}" for w in gone for n, t in _named(town, w)}
    hits = found(opened, gone, town.tokens)
    assert hits <= answered, "only the receipt that headquarters waits for names a token"
    for batch in world.store.pending_batches():
        world.store.apply_receipt(committed(batch))
    opened = in_the_clear(world)
    assert found(opened, gone, town.tokens) == set()
    assert found(opened, kept, town.tokens) == {f"token{n} of {who.person}" for who in kept for n in range(3)}
    for who in gone:
        assert not any(name.encode() in opened for name in [*who.visits, *who.calls])
        assert not voices[who.person].exists()
    for who in kept:
        assert all(name.encode() in opened for name in [*who.visits, *who.calls])
        assert voices[who.person].exists()
        assert world.store.contact(world.rights(who), Scope.REGISTRATION) == who.phone
        assert world.store.templates(world.permit(Purpose.FACE_CONFIRMATION, who)) == [("sface", who.vector)]
        card = world.store.card(world.rights(who))
        assert card is not None and (card.name, card.number) == (who.name, who.number)
    _no_key_opens(world, gone, kept, stolen)
    for name, image in on_disk(world).items():
        assert found(image, town.people, town.tokens) == set(), name


def _spool_of(world: World, who: Someone) -> Path:
    recording = world.store.recording(world.rights(who), who.calls[0])
    assert recording is not None
    return recording.path


def _named(town: Town, who: Someone) -> list[tuple[int, str]]:
    order = town.world.token("registration", who)
    return [(n, t) for n, t in enumerate(town.tokens[who.person]) if t == order]


def _no_key_opens(
    world: World,
    gone: list[Someone],
    kept: list[Someone],
    stolen: dict[str, list[Sealed]],
) -> None:
    """With the key file opened as well: ciphertext copied before the erasure opens with no key of it."""
    keys = [key for name in world.store._keys.names() if (key := world.store._keys.key(*name))]
    assert keys
    for who in gone:
        for scope, table, row, sealed in stolen[who.person]:
            assert not any(opens(key, who.person, scope, table, row, sealed) for key in keys)
    for who in kept:
        for scope, table, row, sealed in stolen[who.person]:
            assert any(opens(key, who.person, scope, table, row, sealed) for key in keys)
