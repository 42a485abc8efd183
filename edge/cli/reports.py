"""`gatehouse reports`: brings agents' reports (报备) to the box, where numbers become tokens."""

from pathlib import Path

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="Agents' reports (报备).", no_args_is_help=True)
    group.command("import", short_help="Import a CSV of reports.")(import_file)
    app.add_typer(group, name="reports")


def import_file(file: Path, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Import a CSV of reports (UTF-8 or GBK; columns ref, phone, channel, agent, reported_at)."""
    from edge.cli.operator import ask
    from edge.ipc.operator import Imported, ImportReports
    from edge.reports import read_reports

    rows = read_reports(file)
    imported = ask(config, ImportReports(rows=rows), Imported, timeout=60.0)
    counts = f"{imported.new} new, {imported.known} known before, {imported.suppressed} suppressed"
    typer.secho(f"✓ {counts}; {imported.verdicts} verdicts issued", fg="green")
