"""The channels of a project: code and the company's public name; of agents the codes alone, never a name.

It is about companies, so headquarters reads it; boxes get it like every other book, sealed here.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, select

from cloud.books.places import sealing_boxes
from cloud.books.queue import MOST_SEALED, Lodgement, SealedFor, Source, lodge
from cloud.books.roster import MOST, Agents, Channel
from cloud.errors import InvalidOrder
from cloud.seal import seal
from cloud.store.schema import channels
from cloud.store.upsert import upsert
from edge.wire.base import Millis, Name
from edge.wire.facts import ChannelRow


class KeptChannel(Channel):
    """A channel, with who changed it last and when."""

    agents: Agents = ()
    changed_by: Name
    changed_ms: Millis


def known_channels(connection: Connection, tenant: str, project: str) -> tuple[KeptChannel, ...]:
    """Return a project's channels by code."""
    c = channels.c
    asked = select(channels).where(c.tenant == tenant, c.project == project).order_by(c.code)
    return tuple(
        KeptChannel.model_construct(  # what was kept before a check was stricter is shown all the same
            code=row.code,
            name=row.name,
            agents=tuple(row.agents),
            withdrawn=row.withdrawn,
            changed_by=row.changed_by,
            changed_ms=row.changed_ms,
        )
        for row in connection.execute(asked)
    )


def save_channels(
    connection: Connection,
    tenant: str,
    project: str,
    changed: Sequence[Channel],
    source: Source,
    now_ms: int,
) -> str:
    """Keep these channels as they are now, and send them to the project's boxes; return the import's id.

    Agents of whom a change says nothing stay as they were. All are kept, or none.

    Raises InvalidOrder: as `queue.lodge`, `too_many_channels`, `too_many_at_once`, `repeated_channel`.
    """
    if len({one.code for one in changed}) != len(changed):
        raise InvalidOrder("save channels", "repeated_channel", "each code once")
    boxes = sealing_boxes(connection, tenant, project)
    if len(changed) * len(boxes) > MOST_SEALED:
        raise InvalidOrder(
            "save channels", "too_many_at_once", f"at most {MOST_SEALED // len(boxes)} at once"
        )
    held_agents = {one.code: one.agents for one in known_channels(connection, tenant, project)}
    for one in changed:
        agents = held_agents.get(one.code, ()) if one.agents is None else one.agents
        row = one.model_dump(mode="json") | {"agents": list(agents)} | {"tenant": tenant, "project": project}
        row |= {"changed_by": source.name, "changed_ms": now_ms}
        upsert(
            connection,
            channels,
            row,
            lambda new: {n: new[n] for n in ("name", "agents", "withdrawn", "changed_by", "changed_ms")},
        )
    mine = and_(channels.c.tenant == tenant, channels.c.project == project)
    held = connection.execute(select(func.count()).select_from(channels).where(mine)).scalar_one()
    if held > MOST:
        raise InvalidOrder("save channels", "too_many_channels", f"at most {MOST} in a project")
    rows = [
        ChannelRow(ref=one.code, name=one.name, changed_ms=now_ms, withdrawn=one.withdrawn) for one in changed
    ]
    sealed = tuple(
        SealedFor(box=box.box, enrolment_key=box.enrolment_key, rows=tuple(seal(row, box) for row in rows))
        for box in boxes
    )
    made = Lodgement(project=project, kind="channel", boxes=sealed)
    return lodge(connection, tenant, made, source, now_ms)
