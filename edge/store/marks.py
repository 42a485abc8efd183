"""What the box remembers of itself over a crash (last alive, last online); about no person."""

from edge.store.tables import Part


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
