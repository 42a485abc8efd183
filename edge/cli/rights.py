"""`gatehouse rights`: what a person may ask for (access, correction, erasure, receipts); for the officer.

The person is named by number at the prompt or on standard input, never on the command line.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli import correct
from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, ReasonOption, when

if TYPE_CHECKING:
    from edge.ipc.officer import Receipt


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="A person's rights (for the privacy officer).", no_args_is_help=True)
    group.command("access", short_help="Write all that is held of a person.")(access)
    group.command("visits", short_help="Show a person's visits.")(visits)
    correct.add_to(group)
    group.command("merge", short_help="Make two records of one person one.")(merge)
    group.command("erase", short_help="Destroy all that is held of a person.")(erase)
    group.command("code", short_help="Show a new code for a person's own page.")(code)
    group.command("receipts", short_help="What was erased of a number.")(receipts)
    app.add_typer(group, name="rights", short_help="A person's rights.")


def access(
    reason: ReasonOption,
    out: Annotated[Path, typer.Option(help="A new file; only you may read it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write all that is held of a person: a signed archive with a readable page (check: gatehouse verify)."""
    from edge.cli.operator import ask_as_officer, read_number, write_document
    from edge.ipc.officer import Document, GiveAccess

    document = ask_as_officer(config, GiveAccess(phone=read_number(), reason=reason), Document)
    size = write_document(document.content, out)
    typer.secho(f"✓ {out}: {size} bytes, mode 0600; hand it over and delete it", fg="green")


def visits(reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show a person's visits with their ids, which `rights correct visit` asks for."""
    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import ShowVisits, Visits

    found = ask_as_officer(config, ShowVisits(phone=read_number(), reason=reason), Visits)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    if not found.visits:
        typer.echo("no visit is kept under this number")
    for one in found.visits:
        typer.secho(one.visit, bold=True)
        left = "still here" if one.departed_ms is None else f"left {when(one.departed_ms)}"
        guess = ", estimated" if one.estimated else ""
        typer.echo(f"  came {when(one.arrived_ms)}   {left}{guess}   party of {one.party_size}")


def merge(
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask again.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make two records of one person one: asks for the number they have now, then for the other one.

    Check that both are theirs. A no that stands under either counts; both numbers find them from now on. It
    can't be undone.
    """
    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import Corrected, MergeRecords

    number, before = read_number("number they have now"), read_number("their other number")
    if not yes:
        typer.confirm("Make both records one?", abort=True, err=True)
    ask_as_officer(config, MergeRecords(phone=number, before=before, reason=reason), Corrected)
    typer.secho("✓ both records are one; codes that were given before show less: show a new one", fg="green")


def erase(
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask again.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Destroy all that is held of a person, here and, by the receipt, at headquarters. Can't be undone."""
    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import EraseAll, Receipt

    number = read_number()
    if not yes:
        typer.confirm("Destroy all that is held of this person?", abort=True, err=True)
    receipt = ask_as_officer(config, EraseAll(phone=number, reason=reason), Receipt)
    _show(receipt)


def code(reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show a new code for a person's own page. It opens all that is held: check who they are first."""
    import segno

    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import CodeGiven, NewCode

    given = ask_as_officer(config, NewCode(phone=read_number(), reason=reason), CodeGiven)
    if given.address is None:
        typer.echo("nothing is held under this number, or rights.page isn't configured")
        return
    segno.make_qr(given.address, error="m").terminal(out=sys.stdout, compact=True)
    typer.echo(given.address)
    typer.echo("let them scan it, then clear this screen")


def receipts(
    reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show what was erased here of whoever had a number, and when."""
    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import Receipts, ShowReceipts

    found = ask_as_officer(config, ShowReceipts(phone=read_number(), reason=reason), Receipts)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    if not found.receipts:
        typer.echo("nothing was erased here under this number")
    for receipt in found.receipts:
        _show(receipt)


def _show(receipt: "Receipt") -> None:
    held = receipt.keys_destroyed or any(receipt.rows.values())
    what = f"{receipt.keys_destroyed} keys destroyed" if held else "nothing was held"
    typer.secho(f"{when(receipt.at_ms)}  {what}", fg="green" if held else None)
    for name, count in sorted(receipt.rows.items()):
        typer.echo(f"  {name:<16} {count}")
    if receipt.command is not None:
        typer.echo(f"  receipt to headquarters: {receipt.command}")
