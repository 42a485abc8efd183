"""`gatehouse consent`: where a person's consents stand, their end, their proofs; for the privacy officer.

The person is named by number at the prompt or on standard input, never on the command line.
"""

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, ReasonOption, when


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="A person's consents (for the privacy officer).", no_args_is_help=True)
    group.command("show", short_help="Where each scope of a person stands.")(show)
    group.command("withdraw", short_help="End scopes for a person.")(withdraw)
    group.command("export", short_help="Write a person's consents with proofs.")(export)
    app.add_typer(group, name="consent", short_help="A person's consents.")


def show(reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show where each scope of a person stands, since when and by which act."""
    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import Consents, ShowConsents

    found = ask_as_officer(config, ShowConsents(phone=read_number(), reason=reason), Consents)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    typer.echo(f"{found.masked}  {'known' if found.known else 'nothing is held'}")
    for line in found.scopes:
        colour = "green" if line.state == "ACTIVE" else None
        state = typer.style(f"{line.state:<10}", fg=colour)
        typer.echo(
            f"  {line.scope:<13} {state} since {when(line.since_ms)}{_how(line.act, line.notice_version)}"
        )


def _how(act: str | None, notice: str) -> str:
    return f"  by {act}, notice {notice}" if act else ""


def withdraw(
    reason: ReasonOption,
    scope: Annotated[list[str], typer.Option(help="A scope to end; may be given several times.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End scopes for a person; use stops within five seconds, also without headquarters."""
    from edge.cli.operator import ask_as_officer, read_number
    from edge.domain.errors import InvalidInput
    from edge.ipc.officer import EndConsents, Ended
    from edge.wire import Scope

    unknown = [name for name in scope if name not in list(Scope)]
    if unknown:
        hint = f"expected some of {', '.join(Scope)}"
        raise InvalidInput("end a scope", "unknown_scope", hint)
    request = EndConsents(phone=read_number(), reason=reason, scopes=frozenset(map(Scope, scope)))
    ended = ask_as_officer(config, request, Ended)
    if ended.scopes:
        typer.secho(f"✓ ended: {', '.join(ended.scopes)}", fg="green")
    else:
        typer.echo("none of them was active")


def export(
    reason: ReasonOption,
    out: Annotated[Path, typer.Option(help="A new file; only you may read it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the consents of a person with their proofs, signed by the box (check: gatehouse verify)."""
    from edge.cli.operator import ask_as_officer, read_number, write_document
    from edge.ipc.officer import Document, ExportConsents

    document = ask_as_officer(config, ExportConsents(phone=read_number(), reason=reason), Document)
    size = write_document(document.content, out)
    typer.secho(f"✓ {out}: {size} bytes, mode 0600", fg="green")
