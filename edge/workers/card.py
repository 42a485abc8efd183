"""The worker for ID-card terminals: a process without keys that runs their drivers; decides nothing."""

import socket

from edge.workers import host


def main(sock: socket.socket) -> int:
    """Serve the core on `sock`; return the exit code."""
    return host.run("card", sock)
