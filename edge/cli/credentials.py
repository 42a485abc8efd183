"""`gatehouse credentials`: makes the box's own secrets, once."""

from pathlib import Path

import typer


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("credentials", short_help="Create the box's own secrets, once.")(create)


def create(directory: Path) -> None:
    """Create the box's secrets in DIRECTORY (never overwriting any) and print its public key.

    The project's token keys (project-keys.json) come from enrolment; without that file a new set is
    made, as for the first box of a project.
    """
    from edge.store.credentials import Credentials

    credentials = Credentials.create(directory)
    typer.echo(credentials.public_key_hex)
