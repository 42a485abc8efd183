"""A guardian's form for a child: two ways to show who agrees; nothing is passed on that wasn't chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ipc.kiosk import MOST_POINTS, MOST_STROKES, ChildRegistered, GuardianOutcome
from edge.kiosk.forms import BadForm, Child, drawn
from tests.fakes.core_socket import NOTICE, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

SIGNATURE = "_".join("-".join(f"{100 + 9 * n}.{40 + n}" for n in range(6)) for _ in range(2))
POINT = st.tuples(st.integers(0, 999), st.integers(0, 999))


def come(browser: Browser) -> None:
    browser.arrive()
    browser.get("/child")


def send(browser: Browser, **fields: str) -> str:
    given_fields = {"notice_hash": NOTICE.hash, "guardian": "王芳", "drawn": SIGNATURE, "act": "signature"}
    return browser.post("/child", **(given_fields | fields))


@given(st.lists(st.lists(POINT, min_size=1, max_size=15), max_size=MOST_STROKES))
def test_what_was_drawn_is_what_is_read(strokes: list[list[tuple[int, int]]]) -> None:
    typed = "_".join("-".join(f"{x}.{y}" for x, y in stroke) for stroke in strokes)
    if sum(map(len, strokes)) > MOST_POINTS or len(typed) > 6000:
        with pytest.raises(BadForm):
            drawn(typed)
    else:
        assert [list(stroke) for stroke in drawn(typed)] == strokes


@given(st.text(alphabet="0123456789.-_ x,;", min_size=1, max_size=60))
def test_any_other_spelling_is_refused(typed: str) -> None:
    try:
        strokes = drawn(typed)
    except BadForm as error:
        assert error.code == "not_a_drawing"
    else:
        assert all(0 <= x <= 999 and 0 <= y <= 999 for stroke in strokes for x, y in stroke)


def test_p11_a_field_of_the_adults_form_is_one_too_many_here(browser: Browser, core: CoreDouble) -> None:
    """P6, P11: a child's number, face or source can't be given at all."""
    come(browser)
    for field in ("phone", "scope_face_match", "source"):
        send(browser, **{field: "yes"})
        assert browser.status == 400
    assert core.of("register_child") == []


def test_a_signature_is_passed_on_with_the_name_and_the_visit(browser: Browser, core: CoreDouble) -> None:
    come(browser)
    send(browser, name=" 小明 ", party_size="3")
    (asked,) = core.of("register_child")
    assert (asked.by, asked.guardian, asked.name, asked.party_size) == ("signature", "王芳", "小明", 3)
    assert [len(stroke) for stroke in asked.drawn] == [6, 6]
    assert (browser.path, browser.shows("active")) == ("/done", "registration")


def test_a_typed_name_stands_for_a_drawing(browser: Browser, core: CoreDouble) -> None:
    come(browser)
    send(browser, drawn="", typed="yes")
    (asked,) = core.of("register_child")
    assert (asked.guardian, asked.drawn) == ("王芳", ())


def test_by_card_neither_name_nor_drawing_is_passed_on(browser: Browser, core: CoreDouble) -> None:
    """P6: what was begun in the other way is dropped."""
    come(browser)
    send(browser, act="card")
    assert browser.path == "/child-card"
    browser.get("/child-read")
    (asked,) = core.of("register_child")
    assert (asked.by, asked.guardian, asked.drawn) == ("card", None, ())
    assert browser.path == "/done"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"guardian": ""}, "error-guardian"),
        ({"drawn": ""}, "error-drawn"),
        ({"drawn": "5.5"}, "error-drawn"),
        ({"party_size": "0"}, "error-party_size"),
        ({"name": "<b>"}, "error-name"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    browser: Browser, core: CoreDouble, fields: dict[str, str], wrong: str
) -> None:
    come(browser)
    html = send(browser, **fields)
    assert (browser.status, core.of("register_child")) == (422, [])
    assert f'id="{wrong}"' in html
    assert 'value="王芳"' in html or fields.get("guardian") == ""


def test_the_language_can_be_switched_without_losing_what_was_typed(browser: Browser) -> None:
    come(browser)
    html = send(browser, switch="en")
    assert "Registering a child" in html
    assert 'value="王芳"' in html


@pytest.mark.parametrize("outcome", [o for o in GuardianOutcome.__args__ if o != "registered"])  # type: ignore[attr-defined]  # a Literal's values
def test_a_card_that_proves_nothing_leads_back(browser: Browser, core: CoreDouble, outcome: str) -> None:
    core.script("register_child", ChildRegistered.model_validate({"outcome": outcome}))
    come(browser)
    send(browser, act="card")
    html = browser.get("/child-read")
    assert browser.shows("outcome") == outcome
    assert 'href="/child"' in html
    assert browser.get("/done") is not None
    assert browser.path == "/"


def test_a_refusal_while_the_card_is_read_ends_on_a_page(browser: Browser, core: CoreDouble) -> None:
    core.script("register_child", refusal("session_over"))
    come(browser)
    send(browser, act="card")
    browser.get("/child-read")
    assert browser.shows("outcome") == "failed"


def test_a_new_notice_is_shown_before_anything_is_agreed_to(browser: Browser, core: CoreDouble) -> None:
    """P7, P47."""
    come(browser)
    send(browser, notice_hash="0" * 64)
    assert (browser.status, core.of("register_child")) == (409, [])
    core.script("register_child", refusal("notice_changed"))
    send(browser)
    assert browser.status == 409


def test_a_silent_core_loses_nothing_that_was_typed(browser: Browser, core: CoreDouble) -> None:
    come(browser)
    core.script("register_child", None)
    html = send(browser)
    assert browser.status == 503
    assert 'value="王芳"' in html


def test_without_a_sitting_there_is_no_form(browser: Browser) -> None:
    for path in ("/child", "/child-card", "/child-read"):
        browser.get(path)
        assert browser.path == "/"


def test_a_childs_card_leads_to_the_guardians_form(browser: Browser, core: CoreDouble) -> None:
    """P39: after the erasure a guardian may begin anew."""
    browser.get("/")
    browser.post("/begin-child")
    assert browser.path == "/child"
    assert [r.method for r in core.asked].count("begin") == 1


def test_a_form_says_which_way_was_taken() -> None:
    with pytest.raises(BadForm, match="unknown_choice"):
        Child.of({"act": "face"})
