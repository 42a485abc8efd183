"""`gatehouse kiosk-certificate`: the kiosk's own certificate, for a tablet; never replaces one unasked."""

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("kiosk-certificate", short_help="Make the kiosk's own certificate.")(make)


def make(
    config: ConfigOption = DEFAULT_CONFIG,
    days: Annotated[int, typer.Option(help="How long it is valid.", min=1, max=825)] = 825,
    force: Annotated[bool, typer.Option("--force", help="Replace one that is there.")] = False,
) -> None:
    """Make a self-signed certificate and key where the configuration says, for kiosk.host and kiosk.names.

    The tablet has to be told once to trust it: copy the certificate there, and compare the fingerprint.
    """
    from edge.config import load
    from edge.domain.errors import ConfigError
    from edge.kiosk.certificate import self_signed

    kiosk = load(config, with_secrets=False).kiosk
    if kiosk.certificate is None or kiosk.key is None:
        raise ConfigError(
            "make a certificate", "kiosk.certificate and kiosk.key are not set", "name two files"
        )
    there = [file for file in (kiosk.certificate, kiosk.key) if file.exists()]
    if there and not force:
        raise ConfigError("make a certificate", f"{there[0]} is there", "--force replaces it")
    made = self_signed(kiosk.host, kiosk.names, days)
    _write(kiosk.key, made.key, 0o600)
    _write(kiosk.certificate, made.certificate, 0o644)
    typer.secho(f"✓ {kiosk.certificate}", fg="green")
    typer.echo(f"  names        {', '.join(made.names)}")
    typer.echo(f"  valid until  {made.until:%Y-%m-%d}")
    typer.echo(f"  sha256       {made.fingerprint}")
    typer.echo(f"  key          {kiosk.key}, mode 0600: give it to the kiosk's account")


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that nobody may read before its mode is right."""
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
