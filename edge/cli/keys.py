"""`gatehouse keys`: exchanges the key that wraps the key file's keys; the core has to be stopped."""

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="The keys of the box's key file.", no_args_is_help=True)
    group.callback()(_group)
    group.command("rotate", short_help="Exchange the key-encryption key.")(rotate)
    app.add_typer(group, name="keys")


def _group() -> None:
    """The keys of the box's key file."""


def rotate(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make a new key-encryption key, wrap every key of the key file anew, and forget the old one.

    The core has to be stopped. What a power cut interrupts is ended by asking again, or by the next start.
    """
    from contextlib import closing

    from edge.config import load
    from edge.store.credentials import Credentials, exchange_kek, settle_kek
    from edge.store.keys import KeyFile
    from edge.store.lock import StoreLock

    paths = load(config, with_secrets=False).paths
    with closing(StoreLock(paths.state)):
        exchange_kek(paths.credentials)
        own = Credentials.load(paths.credentials, {})
        with closing(KeyFile(paths.state / "keys.db", own.keys_key, own.keks)) as keys:
            count = len(keys.names())
        settle_kek(paths.credentials)
    typer.secho(f"✓ {count} keys are wrapped under a new key-encryption key", fg="green")
