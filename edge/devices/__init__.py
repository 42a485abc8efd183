"""One file per kind of device, found by its name and imported only when configured; no shared state.

A kind is a module `edge/devices/<kind>.py` with `Config` and `open`. Names that begin with `_` are
helpers of one kind, not kinds.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Protocol, cast

from edge.domain.errors import ConfigError
from edge.ipc.driver import DeviceConfig, Driver


class Kind(Protocol):
    """What a device module offers."""

    Config: type[DeviceConfig]
    open: Callable[[Any], Driver]


def kinds() -> list[str]:
    """Return the names of all kinds, without importing them."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(kind: str) -> Kind:
    """Import one kind; raise ConfigError for a name that isn't one."""
    if kind not in kinds():
        raise ConfigError("load a device kind", f"unknown kind {kind!r}", f"known: {', '.join(kinds())}")
    return cast(Kind, importlib.import_module(f"{__name__}.{kind}"))
