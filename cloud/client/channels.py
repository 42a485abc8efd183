"""Makes channels of a roster's lines (渠道花名册): one line for each agent, or several codes in a cell.

Lines with the same code are one channel, whose agents are those of all its lines. Never reads a column of
people's names or telephones, and says what is wrong by line, never what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from cloud.books.roster import MOST, Channel, CompanyName, codes_in
from cloud.client.errors import WrongFile
from cloud.client.files import Lines
from cloud.client.rows import columns_of, yes_or_no
from edge.wire.columns import plain
from edge.wire.facts import Code

_CODE: TypeAdapter[str] = TypeAdapter(Code)
_NAME: TypeAdapter[str] = TypeAdapter(CompanyName)


@dataclass(frozen=True, slots=True)
class _Line:
    code: str
    name: str
    agents: tuple[str, ...]
    withdrawn: bool


def channels_of(lines: Lines, mapping: Mapping[str, str]) -> tuple[Channel, ...]:
    """Return a file's channels, its first line being the headings; without a column of agents, those stay.

    Raises WrongFile: `empty`, as `rows.columns_of`, `too_many_channels`, `rows_wrong` with each by its line.
    """
    if len(lines) < 2:
        raise WrongFile("empty", "a line of headings, and a row")
    columns = columns_of("channel", lines[0][1], mapping)
    found: dict[str, _Line] = {}
    wrong: list[tuple[int, str]] = []
    for number, cells in lines[1:]:
        try:
            line = _line({n: cells[i] if i < len(cells) else "" for n, i in columns.items()})
            found[line.code] = _joined(found.get(line.code), line)
        except ValueError as error:
            wrong.append((number, str(error)))
    if wrong:
        raise WrongFile("rows_wrong", f"{len(wrong)} of {len(lines) - 1} rows; nothing was sent", wrong)
    if len(found) > MOST:
        raise WrongFile("too_many_channels", f"at most {MOST} in a project")
    known = "agents" in columns
    return tuple(
        Channel(code=one.code, name=one.name, agents=one.agents if known else None, withdrawn=one.withdrawn)
        for one in found.values()
    )


def _line(cells: Mapping[str, str]) -> _Line:
    agents = codes_in(plain(cells.get("agents", "")))
    for code in agents:
        _valid(_CODE, code, "agents: a code of a-z 0-9 - is meant, never a person's name or number")
    return _Line(
        code=_valid(_CODE, plain(cells["ref"]).lower(), "ref: a code of a-z 0-9 - is meant, on every line"),
        name=_valid(_NAME, cells["name"], "name: a company's, at most 60 characters, without a number"),
        agents=agents,
        withdrawn=_withdrawn(plain(cells.get("withdrawn", ""))),
    )


def _joined(before: _Line | None, line: _Line) -> _Line:
    if before is not None and not line.agents:
        raise ValueError("ref: this channel again, and no agent more")
    if before is not None and before.name != line.name:
        raise ValueError("name: another one than on an earlier line of this channel")
    if before is not None and before.withdrawn != line.withdrawn:
        raise ValueError("withdrawn: it is the whole channel's, so the same on each of its lines")
    agents = ((*before.agents,) if before else ()) + line.agents
    if len(set(agents)) != len(agents):
        raise ValueError("agents: a code of this channel again")
    if len(agents) > MOST:
        raise ValueError(f"agents: more than {MOST} of one channel")
    return _Line(line.code, line.name, agents, line.withdrawn)


def _valid(form: TypeAdapter[str], text: str, said: str) -> str:
    if text.startswith("="):
        raise ValueError(f"{said.partition(':')[0]}: a formula; save the file with its values")
    try:
        return form.validate_python(text)
    except ValidationError:
        raise ValueError(said) from None


def _withdrawn(text: str) -> bool:
    try:
        return yes_or_no(text)
    except ValueError as error:
        raise ValueError(f"withdrawn: {error}") from None
