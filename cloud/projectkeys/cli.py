"""`gatehouse-cloud project-keys`: for the project's officer, offline; needs no configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloud.projectkeys.keyfile import KeyFile

app = typer.Typer(
    help="A project's token keys, for its officer: offline, on a file that the service never needs.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(help="The officer's key file (mode 0600).")]


@app.command()
def new(
    file: File,
    tenant: Annotated[str, typer.Option(help="As in the boxes' site.tenant.")],
    project: Annotated[str, typer.Option(help="A name for the project: 1 to 40 of a-z 0-9 -.")],
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for one and encrypt the file.")
    ] = False,
    generation: Annotated[
        int, typer.Option(min=1, help="After a lost key file: the boxes' newest generation plus 1.")
    ] = 1,
) -> None:
    """Make a project's keys in a new FILE, and print the officer's public key for the boxes."""
    from cloud.errors import InvalidOrder
    from cloud.names import is_name
    from cloud.projectkeys.keyfile import KeyFile, save

    if not (is_name(tenant) and is_name(project)):
        raise InvalidOrder("make project keys", "bad_name", "tenant and project are 1 to 40 of a-z 0-9 -")
    made = KeyFile.new(tenant, project, generation)
    save(file, made, _new_passphrase() if passphrase else None, replace=False)
    typer.echo(f"officer's public key  {made.officer}")
    typer.echo(f"generation {made.generation} of {tenant}/{project}: keep {file} off every box and server")


@app.command("seal")
def seal_for(
    file: File,
    box: Annotated[str, typer.Option(help="The box's name, as in its site.box.")],
    enrolment_key: Annotated[str, typer.Option(help="What the box printed as its enrolment key.")],
    out: Annotated[Path, typer.Option(help="A new file, to be carried to that box.")],
) -> None:
    """Seal the newest keys to one box, for `gatehouse credentials import-keys`."""
    from cloud.errors import InvalidOrder
    from cloud.projectkeys.keyfile import write_private
    from cloud.projectkeys.seal import seal

    held, _ = _load(file)
    try:
        sealed = seal(held, box, enrolment_key.lower())
    except ValueError:
        hint = "a box is 1 to 40 of a-z 0-9 -, an enrolment key 64 hex digits"
        raise InvalidOrder("seal project keys", "bad_name_or_key", hint) from None
    write_private(out, sealed.model_dump_json(indent=1).encode(), replace=False)
    typer.echo(f"{out}: generation {held.generation} of {held.tenant}/{held.project}, for {box} alone")
    typer.echo(f"officer's public key  {held.officer}")


@app.command()
def rotate(file: File) -> None:
    """Make the next generation in FILE; the one before is no longer in it."""
    from cloud.projectkeys.keyfile import save

    held, passphrase = _load(file)
    rotated = held.rotated()
    save(file, rotated, passphrase, replace=True)
    typer.echo(f"generation {rotated.generation} of {held.tenant}/{held.project}: seal it for every box now")


def _load(file: Path) -> "tuple[KeyFile, str | None]":
    from cloud.projectkeys.keyfile import is_encrypted, load

    passphrase = typer.prompt("passphrase", hide_input=True, err=True) if is_encrypted(file) else None
    return load(file, passphrase), passphrase


def _new_passphrase() -> str:
    from cloud.errors import InvalidOrder

    given = str(typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True))
    if len(given) < 12:  # as for accounts of the pages
        raise InvalidOrder("make project keys", "short_passphrase", "12 characters or more")
    return given
