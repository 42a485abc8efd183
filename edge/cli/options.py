"""Options that several commands share, and the set-up of logging; imports nothing heavy."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from edge.domain.reasons import Reason

DEFAULT_CONFIG = Path("/etc/gatehouse/gatehouse.toml")

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The box's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]

ReasonOption = Annotated[
    Reason, typer.Option("--reason", help="Why; it stands in the audit.", show_choices=True)
]


def when(ms: int) -> str:
    """Return a wall time (milliseconds since 1970) in this machine's zone, for a terminal."""
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def zone_of(ms: int) -> str:
    """Return in which zone a terminal of this machine tells a time, for sentences that don't say it."""
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Z (UTC%z)")


def log_to_stderr() -> None:
    """Log for the journal: one line per event, key=value, without personal data."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
