"""What the box remembers of itself over a crash (last alive, last online); about no person."""

from edge.store.tables import Part


class Marks(Part):
    """Each mark is a wall time in milliseconds, or a text, under a name of the core's."""

    def mark(self, name: str, at_ms: int) -> None:
        """Remember that `name` was true at `at_ms`."""
        self._database.insert(
            "meta",
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name=f"mark_{name}",
            value=str(at_ms),
        )

    def note(self, name: str, text: str) -> None:
        """Remember `text` under `name`."""
        self._database.insert(
            "meta", "ON CONFLICT (name) DO UPDATE SET value = excluded.value", name=f"note_{name}", value=text
        )

    def noted(self, name: str) -> str | None:
        """Return what was last noted under `name`."""
        row = self._database.one("SELECT value FROM meta WHERE name = ?", (f"note_{name}",))
        return row.text("value") if row else None

    def marked(self, name: str) -> int | None:
        """Return when `name` was last true, over all starts; None if never."""
        row = self._database.one("SELECT value FROM meta WHERE name = ?", (f"mark_{name}",))
        return int(row.text("value")) if row else None
