"""`gatehouse-cloud`: the commands of headquarters; never shows a traceback for an expected error.

What a command needs is imported inside it, so that `--help` is quick.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloud.api.cli import app as crm
from cloud.errors import CloudError
from cloud.projectkeys.cli import app as project_keys
from cloud.retention.cli import app as retention
from cloud.risk.cli import app as package

if TYPE_CHECKING:
    from cloud.config import Headquarters
    from cloud.rights.orders import Ground
    from cloud.store.database import Database

app = typer.Typer(
    help="Headquarters of Gatehouse: takes what boxes let go, shows it, and orders erasures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
box_app = typer.Typer(help="The boxes that may speak.", no_args_is_help=True)
app.add_typer(box_app, name="box")
notice_app = typer.Typer(help="The notices that visitors are shown.", no_args_is_help=True)
app.add_typer(notice_app, name="notice")
app.add_typer(crm, name="crm")
app.add_typer(project_keys, name="project-keys")
app.add_typer(retention, name="retention")
app.add_typer(package, name="package")

ConfigFile = Annotated[
    Path, typer.Option("--config", help="headquarters.toml", envvar="GATEHOUSE_CLOUD_CONFIG")
]
DEFAULT_CONFIG = Path("headquarters.toml")


def main() -> None:
    """Run the command line; an expected error ends it with exit code 1 and one line."""
    try:
        app()
    except CloudError as error:
        typer.echo(f"gatehouse-cloud: {error}", err=True)
        sys.exit(1)


@app.command()
def init(directory: Annotated[Path, typer.Argument(help="A new directory.")]) -> None:
    """Make a configuration, a signing key and a session secret in a new directory."""
    from cloud.setup import CONFIG
    from cloud.setup import init as fill

    key = fill(directory)
    typer.echo(f"{directory / CONFIG}: adapt it, then enrol boxes with `gatehouse-cloud box add`.")
    typer.echo(f"public key for the boxes: {key.public.hex()}")


@box_app.command("add")
def box_add(
    site: Annotated[str, typer.Option(help="The sales office where it stands.")],
    box: Annotated[str, typer.Option(help="Its name, as in its certificate.")],
    public_key: Annotated[str, typer.Option(help="Its Ed25519 public key, 64 hex digits.")],
    tenant: Annotated[str | None, typer.Option(help="Default: the configuration's tenant.")] = None,
    replace_key: Annotated[bool, typer.Option(help="Give an enrolled box this new key.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Enrol a box with its public key."""
    from cloud.clock import now_ms
    from cloud.fleet.boxes import enrol
    from edge.wire import Topics

    headquarters, database = _open(config)
    topics = Topics(tenant or headquarters.tenant, site, box)
    database.write(lambda c: enrol(c, topics, public_key, now_ms=now_ms(), replace=replace_key))
    typer.echo(f"enrolled {topics.base}")


@box_app.command("accept-audit")
def box_accept_audit(
    box: Annotated[str, typer.Option(help="Its name, as in its certificate.")],
    tenant: Annotated[str | None, typer.Option(help="Default: the configuration's tenant.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Begin a box's audit anew, after its alarm was looked into: its next head counts as the first."""
    from cloud.ingest.anchors import accept_anew

    headquarters, database = _open(config)
    known = database.write(lambda c: accept_anew(c, tenant or headquarters.tenant, box))
    typer.echo(f"{box}: its next head begins anew" if known else f"{box}: no head was known")


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run ingest and web in one process, until SIGTERM or Ctrl-C."""
    from cloud.run import run_all

    headquarters, database = _open(config)
    _logging()
    run_all(headquarters, database, with_ingest=True, with_web=True)


@app.command()
def ingest(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Take batches from the broker and send commands; several may run side by side on PostgreSQL."""
    from cloud.run import run_all

    headquarters, database = _open(config)
    _logging()
    run_all(headquarters, database, with_ingest=True, with_web=False)


@app.command()
def web(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Serve the pages; the first start prints a one-time link for the first password."""
    from cloud.run import run_all

    headquarters, database = _open(config)
    _logging()
    run_all(headquarters, database, with_ingest=False, with_web=True)


@app.command()
def ledger(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    kind: Annotated[str | None, typer.Option(help="Only one kind, for example visit.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Print every row that was received, with its record."""
    import json

    from cloud.errors import InvalidOrder
    from cloud.reports.ledger import KINDS, rows

    if kind is not None and kind not in KINDS:
        raise InvalidOrder("read the ledger", "unknown_kind", f"expected one of {', '.join(KINDS)}")
    headquarters, database = _open(config)
    with database.read() as connection:
        for row in rows(connection, headquarters.tenant, kind):
            if as_json:
                typer.echo(json.dumps(row, ensure_ascii=False))
            else:
                place = f"{row['box']} {row['epoch'][:8]} {row['sequence']:>6}"
                typer.echo(f"{place}  {row['kind']:<16} {row['outcome']:<12} {row['code']}")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show boxes, devices, gaps, open commands and the quarantine."""
    import json

    from cloud.keys import SigningKey
    from cloud.reports.fleet import summary

    headquarters, database = _open(config)
    key = SigningKey.load(headquarters.signing.key)
    with database.read() as connection:
        shown = summary(connection, headquarters.tenant) | {"public_key": key.public.hex()}
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for box in shown["boxes"]:
        seen = "never" if box["last_seen_ms"] is None else _when(box["last_seen_ms"])
        counted = f"received {box['received']}  missing {box['missing']}"
        typer.echo(f"{box['site']}/{box['box']}  last seen {seen}  {counted}")
    for device in shown["devices"]:
        since = _when(device["since_ms"])
        typer.echo(
            f"  {device['box']}/{device['device']}  {device['state']} ({device['code']}) since {since}"
        )
    for rows in shown["waiting_rows"]:
        typer.echo(f"  {rows['box']}  {rows['rows']} sealed rows wait since {_when(rows['since_ms'])}")
    typer.echo(f"open commands {shown['open_commands']}  quarantined {shown['quarantined']}")
    typer.echo(f"headquarters' public key {shown['public_key']}")


Who = Annotated[str, typer.Option(help="The person's token, or - to read it from standard input.")]
Reason = Annotated[
    str,
    typer.Option(
        help="visitor_request, consent_withdrawn, purpose_ended, period_over, unlawful or legal_duty."
    ),
]


@app.command()
def erase(who: Who, reason: Reason, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Order every box that knows a person to destroy what it holds of them."""
    from cloud.clock import now_ms
    from cloud.rights.orders import order_erasure

    headquarters, database = _open(config)
    token, ground = _token(who), _ground(reason)
    order = database.write(
        lambda c: order_erasure(c, headquarters.tenant, token, ground=ground, by="cli", now_ms=now_ms())
    )
    _print_order(order.order_id, order.command_ids)


@app.command()
def withdraw(
    who: Who,
    scope: Annotated[str, typer.Option(help="registration, face_match, …")],
    reason: Reason,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Order every box that knows a person to end one scope."""
    from cloud.clock import now_ms
    from cloud.errors import InvalidOrder
    from cloud.rights.orders import order_withdrawal
    from edge.wire import Scope

    headquarters, database = _open(config)
    token, ground = _token(who), _ground(reason)
    if scope not in list(Scope):
        raise InvalidOrder("order to withdraw", "unknown_scope", f"expected one of {', '.join(Scope)}")
    order = database.write(
        lambda c: order_withdrawal(
            c, headquarters.tenant, token, Scope(scope), ground=ground, by="cli", now_ms=now_ms()
        )
    )
    _print_order(order.order_id, order.command_ids)


@notice_app.command("publish")
def notice_publish(
    file: Annotated[Path, typer.Argument(help="The notice, in TOML, in both languages.")],
    site: Annotated[str, typer.Option(help="The sales office that it is for.")],
    box: Annotated[str | None, typer.Option(help="Only this box of it.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Check a notice, keep it and send it to the boxes of a site, which put it in force at once."""
    import json

    from cloud.clock import now_ms
    from cloud.fleet.notices import publish, read_file

    headquarters, database = _open(config)
    notice = read_file(file)
    published = database.write(
        lambda c: publish(c, headquarters.tenant, site, notice, box=box, by="cli", now_ms=now_ms())
    )
    told = {"notice_hash": published.notice_hash, "command_ids": published.command_ids}
    typer.echo(json.dumps({"order_id": published.order_id, **told}))


@notice_app.command("list")
def notice_list(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show what was published, and which boxes put it in force."""
    from cloud.fleet.notices import standing

    headquarters, database = _open(config)
    with database.read() as connection:
        for one in standing(connection, headquarters.tenant):
            answer = f"{one.outcome} ({one.code})" if one.outcome else "not answered yet"
            place = f"{one.site}/{one.box}"
            typer.echo(
                f"{_when(one.issued_ms)}  {place:<24} {one.version:<12} {one.notice_hash[:16]}  {answer}"
            )


def _open(config: Path) -> "tuple[Headquarters, Database]":
    from cloud.config import load
    from cloud.store.database import open_database

    headquarters = load(config)
    return headquarters, open_database(headquarters.database.url)


def _logging() -> None:
    import logging

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )


def _token(who: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from cloud.errors import InvalidOrder
    from edge.wire import Token

    given = sys.stdin.readline().strip() if who == "-" else who
    try:
        return TypeAdapter(Token).validate_python(given)
    except ValidationError:
        raise InvalidOrder("read the token", "not_a_token", "expected purpose:64 hex digits") from None


def _ground(reason: str) -> "Ground":
    from cloud.errors import InvalidOrder
    from cloud.rights.orders import Ground

    if reason not in list(Ground):
        raise InvalidOrder("read the reason", "unknown_reason", f"expected one of {', '.join(Ground)}")
    return Ground(reason)


def _print_order(order_id: str, command_ids: tuple[str, ...]) -> None:
    import json

    typer.echo(json.dumps({"order_id": order_id, "command_ids": command_ids}))


def _when(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
