"""The list of channels and their agents: the same whichever way it came in, all or nothing, within bounds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cloud.api.app import PATH
from cloud.books import channels as kept_channels
from cloud.books.channels import KeptChannel, known_channels, save_channels
from cloud.books.queue import Source
from cloud.books.roster import Channel
from cloud.errors import InvalidOrder
from cloud.store.database import Database
from cloud.web.roles import Role
from edge.wire.facts import ChannelRow
from tests.unit.cloud.signer import NOON
from tests.unit.cloud.test_api import ONCE, Programs
from tests.unit.cloud.test_client import arrived, run_client

URL = "/books/project/riverside/channels"
AS_KEPT = [("hongyuan", "宏远地产", ("a-17", "a-18"), False), ("lianhe", "联合行", (), True)]


@pytest.fixture
def programs(database: Database, tmp_path: Path) -> Programs:
    return Programs(database, tmp_path / "hq")


@pytest.fixture
def clerk(programs: Programs) -> TestClient:
    programs.pages.person("mei", Role.CLERK)
    return programs.pages.log_in("mei")


def kept(programs: Programs) -> tuple[KeptChannel, ...]:
    with programs.pages.database.read() as connection:
        return known_channels(connection, "demo", "riverside")


def seen(programs: Programs) -> list[tuple[str, str, tuple[str, ...], bool]]:
    return [(one.code, one.name, one.agents, one.withdrawn) for one in kept(programs)]


def csrf(clerk: TestClient) -> str:
    text: str = clerk.get("/books/channels").text
    return text.split('name="csrf" value="')[1].split('"', maxsplit=1)[0]


def post(clerk: TestClient, body: Any, url: str = URL) -> tuple[int, dict[str, Any]]:
    answer = clerk.post(url, content=json.dumps(body), headers={"x-csrf": csrf(clerk)})
    return answer.status_code, answer.json()


def by_form(programs: Programs, clerk: TestClient, directory: Path) -> None:
    token = csrf(clerk)
    for form in (
        {"code": "hongyuan", "name": "宏远地产", "agents": "A-17、a-18"},
        {"code": "lianhe", "name": "联合行", "withdrawn": "true"},
    ):
        said = clerk.post("/books/channels", data={"csrf": token, "project": "riverside", **form})
        assert said.status_code == 303


def by_page_file(programs: Programs, clerk: TestClient, directory: Path) -> None:
    """As the browser posts it; that it makes this of a file stands in test_books_examples.py."""
    status, said = post(
        clerk,
        {"channels": [
            {"code": "hongyuan", "name": "宏远地产", "agents": ["a-17", "a-18"], "withdrawn": False},
            {"code": "lianhe", "name": "联合行", "agents": [], "withdrawn": True},
        ]},
    )  # fmt: skip
    assert status == 200 and len(said["import_id"]) == 32


def by_client(programs: Programs, clerk: TestClient, directory: Path) -> None:
    file = directory / "roster.csv"
    text = (
        "渠道编号,渠道名称,工号,姓名,停止合作\n"
        "hongyuan,宏远地产,A-17,王某,\nhongyuan,宏远地产,a-18,李某,\nlianhe,联合行,,,是\n"
    )
    file.write_bytes(text.encode("gb18030"))
    words = ("push", str(file), "--kind", "channel")
    assert "2 channels, 2 agents' codes, all right" in run_client(programs, directory, *words, "--check")
    assert kept(programs) == ()
    assert "sent: 2 channels" in run_client(programs, directory, *words)


def by_api(programs: Programs, clerk: TestClient, directory: Path) -> None:
    body = {"channels": [
        {"code": "hongyuan", "name": " 宏远地产 ", "agents": ["a-17", "a-18"]},
        {"code": "lianhe", "name": "联合行", "withdrawn": True},
    ]}  # fmt: skip
    answer = programs.program(programs.issue()).post(f"{PATH}/channels", json=body, headers=ONCE)
    assert answer.status_code == 201


@pytest.mark.parametrize("way", [by_form, by_page_file, by_client, by_api])
def test_the_list_is_the_same_whichever_way_it_came(
    programs: Programs,
    clerk: TestClient,
    tmp_path: Path,
    way: Callable[[Programs, TestClient, Path], None],
) -> None:
    way(programs, clerk, tmp_path)
    assert seen(programs) == AS_KEPT
    rows = sorted(arrived(programs), key=lambda row: row.ref)
    assert [(row.ref, row.withdrawn) for row in rows] == [("hongyuan", False), ("lianhe", True)]
    assert all(isinstance(row, ChannelRow) for row in rows), "the boxes learn of companies, and of no agent"
    text: str = clerk.get("/books/channels").text
    assert "<code>a-17</code>" in text and "王某" not in text


def test_agents_stay_if_nothing_is_said_of_them(
    programs: Programs, clerk: TestClient, tmp_path: Path
) -> None:
    by_page_file(programs, clerk, tmp_path)
    assert post(clerk, {"channels": [{"code": "hongyuan", "name": "宏远置业"}]})[0] == 200
    assert seen(programs)[0] == ("hongyuan", "宏远置业", ("a-17", "a-18"), False)
    assert "agents stay as they are" in run_client(
        programs, tmp_path, "push", str(_plain_file(tmp_path)), "--kind", "channel"
    )
    assert seen(programs)[0] == AS_KEPT[0]


def _plain_file(directory: Path) -> Path:
    file = directory / "plain.csv"
    file.write_text("渠道编号,渠道名称\nhongyuan,宏远地产\n", encoding="utf-8")
    return file


GOOD = {"code": "hongyuan", "name": "宏远地产", "agents": ["a-17"]}


@pytest.mark.parametrize(
    "bad",
    [
        {"code": "13800138000", "name": "x"},
        {"code": "c", "name": "王 13800138000"},
        {"code": "c", "name": "x", "agents": ["13800138000"]},
        {"code": "c", "name": "x", "agents": ["王某"]},
        {"code": "c", "name": "x", "phone": "13800138000"},
        {"code": "c", "name": "x", "agents": ["a", "a"]},
        {"code": "c", "name": "x", "agents": [f"a{n}" for n in range(501)]},
    ],
)
def test_a_wrong_channel_takes_the_whole_file_with_it_P20(
    programs: Programs, clerk: TestClient, bad: dict[str, Any]
) -> None:
    status, said = post(clerk, {"channels": [GOOD, bad]})
    assert (status, said) == (400, {"code": "bad_channels"})
    assert kept(programs) == () and programs.site.claim() == []


def test_what_the_store_refuses_leaves_nothing_behind(
    programs: Programs, clerk: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(clerk, {"channels": [GOOD, GOOD]})[1]["code"] == "repeated_channel"
    assert post(clerk, {"channels": [GOOD]}, URL.replace("riverside", "nowhere"))[0] == 404
    many = [{"code": f"c{n}", "name": "x"} for n in range(501)]
    assert post(clerk, {"channels": many})[1]["code"] == "bad_channels"
    assert post(clerk, {"channels": many[:499]})[0] == 200
    status, said = post(clerk, {"channels": [{"code": "a", "name": "x"}, {"code": "b", "name": "x"}]})
    assert (status, said["code"]) == (409, "too_many_channels")
    assert len(kept(programs)) == 499, "neither of the two"
    monkeypatch.setattr(kept_channels, "MOST_SEALED", 1)
    with pytest.raises(InvalidOrder, match="too_many_at_once"):
        programs.pages.database.write(
            lambda c: save_channels(
                c, "demo", "riverside", [Channel(code="a", name="x"), Channel(code="c1", name="x")],
                Source(kind="user", name="mei"), NOON,
            )
        )  # fmt: skip


def test_a_form_without_the_pages_token_changes_nothing(programs: Programs, clerk: TestClient) -> None:
    for headers in ({}, {"x-csrf": "forged"}):
        answer = clerk.post(URL, content=json.dumps({"channels": [GOOD]}), headers=headers)
        assert answer.status_code in (400, 403)
    assert kept(programs) == ()
