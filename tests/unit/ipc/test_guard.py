"""What a native callback raises is kept for the session's own thread, the first of several, once."""

import threading

import pytest

from edge.ipc.guard import Guard


def test_an_exception_stays_inside_and_comes_out_at_check() -> None:
    guard = Guard()
    with guard:
        raise KeyError("first")
    with guard:
        raise ValueError("second")
    with pytest.raises(KeyError, match="first"):
        guard.check()
    guard.check()


def test_without_an_exception_nothing_is_raised() -> None:
    guard = Guard()
    with guard:
        pass
    guard.check()


def test_what_another_thread_raised_comes_out_here() -> None:
    guard = Guard()

    def callback() -> None:
        with guard:
            raise SystemExit(3)

    thread = threading.Thread(target=callback)
    thread.start()
    thread.join()
    with pytest.raises(SystemExit):
        guard.check()
