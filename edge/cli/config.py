"""`gatehouse check-config`: says whether the core would start with a file, without starting anything."""

from importlib import resources
from typing import Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check-config", short_help="Check a configuration file.")(check)


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    example: Annotated[bool, typer.Option("--example", help="Print a commented example and stop.")] = False,
) -> None:
    """Check a configuration file, its notice, its rules and its devices."""
    if example:
        typer.echo(resources.files("edge").joinpath("gatehouse.example.toml").read_text("utf-8"), nl=False)
        return
    from edge.config import load
    from edge.runtime import rulebook
    from edge.runtime.notice import load as load_notice

    settings = load(config)
    notice, rules = load_notice(settings.notice), rulebook.load(settings.rules.file)
    typer.secho(f"✓ {config}", fg="green")
    site = settings.site
    typer.echo(f"  box      {site.tenant} / {site.site} / {site.box}")
    typer.echo(f"  broker   {settings.mqtt.host}:{settings.mqtt.port}, TLS with client certificate")
    typer.echo(f"  notice   {notice.version}, {len(notice.scopes)} scopes, sha256 {notice.hash[:16]}…")
    typer.echo(f"  rules    {rules.name}, version {rules.versions[-1].version}")
    for device in settings.devices:
        typer.echo(f"  {device.worker:<8} {device.id} ({device.kind})")
