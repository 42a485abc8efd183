"""The one spelling of what is signed; never signs.

The form is RFC 8785 (JCS) restricted to integers, strings, booleans, null, arrays and objects with ASCII
keys, where it equals Python's compact JSON with sorted keys.
"""

import json


def canonical(value: object) -> bytes:
    """Return the one spelling of `value`; raise ValueError on a float, which has several."""
    _refuse_floats(value)
    return _ENCODER.encode(value).encode()


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
_SCALARS = frozenset({str, int, bool, type(None)})


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise ValueError("floats have no canonical form on the wire")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("object keys are strings on the wire")
            if type(item) not in _SCALARS:
                _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _SCALARS:
                _refuse_floats(item)
