"""What the kiosk remembers ends with the visitor: bounded in number and in time."""

import asyncio

from edge.kiosk.sittings import Sittings


def test_an_idle_sitting_is_forgotten_and_an_act_starts_its_time_anew() -> None:
    async def scene() -> None:
        sittings = Sittings(keep_s=0.05)
        first, _ = sittings.open("a", "1" * 32)
        assert sittings.get("a") is first
        while len(sittings):
            await asyncio.sleep(0.01)
        assert sittings.get("a") is None

    asyncio.run(asyncio.wait_for(scene(), 10))


def test_sittings_are_bounded_and_the_oldest_gives_way() -> None:
    async def scene() -> None:
        sittings = Sittings()
        for n in range(32):
            assert sittings.open(f"s{n}", f"{n:032x}")[1] == ()
        sittings.get("s0")
        _, displaced = sittings.open("new", "f" * 32)
        assert [s.core for s in displaced] == [f"{1:032x}"]
        assert len(sittings) == 32
        for n in range(32):
            sittings.drop(f"s{n}")
        sittings.drop("new")
        assert len(sittings) == 0

    asyncio.run(scene())


def test_p41_a_sitting_whose_session_the_core_ended_is_forgotten() -> None:
    async def scene() -> None:
        sittings = Sittings()
        sittings.open("a", "1" * 32)
        kept, _ = sittings.open("b", "2" * 32)
        asked = sittings.cores
        later, _ = sittings.open("c", "3" * 32)  # opened while the core was being asked
        assert sittings.keep_only(asked, ("2" * 32,)) == 1
        assert (sittings.get("a"), sittings.get("b"), sittings.get("c")) == (None, kept, later)
        for sid in "bc":
            sittings.drop(sid)

    asyncio.run(scene())


def test_opening_again_displaces_the_one_before() -> None:
    async def scene() -> None:
        sittings = Sittings()
        old, _ = sittings.open("a", "1" * 32)
        new, displaced = sittings.open("a", "2" * 32)
        assert displaced == (old,)
        assert sittings.drop("a") is new
        assert sittings.drop("a") is None
        assert sittings.get(None) is None

    asyncio.run(scene())
