"""What the box remembers of itself over a crash (last alive, last online, wordings); about no person."""

from edge.store.tables import Part
from edge.wire import Scope

_TOLD = "told_"


class Marks(Part):
    """Each mark is one wall time in milliseconds under a name of the core's."""

    def mark(self, name: str, at_ms: int) -> None:
        """Remember that `name` was true at `at_ms`."""
        self._database.insert(
            "meta",
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name=f"mark_{name}",
            value=str(at_ms),
        )

    def marked(self, name: str) -> int | None:
        """Return when `name` was last true, over all starts; None if never."""
        row = self._database.one("SELECT value FROM meta WHERE name = ?", (f"mark_{name}",))
        return int(row.text("value")) if row else None

    def tell(self, wordings: dict[Scope, str]) -> None:
        """Remember the hash of each scope's wording in the notice in force."""
        for scope, words in wordings.items():
            self._database.insert(
                "meta",
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name=f"{_TOLD}{scope}",
                value=words,
            )

    def told(self) -> dict[Scope, str]:
        """Return the hash of each scope's wording when it was last offered."""
        rows = self._database.query("SELECT name, value FROM meta WHERE name LIKE ?", (f"{_TOLD}%",))
        return {Scope(row.text("name").removeprefix(_TOLD)): row.text("value") for row in rows}
