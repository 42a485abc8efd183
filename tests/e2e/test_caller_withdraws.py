"""A caller who agreed to the recording ends it at the kiosk: real phone worker, caller and browser."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.site.demo import browser_page
from scripts.site.place import Options, Place
from scripts.site.sip_peers import Plan, place_call
from scripts.site.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
NUMBER = "13800138000"
WITHIN_S = 5.0
GROWS_EACH_S = 0.5
"""At the most: the worker seals half a second of sound at once, or less."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("calls"), Options(cameras=False, terminal=False)) as running:
        running.wait_ready(90)
        yield running


def size(spool: Path) -> int:
    return sum(file.stat().st_size for file in spool.iterdir())


def until_it_grows(spool: Path, beyond: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while size(spool) <= beyond:
        assert time.monotonic() < deadline, "nothing is recorded"
        time.sleep(0.05)  # a file's growth can't be awaited otherwise


def test_p27_p43_a_recording_ends_within_5_seconds_of_the_callers_withdrawal(place: Place) -> None:
    """P27, P43: the call itself goes on to its end; headquarters hears of a call that nobody recorded."""
    spool, registrar = place.box_directory / "state" / "spool", place.registrar
    assert registrar is not None
    plan = Plan(NUMBER, seconds=19.0, key="1", key_at=8.0, speaks_from=9.0)
    with browser_page() as page, ThreadPoolExecutor(1) as callers:
        visitor = Visitor(page, place.kiosk_url)
        visitor.open()
        calling = callers.submit(place_call, plan, "8001", ("127.0.0.1", registrar.port))
        until_it_grows(spool, 40_000, 30)
        assert visitor.withdraw(NUMBER, ["recording"])["outcome"] == "withdrawn"
        withdrawn = grew = time.monotonic()
        last = size(spool)
        while time.monotonic() < withdrawn + WITHIN_S + 3 * GROWS_EACH_S:
            if (now := size(spool)) > last:
                last, grew = now, time.monotonic()
            time.sleep(0.05)
        assert grew - withdrawn <= WITHIN_S
        assert not calling.done(), "the call goes on"
        word = calling.result()
    assert word.answered and word.duration_ms > 18_000
    assert size(spool) == last
    deadline = time.monotonic() + 30
    while not (calls := place.ledger("call")):
        assert time.monotonic() < deadline, "headquarters hears of the call"
        time.sleep(0.2)
    assert [(c["record"]["recorded"], c["record"]["who"]) for c in calls] == [(False, None)]
