"""Unit tests, mirroring the packages; nothing here opens a network connection."""
