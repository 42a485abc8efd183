"""Tests of the core's own machinery: supervision, sockets, leases, workers."""
