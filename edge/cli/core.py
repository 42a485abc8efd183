"""`gatehouse run`: the core."""

from typing import Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, log_to_stderr


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("run", short_help="Run the core and its workers.")(run)


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    workers: Annotated[
        bool, typer.Option(help="Start the workers as child processes; without, use their systemd units.")
    ] = True,
) -> None:
    """Run the core, and its workers unless they are units of their own."""
    from edge.runtime.core import run_core

    log_to_stderr()
    raise typer.Exit(run_core(config, workers))
