"""Every page of the kiosk and of headquarters for people who don't see, don't use a mouse, or choose colours.

The pages are found by the routes of the two applications and by the links on the pages: one that is added and
met by nobody here fails the test. axe-core finds nothing serious on any of them, in both languages, on a
large and on a small screen and in forced colours; the Tab key reaches everything, shows where it is and is
never trapped; a screen reader hears the language, one title, headings in order and a name for everything.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, Page
from starlette.routing import BaseRoute

import edge.kiosk
from cloud.config import load
from cloud.web.app import create_app as headquarters_app
from edge.domain.rightslink import address as rights_address
from edge.domain.rightslink import new_secret, seal_package
from edge.domain.rightspage import farewell
from edge.ipc.kiosk import (
    CardSeen,
    Channel,
    ChildRegistered,
    FaceCheck,
    FaceOutcome,
    GuardianOutcome,
    MyCode,
    MyCodeOutcome,
    Recognised,
    Registered,
)
from edge.ipc.staff import CardKept, Colleague, DeskView, Guest, SignedIn
from edge.kiosk.main import configure
from edge.wire import Scope, canonical
from scripts.site.visitor import Visitor
from tests.e2e import test_headquarters_books as books_tests
from tests.e2e import test_headquarters_web as headquarters_tests
from tests.e2e import test_kiosk_page as kiosk_tests
from tests.e2e.accessible import GRAVE, LOOKS, heard, look, tab_through, violations
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

double, kiosk, core = kiosk_tests.double, kiosk_tests.kiosk, kiosk_tests.core
chromium, hq = kiosk_tests.chromium, headquarters_tests.hq
NUMBER = "13800138000"
LANGS = {"zh": "zh-CN", "en": "en"}
NO_PAGES = {
    "/books/project/{project}",
    "/code.svg",
    "/desk/live",
    "/desk/card-wait",
    "/desk/card-read",
    "/r/{link}/package",
    "/risk-export/{project}/{about}/{form}",
    "/risk-file/{appeal}/{place}",
    "/risk-package/{project}/{about}/{ref}",
}
"""What can be fetched and is no page: a picture with its text beside it, a page's part, an end that is waited
for, a way back to the desk, sealed bytes, files to keep."""
FILES = ("/risk-export/", "/risk-file/", "/risk-package/")
GUEST = Guest(
    visit="4" * 32, arrived_ms=1, party_size=2, name="张三", phone="138****8000", returning=True,
    visits_before=1, agreed=(Scope.REGISTRATION,), reported=True, receiver=None, proposed=11,
)  # fmt: skip
LEFT = GUEST.model_copy(update={"visit": "3" * 32, "departed_ms": 2, "undo_s": 300})
VIEW = DeskView(
    me=11, my_name="王小明", on_shift=True, paused=False, locks_in_s=300, card="none",
    line=(Colleague(number=11, name="王小明", waiting_s=60, paused=False),), guests=(GUEST,), left=(LEFT,),
)  # fmt: skip
EVERY_SCOPE = ["registration", "face_match", "id_card", "channel_risk"]


@dataclass
class Audit:
    """Looks at one page after the other; gathers what is wrong instead of stopping at the first."""

    page: Page
    lang: str
    faults: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Note every host that any page asks, pictures, styles and scripts included."""
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def look(self, where: str) -> None:
        """Examine the page that is shown now."""
        self.paths.add(urlsplit(self.page.url).path)
        self.names.add(self.page.evaluate("document.body.dataset.page ?? ''"))
        for name in LOOKS:
            with look(self.page, name):
                self._axe(f"{where} ({name})", forced=name == "forced")
        self._keyboard(where)
        self._reader(where)

    def _axe(self, where: str, *, forced: bool) -> None:
        for impact, rule, nodes in violations(self.page, forced):
            if impact in GRAVE:
                self.faults.append(f"{where}: {impact} {rule}: {nodes[:3]}")

    def _keyboard(self, where: str) -> None:
        stops = tab_through(self.page)
        if stops.trapped:
            self.faults.append(f"{where}: the Tab key never gets out: {stops.met[-3:]}")
        if missed := set(stops.expected) - set(stops.met):
            self.faults.append(f"{where}: not reached by the Tab key: {sorted(missed)} of {stops.expected}")
        if stops.unseen:
            self.faults.append(f"{where}: the focus doesn't show on {stops.unseen}")

    def _reader(self, where: str) -> None:
        page = heard(self.page)
        if page.lang != LANGS[self.lang]:
            self.faults.append(f"{where}: language {page.lang}")
        if not page.title.strip() or page.headings.count(1) != 1:
            self.faults.append(f"{where}: title {page.title!r}, headings {page.headings}")
        if any(after > before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False)):
            self.faults.append(f"{where}: a level of heading is left out: {page.headings}")
        if page.nameless:
            self.faults.append(f"{where}: without a name: {page.nameless}")
        if "main" not in page.landmarks:
            self.faults.append(f"{where}: no main part")


def routes(app: FastAPI) -> set[str]:
    """Return the path of every page: what can be fetched."""

    def walk(found: list[BaseRoute]) -> set[str]:
        inner = [getattr(one, "original_router", None) for one in found]
        own = {r.path for r in found if isinstance(r, APIRoute) and "GET" in (r.methods or ())}
        return own.union(*(walk(router.routes) for router in inner if router is not None))

    pages = walk(app.routes) - NO_PAGES
    assert len(pages) > 5, "the routes are found some other way now"
    return pages


def unmet(paths: set[str], met: set[str]) -> set[str]:
    """Return the routes that no address in `met` belongs to."""
    return {p for p in paths if not any(re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", p), one) for one in met)}


# ---- the kiosk -------------------------------------------------------------------------------


def _arrive(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    visitor.open()
    audit.look("start")
    visitor.page.click("#start-register")
    visitor.page.wait_for_selector("#register-form")
    audit.look("register")
    visitor.page.click("label[for=scope_registration-yes]")
    visitor.page.fill("#phone", "12")
    visitor.page.click("#register-submit")
    visitor.page.wait_for_selector(".error")
    audit.look("register, with an error")
    visitor.register(NUMBER, EVERY_SCOPE)
    audit.look("done")


def _faces(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    for outcome in get_args(FaceOutcome):
        core.script("recognise", Recognised(outcome=outcome))
        visitor.register(NUMBER, ["registration", "face_match"])
        visitor._act("#recognise")
        audit.look(f"face {outcome}")
    held = core.hold("recognise")
    visitor.register(NUMBER, ["registration", "face_match"])
    visitor.page.click("#recognise")
    visitor.page.wait_for_selector("#waiting")
    audit.look("waiting for the face")
    held.set()
    visitor.page.wait_for_selector("#outcome")


def _cards(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    for outcome in get_args(CardSeen.model_fields["outcome"].annotation):
        core.script("read_card", CardSeen(outcome=outcome, masked_name="张*", masked_number="310***1234"))
        visitor.register(NUMBER, ["registration", "id_card"])
        visitor._act("#read-card")
        audit.look(f"card {outcome}")
    held = core.hold("read_card")
    visitor.register(NUMBER, ["registration", "id_card"])
    visitor.page.click("#read-card")
    visitor.page.wait_for_selector("#waiting")
    audit.look("waiting for the card")
    held.set()
    visitor.page.wait_for_selector("#outcome")


def _verify(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    active = (Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD)
    core.script("register", Registered(outcome="registered", active=active, can_verify=True))
    for face in get_args(FaceCheck):
        core.script("verify_card", CardSeen(outcome="read", face=face, masked_number="310***1234"))
        visitor.register(NUMBER, active)
        if face == "not_asked":
            audit.look("done, with a comparison offered")
        visitor._act("#verify")
        audit.look(f"comparison {face}")
    held = core.hold("verify_card")
    visitor.register(NUMBER, active)
    visitor.page.click("#verify")
    visitor.page.wait_for_selector("#waiting")
    audit.look("waiting for card and face")
    held.set()
    visitor.page.wait_for_selector("#outcome")


def _children(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    page = visitor.page

    def come() -> None:
        visitor.open()
        page.click("#start-register")
        page.wait_for_selector("#register-form")
        page.click("#for-a-child")
        page.wait_for_selector("#child-form")

    come()
    audit.look("a guardian's form")
    page.click("#by-signature")
    page.wait_for_selector(".error")
    audit.look("a guardian's form, with errors")
    for outcome in get_args(GuardianOutcome):
        if outcome != "registered":
            core.script("register_child", ChildRegistered(outcome=outcome))
            come()
            page.click("#by-card")
            page.wait_for_selector("#outcome")
            audit.look(f"guardian {outcome}")
    held = core.hold("register_child")
    come()
    page.click("#by-card")
    page.wait_for_selector("#waiting")
    audit.look("waiting for the guardian's card")
    held.set()
    page.wait_for_selector("#outcome")


def _again(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    page = visitor.page
    known = Registered(
        outcome="registered", returning=True, active=(Scope.REGISTRATION,), ask=(Scope.FACE_MATCH,)
    )
    visitor.open()
    page.click("#start-again")
    page.wait_for_selector("#again-form")
    audit.look("coming again")
    page.click("#again-submit")
    page.wait_for_selector(".error")
    audit.look("coming again, with an error")
    core.script("come_again", Registered(outcome="unknown"), known)
    page.fill("#phone", NUMBER)
    page.click("#again-submit")
    page.wait_for_selector("#register-form")
    audit.look("a number that isn't registered")
    visitor.open()
    page.click("#start-again")
    page.fill("#phone", NUMBER)
    page.click("#again-submit")
    page.wait_for_selector("#uses")
    audit.look("done, with further uses")
    page.click("#uses")
    page.wait_for_selector("#uses-form")
    audit.look("further uses")


def _buyer(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    page, channels = visitor.page, tuple(Channel(code=f"fang-{n}", name=f"某某{n}") for n in range(9))
    core.script("notice", NOTICE.model_copy(update={"channels": channels}))
    visitor.open()
    page.click("#start-register")
    page.click("label[for=scope_channel_risk-yes]")
    page.click("label[for=source-agent]")
    audit.look("register, with the companies")
    visitor.open()
    page.click("#start-buyer")
    page.wait_for_selector("#buyer-form")
    audit.look("a buyer's question")
    page.click("#buyer-submit")
    page.wait_for_selector(".error")
    audit.look("a buyer's question, with errors")
    page.fill("#phone", NUMBER)
    page.click("label[for=scope_channel_risk-yes]")
    page.click("#buyer-submit")
    page.wait_for_selector("#outcome")
    audit.look("a buyer's yes")
    held = core.hold("show_buyers_card")
    page.click("#buyer-card")
    page.wait_for_selector("#waiting")
    audit.look("waiting for a buyer's card")
    held.set()
    page.wait_for_selector("#outcome")
    audit.look("a buyer's card")


def _go(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    visitor.decline()
    audit.look("declined")
    for act in ("leave", "withdraw"):
        visitor.open()
        visitor.page.click(f"#start-{act}")
        visitor.page.wait_for_selector(f"#{act}-submit")
        audit.look(act)
        visitor.page.click(f"#{act}-submit")
        visitor.page.wait_for_selector(".error")
        audit.look(f"{act}, with an error")
    visitor.depart(NUMBER)
    audit.look("left")
    visitor.withdraw(NUMBER, ["face_match"])
    audit.look("withdrawn")


def _mine(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    for outcome in get_args(MyCodeOutcome):
        core.script("find_by_card", MyCode(outcome=outcome))
        visitor.find_by_card()
        if outcome in ("found", "nothing", "busy"):  # the others differ in their words alone
            audit.look(f"my data, {outcome}")
    visitor.open()
    visitor.page.click("#start-mine")
    visitor.page.wait_for_selector("#mine-read")
    audit.look("my data")
    held = core.hold("find_by_card")
    visitor.page.click("#mine-read")
    visitor.page.wait_for_selector("#waiting")
    audit.look("waiting for the card of my data")
    held.set()
    visitor.page.wait_for_selector("#outcome")


def _desk(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    visitor.open()
    page, (start, _, lang) = visitor.page, visitor.page.url.partition("?")
    door = f"{start}desk" + (f"?{lang}" if lang else "")
    core.script("sign_in_by_card", refusal("wrong_card"), SignedIn(session="5" * 32, notice=None))
    core.script("keep_my_card", CardKept(outcome="kept"))
    page.goto(door)
    page.click("#by-card")
    page.wait_for_selector("#alert")
    audit.look("nobody's card")
    core.script("desk", VIEW)
    page.click("#by-card")
    page.wait_for_selector("#here")
    audit.look("the desk")
    held = core.hold("keep_my_card")
    page.click("#card-keep")
    page.wait_for_selector("#waiting")
    audit.look("waiting for a receptionist's card")
    held.set()
    page.wait_for_selector("#card-told")
    audit.look("the desk, a card kept")
    page.goto(door)
    page.click("a[href*='/desk/correct']")
    page.wait_for_selector("#correct")
    audit.look("correcting a visit")
    page.fill("#phone", "12")
    page.click("#save")
    page.wait_for_selector(".error")
    audit.look("correcting a visit, with an error")
    page.goto(door)
    page.click("a[href*='/desk/correct']")
    page.click("#to-merge")
    page.wait_for_selector("#merge")
    audit.look("making two records one")
    page.click("#save")
    page.wait_for_selector(".error")
    audit.look("making two records one, with errors")
    page.goto(door)
    page.click("a[href*='/desk/correct']")
    page.click("#to-vouch")
    page.wait_for_selector("#vouch")
    page.click("#vouch-do")
    page.wait_for_selector(".error")
    audit.look("confirming that it is them, with an error")
    page.click("label[for=seen]")
    page.click("#vouch-do")
    page.wait_for_selector("#vouched")
    audit.look("the desk, somebody confirmed")
    page.goto(door)
    page.click("#paper")
    page.wait_for_selector("#paper-form")
    audit.look("entering a form on paper")
    page.click("#paper-save")
    page.wait_for_selector(".error")
    audit.look("entering a form on paper, with every error")
    page.click("#paper-blank")
    page.wait_for_selector("#print:not([hidden])")
    audit.look("the blank form")


def _trouble(visitor: Visitor, audit: Audit, core: CoreDouble) -> None:
    core.script("begin", refusal("unavailable"))
    visitor.open()
    visitor.page.click("#start-register")
    visitor.page.wait_for_selector("#trouble")
    audit.look("the core is silent")


WALKS: tuple[Callable[[Visitor, Audit, CoreDouble], None], ...] = (
    _arrive,
    _faces,
    _cards,
    _verify,
    _children,
    _again,
    _buyer,
    _go,
    _mine,
    _desk,
    _trouble,
)
"""Ways to the kiosk's pages that need an act before; the others are found by their address."""


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_of_the_kiosk(kiosk: str, chromium: Browser, core: CoreDouble, lang: str) -> None:
    """P48 as well: notice, contact and complaints can be read by everybody.

    P16: no page asks any host but its own. P33: what the browser keeps is one cookie of the session for
    visitors and one for receptionists.
    """
    context = chromium.new_context(viewport=LOOKS["large"]["size"])
    audit = Audit(context.new_page(), lang)
    visitor = Visitor(audit.page, kiosk, "en" if lang == "en" else "zh")
    for walk in WALKS:
        walk(visitor, audit, core)
        core.reset()
    application = configure(Path("none.sock"), "127.0.0.1", 1, None, None).app
    assert isinstance(application, FastAPI)
    pages = routes(application)
    for path in [*sorted(unmet(pages, audit.paths)), "/no-such-page"]:
        audit.page.goto(f"{kiosk}{path}{'?lang=en' if lang == 'en' else ''}")
        audit.look(path)
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    context.close()
    assert not audit.faults, "\n".join(audit.faults)
    assert unmet(pages, audit.paths) == set(), "no walk leads to these pages: add one to WALKS"
    assert audit.hosts == {urlsplit(kiosk).netloc}, "a page asked another host than its own"
    assert set(cookies) == {"gatehouse_kiosk", "gatehouse_desk"}
    assert all(c["expires"] == -1 and c["httpOnly"] for c in cookies.values()), "they end with the browser"
    templates = Path(edge.kiosk.__file__).parent / "templates"
    named = {
        m[1] for t in templates.glob("*.html") for m in re.finditer(r'set name = "([^"]+)"', t.read_text())
    }
    assert named <= audit.names, "these templates were shown by no walk"


# ---- headquarters ------------------------------------------------------------------------------


def _crawl(audit: Audit, start: str, lang: str) -> None:
    """Look at every page that links lead to, one for each route's form and one level of queries."""
    waiting, seen = [start], set[str]()
    while waiting:
        address = waiting.pop(0)
        shape = re.sub(r"[0-9a-f]{16,}", "ID", urlsplit(address).path)
        if shape in seen or shape.startswith(FILES):
            continue
        seen.add(shape)
        audit.page.goto(f"{address}{'&' if '?' in address else '?'}lang={lang}")
        audit.look(shape)
        links = audit.page.eval_on_selector_all("a[href]", "all => all.map((a) => a.href)")
        waiting += [one.partition("#")[0] for one in links if one.startswith(start)]


def _visitors_page(audit: Audit, url: str, lang: str) -> None:
    """Look at the visitor's own page: without a key, with everything that it can show, and at its end."""
    secret, link = new_secret(), "5" * 32
    scopes = [
        {"scope": scope, "state": state, "at_ms": 1, "notice": "v1", "act": "tap"}
        for scope, state in (("registration", "ACTIVE"), ("face_match", "WITHDRAWN"))
    ]
    asked = [
        {
            "id": f"{n:032x}",
            "act": act,
            "at_ms": 1,
            "due_ms": 2,
            "state": state,
            "code": code,
            "settled_ms": 2,
        }
        for n, (act, state, code) in enumerate(
            [
                ("withdraw", "done", "withdrawn"),
                ("complain", "waits", "complaint_noted"),
                ("copy", "refused", "too_many"),
            ]
        )
    ]
    words = {"contact": {"zh": "示例", "en": "x"}, "complaints": {"zh": "示例", "en": "x"}}
    held = farewell(1, 1, "erased", words) | {
        "state": "held", "whole": False, "number": "+86138****8000", "scopes": scopes, "requests": asked,
        "held": [{"what": "number", "basis": "consent:registration", "since_ms": 1, "count": 1}],
        "visits": [{"from_ms": 1, "to_ms": 2, "party": 2, "source": "friend", "signs": []}],
    }  # fmt: skip
    receipt = farewell(2, 2, "erased", words) | {"receipt": {"at_ms": 2, "keys": 2, "rows": {"visits": 1}}}
    page, said = audit.page, [held]
    page.route(
        "**/package",
        lambda route: route.fulfill(
            body=b64decode(seal_package(secret, link, canonical(said[0]))),
            content_type="application/octet-stream",
        ),
    )
    for what, address, ready in (
        ("incomplete", f"{url}/r/{link}", "#status"),
        ("held", rights_address(url, link, secret), "#acts"),
        ("erased", rights_address(url, link, secret), "#receipt"),
    ):
        said[0] = receipt if what == "erased" else held
        page.goto("about:blank")
        page.goto(address)
        if lang == "en":
            page.click("#language")
        page.wait_for_selector(ready)
        for summary in page.locator("summary").all():
            summary.click()
        audit.look(f"the visitor's page, {what}")
    page.unroute("**/package")


def _a_book(audit: Audit, hq: headquarters_tests.Headquarters, lang: str) -> None:
    """Look at the page for books with faults, with a right file, and at what was sent."""
    books_tests.Box(hq, "box-01", "lakeside")
    page = audit.page
    page.goto(f"{hq.url}/books/channels?lang={lang}")
    audit.look("no channel yet")
    page.fill("#name", "Lianhe 联合行" if lang == "zh" else "Lianhe")
    page.fill("#code", "lianhe")
    page.click("form.add button")
    page.wait_for_selector("tbody tr")
    audit.look("a channel")
    page.goto(f"{hq.url}/books?lang={lang}")
    for what, line in (("faults", "R-1,1380013,elsewhere,,"), ("right", "R-1,13800138000,lianhe,,")):
        books_tests.choose(page, f"ref,phone,channel,agent,reported_at\n{line}\n".encode(), f"{what}.csv")
        page.wait_for_selector("#fault-rows tr" if what == "faults" else "#send:enabled")
        audit.look(f"a book, {what}")
    page.click("#send")
    page.wait_for_url("**/books/imports?*")
    audit.look("imports")


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_of_headquarters(
    hq: headquarters_tests.Headquarters, chromium: Browser, lang: str
) -> None:
    context = chromium.new_context(viewport=LOOKS["large"]["size"], locale="zh-CN")
    audit = Audit(context.new_page(), lang)
    page = audit.page
    page.goto(f"{hq.url}/login?lang={lang}")
    audit.look("login")
    page.fill("#username", "nobody")
    page.fill("#password", "wrong")
    page.click("button")
    page.wait_for_selector("[role=alert]")
    audit.look("login refused")
    page.goto(f"{hq.first_link}?lang={lang}")
    audit.look("first password")
    headquarters_tests.log_in(page, hq)
    _crawl(audit, f"{hq.url}/", lang)  # empty first
    headquarters_tests.seed(hq)
    _crawl(audit, f"{hq.url}/", lang)
    _a_book(audit, hq, lang)
    page.goto(f"{hq.url}/visits?lang={lang}")
    page.locator("tbody tr a.button").first.click()
    page.locator("#erase button").click()
    page.wait_for_url(f"{hq.url}/rights")
    audit.look("an open order")
    headquarters_tests.answer_erasure(hq)
    page.reload()
    audit.look("a receipt")
    page.goto(f"{hq.url}/no-such-page")
    audit.look("message")
    _visitors_page(audit, hq.url, lang)
    context.close()
    assert not audit.faults, "\n".join(audit.faults)
    pages = routes(headquarters_app(load(hq.config), hq.database))
    assert unmet(pages, audit.paths) == set(), "no link and no step above leads to these pages"
