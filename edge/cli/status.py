"""`gatehouse status`: the box's health for a technician; no personal data."""

import json
from typing import TYPE_CHECKING

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption

if TYPE_CHECKING:
    from edge.ipc.operator import Status

_COLOURS = {"up": "green", "ok": "green", "connecting": "yellow", "warn": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("status")(status)


def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show devices, link, outbox and checks. Exit code 1 if something needs a person."""
    from edge.cli.operator import ask
    from edge.ipc.operator import GetStatus, Status

    found = ask(config, GetStatus(), Status)
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json"), ensure_ascii=False))
    else:
        _show(found)
    raise typer.Exit(0 if found.healthy else 1)


def _show(found: "Status") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for title, lines in (("devices", found.devices), ("checks", found.checks)):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        last = ("about",) if any(row.about for row in lines) else ()
        for column in ("name", "state", "what", "hint", *last):
            table.add_column(column)
        for row in lines:
            state = Text(row.state, style=_COLOURS.get(row.state, "red"))
            rest = (Text(row.what), Text(row.hint), *(Text(row.about) for _ in last))
            table.add_row(Text(row.name), state, *rest)
        console.print(table)
        console.print()
    for title, tally in (("sensed", found.sensed), ("gate", found.gate)):
        counts = "   ".join(f"{name} {count}" for name, count in sorted(tally.items()))
        console.print(Text(f"{title} since the start: ", style="bold") + Text(counts or "nothing"))
