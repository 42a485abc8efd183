"""A reader that types: what it says is heard under a lease only, and only if it is a card's number."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.devices import card_keyboard
from edge.devices.card_keyboard import EVENT, Config, Keyboard, Keys
from edge.domain.errors import DeviceMisconfigured, LinkDown
from edge.domain.idcard import CardKind
from edge.domain.idnumber import check_digit
from edge.ipc.messages import CardFailed, CardLease, CardRead, LeaseOver
from tests.conformance.driver_suite import Rig, Session
from tests.fakes import card_keyboard as double
from tests.fakes.card_keyboard import Reader, event, hold, stroke, typed

NUMBER = "11010519491231002X"
NUMBERS = {
    CardKind.RESIDENT: NUMBER,
    CardKind.PERMIT: "810000194912310028",
    CardKind.FOREIGNER_2017: "CAN110081080310",
    CardKind.FOREIGNER_2023: "911124198108030024",
}
ID = "reader-1"
SECONDS = 15.0


def no_fd() -> int:
    raise AssertionError("a card reader takes no descriptor")


class Desk:
    def __init__(self, reader: Reader, **config: object) -> None:
        self.reader = reader
        self.driver = Keyboard(Config.model_validate({"id": ID, "port": str(reader.link)} | config), hold)
        self.session = Session(self.driver).live(Rig(ID, lambda: self.driver, lambda: self.driver))
        self.sink = self.session.sink
        self._leases = 0

    def lease(self, seconds: int = 10) -> str:
        self._leases += 1
        lease = f"{self._leases:032x}"
        self.driver.handle(CardLease(lease=lease, device=ID, seconds=seconds), no_fd)
        time.sleep(0.3)  # the driver's own step, after which the lease is served
        return lease

    def outcome(self, lease: str) -> CardRead | CardFailed:
        def mine() -> list[CardRead | CardFailed]:
            found = [m for m in self.sink.messages if isinstance(m, CardRead | CardFailed)]
            return [m for m in found if m.lease == lease]

        assert self.sink.wait(lambda: bool(mine()), SECONDS), "the lease ended with nothing"
        return mine()[0]

    def failure(self, lease: str) -> str:
        outcome = self.outcome(lease)
        assert isinstance(outcome, CardFailed), outcome
        return outcome.code


Open = Callable[..., Desk]


@pytest.fixture
def desk_of(tmp_path: Path) -> Iterator[Open]:
    desks: list[Desk] = []

    def make(**config: object) -> Desk:
        reader = Reader(tmp_path / "event")
        reader.plug()
        desks.append(Desk(reader, **config))
        return desks[-1]

    yield make
    for desk in desks:
        desk.session.close()
        desk.reader.pull()


# ---- under a lease, and outside ----------------------------------------------------------------


@pytest.mark.parametrize("kind", list(CardKind))
def test_a_number_typed_under_a_lease_is_a_card_that_the_visitor_confirms(
    desk_of: Open, kind: CardKind
) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.reader.type(NUMBERS[kind] + "\n")
    card = desk.outcome(lease)
    assert isinstance(card, CardRead), card
    assert (card.kind, card.number, card.valid_until) == (kind, NUMBERS[kind], "")
    assert card.birth == ("19491231" if "1949" in card.number else "19810803")
    assert not card.confirmed_twice, "it tells nothing twice"


def test_p26_what_is_typed_outside_a_lease_is_never_decoded(
    desk_of: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P26: neither before, nor between, nor after leases: the decoder isn't even called."""
    fed: list[bytes] = []
    feed = Keys.feed

    def feeding(keys: Keys, data: bytes) -> list[str]:
        fed.append(data)
        return feed(keys, data)

    monkeypatch.setattr(Keys, "feed", feeding)
    desk = desk_of()
    desk.reader.type(NUMBER + "\n")
    time.sleep(0.5)
    assert (fed, desk.sink.of(CardRead)) == ([], [])
    assert desk.failure(desk.lease(seconds=1)) == "no_card"
    fed.clear()
    desk.reader.type(NUMBER + "\n")
    time.sleep(0.5)
    assert (fed, desk.sink.of(CardRead)) == ([], [])


def test_half_a_number_from_before_the_lease_makes_no_card(desk_of: Open) -> None:
    desk = desk_of()
    desk.reader.type(NUMBER[:9])
    time.sleep(0.5)
    lease = desk.lease(seconds=1)
    desk.reader.type(NUMBER[9:] + "\n")
    assert desk.failure(lease) == "invalid_number"


def test_what_is_no_number_is_passed_over(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.reader.type("hello\n\n12345\n110105194912310021\n" + NUMBER.lower() + "\n")
    card = desk.outcome(lease)
    assert isinstance(card, CardRead)
    assert card.number == NUMBER


def test_a_line_of_number_and_name(desk_of: Open) -> None:
    desk = desk_of(fields=["other", "number", "name"], separator=";")
    lease = desk.lease()
    desk.reader.type("07;" + NUMBERS[CardKind.FOREIGNER_2017] + ";Zhengjian Yangben\n")
    card = desk.outcome(lease)
    assert isinstance(card, CardRead)
    assert (card.english_name, card.name) == ("ZHENGJIAN YANGBEN", "")


def test_the_end_of_the_lease_ends_the_listening(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.driver.handle(LeaseOver(lease=lease, device=ID), no_fd)
    assert desk.failure(lease) == "lease_over"
    desk.reader.type(NUMBER + "\n")
    time.sleep(0.3)
    assert not desk.sink.of(CardRead)


def test_one_lease_at_a_time(desk_of: Open) -> None:
    desk = desk_of()
    first, second = desk.lease(), desk.lease()
    assert desk.failure(second) == "busy"
    desk.reader.type(NUMBER + "\n")
    assert isinstance(desk.outcome(first), CardRead)


def test_the_next_visitor_is_served_behind_a_lease_that_has_just_ended(desk_of: Open) -> None:
    desk = desk_of()
    over = desk.lease()
    desk.driver.handle(LeaseOver(lease=over, device=ID), no_fd)
    following = desk.lease()
    assert desk.failure(over) == "lease_over"
    desk.reader.type(NUMBER + "\n")
    assert isinstance(desk.outcome(following), CardRead)


def test_a_pulled_reader_ends_the_session_and_its_lease(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.reader.pull()
    assert desk.session.ended(SECONDS)
    assert isinstance(desk.session.error, LinkDown)
    assert desk.session.error.code == "device_vanished"
    assert desk.failure(lease) == "device_down"
    assert desk.failure(desk.lease()) == "device_down"
    desk.session.error = None


def test_fifteen_characters_without_a_century_are_taken_for_the_younger(desk_of: Open) -> None:
    """The doubt may make somebody a minor, never an adult."""
    born = "CAN11001503011"
    desk = desk_of()
    lease = desk.lease()
    desk.reader.type(born + check_digit(born) + "\n")
    card = desk.outcome(lease)
    assert isinstance(card, CardRead)
    assert card.birth == "20150301"


# ---- the bytes -------------------------------------------------------------------------------


def test_an_event_has_the_kernels_size() -> None:
    assert EVENT.size == len(event(0, 0, 0)) == 24


@given(st.text(st.sampled_from("".join(double.CODES) + "ABCXYZ"), min_size=1, max_size=40), st.data())
def test_what_is_typed_is_what_is_heard_however_it_is_cut(text: str, data: st.DataObject) -> None:
    keys, raw, heard = Keys(), typed(text + "\n"), []
    while raw:
        step = data.draw(st.integers(1, 200))
        heard += keys.feed(raw[:step])
        raw = raw[step:]
    assert heard == [text]


@given(st.binary(max_size=2000))
def test_any_bytes_are_no_crash_and_no_card(raw: bytes) -> None:
    for line in Keys().feed(raw):
        assert len(line) <= 128


def test_a_line_of_which_events_were_lost_is_forgotten() -> None:
    keys = Keys()
    lost = event(0, 3, 0)
    assert keys.feed(typed(NUMBER[:5]) + lost + typed(NUMBER[5:] + "\n" + NUMBER + "\n")) == [NUMBER]


def test_a_line_without_an_end_takes_no_memory() -> None:
    keys = Keys()
    for _ in range(1000):
        assert keys.feed(typed("1234567890")) == []
    assert len(keys._line) <= 129
    assert keys.feed(typed("\n" + NUMBER + "\n")) == [NUMBER]


def test_a_held_key_is_typed_once_and_others_type_nothing() -> None:
    held = event(1, 2, 1) + event(1, 2, 2) * 5 + event(1, 2, 0)
    assert Keys().feed(held + stroke(59) + stroke(3) + stroke(96)) == ["12"]


# ---- ports that are none -----------------------------------------------------------------------


def error_of(port: str) -> tuple[type[BaseException], str]:
    session = Session(card_keyboard.open(Config(id=ID, port=port)))
    assert session.ended(SECONDS)
    assert isinstance(session.error, LinkDown | DeviceMisconfigured), repr(session.error)
    return type(session.error), session.error.code


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    assert error_of(str(tmp_path / "none")) == (LinkDown, "no_port")


@pytest.mark.parametrize("port", ["/dev/null", "/tmp"])
def test_a_path_that_is_no_input_device_refuses_the_kernels_own_grab(port: str) -> None:
    """The real ioctl on a real node that isn't one: what can't be grabbed would type into the screen."""
    assert error_of(port) == (DeviceMisconfigured, "not_an_input_device")


def test_the_configuration_is_strict() -> None:
    wrong: tuple[dict[str, object], ...] = (
        {"port": "event0"},
        {"fields": []},
        {"separator": ""},
        {"colour": "red"},
    )
    for bad in wrong:
        with pytest.raises(ValueError, match=next(iter(bad))):
            Config.model_validate({"id": ID, "port": "/dev/input/event0"} | bad)
