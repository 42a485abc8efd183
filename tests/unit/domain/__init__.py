"""Unit tests of the pure rules; nothing here does I/O."""
