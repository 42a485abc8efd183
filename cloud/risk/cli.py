"""`gatehouse-cloud package`: checks a package that a channel was handed, by public keys; asks no database."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Packages that channels are handed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Packages that channels are handed."""


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The package, a zip.")],
    headquarters_key: Annotated[str, typer.Option(help="Headquarters' public key, 64 hex digits.")],
    box_key: Annotated[list[str], typer.Option(help="A box's name and public key, NAME=64 hex digits.")],
) -> None:
    """Check that headquarters and its boxes signed a package just so; each finding is told in a line."""
    from cloud.errors import InvalidOrder
    from cloud.keys import is_public_key
    from cloud.risk.package import check

    try:
        content = file.read_bytes()
    except OSError as failed:
        raise InvalidOrder(f"read {file}", "unreadable", failed.strerror or "") from None
    keys = dict(one.partition("=")[::2] for one in box_key)
    if not all(map(is_public_key, (headquarters_key, *keys.values()))):
        raise InvalidOrder("check a package", "bad_public_key", "expected 64 hex digits of a raw Ed25519 key")
    boxes = {name: bytes.fromhex(key) for name, key in keys.items()}
    opened = check(content, bytes.fromhex(headquarters_key), boxes)
    for one in opened.findings:
        about = f"deal {one.deal_ref}" if one.deal_ref else f"report {one.report_ref}"
        typer.echo(
            f"  {about}  box {one.box}  version {one.version}  {one.verdict}  {', '.join(one.reasons)}"
        )
    typer.secho(
        f"✓ signed by headquarters and by its boxes, unchanged: {len(opened.findings)} finding(s)", fg="green"
    )
    for name in opened.manifest.left_out:
        typer.echo(f"  left out, as its box's key of now didn't sign it: {name}")
    typer.echo("  `gatehouse verify` judges each finding-….json of it again, by its own rules")
