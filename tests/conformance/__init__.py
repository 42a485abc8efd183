"""One suite per kind of plug-in that every implementation passes; knows no implementation by itself."""

import pytest

pytest.register_assert_rewrite("tests.conformance.driver_suite")
