"""The phone worker: runs SIP lines for the core; holds no key but that of a call being recorded."""

import socket

from edge.workers import host


def main(sock: socket.socket) -> int:
    """Serve the core on `sock`; return the exit code."""
    return host.run("phone", sock)
