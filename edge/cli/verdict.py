"""`gatehouse verdict`: findings on reports and deals (判客), why, and what other rules would say.

Both are named by their own reference, which is no telephone number. Judging is pure: what is explained,
replayed or tried here is computed here, from what the box hands out.
"""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, ReasonOption, when, zone_of
from edge.cli.verify import PublicKeyOption, check_file

if TYPE_CHECKING:
    from edge.domain.reasons import Reason
    from edge.ipc.findings import About, FindingHistory, FindingVersion, Tried


class Which(StrEnum):
    """What a finding can be."""

    NORMAL = "NORMAL"
    RISK = "RISK"
    UNKNOWN = "UNKNOWN"


RefArgument = Annotated[str, typer.Argument(metavar="REF", help="The report's own reference, or the deal's.")]
DealOption = Annotated[
    bool, typer.Option("--deal", "--deals", help="On deals (认购, 签约); otherwise on reports (报备).")
]
_EARLIER = "judged by an earlier program, which this one doesn't repeat"
_COLOUR = {"NORMAL": "green", "RISK": "red", "UNKNOWN": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help="Findings on agents' reports and on deals (判客).", no_args_is_help=True)
    group.command("list", short_help="The newest finding on each report or deal.")(list_findings)
    group.command("show", short_help="Every version of one finding.")(show)
    group.command("explain", short_help="Tell one finding in sentences.")(explain)
    group.command("replay", short_help="Judge the same inputs again: the same finding?")(replay)
    group.command("export", short_help="Write one finding as a signed file.")(export)
    group.command("verify", short_help="Check such a file with the box's public key alone.")(verify)
    group.command("dry-run", short_help="Which findings would other rules alter?")(dry_run)
    app.add_typer(group, name="verdict", short_help="Findings on reports and deals.")


def list_findings(
    verdict: Annotated[
        Which | None, typer.Option(case_sensitive=False, help="Of this finding only.", show_choices=True)
    ] = None,
    deal: DealOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the newest finding on each report, or on each deal, by reference."""
    from edge.cli.operator import ask_as_officer
    from edge.ipc.findings import FindingLines, ListFindings

    after, more = "", True
    while more:
        asked = ListFindings.model_validate(
            {"about": _about(deal), "verdict": verdict and verdict.value, "after": after}
        )
        found = ask_as_officer(config, asked, FindingLines)
        for line in found.lines:
            if as_json:
                typer.echo(line.model_dump_json())
                continue
            typer.secho(f"{line.verdict or 'erased':<8}", fg=_COLOUR.get(line.verdict or ""), nl=False)
            typer.echo(f" {line.ref:<24} {when(line.decided_ms)}  {', '.join(line.reasons)}")
        more, after = found.more, found.lines[-1].ref if found.lines else ""
    if not after and not as_json:
        typer.echo(f"no {_about(deal)} was judged yet")


def show(
    ref: RefArgument, reason: ReasonOption, deal: DealOption = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Show every version of one finding: later facts made new ones, old ones stand."""
    for one in _history(config, ref, deal, reason).versions:
        typer.secho(f"version {one.version}  {one.verdict or 'erased'}", fg=_COLOUR.get(one.verdict or ""))
        typer.echo(f"  decided {when(one.decided_ms)}   {', '.join(one.reasons)}")
        typer.echo(f"  inputs sha256 {one.inputs_hash}")


def explain(
    ref: RefArgument,
    reason: ReasonOption,
    deal: DealOption = False,
    english: Annotated[bool, typer.Option("--english", help="In English; otherwise in Chinese.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell the newest finding on one of them in sentences, rule by rule, with the times it rests on."""
    from datetime import datetime

    from edge.domain.errors import InvalidInput
    from edge.domain.judging.inputs import read
    from edge.domain.judging.judge import judge
    from edge.wire.sentences import explain as told

    newest = _history(config, ref, deal, reason).versions[-1]
    try:
        case, rules = read(_inputs(newest).encode())
    except ValueError:
        raise InvalidInput("explain a finding", "earlier_program", _EARLIER) from None
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    typer.secho(f"{ref}  {newest.verdict}", fg=_COLOUR.get(newest.verdict or ""), bold=True)
    for sentence in told(judge(case, rules), "en" if english else "zh", zone):
        typer.echo(f"  {sentence}")
    typer.echo(f"  {rules.name}, version {rules.version}; times as {zone_of(newest.decided_ms)}")


def replay(
    ref: RefArgument, reason: ReasonOption, deal: DealOption = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Judge each version's inputs again, here; exit code 1 if one gives another finding or other bytes."""
    from edge.domain.judging.inputs import digest, read, spelled
    from edge.domain.judging.judge import judge

    wrong = False
    for one in _history(config, ref, deal, reason).versions:
        if one.inputs is None:
            typer.echo(f"  version {one.version}: erased; its hash is {one.inputs_hash}")
            continue
        try:
            case, rules = read(one.inputs.encode())
        except ValueError:
            typer.echo(f"  version {one.version}: {_EARLIER}; its hash is {one.inputs_hash}")
            continue
        again, found = spelled(case, rules), judge(case, rules)
        same = again.decode() == one.inputs and digest(again) == one.inputs_hash
        same = same and (found.verdict, found.reasons) == (one.verdict, one.reasons)
        wrong = wrong or not same
        mark, colour = ("✓", "green") if same else ("✗", "red")
        typer.secho(f"{mark} version {one.version}: {found.verdict}, sha256 {digest(again)}", fg=colour)
    raise typer.Exit(1 if wrong else 0)


def export(
    ref: RefArgument,
    reason: ReasonOption,
    out: Annotated[Path, typer.Option(help="A new file; only you may read it.")],
    deal: DealOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the newest finding on one of them with all that it rests on, signed by the box.

    `gatehouse verdict verify FILE --public-key …` checks it by the box's public key alone, and judges again.
    """
    from edge.cli.operator import ask_as_officer, write_document
    from edge.ipc.findings import ExportFinding
    from edge.ipc.officer import Document

    document = ask_as_officer(config, ExportFinding(about=_about(deal), ref=ref, reason=reason), Document)
    size = write_document(document.content, out)
    typer.secho(f"✓ {out}: {size} bytes, mode 0600", fg="green")


def verify(file: Path, public_key: PublicKeyOption, as_json: JsonOption = False) -> None:
    """Say whether a box signed the finding in FILE, and whether its inputs give it by its rules.

    As `gatehouse verify`: needs no configuration and no network; exit code 1 if anything was changed.
    """
    check_file(file, public_key, as_json=as_json, kind="finding")


def dry_run(
    rules: Annotated[Path, typer.Option(help="A file of rules, in the form of rules.example.toml.")],
    reason: ReasonOption,
    deal: DealOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Judge all of them by other rules; show which findings those would alter. Changes nothing."""
    from edge.runtime.rulebook import load as load_rules

    load_rules(rules)  # what is wrong with the file is said before anybody is asked
    counted = Counter[str]()
    for one in _tried(config, rules.read_text(encoding="utf-8"), deal, reason):
        counted[f"{one.verdict} → {one.would_be}"] += 1
        if one.verdict != one.would_be:
            typer.secho(f"{one.ref:<24} {one.verdict} → {one.would_be}", fg=_COLOUR[one.would_be], nl=False)
            typer.echo(f"  {', '.join(one.reasons)}")
    altered = sum(count for change, count in counted.items() if len(set(change.split(" → "))) == 2)
    for change, count in sorted(counted.items()):
        typer.echo(f"  {change:<20} {count}")
    typer.echo(f"{altered} of {counted.total()} findings would be another; nothing was changed")


def _tried(config: Path, rules: str, deal: bool, reason: "Reason") -> "Iterator[Tried]":
    from edge.cli.operator import ask_as_officer
    from edge.ipc.findings import TriedLines, TryRules

    after, more = "", True
    while more:
        asked = TryRules(about=_about(deal), rules=rules, after=after, reason=reason)
        found = ask_as_officer(config, asked, TriedLines)
        yield from found.lines
        more, after = found.more, found.last


def _history(config: Path, ref: str, deal: bool, reason: "Reason") -> "FindingHistory":
    from edge.cli.operator import ask_as_officer
    from edge.ipc.findings import FindingHistory, ShowFinding

    asked = ShowFinding.model_validate({"about": _about(deal), "ref": ref, "reason": reason})
    return ask_as_officer(config, asked, FindingHistory)


def _about(deal: bool) -> "About":
    return "deal" if deal else "report"


def _inputs(version: "FindingVersion") -> str:
    from edge.domain.errors import InvalidInput

    if version.inputs is None:
        raise InvalidInput("explain a finding", "erased", "its hash and date are all that is left")
    return version.inputs
