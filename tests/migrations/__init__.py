"""The schema of the store, pinned, and old stores opened by the program of today."""
