"""The driver against the terminal double on a pseudo-terminal line: nothing is read without a lease."""

import os
import pty
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.devices import card_serial
from edge.domain.errors import DeviceMisconfigured, LinkDown
from edge.domain.idcard import CardKind
from edge.domain.idnumber import check_letter
from edge.ipc.messages import CardFailed, CardLease, CardPresent, CardRead, DeviceState, LeaseOver, PhotoLease
from edge.vision.feed import read_pictures
from scripts.site.card_terminal import READS, Terminal
from tests.conformance.driver_suite import Rig, Session, Witness
from tests.fakes.photo_codec import HEIGHT, WIDTH, build, wlt

PERSON = {
    "name": "张小满",
    "sex": "2",
    "nation": "01",
    "birth": "19491231",
    "address": "北京市朝阳区某路1号",
    "number": "11010519491231002X",
    "issuer": "北京市公安局朝阳分局",
    "valid_from": "20150301",
    "valid_until": "长期",
}
PERMIT_DIGITS = "81000019491231002"
PERMIT = PERSON | {
    "nation": "",
    "number": PERMIT_DIGITS + check_letter(PERMIT_DIGITS),
    "valid_until": "20200301",
}
# The authority's specimens.
FOREIGNER_2017 = {
    "english_name": "ZHENGJIAN, YANGBEN",
    "sex": "2",
    "number": "CAN110081080310",
    "country": "CAN",
    "name": "证件样本",
    "valid_from": "20151025",
    "valid_until": "20251024",
    "birth": "19810803",
}
FOREIGNER_2023 = FOREIGNER_2017 | {
    "number": "911124198108030024",
    "valid_from": "20230915",
    "valid_until": "20330914",
}
CARDS = {
    CardKind.RESIDENT: (PERSON, {}),
    CardKind.PERMIT: (PERMIT, {"type": "J", "pass_number": "H12345678", "issue_count": "01"}),
    CardKind.FOREIGNER_2017: (FOREIGNER_2017, {"type": "I", "version": "01", "authority": "1500"}),
    CardKind.FOREIGNER_2023: (FOREIGNER_2023, {"type": "Y", "renewals": "01"}),
}
KINDS = pytest.mark.parametrize("kind", list(CardKind))
ID = "terminal-1"
SECONDS = 15.0


def no_fd() -> int:
    raise AssertionError("a card terminal takes no descriptor")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test's own photo library, with one grey picture."""
    return build(tmp_path_factory.mktemp("codec"), [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)])


class Desk:
    """A terminal, its driver in a session, and what was observed."""

    def __init__(self, terminal: Terminal, **config: object) -> None:
        self.terminal = terminal
        fields = {"id": ID, "port": str(terminal.link), "poll_ms": 300} | config
        self.driver = card_serial.open(card_serial.Config.model_validate(fields))
        self.session = Session(self.driver)
        self.sink: Witness = self.session.sink
        self._leases = 0

    def lease(self, seconds: int = 10) -> str:
        self._leases += 1
        lease = f"{self._leases:032x}"
        self.driver.handle(CardLease(lease=lease, device=ID, seconds=seconds), no_fd)
        return lease

    def photo_lease(self, seconds: int = 10) -> tuple[str, socket.socket]:
        """Return a lease for card and photo, and where its photo comes out."""
        self._leases += 1
        lease, (ours, theirs) = f"{self._leases:032x}", socket.socketpair()
        message = PhotoLease(lease=lease, device=ID, seconds=seconds)
        self.driver.handle(message, theirs.detach)
        ours.settimeout(SECONDS)
        return lease, ours

    def outcome(self, lease: str) -> CardRead | CardFailed:
        def mine() -> list[CardRead | CardFailed]:
            return [
                m for m in self.sink.messages if isinstance(m, CardRead | CardFailed) and m.lease == lease
            ]

        assert self.sink.wait(lambda: bool(mine()), SECONDS), "the lease ended with nothing"
        return mine()[0]

    def failure(self, lease: str) -> str:
        outcome = self.outcome(lease)
        assert isinstance(outcome, CardFailed)
        return outcome.code

    def present(self, times: int) -> bool:
        return self.sink.wait(lambda: len(self.sink.of(CardPresent)) >= times, SECONDS)

    def looked(self, more: int = 4) -> None:
        """Wait until the terminal was asked for a card `more` times again."""
        goal, until = self.terminal.count("find") + more, time.monotonic() + SECONDS
        while self.terminal.count("find") < goal:
            assert time.monotonic() < until, "the driver stopped looking"
            time.sleep(0.02)


Open = Callable[..., Desk]


@pytest.fixture
def desk_of(tmp_path: Path) -> Iterator[Open]:
    desks: list[Desk] = []

    def make(*, config: dict[str, object] | None = None, **terminal: Any) -> Desk:
        double = Terminal(tmp_path / "line", **terminal)
        double.start()
        desks.append(Desk(double, **(config or {})))
        rig = Rig(ID, lambda: desks[-1].driver, lambda: desks[-1].driver)
        desks[-1].session.live(rig)
        return desks[-1]

    yield make
    for desk in desks:
        desk.session.close()
        desk.terminal.stop()


@KINDS
def test_without_a_lease_a_card_is_noticed_once_and_never_read(desk_of: Open, kind: CardKind) -> None:
    """P26: the terminal's own word is that it was only asked whether a card lies there."""
    desk = desk_of()
    desk.terminal.place(CARDS[kind][0] | CARDS[kind][1] | {"new_address": "上海市某路9号"})
    assert desk.present(1)
    desk.looked()
    assert len(desk.sink.of(CardPresent)) == 1
    assert desk.terminal.count(*READS, "select") == 0
    assert {h.command for h in desk.terminal.heard} == {"status", "sam_id", "find"}


def test_each_placement_is_noticed(desk_of: Open) -> None:
    desk = desk_of()
    for placement in (1, 2):
        desk.terminal.place(PERSON)
        assert desk.present(placement)
        desk.terminal.lift()
        desk.looked()
    assert len(desk.sink.of(CardPresent)) == 2


@KINDS
def test_a_lease_reads_twice_and_gives_the_fields(desk_of: Open, kind: CardKind) -> None:
    fields, rest = CARDS[kind]
    desk = desk_of()
    desk.terminal.place(fields | rest)
    assert desk.present(1)
    card = desk.outcome(desk.lease())
    assert isinstance(card, CardRead), card
    assert (card.kind, card.confirmed_twice) == (kind, True)
    assert {name: getattr(card, name) for name in fields} == fields
    assert desk.terminal.count("read_base") == 2
    assert desk.terminal.count("read_fingerprint") == 0
    asked = desk.terminal.count(*READS)
    desk.looked()
    assert desk.terminal.count(*READS) == asked, "it was read again after the lease"


@pytest.mark.parametrize("kind", [CardKind.RESIDENT, CardKind.PERMIT])
def test_the_newest_address_takes_the_place_of_the_printed_one(desk_of: Open, kind: CardKind) -> None:
    fields, rest = CARDS[kind]
    desk = desk_of()
    for newer in ("上海市黄浦区某路9号", None):
        desk.terminal.place(fields | rest | ({"new_address": newer} if newer else {}))
        card = desk.outcome(desk.lease())
        assert isinstance(card, CardRead)
        assert card.address == (newer or fields["address"])
        desk.terminal.lift()
    assert desk.terminal.count("read_address") == 2


@pytest.mark.parametrize("kind", [CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023])
def test_of_a_card_without_an_address_none_is_asked_for(desk_of: Open, kind: CardKind) -> None:
    desk = desk_of()
    desk.terminal.place(CARDS[kind][0] | CARDS[kind][1])
    assert isinstance(desk.outcome(desk.lease()), CardRead)
    assert desk.terminal.count("read_address") == 0


def test_the_terminal_says_which_one_it_is(desk_of: Open) -> None:
    """The SAM number and the rate are the device's own: for `gatehouse status`, about no person."""
    desk = desk_of()
    (up,) = [m for m in desk.sink.of(DeviceState) if isinstance(m, DeviceState)]
    assert (up.state, up.code) == ("up", "ready")
    assert up.about == "SAM 5.1-20160322-0000123456-0987654321, 115200 baud"


@pytest.mark.parametrize(("there", "tried_first"), [(9600, 115200), (115200, 9600), (38400, 57600)])
def test_a_terminal_at_another_rate_is_found_and_works(desk_of: Open, there: int, tried_first: int) -> None:
    desk = desk_of(baud=there, config={"baud": tried_first})
    (up,) = [m for m in desk.sink.of(DeviceState) if isinstance(m, DeviceState)]
    assert up.code == "ready_at_other_rate"
    assert up.about.endswith(f", {there} baud")
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(desk.lease()), CardRead)
    assert desk.terminal.count("set_baud") == 0, "the terminal's own setting is left alone"


def test_where_it_was_found_it_is_looked_for_first_when_it_comes_back(desk_of: Open) -> None:
    desk = desk_of(baud=9600)
    desk.terminal.stop()
    assert desk.session.ended(SECONDS)
    desk.terminal.start()
    heard = len(desk.terminal.heard)
    desk.session = Session(desk.driver)
    desk.sink = desk.session.sink
    assert desk.sink.wait(lambda: bool(desk.sink.of(DeviceState)), 1.0), "it tried other rates first"
    assert [h.command for h in list(desk.terminal.heard)[heard:]][:1] == ["status"]


def test_a_card_placed_during_the_lease_is_read(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.looked(2)
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(lease), CardRead)
    assert len(desk.sink.of(CardPresent)) == 1


def test_a_terminal_that_grants_one_read_gives_an_unconfirmed_card(desk_of: Open) -> None:
    desk = desk_of(grants_second_read=False)
    desk.terminal.place(PERSON)
    card = desk.outcome(desk.lease())
    assert isinstance(card, CardRead)
    assert not card.confirmed_twice


def test_a_site_can_do_without_the_second_read(desk_of: Open) -> None:
    desk = desk_of(config={"confirm_twice": False})
    desk.terminal.place(PERSON)
    card = desk.outcome(desk.lease())
    assert isinstance(card, CardRead)
    assert not card.confirmed_twice
    assert desk.terminal.count("read_base") == 1


def test_a_card_that_was_read_must_be_lifted_before_the_next_lease_reads_it(desk_of: Open) -> None:
    """The next lease may be another visitor's: a forgotten card isn't read for them, and they are told."""
    desk = desk_of()
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(desk.lease()), CardRead)
    asked, began = desk.terminal.count(*READS), time.monotonic()
    assert desk.failure(desk.lease()) == "not_lifted"
    assert time.monotonic() - began < 5.0, "it is said at once, not at the lease's end"
    assert desk.terminal.count(*READS) == asked
    desk.terminal.lift()
    desk.looked(2)
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(desk.lease()), CardRead)
    assert len(desk.sink.of(CardPresent)) == 2


def test_a_card_swapped_between_two_looks_is_noticed_as_a_new_one(desk_of: Open) -> None:
    """The terminal finds a card again only once it was lifted: found means newly placed."""
    desk = desk_of()
    for placement in (1, 2, 3):
        desk.terminal.place(PERSON)
        assert desk.present(placement)
        assert isinstance(desk.outcome(desk.lease()), CardRead)
        desk.terminal.lift()


def test_after_it_was_lifted_an_empty_terminal_has_no_card(desk_of: Open) -> None:
    desk = desk_of()
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(desk.lease()), CardRead)
    desk.terminal.lift()
    assert desk.failure(desk.lease(seconds=1)) == "no_card"


def test_where_a_read_card_cant_even_be_selected_the_lease_waits_for_another(desk_of: Open) -> None:
    desk = desk_of(grants_second_select=False)
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(desk.lease()), CardRead)
    assert desk.failure(desk.lease(seconds=1)) == "no_card"
    lease = desk.lease()
    desk.terminal.lift()
    desk.terminal.place(PERMIT | {"type": "J"})
    card = desk.outcome(lease)
    assert isinstance(card, CardRead)
    assert card.kind is CardKind.PERMIT


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_card_that_moved_is_found_and_selected_again(desk_of: Open, at: int) -> None:
    """Moved after the select, after the first read, or after the second of two that must agree."""
    desk = desk_of()
    asked: list[str] = []

    def move(event: dict[str, Any]) -> None:
        asked.append(event["command"])
        if len(asked) == at:
            desk.terminal.move()

    desk.terminal.on_event = move
    desk.terminal.place(PERSON)
    card = desk.outcome(desk.lease())
    assert isinstance(card, CardRead), card
    assert card.confirmed_twice
    assert {name: getattr(card, name) for name in PERSON} == PERSON
    assert asked.count("select") == (1 if at == 3 else 2)


def test_a_lease_without_a_card_fails_at_its_end(desk_of: Open) -> None:
    desk = desk_of()
    began = time.monotonic()
    assert desk.failure(desk.lease(seconds=1)) == "no_card"
    assert time.monotonic() - began >= 1.0
    assert desk.terminal.count(*READS) == 0


def test_the_end_of_a_lease_cancels_a_read_that_is_going_on(desk_of: Open) -> None:
    desk = desk_of(think_s=2.5)
    desk.terminal.place(PERSON)
    assert desk.present(1)
    lease = desk.lease()
    until = time.monotonic() + SECONDS
    while not desk.terminal.count("read_base"):
        assert time.monotonic() < until
        time.sleep(0.01)
    began = time.monotonic()
    desk.driver.handle(LeaseOver(lease=lease, device=ID), no_fd)
    assert desk.failure(lease) == "lease_over"
    assert time.monotonic() - began < 1.5, "it waited for the answer"
    desk.looked(2)
    assert not desk.sink.of(CardRead)
    assert desk.terminal.count("read_base") == 1


def test_the_end_of_another_lease_changes_nothing(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.driver.handle(LeaseOver(lease="f" * 32, device=ID), no_fd)
    desk.driver.handle(LeaseOver(lease=lease, device="another"), no_fd)
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(lease), CardRead)


def test_one_lease_at_a_time(desk_of: Open) -> None:
    desk = desk_of()
    first, second = desk.lease(), desk.lease()
    assert desk.failure(second) == "busy"
    desk.terminal.place(PERSON)
    assert isinstance(desk.outcome(first), CardRead)


def test_the_next_visitor_is_served_though_the_terminal_still_answers_the_one_before(desk_of: Open) -> None:
    desk = desk_of()
    for _ in range(5):  # the core grants the next lease in the moment in which it ended the last
        over = desk.lease()
        desk.looked(1)
        desk.driver.handle(LeaseOver(lease=over, device=ID), no_fd)
        following = desk.lease()
        third = desk.lease()
        assert desk.failure(third) == "busy"
        assert desk.failure(over) == "lease_over"
        desk.terminal.place(PERSON)
        assert isinstance(desk.outcome(following), CardRead)
        desk.terminal.lift()
        desk.looked(3)


@pytest.mark.parametrize("grants", [True, False])
def test_a_card_of_an_unknown_layout_is_named_as_such(desk_of: Open, grants: bool) -> None:
    desk = desk_of(grants_second_read=grants)
    desk.terminal.place(PERSON | {"type": "Z"})
    began = time.monotonic()
    assert desk.failure(desk.lease(seconds=20)) == "unsupported_layout"
    assert time.monotonic() - began < 10.0


def test_a_card_that_is_wrong_twice_is_refused_without_its_values(desk_of: Open) -> None:
    desk = desk_of()
    desk.terminal.place(PERSON | {"number": "110105194912310021"})
    assert desk.failure(desk.lease()) == "invalid_number"
    assert desk.terminal.count("read_base") == 2


def test_noise_and_damage_are_skipped_and_no_false_card_is_confirmed(desk_of: Open) -> None:
    """One frame in four is damaged, and as often there is noise before, after and between frames."""
    desk = desk_of(seed=7)
    desk.terminal.noise = 0.25
    for _ in range(6):
        desk.terminal.place(PERSON)
        lease = desk.lease(seconds=20)
        card = desk.outcome(lease)
        assert isinstance(card, CardRead), card
        assert {name: getattr(card, name) for name in PERSON} == PERSON
        desk.terminal.lift()
    assert sum(desk.terminal.injected.values()) > 10


def test_a_terminal_that_falls_silent_ends_the_session(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease(seconds=20)
    desk.terminal.mute()
    assert desk.session.ended(SECONDS + 5)
    assert isinstance(desk.session.error, LinkDown)
    assert desk.session.error.code == "no_answer"
    assert desk.failure(lease) == "device_down"
    assert desk.failure(desk.lease()) == "device_down", "between sessions it is said at once"
    desk.session = Session(desk.driver)
    desk.terminal.mute(False)
    desk.session.error = None


def test_a_pulled_cable_ends_the_session_and_its_lease(desk_of: Open) -> None:
    desk = desk_of()
    lease = desk.lease()
    desk.terminal.stop()
    assert desk.session.ended(SECONDS)
    assert isinstance(desk.session.error, LinkDown)
    assert desk.session.error.code == "device_vanished"
    assert desk.failure(lease) == "device_down"
    desk.session = Session(desk.driver)
    assert desk.session.ended(SECONDS)
    desk.session.error = None


def test_a_lease_given_before_the_first_session_is_served_by_it(tmp_path: Path) -> None:
    with Terminal(tmp_path / "line") as terminal:
        terminal.place(PERSON)
        driver = card_serial.open(card_serial.Config(id=ID, port=str(tmp_path / "line")))
        driver.handle(CardLease(lease="a" * 32, device=ID, seconds=10), no_fd)
        session = Session(driver)
        assert session.sink.wait(lambda: bool(session.sink.of(CardRead)), SECONDS)
        session.close()


# ---- the photo -----------------------------------------------------------------------------


def test_the_photo_goes_into_its_lease_alone(desk_of: Open, library: Path) -> None:
    """P26: not without a lease for it, and never into the message."""
    desk = desk_of(config={"photo": {"library": str(library)}})
    desk.terminal.place(PERSON, wlt(0))
    plain = desk.outcome(desk.lease())
    assert isinstance(plain, CardRead)
    assert plain.photo == "not_asked"
    desk.terminal.lift()
    desk.looked(2)
    desk.terminal.place(PERSON, wlt(0))
    lease, comes = desk.photo_lease()
    with comes:
        card = desk.outcome(lease)
        assert isinstance(card, CardRead)
        assert (card.photo, card.number, card.confirmed_twice) == ("sent", PERSON["number"], True)
        (picture,) = list(read_pictures(comes, time.monotonic() + SECONDS))
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert (picture == 90).all()
        assert len(card.model_dump_json()) < 1024, "the message holds fields and no picture"


@pytest.mark.parametrize("with_library", [True, False])
def test_a_photo_that_cant_be_decoded_leaves_the_card_readable(
    desk_of: Open, library: Path, with_library: bool
) -> None:
    desk = desk_of(config={"photo": {"library": str(library)}} if with_library else {})
    desk.terminal.place(PERSON)  # its photo is noise to the test's library
    lease, comes = desk.photo_lease()
    with comes:
        card = desk.outcome(lease)
        assert isinstance(card, CardRead)
        assert card.photo == "not_decodable"
        assert comes.recv(1) == b"", "nothing came, and the lease has let go"


@pytest.mark.parametrize("how", ["cancelled", "no card", "busy", "between sessions"])
def test_whatever_ends_a_lease_its_descriptor_is_let_go(desk_of: Open, library: Path, how: str) -> None:
    desk = desk_of(config={"photo": {"library": str(library)}})
    if how == "busy":
        desk.lease()
    if how == "between sessions":
        desk.terminal.stop()
        assert desk.session.ended(SECONDS)
    lease, comes = desk.photo_lease(seconds=1)
    with comes:
        if how == "cancelled":
            desk.driver.handle(LeaseOver(lease=lease, device=ID), no_fd)
        expected = {"cancelled": "lease_over", "no card": "no_card", "busy": "busy"}
        assert desk.failure(lease) == expected.get(how, "device_down")
        assert comes.recv(1) == b""
    desk.session.error = None


# ---- ports that are none -------------------------------------------------------------------


def error_of(port: str, **config: object) -> tuple[type[BaseException], str]:
    session = Session(card_serial.open(card_serial.Config.model_validate({"id": ID, "port": port} | config)))
    assert session.ended(SECONDS)
    assert isinstance(session.error, LinkDown | DeviceMisconfigured), repr(session.error)
    return type(session.error), session.error.code


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    assert error_of(str(tmp_path / "none")) == (LinkDown, "no_port")


@pytest.mark.parametrize("port", ["/dev/null", "/tmp"])
def test_a_path_that_is_no_serial_port(port: str) -> None:
    assert error_of(port) == (DeviceMisconfigured, "not_a_serial_port")


def test_a_port_in_use(desk_of: Open) -> None:
    assert error_of(str(desk_of().terminal.link)) == (LinkDown, "port_in_use")


def test_a_port_without_permission(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("changing the account needs root")
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    Path(name).chmod(0o600)
    card_serial.open(card_serial.Config(id=ID, port=name))  # the child may not read our files any more
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            code = 0 if error_of(name) == (DeviceMisconfigured, "no_permission") else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(master)
    os.close(slave)


def test_a_port_that_answers_nothing() -> None:
    master, slave = pty.openpty()
    assert error_of(os.ttyname(slave)) == (LinkDown, "no_answer")
    os.close(master)
    os.close(slave)


def test_a_wrong_baud_rate_that_is_insisted_on_is_garble_and_no_crash(tmp_path: Path) -> None:
    with Terminal(tmp_path / "line", baud=9600):
        assert error_of(str(tmp_path / "line"), other_rates=False) == (LinkDown, "garbled")


def test_the_configuration_is_strict() -> None:
    for bad in ({"baud": 14400}, {"poll_ms": 299}, {"port": "ttyS0"}, {"colour": "red"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            card_serial.Config.model_validate({"id": ID, "port": "/dev/ttyS0"} | bad)
