"""`gatehouse kiosk`: the page at the reception desk, a process without keys."""

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, log_to_stderr


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("kiosk", short_help="Serve the page at the reception desk.")(kiosk)


def kiosk(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Serve the kiosk's page; it speaks with the core over the kiosk's own control socket."""
    from edge.config import load
    from edge.kiosk import main as page

    log_to_stderr()
    settings = load(config, with_secrets=False)
    where = settings.kiosk
    socket_path = settings.paths.run / "kiosk.sock"
    raise typer.Exit(
        page.main(socket_path, where.host, where.port, where.certificate, where.key, where.names)
    )
