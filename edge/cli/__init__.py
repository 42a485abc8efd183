"""The `gatehouse` command: one file per noun; heavy imports only inside the commands."""

import sys

import typer

from edge.cli import (
    audit,
    backup,
    config,
    consent,
    core,
    credentials,
    guardians,
    keys,
    kiosk,
    kiosk_certificate,
    outbox,
    reports,
    requests,
    retention,
    rights,
    staff,
    status,
    verdict,
    verify,
    worker,
)

app = typer.Typer(
    name="gatehouse",
    help="A consent-first visitor gate: the box in the sales office.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rendering help with rich doubles its time
)
for noun in (
    core, worker, kiosk, kiosk_certificate, config, credentials, keys, status, outbox, reports, retention,
    backup, audit, consent, rights, guardians, requests, verify, staff, verdict,
):  # fmt: skip
    noun.add_to(app)


def main() -> None:
    """Run the command line; expected errors are one line on stderr and exit code 2."""
    from edge.domain.errors import GatehouseError

    try:
        app()
    except GatehouseError as error:
        typer.secho(f"gatehouse: {error.operation}: {error.cause}", fg="red", err=True)
        if error.hint:
            typer.echo(f"  hint: {error.hint}", err=True)
        sys.exit(2)
