"""What a CRM's program can do: see to whom it seals, bring in books, ask what became of them; nothing else.

Nothing here shows a visit, a finding or a person: there is no way back from a key to what boxes say.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import Connection

from cloud.api.guard import Key, for_programs, marked
from cloud.api.keys import CrmKey
from cloud.api.once import IdempotencyKey, once
from cloud.api.problems import declared
from cloud.books.channels import KeptChannel, known_channels, save_channels
from cloud.books.mappings import SavedMapping, saved_mappings
from cloud.books.places import sealing_boxes
from cloud.books.queue import Lodgement, SealedRows, Source, lodge
from cloud.books.roster import ChannelChanges
from cloud.books.states import Import, State, find_import
from cloud.errors import InvalidOrder
from cloud.web.site import Site, SiteOf, query
from edge.wire.base import Frozen, Millis, Name, OpaqueId
from edge.wire.columns import BookKind
from edge.wire.facts import SealingBox

_ALWAYS = (400, 401, 403, 413, 422, 429, 503)
router = APIRouter(dependencies=[Depends(marked)], responses=declared(*_ALWAYS))


class Boxes(Frozen):
    """Every box of the key's project; each row is sealed to each of them."""

    project: Name
    boxes: tuple[SealingBox, ...]


class Mappings(Frozen):
    """Which column of a file holds which field, by name."""

    mappings: tuple[SavedMapping, ...]


class Channels(Frozen):
    """The project's channels, with their codes."""

    channels: tuple[KeptChannel, ...]


class AtBox(Frozen):
    """How many rows a box took, refused, let lie until they were dropped, or hasn't answered."""

    box: Name
    done: int
    refused: int
    expired: int
    waiting: int
    codes: tuple[str, ...]


class ImportState(Frozen):
    """What became of an import; `refused` if any box refused any of it."""

    import_id: OpaqueId
    kind: BookKind
    rows: int
    created_ms: Millis
    state: State
    boxes: tuple[AtBox, ...]


@router.get("/boxes", responses=declared(404, 409))
@for_programs
def boxes(site: SiteOf, key: Key) -> Boxes:
    """Return the project's boxes, to which each row is sealed. Check each one's signature, and pin it."""
    return Boxes(project=key.project, boxes=query(site, sealing_boxes, key.project))


@router.get("/mappings")
@for_programs
def mappings(site: SiteOf, key: Key) -> Mappings:
    """Return the saved mappings of columns."""
    return Mappings(mappings=query(site, saved_mappings, key.project))


@router.get("/channels")
@for_programs
def channels(site: SiteOf, key: Key) -> Channels:
    """Return the project's channels: a CRM's name of one becomes its code."""
    return Channels(channels=query(site, known_channels, key.project))


async def raw(request: Request) -> bytes:
    """Return the request as it came, by which it is known when it comes again."""
    return request.url.path.encode() + b"\n" + await request.body()


Raw = Annotated[bytes, Depends(raw)]


@router.post("/channels", status_code=201, responses=declared(404, 409))
@for_programs
def change_channels(
    site: SiteOf, key: Key, sent: Raw, idempotency_key: IdempotencyKey, changes: ChannelChanges
) -> ImportState:
    """Change channels, and send them to the boxes. This list is about companies and comes unsealed."""

    def bring(connection: Connection, source: Source) -> str:
        return save_channels(connection, site.tenant, key.project, changes.channels, source, site.clock())

    return _bring(site, key, "channel", sent, idempotency_key, bring)


@router.post("/imports", status_code=201, responses=declared(404, 409))
@for_programs
def bring_in(
    site: SiteOf, key: Key, sent: Raw, idempotency_key: IdempotencyKey, rows: SealedRows
) -> ImportState:
    """Bring in rows of a book: all for every box of the project, or none."""
    made = Lodgement(project=key.project, kind=rows.kind, boxes=rows.boxes)

    def bring(connection: Connection, source: Source) -> str:
        return lodge(connection, site.tenant, made, source, site.clock())

    return _bring(site, key, rows.kind, sent, idempotency_key, bring)


@router.get("/imports/{import_id}", responses=declared(404))
@for_programs
def import_state(site: SiteOf, key: Key, import_id: Annotated[OpaqueId, Path()]) -> ImportState:
    """Return what became of an import of this key's project."""
    found: Import | None = query(site, find_import, import_id)
    if found is None or found.project != key.project:
        raise InvalidOrder("show an import", "unknown_import", "none of this project has this id")
    return _state(found)


def _bring(
    site: Site,
    key: CrmKey,
    kind: BookKind,
    sent: bytes,
    idempotency_key: str,
    bring: Callable[[Connection, Source], str],
) -> ImportState:
    """Bring something in once, however often it is asked, if the key may."""
    if not key.may(kind):
        raise InvalidOrder("bring a book in", "kind_not_allowed", f"this key may bring in {key.kinds}")

    def work(connection: Connection) -> dict[str, Any]:
        import_id = bring(connection, Source(kind="crm", name=key.name))
        made = find_import(connection, site.tenant, import_id)
        assert made is not None
        return _state(made).model_dump(mode="json")

    now_ms = site.clock()
    answer = site.database.write(
        lambda c: once(c, site.tenant, key.name, idempotency_key, sent, now_ms, work)
    )
    return ImportState.model_validate(answer)


def _state(found: Import) -> ImportState:
    fields = ("import_id", "kind", "rows", "created_ms", "state")
    at_boxes = [{name: getattr(one, name) for name in AtBox.model_fields} for one in found.boxes]
    return ImportState.model_validate({**{name: getattr(found, name) for name in fields}, "boxes": at_boxes})
