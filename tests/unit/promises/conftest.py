"""The desk over a real store, gate and office, as the runtime's tests have it."""

from tests.unit.runtime.conftest import notice, office
from tests.unit.runtime.test_reception import desk, thread

__all__ = ["desk", "notice", "office", "thread"]
