"""The risk board's questions: projects, their deals and reports, one with every version; never writes.

Each box of a project sends its own finding. Of one deal or report RISK of any box wins, else NORMAL of any,
else UNKNOWN: a box where nobody came knows nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    or_,
    select,
)

from cloud.books.places import project_of, sealing_boxes_by_name
from cloud.store.schema import appeals, boxes, reviews, verdicts

About = Literal["deal", "report"]
PAGE = 50
_RANKS = {"RISK": 3, "NORMAL": 2, "UNKNOWN": 1}
_VERDICTS = {rank: verdict for verdict, rank in _RANKS.items()}


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are, and of how many of them a person has said something."""

    whole: int
    reviewed: int

    @property
    def unreviewed(self) -> int:
        """Those of which nobody has."""
        return self.whole - self.reviewed


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deals, or reports, of a project came to what; `causes`: of UNKNOWN, by cause."""

    risk: Tally
    normal: Tally
    unknown: Tally
    causes: tuple[tuple[str, int], ...]
    appeals: int
    """Those that nobody has decided on."""

    @property
    def all(self) -> Tally:
        """All three together."""
        kinds = (self.risk, self.normal, self.unknown)
        return Tally(sum(one.whole for one in kinds), sum(one.reviewed for one in kinds))


@dataclass(frozen=True, slots=True)
class Line:
    """One deal or report on a list: what its boxes' findings come to, and the one that says so."""

    ref: str
    verdict: str
    finding: RowMapping
    boxes: int
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a list to show; None: all."""

    verdict: str | None = None
    cause: str | None = None
    channel: str | None = None
    reviewed: bool | None = None
    page: int = 0


def projects(connection: Connection, tenant: str) -> dict[str, tuple[str, ...]]:
    """Return the boxes of each project; a box that hasn't said otherwise is of its site's."""
    said = sealing_boxes_by_name(connection, tenant)
    found: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(select(boxes.c.box, boxes.c.site).where(boxes.c.tenant == tenant)):
        project = project_of(said[row.box]) if row.box in said else row.site
        found[project] = (*found.get(project, ()), row.box)
    return dict(sorted(found.items()))


def counts(connection: Connection, tenant: str, project: str, names: Sequence[str], about: About) -> Counts:
    """Return how many of a project came to what."""
    newest = _newest(tenant, names, about)
    whole = _combined(newest)
    ranks = {
        row.rank: Tally(row.number, int(row.reviewed))
        for row in connection.execute(
            select(
                whole.c.rank,
                func.count().label("number"),
                func.sum(case((_reviewed(tenant, project, about, whole.c.ref), 1), else_=0)).label(
                    "reviewed"
                ),
            ).group_by(whole.c.rank)
        )
    }
    unknown = (
        select(
            cast(newest.c.reasons, Text).label("reasons"), func.count(newest.c.ref.distinct()).label("number")
        )
        .join(whole, and_(whole.c.ref == newest.c.ref, whole.c.rank == _RANKS["UNKNOWN"]))
        .group_by(cast(newest.c.reasons, Text))
    )
    causes = Counter[str]()
    for row in connection.execute(unknown):
        causes.update(dict.fromkeys(json.loads(row.reasons), row.number))
    found = {verdict: ranks.get(rank, Tally(0, 0)) for verdict, rank in _RANKS.items()}
    return Counts(
        risk=found["RISK"],
        normal=found["NORMAL"],
        unknown=found["UNKNOWN"],
        causes=tuple(causes.most_common()),
        appeals=connection.execute(_open_appeals(tenant, project, about)).scalar_one(),
    )


def lines(
    connection: Connection, tenant: str, project: str, names: Sequence[str], about: About, chosen: Filter,
    limit: int = PAGE,
) -> tuple[tuple[Line, ...], bool]:  # fmt: skip
    """Return a page of deals or reports, what was decided last first; and whether there are more."""
    newest = _newest(tenant, names, about)
    whole = _combined(newest)
    asked = select(whole.c.ref, whole.c.rank, whole.c.boxes).order_by(whole.c.decided_ms.desc(), whole.c.ref)
    if chosen.verdict is not None:
        asked = asked.where(whole.c.rank == _RANKS.get(chosen.verdict, 0))
    if chosen.channel is not None:
        asked = asked.where(_some(newest, whole, newest.c.channel == chosen.channel))
    if chosen.cause is not None:
        named = f'%"{chosen.cause}"%'
        said = or_(cast(newest.c.reasons, Text).like(named), cast(newest.c.review_reasons, Text).like(named))
        asked = asked.where(_some(newest, whole, said))
    reviewed = _reviewed(tenant, project, about, whole.c.ref)
    if chosen.reviewed is not None:
        asked = asked.where(reviewed if chosen.reviewed else ~reviewed)
    page = connection.execute(
        asked.add_columns(reviewed.label("reviewed")).offset(chosen.page * limit).limit(limit + 1)
    ).all()
    shown = page[:limit]
    found = _by_ref(connection, newest, [row.ref for row in shown])
    made = tuple(
        Line(
            row.ref,
            _VERDICTS[row.rank],
            _speaking(found[row.ref], _VERDICTS[row.rank]),
            row.boxes,
            bool(row.reviewed),
        )
        for row in shown
    )
    return made, len(page) > limit


def channels(connection: Connection, tenant: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the codes of the channels that findings of these boxes name."""
    asked = (
        select(verdicts.c.channel)
        .distinct()
        .where(verdicts.c.tenant == tenant, verdicts.c.box.in_(names), verdicts.c.channel.is_not(None))
    )
    return tuple(sorted(connection.execute(asked).scalars()))


def versions(
    connection: Connection, tenant: str, names: Sequence[str], about: About, ref: str
) -> dict[str, tuple[RowMapping, ...]]:
    """Return every version of the findings on a deal or report by box, the newest first."""
    asked = (
        select(verdicts)
        .where(
            verdicts.c.tenant == tenant,
            verdicts.c.box.in_(names),
            verdicts.c.who.is_not(None),
            _ref(about) == ref,
        )
        .order_by(verdicts.c.box, verdicts.c.version.desc(), verdicts.c.decided_ms.desc())
    )
    found: dict[str, tuple[RowMapping, ...]] = {}
    for row in connection.execute(asked).mappings():
        found[row["box"]] = (*found.get(row["box"], ()), row)
    return found


def combined(newest: Iterable[str]) -> str:
    """Return what the newest findings of a project's boxes come to."""
    return _VERDICTS[max((_RANKS[verdict] for verdict in newest), default=1)]


def _ref(about: About) -> ColumnElement[Any]:
    return verdicts.c.deal_ref if about == "deal" else verdicts.c.report_ref


def _newest(tenant: str, names: Sequence[str], about: About) -> Subquery:
    """The newest version of each box's finding: a lower one that comes late displaces none."""
    ref = _ref(about)
    place = func.row_number().over(
        partition_by=(verdicts.c.box, ref),
        order_by=(verdicts.c.version.desc(), verdicts.c.decided_ms.desc(), verdicts.c.sequence.desc()),
    )
    ranked = (
        select(verdicts, ref.label("ref"), place.label("place"))
        .where(verdicts.c.tenant == tenant, verdicts.c.box.in_(names), ref.is_not(None))
        .subquery()
    )
    return select(ranked).where(ranked.c.place == 1).subquery("newest")


def _combined(newest: Subquery) -> Subquery:
    rank = case(*((newest.c.verdict == verdict, rank) for verdict, rank in _RANKS.items()), else_=1)
    return (
        select(
            newest.c.ref,
            func.max(rank).label("rank"),
            func.count().label("boxes"),
            func.max(newest.c.decided_ms).label("decided_ms"),
        )
        .group_by(newest.c.ref)
        .subquery("whole")
    )


def _some(newest: Subquery, whole: Subquery, said: ColumnElement[bool]) -> ColumnElement[bool]:
    return whole.c.ref.in_(select(newest.c.ref).where(said))


def _reviewed(tenant: str, project: str, about: About, ref: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(
        reviews.c.tenant == tenant,
        reviews.c.project == project,
        reviews.c.about == about,
        reviews.c.ref == ref,
    )


def _open_appeals(tenant: str, project: str, about: About) -> Select[int]:
    decided = exists().where(
        reviews.c.tenant == tenant, reviews.c.appeal_id == appeals.c.appeal_id, reviews.c.outcome != "more"
    )
    return select(func.count()).where(
        appeals.c.tenant == tenant,
        appeals.c.project == project,
        appeals.c.about == about,
        appeals.c.ref != "",
        ~decided,
    )


def _by_ref(connection: Connection, newest: Subquery, refs: Sequence[str]) -> Mapping[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(select(newest).where(newest.c.ref.in_(refs))).mappings():
        found.setdefault(row["ref"], []).append(row)
    return found


def _speaking(rows: Sequence[RowMapping], verdict: str) -> RowMapping:
    """Return the finding that gives the combined verdict; of several the one that was decided last."""
    saying = [row for row in rows if row["verdict"] == verdict]
    return max(saying, key=lambda row: (row["decided_ms"], row["box"]))
