"""`gatehouse staff`: who works at the desk. Names and PINs come by prompt or stdin, never as an argument."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption

if TYPE_CHECKING:
    from edge.ipc.messages import Message
    from edge.ipc.staff import Members

NumberArgument = Annotated[
    int, typer.Argument(help="The staff number, as `staff list` shows it.", min=11, max=9999)
]
R = TypeVar("R", bound="Message")


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="Receptionists: who may sign in at the desk.", no_args_is_help=True)
    group.command("add", short_help="Enrol somebody; asks for name and PIN.")(add)
    group.command("list", short_help="Show who may sign in.")(show)
    group.command("disable", short_help="End somebody's work here.")(disable)
    group.command("pin", short_help="Set a new PIN.")(pin)
    group.command("card", short_help="Let somebody sign in by their ID card.")(card)
    app.add_typer(group, name="staff")


def add(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Enrol a receptionist. Asks for name and PIN (6 to 12 digits), or reads them from stdin, one a line."""
    from edge.ipc.staff import AddStaff

    name = _asked("name")
    members = _ask(config, _valid(AddStaff, name=name, pin=_new_pin()))
    new = members.members[-1]  # numbers only grow
    typer.secho(f"✓ {new.name} signs in at /desk with number {new.number}", fg="green")


def show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show numbers, names, and who is on shift."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edge.ipc.staff import ListStaff

    table = Table(box=None, pad_edge=False)
    for column in ("number", "name", "may sign in", "by card", "on shift"):
        table.add_column(column)
    for one in _ask(config, ListStaff()).members:
        state = Text("yes" if one.active else "no", style="green" if one.active else "yellow")
        table.add_row(
            str(one.number), Text(one.name), state, "yes" if one.card else "", "yes" if one.on_shift else ""
        )
    Console().print(table)


def disable(number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End somebody's sessions and shift; they can't sign in until they get a new PIN."""
    from edge.ipc.staff import DisableStaff

    _ask(config, DisableStaff(number=number))
    typer.secho(f"✓ {number} can't sign in any more", fg="green")


def pin(number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Set a new PIN; asks for it, or reads it from stdin. It lets a disabled number sign in again."""
    from edge.ipc.staff import SetPin

    _ask(config, _valid(SetPin, number=number, pin=_new_pin()))
    typer.secho(f"✓ {number} has a new PIN", fg="green")


def card(
    number: NumberArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    remove: Annotated[bool, typer.Option("--remove", help="They sign in by PIN alone.")] = False,
) -> None:
    """Have the card read that lies on the terminal, and let NUMBER sign in with it; the PIN stays.

    They have to have signed in by PIN once, and read what is recorded of them. Of the card a keyed hash of
    its number is kept.
    """
    from edge.ipc.staff import DropCardOf, KeepCardOf

    if remove:
        _ask(config, DropCardOf(number=number))
        typer.secho(f"✓ {number} signs in by PIN alone", fg="green")
        return
    typer.echo("Lay the card on the terminal now (20 s) …", err=True)
    _ask(config, KeepCardOf(number=number), timeout=30.0)
    typer.secho(f"✓ {number} signs in by card or PIN", fg="green")


def _asked(what: str, *, hidden: bool = False) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=hidden, err=True)).strip()
    return sys.stdin.readline().strip()


def _new_pin() -> str:
    first = _asked("PIN", hidden=True)
    if sys.stdin.isatty() and _asked("PIN again", hidden=True) != first:
        from edge.domain.errors import InvalidInput

        raise InvalidInput("set a PIN", "the_two_differ", "type the same PIN twice")
    return first


def _ask(config: Path, request: "Message", timeout: float = 10.0) -> "Members":
    from edge.cli.operator import ask
    from edge.ipc.staff import Members

    return ask(config, request, Members, timeout)


def _valid(kind: type[R], **fields: object) -> R:
    """Build a request; what is wrong is said without quoting what was typed."""
    from pydantic import ValidationError

    from edge.domain.errors import InvalidInput

    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        wrong = str(error.errors()[0]["loc"][0])
        hint = "6 to 12 digits" if wrong == "pin" else "1 to 40 characters"
        raise InvalidInput("read what was typed", f"no_{wrong}", hint) from None
