"""`gatehouse-cloud retention`: what is past its period, as a dry run and applied; counts, never whose."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="How long data is kept here.", no_args_is_help=True)
ConfigFile = Annotated[
    Path, typer.Option("--config", help="headquarters.toml", envvar="GATEHOUSE_CLOUD_CONFIG")
]
Json = Annotated[bool, typer.Option("--json", help="JSON.")]
DEFAULT_CONFIG = Path("headquarters.toml")


@app.command()
def plan(
    within: Annotated[int, typer.Option(help="Look so many days ahead.", min=0, max=36500)] = 0,
    as_json: Json = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show, for each class, what is held, what is due, and when the next row will be. Changes nothing."""
    from cloud.clock import now_ms
    from cloud.config import load
    from cloud.retention import keeper
    from cloud.store.database import open_database

    headquarters = load(config)
    database = open_database(headquarters.database.url)
    at_ms = now_ms() + within * 86_400_000
    with database.read() as connection:
        found = keeper.plan(connection, headquarters.tenant, headquarters.retention, at_ms)
    if as_json:
        typer.echo(json.dumps({"at_ms": at_ms, "classes": [asdict(one) for one in found]}))
        return
    typer.echo(f"at {_day(at_ms)}\n{'class':<16} {'held':>9} {'due':>9}  next")
    for one in found:
        line = f"{one.name:<16} {one.held:>9} {one.due:>9}  {_day(one.next_ms)}"
        typer.secho(line, bold=one.due > 0)


@app.command()
def apply(as_json: Json = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Delete now what is past its period; the service does the same every hour."""
    from cloud.clock import now_ms
    from cloud.config import load
    from cloud.retention import keeper
    from cloud.store.database import open_database

    headquarters = load(config)
    database = open_database(headquarters.database.url)
    gone = keeper.keep_house(database, headquarters.tenant, headquarters.retention, now_ms())
    if as_json:
        typer.echo(json.dumps(gone))
        return
    for name, count in gone.items():
        typer.echo(f"  {name:<16} {count:>9}")
    typer.echo(f"{sum(gone.values())} rows deleted or emptied" if gone else "nothing is due")


def _day(at_ms: int | None) -> str:
    from datetime import datetime

    if at_ms is None:
        return "–"
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
