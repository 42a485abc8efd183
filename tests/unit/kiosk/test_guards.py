"""What guards the page: its routes, forms, cookie, headers and host; and that logs name nobody."""

import logging
import re
import ssl
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.testclient import TestClient

from edge.domain.errors import ConfigError
from edge.ipc.client import ControlClient
from edge.kiosk.app import create_app
from edge.kiosk.main import configure
from edge.wire import Scope
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal
from tests.unit.kiosk.conftest import HOSTS, Browser

PAGES = {
    ("GET", "/"),
    ("POST", "/begin"),
    ("POST", "/decline"),
    ("GET", "/declined"),
    ("GET", "/register"),
    ("POST", "/register"),
    ("GET", "/done"),
    ("POST", "/finish"),
    ("POST", "/recognise"),
    ("GET", "/recognise"),
    ("GET", "/recognised"),
    ("POST", "/card"),
    ("GET", "/card"),
    ("GET", "/card-read"),
    ("POST", "/card-confirm"),
    ("POST", "/verify"),
    ("GET", "/verify"),
    ("GET", "/notice"),
    ("GET", "/leave"),
    ("POST", "/leave"),
    ("GET", "/left"),
    ("GET", "/withdraw"),
    ("POST", "/withdraw"),
    ("GET", "/withdrawn"),
    ("GET", "/code.svg"),
    ("GET", "/again"),
    ("POST", "/again"),
    ("GET", "/buyer"),
    ("POST", "/buyer"),
    ("GET", "/buyer/done"),
    ("POST", "/buyer/card"),
    ("GET", "/buyer/card"),
    ("GET", "/buyer/shown"),
    ("GET", "/uses"),
    ("POST", "/uses"),
    ("POST", "/begin-child"),
    ("GET", "/child"),
    ("POST", "/child"),
    ("GET", "/child-card"),
    ("GET", "/child-read"),
    ("GET", "/mine"),
    ("POST", "/mine"),
    ("GET", "/mine/card"),
    ("GET", "/mine/code"),
}
POSTS = sorted(path for method, path in PAGES if method == "POST")
NUMBER = "13800138000"


_DESK_PAGES = ("/appoint",
    "", "/live", "/card", "/card-wait", "/card-read", "/correct", "/merge", "/vouch", "/paper", "/paper/form",
)  # fmt: skip
_DESK_ERRANDS = ("appoint", "came", "not-came", "cancel-appointment",
    "sign-in", "notice", "sign-out", "shift", "turn", "receive", "leave", "card", "my-card", "correct",
    "reopen", "merge", "vouch", "paper",
)  # fmt: skip
DESK = {("GET", f"/desk{page}") for page in _DESK_PAGES} | {
    ("POST", f"/desk/{errand}") for errand in _DESK_ERRANDS
}


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    found = set()
    for route in app.routes:
        if isinstance(route, Mount):
            found.add(("MOUNT", route.path))
        else:
            for one in route.effective_route_contexts():  # type: ignore[attr-defined] # an included router
                found |= {(method, one.path) for method in one.methods}
    return found


def test_p32_there_is_no_route_beyond_these_pages(app: FastAPI) -> None:
    assert routes_of(app) == PAGES | DESK | {("MOUNT", "/static")}


@pytest.mark.parametrize("path", sorted(path for method, path in DESK if method == "POST"))
def test_the_desk_takes_no_form_of_a_stranger_and_no_extra_field(
    browser: Browser, core: CoreDouble, path: str
) -> None:
    browser.get("/desk")
    browser.post(path, csrf="0" * 64)
    assert browser.status == 403
    browser.get("/desk")
    browser.post(path, wechat="x")
    assert browser.status == 400
    assert {one.method for one in core.asked} <= {"door", "desk"}, "it was looked, and nothing done"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/static/", "/static/../app.py", "/x"])
def test_anything_else_is_not_there(browser: Browser, path: str) -> None:
    browser.get(path)
    assert (browser.status, browser.shows("trouble")) == (404, "missing")


def test_trouble_at_the_desk_leads_back_to_the_desk(browser: Browser) -> None:
    """Not to the visitors' page, nor by itself after half a minute: somebody works here."""
    browser.get("/desk/nowhere")
    assert (browser.status, browser.shows("trouble"), browser.shows("page")) == (
        404,
        "missing",
        "desk-trouble",
    )
    assert browser.shows("idle") is None and 'id="back" href="/desk"' in browser.html


@pytest.mark.parametrize("path", POSTS)
def test_p11_an_extra_field_is_a_400_on_every_form(browser: Browser, core: CoreDouble, path: str) -> None:
    browser.arrive()
    browser.post(path, wechat="x")
    assert (browser.status, browser.shows("trouble")) == (400, "form")
    assert core.of("register") == core.of("depart") == core.of("withdraw") == []


def test_p11_a_scope_that_is_not_offered_is_a_400(browser: Browser, core: CoreDouble) -> None:
    for scope in set(Scope) - {offer.scope for offer in NOTICE.scopes}:
        browser.arrive()
        browser.register(phone=NUMBER, scope_registration="yes", **{f"scope_{scope}": "yes"})
        assert browser.status == 400
    assert core.of("register") == []


@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_this_sessions_token_does_nothing(
    browser: Browser, core: CoreDouble, path: str
) -> None:
    browser.arrive()
    asked = len(core.asked)
    for token in ("", "0" * 64, "é", browser.html.split('name="csrf" value="')[1][:63]):
        page = browser.client.post(path, data={"csrf": token})
        assert page.status_code == 403
    assert len(core.asked) == asked


def test_a_token_of_another_session_is_worth_nothing(app: FastAPI, core: CoreDouble) -> None:
    with (
        TestClient(app, base_url="http://127.0.0.1") as one,
        TestClient(app, base_url="http://127.0.0.1") as two,
    ):
        mine, theirs = Browser(one), Browser(two)
        mine.get("/")
        theirs.get("/")
        theirs.post("/begin", csrf=mine.html.split('name="csrf" value="')[1][:64])
        assert theirs.status == 403
    assert core.asked == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"csrf=%ff", "application/x-www-form-urlencoded"),
        (b"csrf=" + b"0" * 9000, "application/x-www-form-urlencoded"),
        (b'{"csrf": "0"}', "application/json"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_is_no_small_form_is_a_400(browser: Browser, body: bytes, kind: str) -> None:
    browser.get("/")
    page = browser.client.post("/begin", content=body, headers={"content-type": kind})
    assert page.status_code == 400


def test_p33_one_session_cookie_and_nothing_else(browser: Browser) -> None:
    names = set()
    for path in sorted({path for method, path in PAGES if method == "GET"}):
        page = browser.client.get(path, follow_redirects=False)
        for cookie in page.headers.get_list("set-cookie"):
            names.add(cookie.split("=")[0])
            assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(re.split("; ", cookie))
            assert not re.search("max-age|expires|domain|secure", cookie, re.I)
    assert names == {"gatehouse_kiosk"}


def test_over_https_the_cookie_is_secure(core: CoreDouble) -> None:
    app = create_app(ControlClient(core.path), counter=ControlClient(core.path), hosts=HOSTS, https=True)
    with TestClient(app, base_url="https://localhost") as client:
        page = client.get("/")
    assert "Secure" in page.headers["set-cookie"]
    assert "max-age" in page.headers["strict-transport-security"]


def test_every_answer_has_the_strict_headers_and_is_never_cached(browser: Browser) -> None:
    client = browser.client
    answers = [client.get(path) for method, path in PAGES if method == "GET"]
    answers += [
        client.post("/begin"),
        client.get("/nowhere"),
        client.get("/", headers={"host": "evil.example"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/static/kiosk.css").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil", "127.0.0.2"]
)
def test_another_host_name_is_refused(browser: Browser, host: str) -> None:
    assert browser.client.get("/", headers={"host": host}).status_code == 400


def test_every_field_is_kept_out_of_the_browsers_memory(browser: Browser) -> None:
    for html in (browser.arrive(), browser.get("/leave"), browser.get("/withdraw")):
        assert 'autocomplete="off"' in html
        for field in re.findall(r'<input[^>]*type="(?:tel|number)"[^>]*>', html):
            assert 'autocomplete="off"' in field


def test_a_refusal_of_the_core_ends_on_a_kind_page(browser: Browser, core: CoreDouble) -> None:
    core.script("begin", refusal("too_many_sessions"))
    browser.get("/")
    browser.post("/begin")
    assert (browser.status, browser.shows("trouble")) == (409, "refused")


def test_no_core_is_a_503_that_says_what_to_do(browser: Browser, core: CoreDouble) -> None:
    core.stop()
    browser.get("/")
    assert browser.status == 200
    html = browser.post("/begin")
    assert (browser.status, browser.shows("trouble")) == (503, "silent")
    assert "直接参观" in html


def test_a_fault_of_our_own_shows_a_page_and_tells_nothing(core: CoreDouble, app: FastAPI) -> None:
    @app.get("/fault")
    def fault() -> None:
        raise RuntimeError("13800138000")

    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        page = client.get("/fault")
    assert page.status_code == 500
    assert "13800138000" not in page.text
    assert "出了点问题" in page.text


def test_p54_logs_name_nobody(browser: Browser, core: CoreDouble, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser.arrive()
    browser.register(scope_registration="yes", phone="1380013800X", party_size="1")
    core.script("register", refusal("no_consent"), b"13800138000")
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    browser.arrive()
    browser.register(scope_registration="yes", phone=NUMBER, party_size="1")
    browser.get("/leave")
    browser.post("/leave", phone=NUMBER, x="1")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("edge.", "uvicorn"))]
    assert any("page_failed" in line for line in ours)
    assert not any("1380013800" in line for line in ours)


def test_the_address_must_be_definite_and_encrypted_beyond_this_machine(tmp_path: Path) -> None:
    socket_path, some = tmp_path / "s", tmp_path / "x.pem"
    some.touch()
    settings = configure(socket_path, "127.0.0.1", 8080, None, None)
    assert (settings.host, settings.port, settings.is_ssl) == ("127.0.0.1", 8080, False)
    for host in ("0.0.0.0", "::", "192.0.2.7", "kiosk.lan"):
        with pytest.raises(ConfigError):
            configure(socket_path, host, 8080, None, None)
    with pytest.raises(ConfigError, match="no such file"):
        configure(socket_path, "192.0.2.7", 8443, tmp_path / "no.pem", some)
    with pytest.raises(ConfigError, match="together"):
        configure(socket_path, "127.0.0.1", 8080, some, None)
    encrypted = configure(socket_path, "192.0.2.7", 8443, some, some)
    assert encrypted.is_ssl
    assert encrypted.ssl_version == ssl.PROTOCOL_TLS_SERVER
