"""The API for CRMs' programs: whose key may what, once each, all or nothing; no person behind it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select
from starlette.routing import Mount

from cloud.api import guard, keys
from cloud.api.app import PATH
from cloud.cli import app as cli
from cloud.errors import InvalidOrder, StoreUnavailable
from cloud.retention import keeper
from cloud.store import schema
from cloud.store.database import Database
from cloud.web.patience import Patience
from cloud.web.roles import Role
from cloud.web.serve import server
from edge.wire import FactsCommand
from edge.wire.facts import ChannelRow, SealingBox, parse_row, row_info
from scripts.site.broker import free_port
from tests.unit.cloud.books import Site, sealed
from tests.unit.cloud.signer import NOON, Signer, hexid
from tests.unit.cloud.web import Pages, configured

ONCE = {"idempotency-key": "0123456789abcdef"}
PROBLEM = "application/problem+json"


class Programs:
    """Headquarters, a box of the project riverside, and what CRMs' programs ask."""

    def __init__(self, database: Database, directory: Path) -> None:
        self.pages = Pages(configured(directory), database)
        self.site = Site(database)
        self.box: Signer = self.site.box("a")
        self.opens = X25519PrivateKey.generate()
        self.key = self.opens.public_key().public_bytes_raw().hex()
        self.site.says_keys(self.box, key=self.key)

    def issue(self, name: str = "fangyou", project: str = "riverside", kinds: Any = None) -> str:
        now = self.pages.now()
        return self.pages.database.write(lambda c: keys.issue(c, "demo", name, project, kinds, now))

    def program(self, key: str | None) -> TestClient:
        client = TestClient(self.pages.app, base_url="http://127.0.0.1")
        if key is not None:
            client.headers["authorization"] = f"Bearer {key}"
            client.headers["content-type"] = "application/json"
        return client

    def rows(self, count: int = 2, kind: str = "report") -> dict[str, Any]:
        rows = [sealed() for _ in range(count)]
        return {"kind": kind, "boxes": [{"box": "a", "enrolment_key": self.key, "rows": rows}]}


@contextmanager
def served(programs: Programs) -> Iterator[str]:
    """Serve headquarters as its service does, and return where the API is."""
    config = programs.pages.site.config
    web = config.web.model_copy(update={"port": free_port()})
    stop = threading.Event()
    part = server(config.model_copy(update={"web": web}), programs.pages.database)
    running = threading.Thread(target=part, args=(stop,))
    running.start()
    try:
        yield f"http://127.0.0.1:{web.port}{PATH}"
    finally:
        stop.set()
        running.join()


@pytest.fixture
def programs(database: Database, tmp_path: Path) -> Programs:
    return Programs(database, tmp_path / "hq")


@pytest.fixture
def crm(programs: Programs) -> TestClient:
    return programs.program(programs.issue())


def routes(programs: Programs) -> Iterator[tuple[str, str]]:
    """Return every way into the API."""
    (mounted,) = (r for r in programs.pages.app.routes if isinstance(r, Mount) and r.path == PATH)
    waiting: list[Any] = list(mounted.app.routes)  # type: ignore[attr-defined]  # it is a FastAPI
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in route.methods or ())
        elif hasattr(route, "original_router"):
            waiting.extend(route.original_router.routes)
        else:
            yield from ((method, route.path) for method in route.methods - {"HEAD"})


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    said: dict[str, Any] = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    return said


OPEN_WAYS = {("GET", "/openapi.json")}
WAYS = {
    ("GET", "/boxes"),
    ("GET", "/mappings"),
    ("GET", "/channels"),
    ("POST", "/channels"),
    ("POST", "/imports"),
    ("GET", "/imports/{import_id}"),
}
"""Written down a second time on purpose: a new way in fails until it is agreed here."""


def test_every_way_in_is_known_and_none_opens_without_a_key_P3(programs: Programs) -> None:
    assert set(routes(programs)) == WAYS | OPEN_WAYS
    nobody = programs.program(None)
    wrong: tuple[dict[str, str], ...] = (
        {},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {keys.PREFIX}{'A' * 43}"},
        {"authorization": f"Basic {programs.issue()}"},
        {"cookie": "gatehouse_session=x"},
    )
    for headers in wrong:
        for method, path in WAYS | {("GET", "/nowhere"), ("DELETE", "/boxes")}:
            where = PATH + path.replace("{import_id}", hexid(1))
            answer = nobody.request(method, where, headers={**ONCE, **headers}, json=programs.rows())
            if answer.status_code == 429:
                break
            assert refused(answer, 401, "unknown_key") and answer.headers["www-authenticate"] == "Bearer"
    assert nobody.get(f"{PATH}/openapi.json").status_code == 200
    with programs.pages.database.read() as connection:
        assert connection.execute(select(schema.imports)).all() == []


def test_a_key_opens_no_page_and_a_session_no_way_in_P3(programs: Programs, crm: TestClient) -> None:
    programs.pages.person("boss", Role.ADMIN)
    boss = programs.pages.log_in("boss")
    assert boss.get("/").status_code == 200
    assert boss.get(f"{PATH}/boxes").status_code == 401
    crm.follow_redirects = False
    for page in ("/", "/visits", "/risk", "/people"):
        assert crm.get(page).headers["location"] == "/login"


def test_an_endpoint_that_nobody_marked_is_closed_to_every_key_P3(
    programs: Programs, crm: TestClient
) -> None:
    from fastapi import APIRouter, Depends

    router = APIRouter(dependencies=[Depends(guard.marked)])

    @router.get("/forgotten")
    def forgotten() -> str:
        return "secret"

    (mounted,) = (r for r in programs.pages.app.routes if isinstance(r, Mount) and r.path == PATH)
    mounted.app.include_router(router)  # type: ignore[attr-defined]  # it is a FastAPI
    refused(crm.get(f"{PATH}/forgotten"), 403, "closed")


def test_who_asks_for_the_boxes_gets_what_the_boxes_signed(programs: Programs, crm: TestClient) -> None:
    said = crm.get(f"{PATH}/boxes").json()
    (box,) = (SealingBox.model_validate(one) for one in said["boxes"])
    assert (said["project"], box.box, box.enrolment_key) == ("riverside", "a", programs.key)
    assert box.public_key == programs.box.public.hex()
    programs.site.box("silent")
    said = refused(crm.get(f"{PATH}/boxes"), 409, "box_has_no_key")
    assert "silent" in said["hint"]
    nowhere = programs.program(programs.issue("other", "nowhere"))
    refused(nowhere.get(f"{PATH}/boxes"), 404, "unknown_project")


def test_an_import_is_taken_once_however_often_it_comes(programs: Programs, crm: TestClient) -> None:
    body = json.dumps(programs.rows())
    first = crm.post(f"{PATH}/imports", content=body, headers=ONCE)
    assert first.status_code == 201, first.text
    state = first.json()
    assert (state["kind"], state["rows"], state["state"]) == ("report", 2, "waiting")
    assert crm.post(f"{PATH}/imports", content=body, headers=ONCE).json() == state
    (due,) = programs.site.claim()
    assert isinstance(due.command, FactsCommand) and due.command.book == "report"
    programs.site.answer(programs.box, due.command.command_id)
    assert crm.post(f"{PATH}/imports", content=body, headers=ONCE).json() == state, "the answer of then"
    other = crm.post(f"{PATH}/imports", json=programs.rows(), headers=ONCE)
    refused(other, 409, "idempotency_key_reused")
    refused(
        crm.post(f"{PATH}/channels", json={"channels": [{"code": "c", "name": "x"}]}, headers=ONCE),
        409,
        "idempotency_key_reused",
    )
    done = crm.get(f"{PATH}/imports/{state['import_id']}").json()
    assert done["state"] == "done" and done["boxes"][0]["done"] == 2
    with programs.pages.database.read() as connection:
        assert len(connection.execute(select(schema.imports)).all()) == 1
    assert programs.site.claim() == []


def test_what_was_refused_may_come_again_under_its_key(programs: Programs, crm: TestClient) -> None:
    silent = programs.site.box("silent")
    body = json.dumps(programs.rows())
    refused(crm.post(f"{PATH}/imports", content=body, headers=ONCE), 409, "box_has_no_key")
    programs.site.says_keys(silent, "hillside")
    assert crm.post(f"{PATH}/imports", content=body, headers=ONCE).status_code == 201


def test_p8_an_answer_is_known_again_for_its_period(programs: Programs, crm: TestClient) -> None:
    """P8: two days; what is asked after that is asked anew."""
    body = json.dumps(programs.rows())
    first = crm.post(f"{PATH}/imports", content=body, headers=ONCE).json()
    keep = programs.pages.site.config.retention
    programs.pages.now.ms = NOON + keep.api_answers_days * 86_400_000
    keeper.keep_house(programs.pages.database, "demo", keep, programs.pages.now())
    again = crm.post(f"{PATH}/imports", content=body, headers=ONCE).json()
    assert again["import_id"] != first["import_id"]


@pytest.mark.parametrize("header", [None, "", "short", "x" * 101, "has space in it!"])
def test_a_post_without_its_key_of_once_does_nothing(
    programs: Programs, crm: TestClient, header: str | None
) -> None:
    headers = {} if header is None else {"idempotency-key": header}
    said = refused(crm.post(f"{PATH}/imports", json=programs.rows(), headers=headers), 422, "wrong_form")
    assert said["errors"][0]["where"] == "header.idempotency-key"


def wrong_forms(programs: Programs) -> Iterator[dict[str, Any]]:
    """Return imports that are no import."""
    box = {"box": "a", "enrolment_key": programs.key, "rows": [sealed()]}
    yield {"kind": "report"}
    yield {"kind": "gossip", "boxes": [box]}
    yield {"kind": "report", "boxes": []}
    yield {"kind": "report", "boxes": [box, box]}
    yield {"kind": "report", "boxes": [box, {**box, "box": "b", "rows": [sealed(), sealed()]}]}
    yield {"kind": "report", "boxes": [{**box, "rows": ["+8613800138000"]}]}
    yield {"kind": "report", "boxes": [box], "note": "13800138000"}
    yield {"kind": "report", "boxes": [box], "project": "hillside"}


def test_what_is_not_of_the_form_is_refused_and_not_repeated_P11(programs: Programs, crm: TestClient) -> None:
    """P11: unknown fields too; a number that was sent in the clear by mistake isn't in the answer."""
    for body in wrong_forms(programs):
        said = refused(crm.post(f"{PATH}/imports", json=body, headers=ONCE), 422, "wrong_form")
        assert said["errors"] and "13800138000" not in json.dumps(said)
    for raw in (b"", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"', b"null"):
        answer = crm.post(f"{PATH}/imports", content=raw, headers=ONCE)
        assert answer.status_code in (400, 422) and answer.headers["content-type"] == PROBLEM
    with programs.pages.database.read() as connection:
        assert connection.execute(select(schema.imports)).all() == []


def test_a_body_has_a_largest_size_whether_its_sender_says_so_or_not(
    programs: Programs, crm: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MOST_BODY", 2000)
    refused(crm.post(f"{PATH}/imports", json=programs.rows(5), headers=ONCE), 413, "too_large")
    unsaid = (b" " * 500 for _ in range(5))
    refused(crm.post(f"{PATH}/imports", content=unsaid, headers=ONCE), 413, "too_large")
    assert crm.post(f"{PATH}/imports", json=programs.rows(1), headers=ONCE).status_code == 201


def test_a_key_is_for_its_project_and_its_books_alone(programs: Programs, crm: TestClient) -> None:
    programs.site.says_keys(programs.site.box("h", "hill"), "hillside")
    stranger = programs.program(programs.issue("stranger", "hillside", ("deal",)))
    mine = crm.post(f"{PATH}/imports", json=programs.rows(), headers=ONCE).json()["import_id"]
    refused(stranger.get(f"{PATH}/imports/{mine}"), 404, "unknown_import")
    refused(
        stranger.post(f"{PATH}/imports", json=programs.rows(kind="deal"), headers=ONCE),
        409,
        "box_not_of_project",
    )
    refused(stranger.post(f"{PATH}/imports", json=programs.rows(), headers=ONCE), 403, "kind_not_allowed")
    body = {"channels": [{"code": "c", "name": "宏远"}]}
    refused(stranger.post(f"{PATH}/channels", json=body, headers=ONCE), 403, "kind_not_allowed")
    assert crm.post(f"{PATH}/channels", json=body, headers={"idempotency-key": "f" * 16}).status_code == 201
    assert stranger.get(f"{PATH}/channels").json() == {"channels": []}
    refused(crm.get(f"{PATH}/imports/{hexid(404)}"), 404, "unknown_import")
    refused(crm.get(f"{PATH}/imports/13800138000"), 422, "wrong_form")
    refused(crm.get(f"{PATH}/nowhere"), 404, "unknown_path")
    refused(crm.get(f"{PATH}/no%0Awhere"), 404, "unknown_path")
    assert refused(crm.delete(f"{PATH}/boxes"), 405, "unknown_method")


def test_a_channel_is_kept_in_the_clear_and_goes_to_the_boxes_sealed(
    programs: Programs, crm: TestClient
) -> None:
    body = {"channels": [{"code": "hongyuan", "name": " 宏远地产 ", "agents": ["a-17", "a-18"]}]}
    made = crm.post(f"{PATH}/channels", json=body, headers=ONCE)
    assert made.status_code == 201 and made.json()["kind"] == "channel"
    (kept,) = crm.get(f"{PATH}/channels").json()["channels"]
    assert (kept["name"], kept["agents"], kept["changed_by"]) == ("宏远地产", ["a-17", "a-18"], "fangyou")
    (due,) = programs.site.claim()
    assert isinstance(due.command, FactsCommand)
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    import base64

    (row,) = due.command.rows
    info = row_info("demo", "a", programs.key)
    opened = parse_row(suite.decrypt(base64.b64decode(row), programs.opens, info))
    assert isinstance(opened, ChannelRow)
    assert (opened.ref, opened.name, opened.withdrawn) == ("hongyuan", "宏远地产", False)
    gone = {"channels": [{"code": "hongyuan", "name": "宏远地产", "withdrawn": True}]}
    crm.post(f"{PATH}/channels", json=gone, headers={"idempotency-key": "f" * 16})
    (kept,) = crm.get(f"{PATH}/channels").json()["channels"]
    assert kept["withdrawn"] and kept["agents"] == ["a-17", "a-18"], "of whom nothing is said, they stay"
    gone["channels"][0]["agents"] = []
    crm.post(f"{PATH}/channels", json=gone, headers={"idempotency-key": "e" * 16})
    assert crm.get(f"{PATH}/channels").json()["channels"][0]["agents"] == []


@pytest.mark.parametrize(
    "channel",
    [
        {"code": "13800138000", "name": "x"},
        {"code": "c", "name": "王 13800138000"},
        {"code": "c", "name": "x", "agents": ["13800138000"]},
        {"code": "c", "name": "x", "agents": ["a-1", "a-1"]},
        {"code": "c", "name": "x", "agents": [f"a-{n}" for n in range(501)]},
        {"code": "c", "name": "x\u0000"},
        {"code": "c", "name": " "},
        {"code": "c", "name": "x", "phone": "1"},
    ],
)
def test_no_telephone_number_is_taken_for_a_code_or_a_name_P20(
    crm: TestClient, channel: dict[str, Any]
) -> None:
    said = refused(
        crm.post(f"{PATH}/channels", json={"channels": [channel]}, headers=ONCE), 422, "wrong_form"
    )
    assert "13800138000" not in json.dumps(said)


def test_a_key_is_shown_once_and_revoked_at_once(programs: Programs) -> None:
    key = programs.issue("old", kinds=["report", "deal", "report"])
    client = programs.program(key)
    assert client.get(f"{PATH}/boxes").status_code == 200
    database = programs.pages.database
    with database.read() as connection:
        rows = connection.execute(select(schema.crm_keys)).mappings().all()
        assert key not in str(rows) and keys.known_keys(connection, "demo")[0].kinds == ("deal", "report")
    database.write(lambda c: keys.revoke(c, "demo", "old", NOON))
    refused(client.get(f"{PATH}/boxes"), 401, "unknown_key")
    for work, code in (
        (lambda c: keys.revoke(c, "demo", "nobody", NOON), "unknown_key"),
        (lambda c: keys.issue(c, "demo", "old", "riverside", None, NOON), "key_exists"),
        (lambda c: keys.issue(c, "demo", "Old", "riverside", None, NOON), "bad_name"),
        (lambda c: keys.issue(c, "demo", "new", "riverside", ["gossip"], NOON), "unknown_kind"),
        (lambda c: keys.issue(c, "demo", "new", "riverside", [], NOON), "unknown_kind"),
    ):
        with pytest.raises(InvalidOrder) as error:
            database.write(work)
        assert error.value.code == code


def test_each_use_of_a_key_stands_in_the_access_log_without_what_was_asked(
    programs: Programs, crm: TestClient
) -> None:
    crm.get(f"{PATH}/boxes")
    crm.get(f"{PATH}/boxes")
    crm.get(f"{PATH}/13800138000")
    crm.post(f"{PATH}/imports", json=programs.rows(), headers=ONCE)
    with programs.pages.database.read() as connection:
        log = schema.access_log.c
        asked = select(log.username, log.action, log.subject, log.times)
        noted = sorted(tuple(row) for row in connection.execute(asked))
    assert noted == [
        ("fangyou", "api_get", "-", 1),
        ("fangyou", "api_get", "boxes", 2),
        ("fangyou", "api_post", "imports", 1),
    ]


def test_who_asks_or_guesses_too_often_has_to_wait(
    programs: Programs, crm: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "Patience", lambda most, seconds: Patience(min(most, 3), seconds))
    again = Pages(programs.pages.site.config, programs.pages.database)
    client = TestClient(again.app, base_url="http://127.0.0.1")
    for expected in (401, 401, 401, 429):
        answer = client.get(f"{PATH}/boxes")
        assert answer.status_code == expected
    assert int(answer.headers["retry-after"]) > 0
    for expected in (200, 200, 200, 429):
        assert client.get(f"{PATH}/boxes", headers=dict(crm.headers)).status_code == expected


def test_a_lost_database_is_said_to_be_one(
    programs: Programs, crm: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_work: Any) -> Any:
        raise StoreUnavailable("write to the database", "away")

    monkeypatch.setattr(programs.pages.database, "write", away)
    said = refused(crm.get(f"{PATH}/boxes"), 503, "unavailable")
    assert said["hint"]


def test_keys_from_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    configured(tmp_path / "hq")
    config = ("--config", str(tmp_path / "hq" / "headquarters.toml"))
    run = CliRunner()
    made = run.invoke(
        cli, ["crm", "add", "fangyou", "--project", "riverside", "--kinds", "report,deal", *config]
    )
    assert made.exit_code == 0 and made.stdout.startswith(keys.PREFIX) and len(made.stdout.split()) == 1
    assert "no box is of riverside yet" in made.stderr
    assert run.invoke(cli, ["crm", "revoke", "fangyou", *config]).exit_code == 0
    shown = run.invoke(cli, ["crm", "list", *config]).stdout
    assert "deal,report" in shown and "revoked" in shown and made.stdout.strip() not in shown
