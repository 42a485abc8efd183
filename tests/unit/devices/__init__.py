"""Unit tests of device drivers; no real device is needed."""
