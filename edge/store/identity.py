"""Which box this is, as it stands in every batch; never changes for a store once it is made."""

import re
from dataclasses import dataclass

from edge.domain.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class BoxIdentity:
    """Tenant, site and box; names an installer chose (wire.base.Name). Raises ConfigError."""

    tenant: str
    site: str
    box: str

    def __post_init__(self) -> None:
        for field in ("tenant", "site", "box"):
            if not _NAME.fullmatch(getattr(self, field)):
                raise ConfigError(
                    "name the box", f"{field} is not a name", "lower case, digits, hyphens; at most 40"
                )
