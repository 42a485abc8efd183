"""Who gets in and who sees what: every route × every role (P3), links, throttling, cookies, forged forms."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from sqlalchemy import select
from starlette.datastructures import UploadFile
from starlette.routing import BaseRoute, Mount

from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store import schema
from cloud.store.database import open_database
from cloud.web.app import most_bytes
from cloud.web.guard import MOST_FORM
from cloud.web.pages import entry as entry_pages
from cloud.web.pages import visitor as visitor_pages
from cloud.web.roles import (
    APPELLANTS,
    BOOKKEEPERS,
    EVERYONE,
    LOOKERS,
    OFFICERS,
    PUBLIC,
    REVIEWERS,
    Role,
    allowed,
    cookieless,
)
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, WHO, Signer, entry, hexid
from tests.unit.cloud.web import PASSWORD, Pages, configured, csrf, submit


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    config = configured(tmp_path / "hq")
    database = open_database(config.database.url)
    yield Pages(config, database)
    database.close()


@pytest.fixture
def visited(pages: Pages) -> str:
    """Let a box report a visit and its consents; return the address of its rights form."""
    signer = Signer()
    pages.database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=NOON))
    raw = [
        entry(1, records.visit()),
        entry(2, records.consent()),
        entry(3, records.consent(scope="face_match")),
    ]
    Intake(pages.database, SigningKey(bytes(32))).accept(signer.topics.batch, signer.batch(raw))
    return f"/rights/visit/box-1/{hexid(1)}"


MATRIX = {
    ("GET", "/login"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("GET", "/first/{token}"): PUBLIC,
    ("POST", "/first/{token}"): PUBLIC,
    ("GET", "/r/{link}"): PUBLIC,
    ("GET", "/r/{link}/package"): PUBLIC,
    ("POST", "/r/{link}/request"): PUBLIC,
    ("POST", "/logout"): EVERYONE,
    ("GET", "/"): EVERYONE,
    ("GET", "/visits"): LOOKERS,
    ("GET", "/calls"): LOOKERS,
    ("GET", "/books"): BOOKKEEPERS,
    ("POST", "/books"): BOOKKEEPERS,
    ("GET", "/books/imports"): BOOKKEEPERS,
    ("GET", "/books/channels"): BOOKKEEPERS,
    ("POST", "/books/channels"): BOOKKEEPERS,
    ("GET", "/books/project/{project}"): BOOKKEEPERS,
    ("POST", "/books/project/{project}/mapping"): BOOKKEEPERS,
    ("POST", "/books/project/{project}/channels"): BOOKKEEPERS,
    ("GET", "/risk"): LOOKERS,
    ("GET", "/risk/{project}/{about}"): LOOKERS,
    ("GET", "/risk/{project}/{about}/{ref}"): LOOKERS,
    ("GET", "/risk-export/{project}/{about}/{form}"): LOOKERS,
    ("GET", "/risk-package/{project}/{about}/{ref}"): APPELLANTS,
    ("GET", "/risk-file/{appeal}/{place}"): APPELLANTS,
    ("POST", "/risk-appeal"): APPELLANTS,
    ("POST", "/risk-review"): REVIEWERS,
    ("GET", "/rights"): OFFICERS,
    ("GET", "/rights/{subject}/{box}/{identity}"): OFFICERS,
    ("POST", "/rights"): OFFICERS,
    ("GET", "/operations"): {Role.ADMIN},
    ("GET", "/people"): {Role.ADMIN},
    ("POST", "/people/invite"): {Role.ADMIN},
    ("POST", "/people/disable"): {Role.ADMIN},
}
"""Written down a second time on purpose: a new page or a wider role fails until it is agreed here."""

HOME = {role: "/books/imports" if role is Role.CLERK else "/" for role in Role}


def served(pages: Pages) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()

    def walk(routes: list[BaseRoute]) -> None:
        for route in routes:
            if isinstance(route, APIRoute):
                found.update((method, route.path) for method in route.methods or ())
            elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
                walk(inner.routes)

    walk(pages.app.routes)
    return found


def test_every_route_is_in_the_matrix_P3_P32(pages: Pages) -> None:
    """Besides the routes only the style sheet's directory is served, and the API behind its own guard."""
    assert served(pages) == set(MATRIX)
    assert [r.path for r in pages.app.routes if isinstance(r, Mount)] == ["/api/v1", "/static"]


@pytest.mark.parametrize("role", [None, *Role])
def test_every_route_for_every_role_P3(pages: Pages, visited: str, role: Role | None) -> None:
    """No role at all goes to the login; a role that isn't named gets 403; a named one gets through."""
    if role:
        pages.person("somebody", role)
    browser = pages.log_in("somebody") if role else pages.browser()
    last = ("POST", "/logout"), ("GET", "/login"), ("POST", "/login")
    for method, path in (*(set(MATRIX) - set(last)), *last):
        roles = MATRIX[method, path]
        address = visited if "{subject}" in path else _address(path)
        if path == "/login":
            browser = pages.browser()
        token = csrf(browser.get("/login" if role is None or path == "/login" else HOME[role]))
        answer = browser.request(method, address, data={"csrf": token} if method == "POST" else None)
        if roles == PUBLIC:
            assert answer.status_code in (200, 400, 404), path
        elif role is None:
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        elif role not in roles:
            assert answer.status_code == 403, path
        else:
            assert answer.status_code in (200, 303, 400, 404, 409), path


def _address(path: str) -> str:
    words = {"token": "x", "link": "x", "project": "harbour", "about": "deal", "ref": "D-1", "form": "csv"}
    for name, word in (words | {"appeal": "0" * 32, "place": "1"}).items():
        path = path.replace(f"{{{name}}}", word)
    return path


def test_a_page_that_names_no_role_is_closed_even_to_the_administrator_P3(pages: Pages) -> None:
    @pages.app.get("/forgotten")
    def forgotten() -> str:
        return "secret"

    assert allowed(forgotten) is None
    pages.person("boss", Role.ADMIN)
    assert pages.log_in("boss").get("/forgotten").status_code == 403
    assert pages.browser().get("/forgotten").status_code == 403


def test_no_form_is_taken_without_the_sessions_token(pages: Pages, visited: str) -> None:
    pages.person("boss", Role.ADMIN)
    order = {"subject": "visit", "box": "box-1", "identity": hexid(1), "kind": "erase", "ground": "unlawful"}
    browser, other = pages.log_in("boss"), pages.log_in("boss")
    foreign = csrf(other.get("/"))
    for token in ({}, {"csrf": ""}, {"csrf": foreign}):
        assert browser.post("/rights", data={**order, **token}).status_code == 400
    assert browser.post("/logout").status_code == 400
    with pages.database.read() as connection:
        assert connection.execute(select(schema.commands)).all() == []


def test_an_extra_field_is_refused_P11(pages: Pages, visited: str) -> None:
    pages.person("boss", Role.ADMIN)
    browser = pages.log_in("boss")
    fields = {"subject": "visit", "box": "box-1", "identity": hexid(1), "kind": "erase", "ground": "unlawful"}
    assert submit(browser, visited, "/rights", **fields, note="she is Ms Li").status_code == 400
    assert submit(browser, visited, "/rights", **fields).status_code == 303


def test_orders_from_the_page_know_the_person_by_the_row_and_never_show_the_token(
    pages: Pages, visited: str
) -> None:
    pages.person("officer", Role.OFFICER)
    browser = pages.log_in("officer")
    fields = {"subject": "visit", "box": "box-1", "identity": hexid(1), "ground": "visitor_request"}
    form = browser.get(visited)
    assert 'value="registration"' in form.text and 'value="face_match"' in form.text
    assert WHO not in form.text and WHO.partition(":")[2][:8] in form.text
    sent = submit(browser, visited, "/rights", **fields, kind="withdraw", scope="face_match")
    assert (sent.status_code, sent.headers["location"]) == (303, "/rights")
    assert submit(browser, visited, "/rights", **fields, kind="withdraw").status_code == 409
    again = submit(browser, visited, "/rights", **fields, kind="withdraw", scope="face_match")
    assert again.status_code == 409 and "等待盒子答复" in again.text
    with pages.database.read() as connection:
        row = connection.execute(select(schema.commands)).mappings().one()
    assert (row["who"], row["scope"], row["issued_by"]) == (WHO, "face_match", "officer")
    assert WHO not in browser.get("/rights").text
    gone = submit(browser, visited, "/rights", **{**fields, "identity": hexid(404)}, kind="erase")
    assert gone.status_code == 409


def test_the_first_link_works_once_and_not_after_a_day(pages: Pages) -> None:
    accounts = pages.site.accounts
    old = pages.database.write(lambda c: accounts.first_link(c, pages.now()))
    new = pages.database.write(lambda c: accounts.first_link(c, pages.now()))
    assert old and new
    browser = pages.browser()
    assert browser.get(f"/first/{old}").status_code == 404, "a newer link ends the older"
    pages.now.ms += 24 * 3600 * 1000
    assert browser.get(f"/first/{new}").status_code == 404
    newest = pages.database.write(lambda c: accounts.first_link(c, pages.now()))
    page = f"/first/{newest}"
    assert submit(browser, page, page, password=PASSWORD, again="other").status_code == 400
    assert submit(browser, page, page, password="short", again="short").status_code == 400
    weak = "my-admin-password"
    assert submit(browser, page, page, password=weak, again=weak).status_code == 400
    assert submit(browser, page, page, password=PASSWORD, again=PASSWORD).status_code == 303
    assert browser.get(page).status_code == 404
    assert pages.database.write(lambda c: accounts.first_link(c, pages.now())) is None
    assert pages.log_in("admin").get("/people").status_code == 200


def test_no_password_exists_before_somebody_sets_one(pages: Pages) -> None:
    pages.database.write(lambda c: pages.site.accounts.first_link(c, pages.now()))
    for guess in ("", "admin", "password"):
        answer = submit(pages.browser(), "/login", "/login", username="admin", password=guess)
        assert answer.status_code in (400, 401)


def test_attempts_are_slowed_down_and_forgotten_after_success(pages: Pages) -> None:
    pages.person("boss", Role.ADMIN)
    browser = pages.browser()

    def attempt(password: str) -> int:
        return submit(browser, "/login", "/login", username="boss", password=password).status_code

    assert [attempt("wrong") for _ in range(5)] == [401] * 5
    assert attempt(PASSWORD) == 429, "even the right password waits"
    pages.now.ms += 15_000
    assert attempt("wrong") == 401
    pages.now.ms += 29_000
    assert attempt(PASSWORD) == 429, "the wait doubles"
    pages.now.ms += 1_000
    assert attempt(PASSWORD) == 303
    with pages.database.read() as connection:
        assert connection.execute(select(schema.throttle)).all() == []


def test_no_address_or_name_is_kept_of_a_failed_attempt(pages: Pages) -> None:
    submit(pages.browser(), "/login", "/login", username="li-wei", password="x")
    with pages.database.read() as connection:
        kept = repr(connection.execute(select(schema.throttle)).all())
    assert "li-wei" not in kept and "testclient" not in kept


def test_sessions_end_by_logout_by_time_and_by_disabling(pages: Pages) -> None:
    pages.person("boss", Role.ADMIN)
    pages.person("viewer", Role.VIEWER)
    boss, viewer = pages.log_in("boss"), pages.log_in("viewer")
    copied = dict(viewer.cookies)
    assert submit(viewer, "/", "/logout").status_code == 303
    thief = pages.browser()
    thief.cookies.update(copied)
    assert thief.get("/").status_code == 303, "a copied cookie is worth nothing after the logout"
    viewer = pages.log_in("viewer")
    submit(boss, "/people", "/people/disable", username="viewer", disabled="true")
    assert viewer.get("/").status_code == 303
    submit(boss, "/people", "/people/disable", username="boss", disabled="true")
    assert boss.get("/").status_code == 200, "nobody shuts themselves out"
    pages.now.ms += 8 * 3600 * 1000
    assert boss.get("/").status_code == 303


def test_an_invited_person_sets_their_own_password(pages: Pages) -> None:
    pages.person("boss", Role.ADMIN)
    boss = pages.log_in("boss")
    page = submit(boss, "/people", "/people/invite", username="chen", role="viewer")
    link = re.search(r"/first/([\w-]+)<", page.text)
    assert link
    address, browser = f"/first/{link.group(1)}", pages.browser()
    assert submit(browser, address, address, password=PASSWORD, again=PASSWORD).status_code == 303
    assert pages.log_in("chen").get("/people").status_code == 403
    assert submit(boss, "/people", "/people/invite", username="chen", role="admin").status_code == 409


def test_one_session_cookie_and_strict_headers_P33(tmp_path: Path) -> None:
    config = configured(tmp_path / "hq", **{"http://127.0.0.1:8080": "https://hq.example.cn"})
    database = open_database(config.database.url)
    pages = Pages(config, database)
    answer = pages.browser().get("/login")
    (cookie,) = answer.headers.get_list("set-cookie")
    for attribute in ("httponly", "samesite=strict", "secure"):
        assert attribute in cookie.lower()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';") and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    database.close()


def test_plain_http_promises_no_hsts_and_another_host_is_refused(pages: Pages) -> None:
    browser = pages.browser()
    assert "strict-transport-security" not in browser.get("/login").headers
    assert browser.get("/login", headers={"host": "evil.example"}).status_code == 400
    assert browser.get("/login", headers={"host": "localhost:8080"}).status_code == 200


def test_who_looked_at_what_is_noted_by_the_minute(pages: Pages, visited: str) -> None:
    pages.person("boss", Role.ADMIN)
    browser = pages.log_in("boss")
    for _ in range(3):
        browser.get("/visits")
    browser.get(visited)
    with pages.database.read() as connection:
        rows = connection.execute(select(schema.access_log)).mappings().all()
    seen = {(r["username"], r["action"], r["subject"]): r["times"] for r in rows}
    assert seen == {("boss", "visits_page", "-"): 3, ("boss", "rights_form", "box-1/00000000"): 1}


def test_nonsense_in_an_address_is_not_found_and_not_a_traceback(pages: Pages) -> None:
    pages.person("boss", Role.ADMIN)
    browser = pages.log_in("boss")
    for path in ("/nothing", "/visits/x", "/static/../config.py", f"/rights/card/box-1/{hexid(1)}"):
        assert browser.get(path).status_code in (400, 404), path
    for day in ("0001-01-01", "9999-12-31", "x", "2026-13-40"):
        assert browser.get(f"/visits?day={day}").status_code == 200


def test_the_public_pages_are_the_entry_and_nothing_else() -> None:
    for route in entry_pages.router.routes:
        assert isinstance(route, APIRoute)
        assert (allowed(route.endpoint) == PUBLIC) == (route.path != "/logout")


def test_a_visitors_own_page_is_public_and_has_nothing_to_do_with_sessions() -> None:
    for route in visitor_pages.router.routes:
        assert isinstance(route, APIRoute)
        assert allowed(route.endpoint) == PUBLIC and cookieless(route.endpoint)


def test_a_strangers_upload_is_left_unread(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who isn't logged in fills no disk: nothing of what they send is read."""
    written: list[int] = []

    async def write(_self: UploadFile, data: bytes) -> None:
        written.append(len(data))

    monkeypatch.setattr(UploadFile, "write", write)
    sent = pages.browser().post("/risk-appeal", files=[("files", ("a.pdf", bytes(4 << 20)))])
    assert (sent.status_code, sent.headers["location"], written) == (303, "/login", [])


@pytest.mark.parametrize("path", ["/login", "/risk-review", "/people/invite", "/books/channels", "/logout"])
def test_more_than_a_form_is_refused_before_and_while_it_is_read(pages: Pages, path: str) -> None:
    """Whoever says how much they send is refused at once; whoever doesn't, as soon as it is too much."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    browser = pages.browser()
    said = browser.post(path, content=b"username=" + bytes(MOST_FORM), headers=form)
    assert said.status_code == 413 and "太大" in said.text
    unsaid = browser.post(path, content=iter([b"username=", bytes(MOST_FORM)]), headers=form)
    assert unsaid.status_code == 413


def test_an_appeal_has_room_for_its_files_and_no_more(pages: Pages) -> None:
    pages.person("boss", Role.ADMIN)
    form = {"content-type": "multipart/form-data; boundary=x", "content-length": str(52 << 20)}
    assert pages.log_in("boss").post("/risk-appeal", content=b"--x", headers=form).status_code == 413
    assert most_bytes("/risk-appeal") == 51 << 20
    assert most_bytes("/books") > MOST_FORM == most_bytes("/risk-appeal/") == most_bytes("/books/channels")
