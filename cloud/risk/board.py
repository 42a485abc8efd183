"""The risk board's questions: projects, their deals and reports, one with every version; never writes.

Each box of a project sends its own finding. Of one deal or report RISK of any box wins, else NORMAL of any,
else UNKNOWN: a box where nobody came knows nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
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
from cloud.store.schema import appeals, boxes, epochs, reviews, verdicts

About = Literal["deal", "report"]
PAGE = 50
_RANKS = {"RISK": 3, "NORMAL": 2, "UNKNOWN": 1}
_VERDICTS = {rank: verdict for verdict, rank in _RANKS.items()}


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are, and on how many of them, as they are now, a person has decided."""

    whole: int
    reviewed: int

    @property
    def unreviewed(self) -> int:
        """Those on which nobody has."""
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
    told = _told(newest)
    reviewed = case((_reviewed(tenant, project, about, told), 1), else_=0)
    ranks = {
        row.rank: Tally(row.number, int(row.reviewed))
        for row in connection.execute(
            select(told.c.rank, func.count().label("number"), func.sum(reviewed).label("reviewed")).group_by(
                told.c.rank
            )
        )
    }
    # A join of the findings with what they come to was quadratic in SQLite: over a minute for 90,000 reports.
    causes = Counter[str]()
    for row in connection.execute(_unknown(newest)):
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
    told = _told(newest)
    reviewed = _reviewed(tenant, project, about, told)
    asked = select(told, reviewed.label("reviewed")).order_by(told.c.last_ms.desc(), told.c.ref)
    if chosen.verdict is not None:
        asked = asked.where(told.c.rank == _RANKS.get(chosen.verdict, 0))
    if chosen.channel is not None:
        asked = asked.where(told.c.channel == chosen.channel)
    if chosen.cause is not None:
        named = f'"{chosen.cause}"'
        reasons = (cast(newest.c.reasons, Text), cast(newest.c.review_reasons, Text))
        said = or_(*(column.contains(named, autoescape=True) for column in reasons))
        asked = asked.where(told.c.ref.in_(select(newest.c.ref).where(said)))
    if chosen.reviewed is not None:
        asked = asked.where(reviewed if chosen.reviewed else ~reviewed)
    page = connection.execute(asked.offset(chosen.page * limit).limit(limit + 1)).mappings().all()
    made = tuple(
        Line(row["ref"], row["verdict"], row, row["boxes"], bool(row["reviewed"])) for row in page[:limit]
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
        .join(epochs, _EPOCH, isouter=True)
        .order_by(verdicts.c.box, *_ORDER)
    )
    found: dict[str, tuple[RowMapping, ...]] = {}
    for row in connection.execute(asked).mappings():
        found[row["box"]] = (*found.get(row["box"], ()), row)
    return found


def speaking(newest: Sequence[RowMapping]) -> RowMapping:
    """Return which of the boxes' newest findings says what they come to; of several the one decided last."""
    return max(newest, key=lambda row: (_RANKS[row["verdict"]], row["decided_ms"], row["box"]))


def combined(newest: Iterable[str]) -> str:
    """Return what the newest findings of a project's boxes come to."""
    return _VERDICTS[max((_RANKS[verdict] for verdict in newest), default=1)]


def _ref(about: About) -> ColumnElement[Any]:
    return verdicts.c.deal_ref if about == "deal" else verdicts.c.report_ref


_LISTED = (
    verdicts.c.box, verdicts.c.channel, verdicts.c.verdict, verdicts.c.reasons, verdicts.c.review_reasons,
    verdicts.c.version, verdicts.c.rule_set, verdicts.c.rule_version, verdicts.c.reported_ms,
    verdicts.c.presence_ms, verdicts.c.decided_ms,
)  # fmt: skip
"""What a list shows of a finding; what it rests on is longer than all of this."""
_EPOCH = and_(
    epochs.c.tenant == verdicts.c.tenant, epochs.c.box == verdicts.c.box, epochs.c.epoch == verdicts.c.epoch
)
_ORDER = (
    func.coalesce(epochs.c.first_seen_ms, 0).desc(),
    verdicts.c.version.desc(),
    verdicts.c.decided_ms.desc(),
    verdicts.c.sequence.desc(),
)
"""Newest first. A box that was replaced counts its versions from one again, so its epoch comes first."""


def _newest(tenant: str, names: Sequence[str], about: About) -> Subquery:
    """The newest version of each box's finding: a lower one that comes late displaces none."""
    ref = _ref(about)
    place = func.row_number().over(partition_by=(verdicts.c.box, ref), order_by=_ORDER)
    ranked = (
        select(*_LISTED, ref.label("ref"), place.label("place"))
        .join(epochs, _EPOCH, isouter=True)
        .where(verdicts.c.tenant == tenant, verdicts.c.box.in_(names), ref.is_not(None))
        .subquery()
    )
    return select(ranked).where(ranked.c.place == 1).subquery("newest")


def _rank(newest: Subquery) -> ColumnElement[int]:
    return case(*((newest.c.verdict == verdict, rank) for verdict, rank in _RANKS.items()), else_=1)


def _told(newest: Subquery) -> Subquery:
    """One finding of each deal or report: that which all of them come to, of several the one decided last."""
    rank = _rank(newest)
    speaks = (rank.desc(), newest.c.decided_ms.desc(), newest.c.box.desc())
    ranked = select(
        newest,
        rank.label("rank"),
        func.count().over(partition_by=newest.c.ref).label("boxes"),
        func.max(newest.c.decided_ms).over(partition_by=newest.c.ref).label("last_ms"),
        func.row_number().over(partition_by=newest.c.ref, order_by=speaks).label("speaks"),
    ).subquery()
    return select(ranked).where(ranked.c.speaks == 1).subquery("told")


def _unknown(newest: Subquery) -> Select[Any]:
    """The reasons of what comes to UNKNOWN, with how many deals or reports have just these."""
    highest = func.max(_rank(newest)).over(partition_by=newest.c.ref)
    ranked = select(
        newest.c.ref, cast(newest.c.reasons, Text).label("reasons"), highest.label("highest")
    ).subquery()
    return (
        select(ranked.c.reasons, func.count(ranked.c.ref.distinct()).label("number"))
        .where(ranked.c.highest == _RANKS["UNKNOWN"])
        .group_by(ranked.c.reasons)
    )


def _reviewed(tenant: str, project: str, about: About, told: Subquery) -> ColumnElement[bool]:
    """Somebody decided on it as it is now: not that more is needed, and not on an earlier version."""
    return exists().where(
        reviews.c.tenant == tenant,
        reviews.c.project == project,
        reviews.c.about == about,
        reviews.c.ref == told.c.ref,
        reviews.c.outcome != "more",
        reviews.c.decided_ms >= told.c.last_ms,
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
