"""`gatehouse-crm`: brings a book from a file to the boxes; says what is wrong by line, never contents."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloud.client.errors import ClientError, WrongFile
from cloud.errors import CloudError

if TYPE_CHECKING:
    from cloud.client.files import Lines
    from cloud.client.headquarters import Gatehouse
    from cloud.client.rows import Around
    from edge.wire.columns import BookKind
    from edge.wire.facts import FactRow

app = typer.Typer(
    help="Brings reports, deals, customers and channels from files to Gatehouse; customers' rows go sealed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Url = Annotated[str, typer.Option(help="Headquarters: https://HOST.", envvar="GATEHOUSE_CRM_URL")]
KeyFile = Annotated[
    Path, typer.Option(help="The file with the key (mode 0600).", envvar="GATEHOUSE_CRM_KEY_FILE")
]
BoxKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--box-key", metavar="HEX", help="A box's public key that you compared with the box. Repeatable."
    ),
]
State = Annotated[
    Path,
    typer.Option(help="Where boxes' keys are pinned and broken pushes wait.", envvar="GATEHOUSE_CRM_STATE"),
]
Ca = Annotated[Path | None, typer.Option(help="A certificate authority of your own.")]
STATE = Path("~/.local/state/gatehouse-crm")


def main() -> None:
    """Run the command line; an expected error ends it with exit code 1 and says what to do."""
    try:
        app()
    except CloudError as error:
        for line in error.lines() if isinstance(error, WrongFile) else ():
            typer.echo(line, err=True)
        typer.echo(f"gatehouse-crm: {error}", err=True)
        sys.exit(1)


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or GBK) or XLSX, headings in its first line.")],
    kind: Annotated[str, typer.Option(help="report, deal, customer, follow_up, extension or channel.")],
    url: Url,
    key_file: KeyFile,
    mapping: Annotated[str | None, typer.Option(help="A mapping of columns, saved at headquarters.")] = None,
    box_key: BoxKeys = None,
    whole_list: Annotated[
        bool, typer.Option("--whole-list", help="Of customers: the file holds all of them.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Read and judge the file; send nothing.")] = False,
    wait: Annotated[int, typer.Option(help="Wait so many seconds for the boxes' answers.", min=0)] = 0,
    timezone: Annotated[str, typer.Option(help="Of times without one.")] = "Asia/Shanghai",
    state: State = STATE,
    ca: Ca = None,
) -> None:
    """Bring FILE in: all rows are right, or none is sent. The same again goes on where it broke off."""
    from cloud.client import files, journal

    book, whole = _book(kind), whole_list
    if whole and book != "customer":
        raise ClientError("bring a book in", "whole_list", "only a list of customers is ever whole")
    data = files.read_file(file)
    if book == "channel":
        reach = _headquarters(url, _key(key_file), state.expanduser(), box_key, ca)
        _push_channels(reach, file.name, files.lines_of(data), mapping, check=check, wait=wait)
        return
    key, at = _key(key_file), state.expanduser()
    headquarters = _headquarters(url, key, at, box_key, ca)
    kept = journal.Journal(at, key, journal.what(book, data, url=url, mapping=mapping, whole=whole))
    begun = kept.plan()
    changed_ms = begun.changed_ms if begun else time.time_ns() // 1_000_000
    around = _around(headquarters, book, mapping, changed_ms, timezone)
    lines = files.lines_of(data)
    rows = _rows(book, lines, around, whole)
    typer.echo(f"{file.name}: {len(rows)} rows of {book}, all right")
    if check:
        return
    if begun:
        taken = sum(part.import_id is not None for part in begun.parts)
        typer.echo(f"going on: {taken} of {len(begun.parts)} parts were taken")
    done = headquarters.push(book, rows, changed_ms, kept)
    for box in done.pinned:
        typer.echo(f"pinned {box}: compare its key with the box's own, `gatehouse-crm boxes` shows it")
    typer.echo(f"sent: {done.rows} rows, imports {' '.join(done.import_ids)}")
    _follow(headquarters, done.import_ids, wait)


@app.command()
def boxes(url: Url, key_file: KeyFile, box_key: BoxKeys = None, state: State = STATE, ca: Ca = None) -> None:
    """Show to which boxes rows are sealed, and their public keys; pin them at the first use."""
    found, pinned = _headquarters(url, _key(key_file), state.expanduser(), box_key, ca).boxes()
    for one in found:
        typer.echo(
            f"{one.box:<20} {one.site:<20} {one.public_key}{'  (pinned now)' if one.box in pinned else ''}"
        )


@app.command()
def status(
    import_id: Annotated[list[str], typer.Argument(help="As `push` printed them.")],
    url: Url,
    key_file: KeyFile,
    wait: Annotated[int, typer.Option(help="Wait so many seconds for the boxes' answers.", min=0)] = 0,
    state: State = STATE,
    ca: Ca = None,
) -> None:
    """Show what each box made of imports; exit code 1 if a box refused one or let it lie."""
    _follow(_headquarters(url, _key(key_file), state.expanduser(), None, ca), tuple(import_id), wait)


def _book(kind: str) -> "BookKind":
    from edge.wire.columns import FIELDS

    for book in FIELDS:
        if kind in (book, f"{book}s"):
            return book
    raise ClientError("bring a book in", "unknown_kind", f"one of {', '.join(FIELDS)}")


def _key(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ClientError("read the key", "unreadable", str(path)) from None
    if mode & 0o077:
        raise ClientError("read the key", "others_may_read_it", f"chmod 600 {path}")
    return key


def _headquarters(url: str, key: str, state: Path, box_key: list[str] | None, ca: Path | None) -> "Gatehouse":
    from cloud.client.headquarters import Gatehouse
    from cloud.client.pins import Pins

    return Gatehouse(url, key, Pins(state / "boxes.json", box_key or ()), ca=ca)


def _around(
    headquarters: "Gatehouse", book: "BookKind", mapping: str | None, changed_ms: int, timezone: str
) -> "Around":
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from cloud.client.rows import Around

    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ClientError("read the file", "unknown_time_zone", "for example Asia/Shanghai") from None
    columns = {} if mapping is None else headquarters.mapping(mapping, book)
    channels = headquarters.channels() if book in ("report", "deal") else {}
    return Around(columns=columns, channels=channels, changed_ms=changed_ms, zone=zone)


def _rows(
    book: "BookKind", lines: list[tuple[int, list[str]]], around: "Around", whole: bool
) -> "tuple[FactRow, ...]":
    from cloud.client.rows import rows_of

    return rows_of(book, lines, around, whole_list=whole)


def _push_channels(
    headquarters: "Gatehouse", name: str, lines: "Lines", mapping: str | None, *, check: bool, wait: int
) -> None:
    """Bring the book of channels in: one request, which headquarters takes as a whole or not at all."""
    from cloud.client.channels import channels_of

    found = channels_of(lines, {} if mapping is None else headquarters.mapping(mapping, "channel"))
    agents = sum(len(one.agents or ()) for one in found)
    said = "agents stay as they are" if found[0].agents is None else f"{agents} agents' codes"
    typer.echo(f"{name}: {len(found)} channels, {said}, all right")
    if check:
        return
    done = headquarters.push_channels(found)
    typer.echo(f"sent: {done.rows} channels, imports {' '.join(done.import_ids)}")
    _follow(headquarters, done.import_ids, wait)


def _follow(headquarters: "Gatehouse", import_ids: tuple[str, ...], wait: int) -> None:
    """Show the boxes' answers, as soon as all are there or the time is over."""
    until = time.monotonic() + wait
    while True:
        states = [headquarters.state(one) for one in import_ids]
        if time.monotonic() >= until or all(one["state"] != "waiting" for one in states):
            break
        time.sleep(max(1.0, len(import_ids)))  # a key may ask 120 times a minute
    for one in states:
        made = datetime.fromtimestamp(one["created_ms"] / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{one['import_id']}  {made}  {one['rows']:>6} rows of {one['kind']:<9}  {one['state']}")
        for box in one["boxes"]:
            counts = (
                f"{box[name]} {name}" for name in ("done", "refused", "expired", "waiting") if box[name]
            )
            typer.echo(f"    {box['box']:<20} {', '.join(counts)}  {' '.join(box['codes'])}".rstrip())
    if any(one["state"] in ("refused", "expired") for one in states):
        raise ClientError("follow the imports", "not_taken", "a box refused rows, or never took them")
