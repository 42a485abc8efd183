"""`gatehouse requests`: what visitors asked on their own pages and the privacy officer has to decide."""

import re
from typing import Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, ReasonOption, when

RequestArgument = Annotated[str, typer.Argument(help="The request's id, as `list` shows it.")]
_WHAT = {
    "correct": "correction",
    "complain": "complaint",
    "copy": "full copy",
    "erase": "erasure, once the identity was checked",
}


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="What visitors asked (for the privacy officer).", no_args_is_help=True)
    group.command("list", short_help="What waits for a person, soonest due first.")(list_)
    group.command("show", short_help="What the visitor wrote.")(show)
    group.command("settle", short_help="Say how a request ended.")(settle)
    app.add_typer(group, name="requests", short_help="What visitors asked.")


def list_(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show what waits for a person: what was asked, when, and until when it has to be answered."""
    from edge.cli.operator import ask_as_officer
    from edge.ipc.officer import ShowRequests, Waiting

    waiting = ask_as_officer(config, ShowRequests(), Waiting)
    if as_json:
        typer.echo(waiting.model_dump_json())
        return
    if not waiting.requests:
        typer.secho("✓ nothing waits", fg="green")
    for one in waiting.requests:
        typer.secho(f"{one.request}  {_WHAT.get(one.act, one.act)}", bold=True)
        typer.echo(f"  asked {when(one.asked_ms)}   answer by {when(one.due_ms)}")


def show(request: RequestArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show what the visitor wrote, and their number masked. It stands in the audit that you looked."""
    from edge.cli.operator import ask_as_officer
    from edge.ipc.officer import ReadRequest, Written

    written = ask_as_officer(config, ReadRequest(request=id_of(request), reason=reason), Written)
    typer.secho(f"{_WHAT.get(written.line.act, written.line.act)}  {written.masked}", bold=True)
    typer.echo(f"  asked {when(written.line.asked_ms)}   answer by {when(written.line.due_ms)}")
    if written.text:
        typer.echo(written.text)


def settle(
    request: RequestArgument,
    outcome: Annotated[
        str,
        typer.Argument(help="corrected, answered, copy_given; refused: not_founded, identity_not_shown."),
    ],
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say how a request ended; the visitor's page shows it."""
    from typing import get_args

    from edge.cli.operator import ask_as_officer
    from edge.domain.errors import InvalidInput
    from edge.ipc.officer import Settled, SettledRequest, SettleRequest

    if outcome not in get_args(Settled):
        raise InvalidInput("settle a request", "unknown_outcome", ", ".join(get_args(Settled)))
    asked = SettleRequest.model_validate({"request": id_of(request), "outcome": outcome, "reason": reason})
    ask_as_officer(config, asked, SettledRequest)
    typer.secho("✓ settled; the visitor's page says so", fg="green")


def id_of(given: str, shown_by: str = "gatehouse requests list") -> str:
    """Return `given` if it can be an id; InvalidInput names the command that shows them."""
    from edge.domain.errors import InvalidInput

    if not re.fullmatch(r"[0-9a-f]{32}", given):
        raise InvalidInput("read an id", "not_an_id", f"32 hex digits, as `{shown_by}` shows")
    return given
