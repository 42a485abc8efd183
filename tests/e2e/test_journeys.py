"""Each path through the kiosk in a real Chromium, before a real core, card terminal and desk camera.

With GATEHOUSE_SCREENSHOTS=docs/img/journeys the pages are saved there, for docs/journeys.md.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from edge.runtime.chores import TELL_S
from scripts.site.demo import browser_page
from scripts.site.place import Options, Place
from scripts.site.play import CARD
from scripts.site.processes import BIN, run
from scripts.site.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "img" / "journeys"
MOST_BYTES = 1_500_000
MOST_TAPS, MOST_SECONDS = 6, 20.0
OPTIONS = Options(phone=False, noise=0.0, films={"entrance": "entrance-empty", "desk": "desk-a-1"})
BORN = f"{date.today().year - 10}0101"  # noqa: DTZ011 — a card's date has no zone
CHILD = CARD | {"name": "李小明", "birth": BORN, "number": f"110105{BORN}0003"}
FOREIGNER = {
    "type": "Y", "name": "尼安娜", "sex": "2", "renewals": "00", "birth": "19810803",
    "english_name": "NG, ANNA MARIA", "number": "911124198108030024", "valid_from": "20240102",
    "valid_until": "20340101", "country": "CAN",
}  # fmt: skip


THREE = ("registration", "face_match", "id_card")
OTHERS, STRANGERS = (f"1101051949123{n}" for n in ("1101", "1102"))
COUNT_CLICKS = """
const kept = sessionStorage;
addEventListener("pointerdown", () => kept.setItem("taps", 1 + Number(kept.getItem("taps"))));
"""


def with_check_digit(number: str) -> str:
    """Return a number of 17 digits (and whatever follows) with the check digit of GB 11643."""
    total = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(number[:17]))
    return number[:17] + "10X98765432"[total % 11]


@dataclass
class Journey:
    """One visitor before the screen, and what it cost them."""

    page: Page
    visitor: Visitor
    name: str
    began: float = field(default_factory=time.monotonic)
    _shown: int = 0

    def picture(self) -> None:
        """Keep what is on the screen now, small, if asked to."""
        self._shown += 1
        if (directory := os.environ.get("GATEHOUSE_SCREENSHOTS")) is not None:
            raw = Image.open(BytesIO(self.page.screenshot(animations="disabled"))).convert("RGB")
            small = raw.resize((800, 500), Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE)
            small.save(ROOT / directory / f"{self.name}-{self._shown}.png", optimize=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("journeys"), OPTIONS) as running:
        running.wait_ready(90)
        yield running


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as opened:
        opened.set_viewport_size({"width": 1280, "height": 800})
        yield opened


@pytest.fixture
def journey(place: Place, page: Page, request: pytest.FixtureRequest) -> Iterator[Journey]:
    name = request.node.name.removeprefix("test_").partition("[")[0].replace("_", "-")
    made = Journey(page, Visitor(page, place.kiosk_url), name)
    made.visitor.open()
    made.began = time.monotonic()
    yield made
    made.visitor.open()


@contextmanager
def laid(place: Place, card: dict[str, str]) -> Iterator[None]:
    assert place.terminal is not None
    place.terminal.place(card)
    try:
        yield
    finally:
        place.terminal.lift()


def fill(journey: Journey, number: str, *scopes: str, declined: tuple[str, ...] = ()) -> None:
    """Open the form and fill it in, a picture of each page; the last tap is left to the test."""
    page, visitor = journey.page, journey.visitor
    visitor._tap("#start-register")
    page.wait_for_selector("#register-form")
    for scope in scopes:
        visitor._tap(f"label[for=scope_{scope}-yes]")
    for scope in declined:
        visitor._tap(f"label[for=scope_{scope}-no]")
    visitor._tap("#phone")
    page.keyboard.type(number)
    journey.picture()


def sent(journey: Journey) -> dict[str, Any]:
    seen = journey.visitor._act("#register-submit")
    journey.picture()
    return seen


def held(place: Place, number: str) -> list[dict[str, Any]]:
    """Return what headquarters has of this number."""
    who = place.token("registration", f"+86{number}")
    return [row for row in place.ledger() if (row.get("record") or {}).get("who") == who]


def read_card(journey: Journey, place: Place, card: dict[str, str]) -> dict[str, Any]:
    with laid(place, card):
        seen = journey.visitor._act("#read-card", 40_000)
        journey.picture()
    return seen


def test_consent(journey: Journey, place: Place) -> None:
    """Everything, each by its own yes: registration, face and card."""
    journey.picture()
    fill(journey, "13800000001", "registration", "face_match", "id_card")
    seen = sent(journey)
    assert journey.visitor.taps == MOST_TAPS
    assert journey.seconds <= MOST_SECONDS
    assert set(seen["active"].split()) == {"registration", "face_match", "id_card"}
    face = journey.visitor._act("#recognise", 40_000)
    journey.picture()
    assert face["outcome"] == "enrolled"
    journey.visitor._tap("#continue")
    card = read_card(journey, place, CARD)
    assert card["outcome"] == "read"
    assert "*" in card["masked_number"]


def test_my_data_by_card(journey: Journey, place: Place) -> None:
    """P40: who kept a card comes back with it and without the code; another's card opens nothing."""
    fill(journey, "13800000007", "registration", "id_card")
    journey.visitor._act("#register-submit")
    letters = journey.page.locator("#code-letters")
    code = letters.text_content() if letters.count() else None
    assert code, "this site has a page of rights"
    with laid(place, CARD | {"number": with_check_digit(OTHERS)}):
        assert journey.visitor.read_card()["outcome"] == "read"
    journey.visitor.finish()
    journey.page.click("#start-mine")
    journey.page.wait_for_selector("#mine-read")
    journey._shown = 0
    journey.picture()
    with laid(place, CARD | {"number": with_check_digit(OTHERS)}):
        seen = journey.visitor.find_by_card()
        journey.picture()
    assert (seen["outcome"], seen["code"]) == ("found", code.strip())
    with laid(place, CARD | {"number": with_check_digit(STRANGERS)}):
        seen = journey.visitor.find_by_card()
        journey.picture()
    assert (seen["outcome"], "code" in seen) == ("nothing", False)
    assert not re.search(r"13800000007|800.{0,4}0007|19491231", journey.page.content())
    buys(journey, place, "13800000007", CARD | {"number": with_check_digit(OTHERS)})


def buys(journey: Journey, place: Place, number: str, card: dict[str, str]) -> None:
    """P12, P14: who buys answers one question; the card that was kept reaches back to its registration."""
    page, visitor = journey.page, journey.visitor
    visitor.open()
    journey.name, journey._shown, journey.began, before = "buying", 0, time.monotonic(), visitor.taps
    visitor._tap("#start-buyer")
    visitor._tap("#phone")
    page.keyboard.type(number)
    visitor._tap("label[for=scope_channel_risk-yes]")
    journey.picture()
    assert visitor._act("#buyer-submit")["outcome"] == "agreed"
    assert visitor.taps - before == 4 and journey.seconds <= MOST_SECONDS
    journey.picture()
    with laid(place, card):
        page.click("#buyer-card")
        page.wait_for_selector("[data-reach=some]", timeout=40_000)
        journey.picture()
    deadline = time.monotonic() + 30
    while len(proofs := checked(place, number)) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert proofs == [(1, "tap"), (3, "tap")], "the farther one has a proof of its own"


def checked(place: Place, number: str) -> list[tuple[int, str]]:
    """Return version and act of each consent to `channel_risk` that headquarters has of this number."""
    records = (row["record"] for row in held(place, number))
    mine = (r for r in records if r["kind"] == "consent" and r["scope"] == "channel_risk")
    return sorted((one["consent_version"], one["act"]) for one in mine)


def operate(place: Place, *words: str, stdin: str = "") -> str:
    """Run `gatehouse staff …` as an operator of the box."""
    return run(str(BIN / "gatehouse"), "staff", *words, "--config", str(place.config), stdin=stdin)


@pytest.fixture
def reception(place: Place, page: Page) -> Iterator[Page]:
    """The receptionists' screen, signed in by PIN as number 11."""
    operate(place, "add", stdin="王小明\n280914\n")
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        screen = context.new_page()
        screen.goto(f"{place.kiosk_url}/desk")
        screen.fill("#number", "11")
        screen.fill("#pin", "280914")
        screen.click("#enter")
        screen.click("#read")
        screen.wait_for_selector("#card-keep")
        yield screen


def test_a_receptionists_card(journey: Journey, place: Place, reception: Page) -> None:
    """P2: the operator has it kept, it signs in, no other does; a visitor comes first, and is served."""
    mine, others = (CARD | {"number": with_check_digit(number)} for number in (OTHERS, STRANGERS))
    with laid(place, mine):
        assert "✓ 11 signs in by card or PIN" in operate(place, "card", "11")
    reception.click("#sign-out")
    with laid(place, others):
        reception.click("#by-card")
        expect(reception.locator("#alert")).to_contain_text("没有登记用于登录", timeout=25_000)
    with laid(place, mine):
        reception.click("#by-card")
        expect(reception.locator("#my-name")).to_have_text("王小明 · 11", timeout=25_000)
    reception.click("#sign-out")
    fill(journey, "13800000009", "registration", "id_card")
    journey.visitor._act("#register-submit")
    reception.click("#by-card")
    reception.wait_for_selector("#waiting")
    journey.page.click("#read-card")
    expect(reception.locator("#alert")).to_contain_text("可能有访客先用了读卡器", timeout=10_000)
    with laid(place, others):
        journey.page.wait_for_selector("body:not(:has(#waiting)) [data-outcome]", timeout=40_000)
    assert journey.page.locator("[data-outcome]").get_attribute("data-outcome") == "read"


KEYSTROKE_S = 0.28
"""Between two digits on a screen's keyboard: about 3.5 a second, an unhurried adult."""
LOOK_S = 0.8
"""Before each tap: finding it with the eye and the finger."""


def test_a_new_visitor_in_seconds_and_taps(
    journey: Journey, record_property: Callable[[str, object], None]
) -> None:
    """At most 20 s and 6 taps from the first page, counted by the browser itself from real clicks.

    The seconds are a scripted visitor's: a person's speed of typing and tapping; the notice isn't read.
    """
    page = journey.page
    page.evaluate("sessionStorage.removeItem('taps')")
    page.add_init_script(COUNT_CLICKS)
    journey.visitor.open()
    began = time.monotonic()
    for selector in ("#start-register", *(f"label[for=scope_{s}-yes]" for s in THREE), "#phone"):
        page.wait_for_selector(selector)
        time.sleep(LOOK_S)
        page.click(selector)
    page.keyboard.type("13800000008", delay=KEYSTROKE_S * 1000)
    time.sleep(LOOK_S)
    page.click("#register-submit")
    page.wait_for_selector("[data-outcome=registered]")
    seconds, taps = time.monotonic() - began, int(page.evaluate("sessionStorage.getItem('taps')"))
    assert taps == MOST_TAPS
    assert seconds <= MOST_SECONDS
    record_property("seconds", round(seconds, 1))
    journey.visitor.open()
    page.evaluate("sessionStorage.removeItem('taps')")
    page.click("#start-decline")
    page.wait_for_selector("[data-outcome=declined]")
    assert int(page.evaluate("sessionStorage.getItem('taps')")) <= 2


def test_partial_consent(journey: Journey) -> None:
    """P12: a yes to the registration and a no to the face; nothing asks for the face afterwards."""
    fill(journey, "13800000002", "registration", declined=("face_match",))
    seen = sent(journey)
    assert (seen["active"], journey.visitor.taps) == ("registration", 5)
    assert journey.page.locator("#recognise, #read-card").count() == 0


def test_coming_again(journey: Journey) -> None:
    """P13, P50: after a no to the face the number is enough, and the face isn't asked for."""
    number, page, visitor = "13800000003", journey.page, journey.visitor
    visitor.register(number, ["registration"], declined=["face_match"])
    visitor.open()
    began = time.monotonic()
    visitor._tap("#start-again")
    page.wait_for_selector("#again-form")
    visitor._tap("#phone")
    page.keyboard.type(number)
    journey.picture()
    seen = visitor._act("#again-submit")
    journey.picture()
    assert (seen["outcome"], seen["returning"], seen["active"]) == ("registered", "true", "registration")
    assert (visitor.taps, time.monotonic() - began <= MOST_SECONDS) == (3, True)
    visitor._tap("#uses")
    page.wait_for_selector("#uses-form")
    journey.picture()
    asked = page.locator("fieldset.scope").evaluate_all("all => all.map((one) => one.dataset.scope)")
    assert asked == ["channel_risk", "id_card"]
    visitor._tap("label[for=scope_id_card-yes]")
    visitor._act("#uses-submit")
    assert page.locator("[data-outcome]").get_attribute("data-active") == "registration id_card"


def test_refusal(journey: Journey, place: Place) -> None:
    """P1, P49: one tap, and nothing of anybody is anywhere."""
    before = told(place)
    seen = journey.visitor._act("#start-decline")
    assert (seen["outcome"], journey.visitor.taps) == ("declined", 1)
    journey.picture()
    assert {row for key, row in told(place).items() if key not in before} <= {"health", "footfall"}


def test_minor_without_guardian(journey: Journey, place: Place) -> None:
    """P38: the card says under 14: all of it is gone again, here and at headquarters."""
    number = "13800000004"
    fill(journey, number, "registration", "id_card")
    sent(journey)
    seen = read_card(journey, place, CHILD | {"number": with_check_digit(CHILD["number"])})
    assert seen["outcome"] == "minor"
    deadline = time.monotonic() + 30
    while not any(row["kind"] == "erasure_receipt" for row in held(place, number)):
        assert time.monotonic() < deadline, "headquarters has no receipt of the erasure"
        time.sleep(0.5)
    assert {row["kind"] for row in held(place, number)} == {"erasure_receipt"}


def sign(journey: Journey) -> None:
    """Draw a name with the mouse, as with a finger."""
    page = journey.page
    page.locator("#signature").scroll_into_view_if_needed()
    box = page.locator("#signature").bounding_box()
    assert box is not None
    for left, turns in ((0.2, 3), (0.42, 2), (0.6, 4)):
        x, y = box["x"] + box["width"] * left, box["y"] + box["height"] * 0.3
        page.mouse.move(x, y)
        page.mouse.down()
        for n in range(turns * 4):
            page.mouse.move(x + n * 9, y + (n % 4) * 18 + n * 2, steps=3)
        page.mouse.up()
    journey.visitor.taps += 1


def settled(place: Place) -> dict[tuple[str, int], str]:
    """Wait until nothing more of the journeys before arrives at headquarters; return the kind of each row."""
    rows, since = told(place), time.monotonic()
    deadline = since + 60
    while time.monotonic() < since + 2 * TELL_S + 2:
        assert time.monotonic() < deadline, "the box never stops telling"
        time.sleep(0.25)
        if len(now := told(place)) != len(rows):
            rows, since = now, time.monotonic()
    return rows


def told(place: Place) -> dict[tuple[str, int], str]:
    return {(row["epoch"], row["sequence"]): row["kind"] for row in place.ledger()}


@pytest.mark.parametrize("way", ["signature", "card"])
def test_minor_with_guardian(journey: Journey, place: Place, way: str) -> None:
    """P39: a guardian agrees, by a signature or their own card; nothing of either leaves the box."""
    before, journey.began = settled(place), time.monotonic()
    journey.name += f"-{way}"
    page, visitor = journey.page, journey.visitor
    visitor._tap("#start-register")
    page.wait_for_selector("#register-form")
    visitor._tap("#for-a-child")
    page.wait_for_selector("#child-form")
    if way == "signature":
        visitor._tap("#guardian")
        page.keyboard.type("王芳")
        sign(journey)
        journey.picture()
        seen = visitor._act("#by-signature")
    else:
        journey.picture()
        with laid(place, CARD):
            page.click("#by-card")
            visitor.taps += 1
            page.wait_for_selector("#waiting")
            journey.picture()
            page.wait_for_selector("body:not(:has(#waiting)) [data-outcome]", timeout=40_000)
        seen = {"outcome": page.locator("[data-outcome]").get_attribute("data-outcome")}
        seen["active"] = page.locator("[data-outcome]").get_attribute("data-active")
    journey.picture()
    assert (seen["outcome"], seen["active"]) == ("registered", "registration")
    assert visitor.taps <= MOST_TAPS
    assert journey.seconds <= MOST_SECONDS
    assert page.locator("#recognise, #read-card, #code-picture").count() == 0
    after = settled(place)
    assert not {"consent", "visit", "rights_package"} & {after[key] for key in after.keys() - before.keys()}


def test_a_child_is_no_guardian(journey: Journey, place: Place) -> None:
    """P39: the card has to be an adult's."""
    journey.visitor._tap("#start-register")
    journey.page.wait_for_selector("#register-form")
    journey.visitor._tap("#for-a-child")
    journey.page.wait_for_selector("#child-form")
    with laid(place, CHILD | {"number": with_check_digit(CHILD["number"])}):
        journey.page.click("#by-card")
        journey.page.wait_for_selector("body:not(:has(#waiting)) [data-outcome]", timeout=40_000)
    assert journey.page.locator("[data-outcome]").get_attribute("data-outcome") == "not_adult"
    journey.picture()


def test_foreign_card(journey: Journey, place: Place) -> None:
    """A foreigner's permanent resident card of 2023."""
    fill(journey, "13800000005", "registration", "id_card")
    sent(journey)
    seen = read_card(journey, place, FOREIGNER)
    assert seen["outcome"] == "read"
    assert seen["masked_name"] == "N*, A*** M**** 尼**"


def test_no_card(journey: Journey) -> None:
    """The terminal waits as long as the lease lasts; the visit goes on without a card."""
    fill(journey, "13800000006", "registration", "id_card")
    sent(journey)
    journey.page.click("#read-card")
    journey.page.wait_for_selector("#waiting")
    journey.picture()
    journey.page.wait_for_selector("body:not(:has(#waiting)) [data-outcome]", timeout=40_000)
    assert journey.page.locator("[data-outcome]").get_attribute("data-outcome") == "no_card"
    journey.picture()
    journey.visitor._tap("#continue")
    assert journey.page.locator("[data-outcome]").get_attribute("data-outcome") == "registered"


def test_p49_the_way_without_a_face_is_as_quick(place: Place, page: Page) -> None:
    """P49: from the first tap to the registration, by turns; and nothing is put off for who said no."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    taps: dict[bool, int] = {}
    for n in range(10):
        face = n % 2 == 0
        visitor = Visitor(page, place.kiosk_url)
        visitor.open()
        began = time.monotonic()
        scopes = ["registration", "face_match"] if face else ["registration"]
        visitor._tap("#start-register")
        page.wait_for_selector("#register-form")
        for scope in scopes:
            visitor._tap(f"label[for=scope_{scope}-yes]")
        visitor._tap("#phone")
        page.keyboard.type(f"1380000010{n}")
        assert visitor._act("#register-submit")["outcome"] == "registered"
        seconds[face].append(time.monotonic() - began)
        taps[face] = visitor.taps
    assert taps[False] < taps[True] <= MOST_TAPS
    assert min(seconds[False]) <= min(seconds[True]) + 1.0, seconds


def test_the_page_of_journeys_shows_pictures_that_are_there() -> None:
    text = (ROOT / "docs" / "journeys.md").read_text()
    named = set(re.findall(r"\(img/journeys/([a-z0-9-]+\.png)\)", text))
    there = {path.name for path in PICTURES.glob("*.png")}
    assert named == there
    assert len(named) >= 12
    assert sum(path.stat().st_size for path in PICTURES.glob("*.png")) <= MOST_BYTES
