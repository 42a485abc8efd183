"""Pure rules of the sales office; no I/O, no clock, no import of anything but edge.wire."""
