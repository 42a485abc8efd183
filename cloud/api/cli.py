"""`gatehouse-cloud crm`: keys of CRMs' programs, shown once when they are made."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Keys of CRMs' programs, each for one project.", no_args_is_help=True)
ConfigFile = Annotated[
    Path, typer.Option("--config", help="headquarters.toml", envvar="GATEHOUSE_CLOUD_CONFIG")
]
DEFAULT_CONFIG = Path("headquarters.toml")
Name = Annotated[str, typer.Argument(help="The program's name, as the access log shows it.")]


@app.command()
def add(
    name: Name,
    project: Annotated[str, typer.Option(help="The one project that it may bring books in for.")],
    kinds: Annotated[
        str | None, typer.Option(help="Only these books, for example report,deal. Default: all.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a key and print it, this once: put it into a file of that program's account, mode 0600."""
    from cloud.api.keys import issue
    from cloud.books.places import projects
    from cloud.clock import now_ms
    from cloud.config import load
    from cloud.store.database import open_database

    headquarters = load(config)
    database = open_database(headquarters.database.url)
    chosen = None if kinds is None else [kind.strip() for kind in kinds.split(",")]
    key = database.write(lambda c: issue(c, headquarters.tenant, name, project, chosen, now_ms()))
    typer.echo(key)
    with database.read() as connection:
        known = projects(connection, headquarters.tenant)
    if project not in known:
        typer.echo(f"no box is of {project} yet; known: {', '.join(known) or 'none'}", err=True)


@app.command("list")
def list_keys(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show every key's name, project and kinds, and when it was made or revoked."""
    from cloud.api.keys import known_keys
    from cloud.config import load
    from cloud.store.database import open_database

    headquarters = load(config)
    with open_database(headquarters.database.url).read() as connection:
        found = known_keys(connection, headquarters.tenant)
    if not found:
        typer.echo("no key; `gatehouse-cloud crm add NAME --project P` makes one")
    for one in found:
        kinds = ",".join(one.kinds) if one.kinds is not None else "all"
        ended = f"revoked {_day(one.revoked_ms)}" if one.revoked_ms is not None else ""
        typer.echo(
            f"{one.name:<20} {one.project:<20} {kinds:<24} since {_day(one.created_ms)}  {ended}".rstrip()
        )


@app.command()
def revoke(name: Name, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """End a key at once. What it brought in stays: bring it in again as withdrawn to take it back."""
    from cloud.api.keys import revoke as end
    from cloud.clock import now_ms
    from cloud.config import load
    from cloud.store.database import open_database

    headquarters = load(config)
    open_database(headquarters.database.url).write(lambda c: end(c, headquarters.tenant, name, now_ms()))
    typer.echo(f"{name}: revoked")


def _day(at_ms: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d")
