"""How the CLI asks the running core, over the operators' control socket."""

from pathlib import Path
from typing import TypeVar

from edge.config import load
from edge.ipc.client import ControlClient
from edge.ipc.messages import Message

A = TypeVar("A", bound=Message)


def ask(config: Path, request: Message, answer: type[A], timeout: float = 10.0) -> A:
    """Return the core's answer; a GatehouseError with a hint if it isn't running or refuses."""
    client = ControlClient(load(config, with_secrets=False).paths.run / "control.sock", timeout)
    return client.ask(request, answer)
