"""Options that several commands share, and the set-up of logging; imports nothing heavy."""

import logging
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("/etc/gatehouse/gatehouse.toml")

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The box's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]


def log_to_stderr() -> None:
    """Log for the journal: one line per event, key=value, without personal data."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
