"""Devices' health, blind time and head counts, from states to what waits in the outbox of a real store."""

from edge.ipc.messages import DeviceState, Headcount
from edge.runtime.office import Office
from edge.runtime.operation import OFF_MS, Operation
from edge.wire import BasisKind, BlindTime, DeviceHealth, FootfallCounted, Purpose, Record


def records(office: Office) -> list[Record]:
    """What waits to be sent, in order; each entry on an impersonal basis."""
    batch = office.store.take_batch(500)
    entries = batch.entries if batch is not None else ()
    assert all(e.basis.kind is BasisKind.IMPERSONAL for e in entries)
    assert all(e.purpose in {Purpose.FOOTFALL, Purpose.OPERATION} for e in entries)
    return [e.record for e in entries]


def state(name: str, at_ms: int, code: str = "x", device: str = "entrance") -> DeviceState:
    return DeviceState.model_validate({"device": device, "state": name, "code": code, "at_ms": at_ms})


def blind(office: Office, *states: DeviceState) -> list[tuple[str, int, int, str]]:
    operation = Operation(office)
    for one in states:
        operation.device_state(one)
    return [(r.device, r.from_ms, r.to_ms, r.cause) for r in records(office) if isinstance(r, BlindTime)]


def test_a_camera_that_was_cut_was_blind_from_down_to_up(office: Office) -> None:
    assert blind(
        office,
        state("connecting", 100, "starting"),
        state("up", 200, "frames_arrive"),
        state("down", 1000, "link_down"),
        state("up", 9000, "frames_arrive"),
    ) == [("entrance", 100, 200, "starting"), ("entrance", 1000, 9000, "link_down")]


def test_blind_time_starts_with_the_first_failure_whatever_follows(office: Office) -> None:
    assert blind(
        office,
        state("up", 0),
        state("frozen", 500, "no_new_picture"),
        state("down", 700, "link_down"),
        state("connecting", 800),
        state("auth_failed", 900, "wrong_password"),
        state("up", 1000),
    ) == [("entrance", 500, 1000, "no_new_picture")]


def test_each_device_is_blind_by_itself(office: Office) -> None:
    assert blind(
        office,
        state("up", 0),
        state("up", 0, device="desk"),
        state("down", 10, "link_down"),
        state("down", 20, "frozen", device="desk"),
        state("up", 30),
    ) == [("entrance", 10, 30, "link_down")]


def test_a_device_that_never_saw_is_not_yet_a_blind_time_and_one_that_sees_never_was(office: Office) -> None:
    assert blind(office, state("connecting", 0), state("down", 5), state("down", 9, "y")) == []
    assert blind(office, state("up", 0), state("up", 5, "other_code")) == []


def test_a_clock_that_was_set_back_makes_no_negative_time(office: Office) -> None:
    assert blind(office, state("down", 1000), state("up", 900)) == []


def test_health_is_noted_once_per_change(office: Office) -> None:
    operation = Operation(office)
    for one in (
        state("connecting", 1),
        state("connecting", 2),
        state("up", 3),
        state("up", 4),
        state("up", 5, "z"),
    ):
        operation.device_state(one)
    health = [r for r in records(office) if isinstance(r, DeviceHealth)]
    assert [(r.state, r.code, r.since_ms) for r in health] == [
        ("connecting", "x", 1),
        ("up", "x", 3),
        ("up", "z", 5),
    ]
    assert operation.states["entrance"].code == "z"


def test_blind_time_and_the_health_that_ends_it_leave_together(office: Office) -> None:
    operation = Operation(office)
    operation.device_state(state("down", 1))
    assert [r.kind for r in records(office)] == ["health"]
    operation.device_state(state("up", 2))
    assert [r.kind for r in records(office)] == ["health", "blind"]


def test_p6_head_counts_leave_from_five_on_and_per_camera(office: Office) -> None:
    """P6: small groups wait; two cameras' small groups don't make one large one."""
    operation = Operation(office)

    def count(device: str, n: int, interval: int) -> None:
        operation.headcount(Headcount(device=device, from_ms=interval, to_ms=interval + 1, count=n))

    count("north", 3, 0)
    count("south", 4, 0)
    assert records(office) == []
    count("north", 2, 1)
    count("south", 0, 1)
    assert records(office) == [FootfallCounted(camera="north", from_ms=0, to_ms=2, count=5)]


def test_the_time_in_which_the_box_itself_was_dead_is_blind_for_every_device(office: Office) -> None:
    operation = Operation(office)
    operation.box_was_down(("entrance", "desk"), 1000)
    for device in ("entrance", "desk"):
        operation.device_state(state("connecting", 5000, "starting", device))
        operation.device_state(state("up", 6000, "frames_arrive", device))
    blind = [(r.device, r.from_ms, r.to_ms, r.cause) for r in records(office) if isinstance(r, BlindTime)]
    assert blind == [("entrance", 1000, 6000, "box_down"), ("desk", 1000, 6000, "box_down")]


def test_a_moment_is_remembered_by_the_store_the_last_one_wins(office: Office) -> None:
    assert office.store.marked("alive") is None
    office.store.mark("alive", 5)
    office.store.mark("alive", 9)
    office.store.mark("online", 7)
    assert (office.store.marked("alive"), office.store.marked("online")) == (9, 7)


def test_only_a_box_that_was_off_for_a_minute_leaves_a_finding_in_doubt(office: Office) -> None:
    """About no person; a restart keeps nobody from registering."""
    operation, now = Operation(office), office.clock.now_ms()
    operation.box_was_down((), now - OFF_MS + 5_000)
    assert office.store.outages() == ()
    operation.box_was_down((), now - 20 * 60_000)
    ((since, until),) = office.store.outages()
    assert since == now - 20 * 60_000 and until >= now
    assert records(office) == []
