"""`gatehouse outbox`: what waits to be sent, by kind; no personal data."""

import json

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("outbox", short_help="Show what waits to be sent, by kind.")(outbox)


def outbox(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show how many records wait for headquarters' receipt, by kind."""
    from edge.cli.operator import ask
    from edge.ipc.operator import GetOutbox, OutboxState

    found = ask(config, GetOutbox(), OutboxState)
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json")))
        return
    typer.echo(f"waiting {found.depth}, of which {found.in_flight} sent and not receipted yet")
    for kind, count in sorted(found.kinds.items()):
        typer.echo(f"  {kind:<16} {count}")
    if found.oldest_s is not None:
        typer.echo(f"  oldest           {found.oldest_s} s ago")
