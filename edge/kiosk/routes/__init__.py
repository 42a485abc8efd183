"""The pages, one file per errand of a visitor; nothing else is reachable (P32)."""
