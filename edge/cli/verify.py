"""`gatehouse verify`: checks a file that a box handed out, with its public key alone; asks nobody else."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import JsonOption, when, zone_of

if TYPE_CHECKING:
    from edge.archive import Checked, CheckedConsent
    from edge.wire.finding import FindingEvidence


_WHAT = {
    "access": "all that was held of a person",
    "consents": "consents of a person",
    "guardian": "a guardian agreed for a child",
    "finding": "a finding on an agent's report or on a deal",
}
PublicKeyOption = Annotated[str, typer.Option("--public-key", help="The box's, 64 hex digits.")]


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("verify", short_help="Check an archive or consents that a box signed.")(verify)


def verify(
    file: Path,
    public_key: PublicKeyOption,
    notice: Annotated[
        Path | None, typer.Option(help="A notice; says whether it is the one that was agreed to.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a box signed FILE, and for each consent in it whether the box signed it too.

    Needs the file and the box's public key, no configuration and no network. Exit code 1 if anything
    was changed, isn't signed by this key, or isn't the notice that was given.
    """
    from edge.runtime.notice import load

    check_file(file, public_key, load(notice).hash if notice is not None else None, as_json=as_json)


def check_file(
    file: Path, public_key: str, wanted: str | None = None, *, as_json: bool, kind: str | None = None
) -> None:
    """Check FILE, tell, and exit with 0 or 1.

    `wanted`: the hash of the notice in question; `kind`: what FILE has to be.
    """
    from edge.domain.errors import InvalidInput

    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"read {file}", error.strerror or "unreadable") from None
    try:
        checked = _checked(content, public_key)
        if kind is not None and checked.kind != kind:
            raise InvalidInput(
                f"check {file}", f"not_a_{kind}", f"it is {_WHAT[checked.kind]}: gatehouse verify"
            )
    except InvalidInput as error:
        typer.secho(f"✗ {file}: {error.code}", fg="red", err=True)
        typer.echo(f"  {error.hint}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(_as_json(checked, wanted), ensure_ascii=False))
    else:
        _show(file, checked, wanted)
    raise typer.Exit(0 if checked.sound and _is_notice(checked, wanted) else 1)


def _checked(content: bytes, public_key: str) -> "Checked":
    from edge.archive import check
    from edge.domain.errors import InvalidInput

    try:
        key = bytes.fromhex(public_key)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InvalidInput("read the public key", "not_a_key", "expected 64 hex digits")
    return check(content, key)


def _show(file: Path, checked: "Checked", wanted: str | None) -> None:
    from edge.archive import GuardianEvidence
    from edge.wire.finding import FindingEvidence

    exported = checked.exported
    what = _WHAT[checked.kind]
    typer.secho(f"✓ {file}: {what}, signed by the box, unchanged", fg="green")
    typer.echo(f"  {exported.tenant} / {exported.site} / {exported.box}, made {when(exported.at_ms)}")
    typer.echo(f"  its clock was then: {exported.quality}")
    for one in checked.consents:
        mark, colour = {True: ("✓", "green"), False: ("✗", "red"), None: (" ", None)}[one.holds]
        typer.secho(
            f"{mark} {one.consent.scope:<13} {one.consent.state:<10} {when(one.consent.at_ms)}", fg=colour
        )
        for line in _details(one, wanted):
            typer.echo(f"    {line}")
    if isinstance(exported, GuardianEvidence):
        typer.echo(f"  {exported.words}")
    if isinstance(exported, FindingEvidence):
        _show_finding(exported)


def _show_finding(evidence: "FindingEvidence") -> None:
    """Tell it in both languages: who checks it may be the agent, or a court."""
    from datetime import datetime

    from edge.domain.judging.inputs import read
    from edge.domain.judging.judge import judge
    from edge.wire.sentences import explain

    case, rules = read(evidence.inputs.encode())
    zone, found = datetime.now().astimezone().tzinfo, judge(case, rules)
    assert zone is not None
    on = f"report {evidence.report_ref}" if evidence.deal_ref is None else f"deal {evidence.deal_ref}"
    typer.echo(f"  {on}, version {evidence.version}: {evidence.verdict}")
    typer.echo(
        f"  as its rules give: {rules.name}, version {rules.version}; times as {zone_of(evidence.at_ms)}"
    )
    for language in ("zh", "en"):
        for sentence in explain(found, language, zone):
            typer.echo(f"  {sentence}")


def _details(one: "CheckedConsent", wanted: str | None) -> list[str]:
    consent = one.consent
    if consent.proof is None:
        return []
    said = {
        True: "signature holds",
        False: "SIGNATURE DOES NOT HOLD",
        None: "signature can't be checked: what was signed isn't held any more",
    }
    lines = [f"{said[one.holds]}; by {consent.act}; clock {consent.quality}"]
    if consent.record is not None and consent.record.entered_ms is not None:
        lines.append(f"the time is what stands on paper; typed in {when(consent.record.entered_ms)}")
    lines.append(f"notice {consent.notice_version}, sha256 {consent.notice_hash}")
    if wanted is not None:
        same = consent.notice_hash == wanted
        lines.append("the notice given is this one" if same else "the notice given is ANOTHER one")
    return lines


def _is_notice(checked: "Checked", wanted: str | None) -> bool:
    """Whether each standing consent was given under the notice in question, if there is one."""
    standing = [c.consent for c in checked.consents if c.consent.current and c.consent.state == "ACTIVE"]
    return wanted is None or all(consent.notice_hash == wanted for consent in standing)


def _as_json(checked: "Checked", wanted: str | None) -> dict[str, object]:
    consents = [
        one.consent.model_dump(mode="json", exclude={"record", "proof"})
        | {"holds": one.holds}
        | ({"is_this_notice": one.consent.notice_hash == wanted} if wanted and one.consent.proof else {})
        for one in checked.consents
    ]
    about = checked.exported.model_dump(mode="json", exclude={"consents", "words", "proof", "shown"})
    return {"kind": checked.kind, **about, "sound": checked.sound, "consents": consents}
