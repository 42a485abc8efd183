"""`gatehouse rights correct`: a person's name, their number, an older visit; for the officer.

Numbers and names come from the prompt or standard input, never from the command line.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, ReasonOption

if TYPE_CHECKING:
    from pathlib import Path

    from edge.domain.reasons import Reason

RequestOption = Annotated[
    str | None, typer.Option(help="The visitor's request that this settles (gatehouse requests list).")
]


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(
        help="Correct what is kept of a person. When they came is evidence and can't be changed.",
        no_args_is_help=True,
    )
    group.command("name", short_help="What they are called.")(name)
    group.command("number", short_help="They have another number, or it was never theirs.")(number)
    group.command("visit", short_help="How many came, and when they left.")(visit)
    app.add_typer(group, name="correct", short_help="Correct a name, a number, a visit.")


def name(reason: ReasonOption, request: RequestOption = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Keep a person's name anew, as they gave it: asked for after the number, or the next line of stdin."""
    from edge.cli.operator import ask_as_officer, read_name, read_number
    from edge.ipc.officer import Corrected, CorrectName

    asked = CorrectName(phone=read_number(), name=read_name(), reason=reason)
    _require(ask_as_officer(config, asked, Corrected).changed)
    typer.secho("✓ the name is corrected; the person's own page shows it", fg="green")
    _settle(config, request, reason)


def number(
    reason: ReasonOption, request: RequestOption = None, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Give a person's whole record another number: first the one that is kept, then the right one.

    Nothing finds the person by the old number any more, here or at headquarters: it may be a stranger's by
    now. Recorded calls and agents' reports stay under the number that they came with.
    """
    from edge.cli.operator import ask_as_officer, read_number
    from edge.ipc.officer import Corrected, CorrectNumber

    old, new = read_number("number that is kept now"), read_number("right number", twice=True)
    done = ask_as_officer(config, CorrectNumber(phone=old, new=new, reason=reason), Corrected)
    _require(done.changed)
    typer.secho("✓ the number is corrected; nothing finds them by the old one any more", fg="green")
    typer.echo("  another office's box keeps its own: it is corrected there")
    if done.calls:
        typer.secho(
            f"! {done.calls} recorded calls stay under the old number: whose, nobody can tell", fg="yellow"
        )
    _settle(config, request, reason)


def visit(
    which: Annotated[
        str, typer.Argument(metavar="VISIT", help="Its id, as `gatehouse rights visits` shows it.")
    ],
    reason: ReasonOption,
    party: Annotated[int | None, typer.Option(min=1, max=99, help="How many they were.")] = None,
    left: Annotated[
        datetime | None,
        typer.Option(
            metavar='"YYYY-MM-DD HH:MM"',
            formats=["%Y-%m-%d %H:%M"],
            help="When they left, by this machine's clock.",
        ),
    ] = None,
    request: RequestOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep anew how many came to a visit that is over, or when they left.

    When they came can't be changed: agents' reports are judged by it, and nobody's typing is evidence.
    """
    from edge.cli.operator import ask_as_officer
    from edge.cli.requests import id_of
    from edge.domain.errors import InvalidInput
    from edge.ipc.officer import Corrected, CorrectVisit

    if party is None and left is None:
        raise InvalidInput("correct a visit", "nothing_given", "--party, --left, or both")
    departed_ms = int(left.astimezone().timestamp() * 1000) if left is not None else None
    asked = CorrectVisit(
        visit=id_of(which, "gatehouse rights visits"),
        party_size=party,
        departed_ms=departed_ms,
        reason=reason,
    )
    ask_as_officer(config, asked, Corrected)
    typer.secho("✓ the visit is corrected; the person's own page shows it", fg="green")
    _settle(config, request, reason)


def _require(changed: bool) -> None:
    if not changed:
        typer.echo("no registration stands under this number: nothing was changed")
        raise typer.Exit(1)


def _settle(config: "Path", request: str | None, reason: "Reason") -> None:
    from edge.cli.operator import ask_as_officer
    from edge.ipc.officer import SettledRequest, SettleRequest

    if request is None:
        return
    settled = SettleRequest.model_validate({"request": request, "outcome": "corrected", "reason": reason})
    ask_as_officer(config, settled, SettledRequest)
    typer.secho("✓ their request is settled: corrected", fg="green")
