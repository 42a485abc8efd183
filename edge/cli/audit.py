"""`gatehouse audit`: is the log of what was done whole, and what headquarters has seen of it?"""

import json
from datetime import datetime

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="The log of what was done.", no_args_is_help=True)
    group.callback()(_group)
    group.command("verify", short_help="Check every entry and the anchor.")(verify)
    app.add_typer(group, name="audit")


def _group() -> None:
    """The log of what was done."""


def verify(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Recompute every entry's hash and the tree over them. Exit code 1 if something was changed."""
    from edge.cli.operator import ask
    from edge.ipc.operator import AuditState, VerifyAudit

    found = ask(config, VerifyAudit(), AuditState, timeout=120.0)
    bad = found.broken_at is not None or found.anchor_holds is False
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json")))
        raise typer.Exit(int(bad))
    if found.broken_at is not None:
        typer.secho(f"✗ the chain is broken at entry {found.broken_at}", fg="red")
    if found.anchored_ms is None:
        typer.echo("  headquarters has not seen it yet: whoever is root could rewrite all of it unnoticed")
    else:
        when = datetime.fromtimestamp(found.anchored_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
        seen = f"headquarters has seen {found.anchored_size} entries, last at {when}"
        if found.anchor_holds:
            typer.echo(f"  {seen}; entries after them could still be rewritten")
        else:
            typer.secho(f"✗ {seen}: the log here is another one", fg="red")
    if not bad:
        typer.secho(f"✓ {found.size} entries, whole; root {found.root[:16]}…", fg="green")
    raise typer.Exit(int(bad))
