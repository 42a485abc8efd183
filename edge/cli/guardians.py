"""`gatehouse guardians`: the proofs of those who agreed for a child; for the privacy officer."""

import json
from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, ReasonOption, when

_HOW = {"card": "their own ID card", "signature": "a signature"}


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="Guardians who agreed for a child (privacy officer).", no_args_is_help=True)
    group.command("list", short_help="When, and by what they showed it.")(list_)
    group.command("export", short_help="Write one proof, signed by the box.")(export)
    app.add_typer(group, name="guardians", short_help="Guardians who agreed for a child.")


def list_(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show when guardians agreed, and how; nobody is named."""
    from edge.cli.operator import ask_as_officer
    from edge.ipc.officer import GuardianProofs, ShowGuardians

    kept = ask_as_officer(config, ShowGuardians(), GuardianProofs)
    if as_json:
        typer.echo(kept.model_dump_json())
        return
    if not kept.proofs:
        typer.echo("none is kept")
    for one in kept.proofs:
        typer.echo(f"{one.proof}  {when(one.at_ms)}  by {_HOW[one.by]}")


def export(
    proof: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    reason: ReasonOption,
    out: Annotated[Path, typer.Option(help="A new file; only you may read it.")],
    drawing: Annotated[Path | None, typer.Option(help="A new SVG file with a drawn signature.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write one proof with the guardian's name (check: gatehouse verify). It stands in the audit."""
    from pydantic import ValidationError

    from edge.cli.operator import ask_as_officer, opened, write_document, write_new
    from edge.domain.errors import InvalidInput
    from edge.ipc.officer import Document, ExportGuardian

    try:
        request = ExportGuardian.model_validate({"proof": proof, "reason": reason})
    except ValidationError:
        raise InvalidInput("find a guardian's proof", "not_an_id", "32 hex digits, as `list` shows") from None
    document = ask_as_officer(config, request, Document)
    size = write_document(document.content, out)
    typer.secho(f"✓ {out}: {size} bytes, mode 0600", fg="green")
    if drawing is None:
        return
    drawn = json.loads(json.loads(opened(document.content))["body"]["shown"]).get("drawn")
    if not drawn:
        typer.echo("no signature was drawn: the card, or the typed name, is the proof")
        return
    write_new(drawing, _svg(drawn).encode())
    typer.secho(f"✓ {drawing}: the signature, mode 0600", fg="green")


def _svg(strokes: list[list[list[int]]]) -> str:
    """Return the strokes as a picture, in thousandths of the field's width."""
    lines = "".join(f'<polyline points="{" ".join(f"{x},{y}" for x, y in stroke)}"/>' for stroke in strokes)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 400" fill="none" stroke="#222"'
        f' stroke-width="6" stroke-linecap="round" stroke-linejoin="round">{lines}</svg>\n'
    )
