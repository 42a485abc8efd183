"""`gatehouse credentials`: makes the box's own secrets, once, and takes the project's keys."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edge.cli.options import DEFAULT_CONFIG, ConfigOption


class _MakesByDefault(TyperGroup):
    """`credentials DIRECTORY` is `credentials make DIRECTORY`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 — typer hides its Context
        """Put the command's name before a directory."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["make", *args]
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(cls=_MakesByDefault, no_args_is_help=True)
    group.command("make", short_help="Create the box's own secrets; `make` may be left out.")(make)
    group.command("import-keys", short_help="Take the project's keys from its officer's file.")(import_keys)
    app.add_typer(group, name="credentials", help="Create the box's own secrets, once.")


def make(directory: Path) -> None:
    """Create the box's secrets in DIRECTORY (never overwriting any) and print its public keys.

    The signing key is for `gatehouse-cloud box add`, the enrolment key for the project's officer. Until
    the officer's file is imported the box makes tokens that no other box of the project makes.
    """
    from edge.store.credentials import Credentials, enrolment_key

    credentials = Credentials.create(directory)
    enrolment = enrolment_key(directory).public_key().public_bytes_raw().hex()
    typer.echo(f"signing key    {credentials.public_key_hex}")
    typer.echo(f"enrolment key  {enrolment}")


def import_keys(
    file: Annotated[
        Path, typer.Argument(help="What `gatehouse-cloud project-keys seal` wrote for this box.")
    ],
    officer: Annotated[
        str | None, typer.Option(help="The officer's public key, told to you by another way; the first time.")
    ] = None,
    replace_officer: Annotated[bool, typer.Option(help="Trust another officer from now on.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take the project's keys out of the officer's sealed FILE; they count from the next start on."""
    from edge.config import load
    from edge.domain.errors import InvalidInput
    from edge.store.credentials import import_keys as take
    from edge.wire.project import MAX_SEALED_FILE

    loaded = load(config)
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_SEALED_FILE + 1)
    except OSError as error:
        raise InvalidInput("import project keys", "unreadable", f"{file}: {error.strerror}") from None
    held = take(
        loaded.paths.credentials,
        content,
        loaded.site.tenant,
        loaded.site.box,
        officer.lower() if officer else None,
        replace_officer=replace_officer,
    )
    newest = held.generations[0].generation
    typer.echo(f"project {held.project}, generation {newest}, officer {held.officer}")
    typer.echo("restart the core: systemctl restart gatehouse")
