"""Books of channels and office: sealed by the reader's browser, their way to the boxes, the channels.

Never takes a row about a customer that can be read here: a body that is anything but sealed rows is refused
(P11). Channels are about companies: they come as they are, by a form or of a file.
"""

from importlib.resources import files
from typing import Annotated, TypeVar, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool

from cloud.books.channels import known_channels, save_channels
from cloud.books.mappings import ColumnMapping, save_mapping, saved_mappings
from cloud.books.places import projects, sealing_boxes
from cloud.books.queue import MOST_SEALED, Lodgement, Source, lodge
from cloud.books.roster import MOST, Channel, ChannelChanges, codes_in
from cloud.books.states import newest_imports
from cloud.errors import InvalidOrder
from cloud.web.guard import Fields
from cloud.web.roles import BOOKKEEPERS, allow
from cloud.web.site import Site, SiteOf, csrf_of, language_of, query, see_other, user_of
from cloud.web.texts_books import BOOKS
from edge.wire.base import Name
from edge.wire.columns import FIELDS, NO, OWNERS, PERSONAL, REQUIRED, WORDS, YES, BookKind

router = APIRouter()
MOST_BODY = 8 << 20
"""Bytes of a posted import: `MOST_SEALED` rows in base64 and their frame."""
MOST_FILE = 8 << 20
"""Bytes of a file that the browser reads."""
_BUILT = files("cloud.web") / "static" / "built" / "books.js"
KINDS: tuple[BookKind, ...] = get_args(BookKind)
"""What is brought in by file."""
Body = TypeVar("Body", bound=BaseModel)


class ChannelForm(Fields):
    """One channel of a project, new or changed. `agents`: codes as a person writes them; empty: they stay."""

    project: Name
    code: Name
    name: Annotated[str, StringConstraints(max_length=60)]
    agents: Annotated[str, StringConstraints(max_length=MOST * 41)] = ""
    withdrawn: bool = False


@router.get("/books")
@allow(BOOKKEEPERS)
def books_page(request: Request, site: SiteOf) -> Response:
    """Show where a file is chosen, checked and sealed, all in the browser."""
    known = _projects(site)
    if not _BUILT.is_file():
        return site.render(request, "message.html", 503, message="message.not_built")
    return site.render(
        request,
        "books.html",
        projects=known,
        kinds=KINDS,
        asked=_asked(request),
        asked_kind=request.query_params.get("kind", ""),
        given=_given(request, site),
    )


@router.get("/books/imports")
@allow(BOOKKEEPERS)
def imports_page(request: Request, site: SiteOf) -> Response:
    """Show every import with what each box has taken."""
    return site.render(
        request,
        "imports.html",
        imports=query(site, newest_imports),
        new=request.query_params.get("new", ""),
    )


@router.get("/books/channels")
@allow(BOOKKEEPERS)
def channels_page(request: Request, site: SiteOf) -> Response:
    """Show a project's channels, and add or change one."""
    known, project = _projects(site), _asked(request)
    listed = query(site, known_channels, project) if project in known else ()
    new = request.query_params.get("new", "")
    return site.render(request, "channels.html", projects=known, asked=project, channels=listed, new=new)


@router.post("/books/channels")
@allow(BOOKKEEPERS)
def change_channel(request: Request, site: SiteOf, form: Annotated[ChannelForm, Form()]) -> Response:
    """Keep a channel as it is now, and send it to the project's boxes."""
    try:
        channel = Channel(
            code=form.code,
            name=form.name,
            withdrawn=form.withdrawn,
            agents=codes_in(form.agents) or None,
        )
        source, now = _source(request), site.clock()
        site.database.write(
            lambda c: save_channels(c, site.tenant, form.project, [channel], source, now),
        )
    except ValidationError:
        return site.render(request, "message.html", 400, message="message.bad_channel")
    except InvalidOrder as refused:
        return site.render(request, "message.html", 409, message=f"message.{refused.code}")
    return see_other(f"/books/channels?project={form.project}")


@router.get("/books/project/{project}")
@allow(BOOKKEEPERS)
def project_page(project: Name, site: SiteOf) -> Response:
    """Say to which boxes one seals, which mappings are saved, which channels there are."""
    try:
        boxes = query(site, sealing_boxes, project)
    except InvalidOrder as refused:
        return _refused(refused)
    return JSONResponse(
        {
            "boxes": [one.model_dump(include={"tenant", "box", "enrolment_key"}) for one in boxes],
            "mappings": [
                one.model_dump(include={"name", "kind", "columns"})
                for one in query(site, saved_mappings, project)
            ],
            "channels": [
                one.model_dump(include={"code", "name", "withdrawn"})
                for one in query(site, known_channels, project)
            ],
        }
    )


@router.post("/books/project/{project}/mapping")
@allow(BOOKKEEPERS)
async def keep_mapping(project: Name, request: Request, site: SiteOf) -> Response:
    """Keep which column of a CRM's file holds which field."""
    mapping = await _body(request, ColumnMapping)
    if mapping is None:
        return JSONResponse({"code": "bad_mapping"}, 400)
    by, now = _source(request).name, site.clock()

    def work() -> None:
        if project not in _projects(site):
            raise InvalidOrder("save a mapping", "unknown_project")
        site.database.write(lambda c: save_mapping(c, site.tenant, project, mapping, by=by, now_ms=now))

    try:
        await run_in_threadpool(work)
    except InvalidOrder as refused:
        return _refused(refused)
    return JSONResponse({"code": "ok"})


@router.post("/books/project/{project}/channels")
@allow(BOOKKEEPERS)
async def bring_channels(project: Name, request: Request, site: SiteOf) -> Response:
    """Keep the channels of a file as they are now, all or none, and send them to the project's boxes."""
    changes = await _body(request, ChannelChanges)
    if changes is None:
        return JSONResponse({"code": "bad_channels"}, 400)
    source, now = _source(request), site.clock()
    try:
        import_id = await run_in_threadpool(
            site.database.write,
            lambda c: save_channels(c, site.tenant, project, changes.channels, source, now),
        )
    except InvalidOrder as refused:
        return _refused(refused)
    return JSONResponse({"import_id": import_id})


@router.post("/books")
@allow(BOOKKEEPERS)
async def bring_in(request: Request, site: SiteOf) -> Response:
    """Take an import's sealed rows, all or none, and send them to the boxes."""
    lodgement = await _body(request, Lodgement)
    if lodgement is None:
        return JSONResponse({"code": "not_sealed"}, 400)
    source, now = _source(request), site.clock()
    try:
        import_id = await run_in_threadpool(
            site.database.write, lambda c: lodge(c, site.tenant, lodgement, source, now)
        )
    except InvalidOrder as refused:
        return _refused(refused)
    return JSONResponse({"import_id": import_id})


async def _body(request: Request, wanted: type[Body]) -> Body | None:
    """Return what was posted, or None if it is too long or anything else than that.

    A form is never that: the guard has read it already, for its token.
    """
    if "x-csrf" not in request.headers:
        return None
    taken = bytearray()
    async for part in request.stream():
        taken += part
        if len(taken) > MOST_BODY:
            return None
    try:
        return await run_in_threadpool(wanted.model_validate_json, bytes(taken))
    except ValidationError:
        return None


def _refused(refused: InvalidOrder) -> Response:
    status = 404 if refused.code == "unknown_project" else 409
    return JSONResponse({"code": refused.code, "hint": refused.hint}, status)


def _projects(site: Site) -> tuple[str, ...]:
    found: tuple[str, ...] = query(site, projects)
    return found


def _asked(request: Request) -> str:
    """The project that the reader chose, or the only one."""
    asked = request.query_params.get("project", "")
    known = _projects(request.app.state.site)
    return asked if asked in known else next(iter(known), "")


def _source(request: Request) -> Source:
    user = user_of(request)
    assert user is not None
    return Source(kind="user", name=user.username)


def _given(request: Request, site: Site) -> dict[str, object]:
    """What the browser needs to read and check a book by the same rules as every other reader."""
    which = 0 if language_of(request) == "zh" else 1
    shown = ("books.", "field.", "wrong.", "hint.", "fault.")
    return {
        "words": {key: text[which] for key, text in BOOKS.items() if key.startswith(shown)},
        "books": {
            kind: {
                "fields": FIELDS[kind],
                "required": REQUIRED[kind],
                "words": dict(WORDS[kind]),
                "personal": PERSONAL.get(kind, ()),
            }
            for kind in KINDS
        },
        "vocabulary": {"yes": sorted(YES), "no": sorted(NO), "owners": dict(OWNERS)},
        "zone": site.config.web.timezone,
        "most": MOST_SEALED,
        "most_channels": MOST,
        "most_bytes": MOST_FILE,
        "csrf": csrf_of(request),
    }
