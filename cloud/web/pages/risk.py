"""The risk board: projects, deals and reports, one with its timeline; reviews, appeals, what is handed out.

Changes no finding. What a person says of one is kept beside it, under their name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from sqlalchemy import Connection, RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from cloud.errors import InvalidOrder
from cloud.fleet.boxes import find
from cloud.keys import SigningKey
from cloud.reports.verdicts import erased_findings
from cloud.risk import board, opinions, package, story
from cloud.risk.board import About, Filter
from cloud.risk.opinions import Subject
from cloud.web import sheets
from cloud.web.guard import BadForm, Fields
from cloud.web.roles import APPELLANTS, LOOKERS, REVIEWERS, allow
from cloud.web.site import Site, SiteOf, language_of, query, see_other, user_of
from edge.wire.base import Name
from edge.wire.finding import Ref, Verdict
from edge.wire.records import Code
from edge.wire.sentences import RULES, explain

router = APIRouter()
Seen = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Written = Annotated[
    opinions.Words, BeforeValidator(lambda t: t.replace("\r\n", "\n") if isinstance(t, str) else t)
]
"""Words as a person counts them: a browser sends two characters for the end of a line."""
_EXPORTED = 100_000
_STYLE = File(__file__).parent.parent / "static" / "package.css"


class Chosen(BaseModel):
    """What a list's address may ask for; empty: all."""

    model_config = ConfigDict(hide_input_in_errors=True)

    verdict: Literal[""] | Verdict = ""
    cause: Literal[""] | Code = ""
    channel: Literal[""] | Name = ""
    reviewed: Literal["", "yes", "no"] = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What somebody wrote, to be shown again when it is refused."""

    form: Literal["review", "appeal", ""] = ""
    words: str = ""
    outcome: str = ""
    files: bool = False


class ReviewForm(Fields):
    """What a reviewer decides. `seen`: what the page before them showed (opinions.before_of)."""

    project: Name
    about: About
    ref: Ref
    seen: Seen
    outcome: opinions.Outcome
    reason: Written


class AppealForm(Fields):
    """What a channel objects. `seen`: what the page showed; its files stand apart."""

    project: Name
    about: About
    ref: Ref
    seen: Seen
    channel: Name
    text: Written


@router.get("/risk")
@allow(LOOKERS)
def risk_page(request: Request, site: SiteOf) -> Response:
    """Show each project with its counts, and what remains of erased customers."""

    def ask(connection: Connection, tenant: str) -> list[tuple[str, dict[About, board.Counts]]]:
        kinds: tuple[About, ...] = ("deal", "report")
        return [
            (name, {about: board.counts(connection, tenant, name, boxes, about) for about in kinds})
            for name, boxes in board.projects(connection, tenant).items()
        ]

    return site.render(request, "risk.html", projects=query(site, ask), erased=query(site, erased_findings))


@router.get("/risk/{project}/{about}")
@allow(LOOKERS)
def risk_list(request: Request, site: SiteOf, project: Name, about: About) -> Response:
    """Show a project's deals, or reports, filtered and in pages."""
    chosen = _chosen(request)

    def ask(connection: Connection, tenant: str) -> Mapping[str, Any] | None:
        boxes = board.projects(connection, tenant).get(project)
        if boxes is None:
            return None
        found, more = board.lines(connection, tenant, project, boxes, about, chosen)
        return {
            "lines": found,
            "more": more,
            "counts": board.counts(connection, tenant, project, boxes, about),
            "channels": board.channels(connection, tenant, boxes),
        }

    shown = query(site, ask)
    if shown is None:
        return _not_found(request, site)
    return site.render(request, "risk_list.html", project=project, about=about, chosen=chosen, **shown)


@router.get("/risk/{project}/{about}/{ref}")
@allow(LOOKERS)
def risk_one(request: Request, site: SiteOf, project: Name, about: About, ref: Ref) -> Response:
    """Show one deal or report: what happened when, what each rule says, what people said."""
    shown = _one(request, site, project, about, ref)
    if shown is None:
        return _not_found(request, site)
    return site.render(request, "risk_one.html", problem="", tried=Tried(), **shown)


@router.post("/risk-review")
@allow(REVIEWERS)
def give_review(request: Request, site: SiteOf, form: Annotated[ReviewForm, Form()]) -> Response:
    """Keep a review; refused if anything changed since the reviewer looked, or they entered the appeal."""
    subject = Subject(project=form.project, about=form.about, ref=form.ref)

    def work(connection: Connection, by: str) -> None:
        seen, own, decided_ms = _same(connection, site.tenant, subject, form.seen)
        opinions.review(
            connection,
            site.tenant,
            subject,
            outcome=form.outcome,
            reason=form.reason,
            seen=seen,
            decided_ms=decided_ms,
            by=by,
            now_ms=site.clock(),
            own=own,
        )

    return _decided(request, site, subject, work, Tried("review", form.reason, form.outcome))


@router.post("/risk-appeal")
@allow(APPELLANTS)
async def enter_appeal(request: Request, site: SiteOf) -> Response:
    """Keep what a channel objects, and up to five files of it."""
    data = await request.form()
    sent = [one for one in data.getlist("files") if isinstance(one, UploadFile) and one.size]
    files = [await one.read(opinions.MOST_BYTES + 1) for one in sent[: opinions.MOST_FILES + 1]]
    try:
        form = AppealForm.model_validate({k: v for k, v in data.items() if k != "files"})
    except ValidationError:
        raise BadForm from None
    subject = Subject(project=form.project, about=form.about, ref=form.ref)

    def work(connection: Connection, by: str) -> None:
        seen, own, _ = _same(connection, site.tenant, subject, form.seen)
        opinions.appeal(
            connection,
            site.tenant,
            subject,
            channel=form.channel,
            text=form.text,
            files=files,
            seen=seen,
            by=by,
            now_ms=site.clock(),
            own=own,
        )

    tried = Tried("appeal", form.text, files=bool(files))
    return await run_in_threadpool(_decided, request, site, subject, work, tried)


@router.get("/risk-file/{appeal}/{place}")
@allow(APPELLANTS)
def risk_file(
    request: Request,
    site: SiteOf,
    appeal: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")],
    place: Annotated[int, Path(ge=1, le=opinions.MOST_FILES)],
) -> Response:
    """Hand out what came with an appeal; a browser saves it and shows nothing of it."""
    row = query(site, opinions.attachment, appeal, place)
    if row is None:
        return _not_found(request, site)
    return _download(
        row["content"], row["media"], f"appeal-{appeal[:8]}-{place}.{opinions.SUFFIX[row['media']]}"
    )


@router.get("/risk-package/{project}/{about}/{ref}")
@allow(APPELLANTS)
def risk_package(request: Request, site: SiteOf, project: Name, about: About, ref: Ref) -> Response:
    """Hand out the signed package of one deal or report, for the channel."""
    whole = _one(request, site, project, about, ref)
    if whole is None:
        return _not_found(request, site)
    shown = _for_its_channel(whole)
    found = [row for one in shown["boxes"] for row in one["versions"]]
    keys = {}
    for name in dict.fromkeys(row["box"] for row in found):
        box = query(site, find, name)
        assert box is not None
        keys[name] = box.public_key
    now_ms = site.clock()
    page = site.render(request, "risk_package.html", made_ms=now_ms, zone=site.zone.key, **shown)
    subject = Subject(project=project, about=about, ref=ref)
    signer = SigningKey.load(site.config.signing.key)
    said = (shown["reviews"], shown["appeals"], shown["files"])
    looks = (bytes(page.body).decode(), _STYLE.read_text("utf-8"))
    try:
        made = package.package(subject, site.tenant, found, keys, *said, looks, signer.vouch, now_ms)
    except InvalidOrder as refused:
        return site.render(request, "message.html", 409, message=f"message.{refused.code}")
    return _download(made, "application/zip", f"{about}-{ref}.zip")


@router.get("/risk-export/{project}/{about}/{form}")
@allow(LOOKERS)
def risk_export(
    request: Request, site: SiteOf, project: Name, about: About, form: Literal["csv", "xlsx"]
) -> Response:
    """Hand out the list as a file, filtered as the page was."""
    chosen = replace(_chosen(request), page=0)

    def ask(connection: Connection, tenant: str) -> tuple[board.Line, ...] | None:
        boxes = board.projects(connection, tenant).get(project)
        if boxes is None:
            return None
        return board.lines(connection, tenant, project, boxes, about, chosen, _EXPORTED)[0]

    found = query(site, ask)
    if found is None:
        return _not_found(request, site)
    table = sheets.table(found, language_of(request), site.zone)
    made, media = (
        (sheets.csv(table), "text/csv; charset=utf-8")
        if form == "csv"
        else (
            sheets.xlsx(table),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )
    )
    return _download(made, media, f"{project}-{about}s.{form}")


# -- behind the pages --------------------------------------------------------------------------


def _chosen(request: Request) -> Filter:
    page = request.query_params.get("page", "0")
    try:
        asked = Chosen.model_validate(dict(request.query_params))
    except ValidationError:
        raise BadForm from None
    return Filter(
        verdict=asked.verdict or None,
        cause=asked.cause or None,
        channel=asked.channel or None,
        reviewed={"yes": True, "no": False}.get(asked.reviewed),
        page=int(page) if page.isdecimal() and len(page) < 6 else 0,
    )


def _one(request: Request, site: Site, project: str, about: About, ref: str) -> dict[str, Any] | None:
    """Return all that is shown of one deal or report; None if there is none."""

    def ask(connection: Connection, tenant: str) -> dict[str, Any] | None:
        found = _versions(connection, tenant, project, about, ref)
        if not found:
            return None
        reviews, appeals, files = opinions.history(
            connection, tenant, Subject(project=project, about=about, ref=ref)
        )
        return {"found": found, "reviews": reviews, "appeals": appeals, "files": files}

    shown: dict[str, Any] | None = query(site, ask)
    if shown is None:
        return None
    found: dict[str, tuple[RowMapping, ...]] = shown.pop("found")
    language = language_of(request)
    newest = [rows[0] for rows in found.values()]
    seen, said = opinions.seen_of(newest), shown["reviews"]
    return shown | {
        "reviews": opinions.told_once(said),
        "project": project,
        "about": about,
        "ref": ref,
        "verdict": board.combined(row["verdict"] for row in newest),
        "channel": board.speaking(newest)["channel"],
        "seen": seen,
        "before": opinions.before_of(seen, said, shown["appeals"]),
        "waiting": {one["appeal_id"] for one in opinions.waiting(said, shown["appeals"])},
        "boxes": [
            {
                "name": box,
                "newest": rows[0],
                "versions": rows,
                "moments": story.moments(rows[0]),
                "untimed": story.untimed(rows[0]),
                "sentences": explain(story.finding_of(rows[0]), language, site.zone),
                "rules": story.rules_of(rows[0]),
            }
            for box, rows in found.items()
        ],
        "rule_name": lambda rule: RULES.get(rule, (rule, rule))[0 if language == "zh" else 1],
    }


def _versions(
    connection: Connection, tenant: str, project: str, about: About, ref: str
) -> dict[str, tuple[RowMapping, ...]]:
    boxes = board.projects(connection, tenant).get(project, ())
    return board.versions(connection, tenant, boxes, about, ref)


def _for_its_channel(shown: dict[str, Any]) -> dict[str, Any]:
    """Return what the channel is handed: of a deal that stood under another one before, nothing of then."""
    channel = shown["channel"]
    boxes = [
        one | {"versions": [v for v in one["versions"] if v["channel"] == channel]} for one in shown["boxes"]
    ]
    boxes = [one for one in boxes if one["newest"]["channel"] == channel]
    kept = [v for one in boxes for v in one["versions"]]
    if len(kept) == sum(len(one["versions"]) for one in shown["boxes"]):
        return shown
    return shown | {
        "boxes": boxes,
        "verdict": board.combined(one["newest"]["verdict"] for one in boxes),
        "appeals": [one for one in shown["appeals"] if one["channel"] == channel],
        "reviews": [one for one in shown["reviews"] if one["channel"] == channel],
    }


def _same(
    connection: Connection, tenant: str, subject: Subject, before: str
) -> tuple[str, frozenset[str], int]:
    """Whoever decides has just this before them.

    Return what stands for the findings, the channel that they are about, and when the newest was decided.
    """
    found = _versions(connection, tenant, subject.project, subject.about, subject.ref)
    newest = [rows[0] for rows in found.values()]
    seen, (said, objections, _) = opinions.seen_of(newest), opinions.history(connection, tenant, subject)
    if not found or opinions.before_of(seen, said, objections) != before:
        raise InvalidOrder("decide on a finding", "changed_meanwhile", "look at it again")
    channel = board.speaking(newest)["channel"]
    return seen, frozenset({channel} if channel else ()), max(row["decided_ms"] for row in newest)


def _decided(
    request: Request, site: Site, subject: Subject, work: Callable[[Connection, str], None], tried: Tried
) -> Response:
    user = user_of(request)
    assert user is not None
    try:
        site.database.write(lambda connection: work(connection, user.username))
    except InvalidOrder as refused:
        return _again(request, site, subject, f"message.{refused.code}", tried)
    return see_other(f"/risk/{subject.project}/{subject.about}/{subject.ref}#said")


def _again(request: Request, site: Site, subject: Subject, problem: str, tried: Tried) -> Response:
    """Show the page as it stands now, why nothing was kept, and in its form what was written."""
    shown = _one(request, site, subject.project, subject.about, subject.ref)
    if shown is None:
        return site.render(request, "message.html", 409, message=problem)
    path = f"/risk/{subject.project}/{subject.about}/{subject.ref}"
    return site.render(request, "risk_one.html", 409, path=path, problem=problem, tried=tried, **shown)


def _not_found(request: Request, site: Site) -> Response:
    return site.render(request, "message.html", 404, message="message.not_found")


def _download(content: bytes, media: str, name: str) -> Response:
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type=media, headers=headers)
