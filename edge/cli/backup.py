"""`gatehouse backup`: encrypted backups for a key that is never on the box, and their way back."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption

if TYPE_CHECKING:
    from edge.runtime.restore import Restored

UNREADABLE = 3
"""Exit code: restored, but something couldn't be read and is gone."""


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="Encrypted backups.", no_args_is_help=True)
    group.command("keygen", short_help="Make the escrow's key, on another machine.")(keygen)
    group.command("create", short_help="Make a backup of the running box.")(create)
    group.command("restore", short_help="Bring a backup back; the core stopped.")(restore)
    app.add_typer(group, name="backup")


def keygen(file: Path) -> None:
    """Write a new private key to FILE (never overwritten) and print the public one for `backup.escrow_key`.

    Not on the box: whoever has the private key and a backup has everything. Keep it where the keys of
    the safe are kept, and a copy elsewhere.
    """
    import os

    from nacl.public import PrivateKey

    from edge.domain.errors import InvalidInput

    private = PrivateKey.generate()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        hint = "a key is never overwritten; name a new file in a directory that is there"
        raise InvalidInput("write the escrow's key", str(error.strerror), hint) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(bytes(private).hex() + "\n")
    typer.echo(bytes(private.public_key).hex())


def create(
    directory: Annotated[Path | None, typer.Argument(help="On the box; else backup.directory.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make a backup of the running box: data/ and keys/ in DIRECTORY. Keys older than 7 days are deleted."""
    from edge.cli.operator import ask
    from edge.ipc.operator import BackupMade, MakeBackup

    request = MakeBackup(directory=str(directory.resolve()) if directory else None)
    made = ask(config, request, BackupMade, timeout=600.0)
    if as_json:
        typer.echo(json.dumps(made.model_dump(mode="json")))
        return
    typer.echo(f"  data  {made.data}\n  keys  {made.keys}")
    typer.secho(f"✓ {made.bytes / (1 << 20):.1f} MiB; {made.pruned} older files deleted", fg="green")


def restore(
    data: Annotated[Path, typer.Argument(help="The backup of the data.", exists=True)],
    escrow_key: Annotated[Path, typer.Option(help="The escrow's private key.", exists=True)],
    keys: Annotated[
        Path | None, typer.Option(help="The backup of the keys; else the box's present keys.", exists=True)
    ] = None,
    box_key: Annotated[str, typer.Option(help="Public key of the box that made it, if it was another.")] = "",
    without_keys: Annotated[bool, typer.Option(help="Restore what needs no key, if there is none.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of what this box has; the core has to be stopped.

    Erasures that this box knows of are replayed first. What can't be read any more is counted and
    deleted: exit code 3.
    """
    import time

    from edge.config import load
    from edge.runtime.restore import Restore, Source
    from edge.store.credentials import Credentials
    from edge.store.identity import BoxIdentity

    found = load(config, with_secrets=False)
    site = found.site
    escrow, reach_ms = _hex(escrow_key.read_text("ascii")), found.retention.periods().tombstones
    source = Source(data, keys, escrow, _hex(box_key), without_keys, reach_ms)
    own = Credentials.load(found.paths.credentials)
    identity = BoxIdentity(tenant=site.tenant, site=site.site, box=site.box)
    told = Restore(found.paths.state, own, identity, source).run(time.time_ns() // 1_000_000)
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(told)))
    else:
        _show(told)
    raise typer.Exit(UNREADABLE if told.unreadable else 0)


def _hex(text: str) -> bytes:
    from edge.domain.errors import InvalidInput

    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidInput("read a key", "not_hex", "64 hex digits, as keygen wrote them") from None


def _show(told: "Restored") -> None:
    made = datetime.fromtimestamp(told.made_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
    typer.secho(f"✓ restored as of {made}: {told.persons} persons, keys: {told.keys_from}", fg="green")
    typer.echo(f"  erased since, and erased again: {told.erased_again}")
    for name, count in sorted(told.unreadable.items()):
        typer.secho(f"  can't be read any more, deleted: {name} {count}", fg="yellow")
    typer.echo(
        "  Order again at headquarters what was withdrawn or erased since: this box can't know all of it."
    )
