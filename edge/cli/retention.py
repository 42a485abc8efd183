"""`gatehouse retention`: what is past its period, as a dry run and applied; counts, never whose."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption

if TYPE_CHECKING:
    from edge.ipc.operator import RetentionPlan


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="How long data is kept.", no_args_is_help=True)
    group.command("plan", short_help="Show what would be deleted, by class.")(plan)
    group.command("apply", short_help="Delete now what is past its period.")(apply)
    app.add_typer(group, name="retention")


def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    within: Annotated[int, typer.Option(help="Look so many days ahead.", min=0, max=36500)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show, for each class, what is held, what is due, and when the next row will be. Changes nothing."""
    from edge.cli.operator import ask
    from edge.ipc.operator import PlanRetention, RetentionPlan

    found = ask(config, PlanRetention(within_days=within), RetentionPlan, timeout=60.0)
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json")))
    else:
        _show(found)


def _show(found: "RetentionPlan") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"at {_day(found.at_ms)}", title_justify="left", box=None, pad_edge=False)
    for column, side in (("class", "left"), ("held", "right"), ("due", "right"), ("next", "left")):
        table.add_column(column, justify="right" if side == "right" else "left")
    for row in found.classes:
        later = _day(row.next_ms) if row.next_ms is not None else "–"
        table.add_row(row.name, str(row.held), str(row.due), later, style="bold" if row.due else None)
    Console().print(table)


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def apply(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Delete now what is past its period; the core does the same by itself."""
    from edge.cli.operator import ask
    from edge.ipc.operator import ApplyRetention, RetentionApplied

    rows = ask(config, ApplyRetention(), RetentionApplied, timeout=120.0).rows
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for name, count in sorted(rows.items()):
        typer.echo(f"  {name:<24} {count}")
    typer.secho(f"✓ {sum(rows.values())} rows deleted" if rows else "✓ nothing is due", fg="green")
