"""The desk over a real store, gate and office, as the runtime's tests have it."""

from tests.unit.runtime.conftest import desk, notice, office, thread

__all__ = ["desk", "notice", "office", "thread"]
