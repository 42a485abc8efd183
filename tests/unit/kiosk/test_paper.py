"""The page that a form on paper is typed in on: nothing is preset, an error loses nothing typed."""

import re
from datetime import datetime, time, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ipc.staff import EnterPaper
from edge.kiosk.forms import BadForm
from edge.kiosk.paperform import PaperForm, clock_time, fields_of, form_code
from edge.kiosk.routes.paper import _SAID_NO
from edge.kiosk.texts import Lang
from edge.wire import Scope
from tests.fakes.core_socket import PAPER, CoreDouble, refusal
from tests.unit.kiosk.conftest import Browser

R, RISK = Scope.REGISTRATION, Scope.CHANNEL_RISK
SCOPES = (R, RISK)
TODAY = datetime.now().astimezone().date()
WHOLE = {
    "code": "3F2A-91BC", "fourteen": "yes", "scope_registration": "yes", "scope_channel_risk": "none",
    "phone": "138 0013 8000", "name": "欧阳晓晴", "party_size": "３", "day": TODAY.isoformat(),
    "arrived": "９：05", "ended": "left", "departed": "1030", "receiver": "12", "source": "",
}  # fmt: skip


@pytest.fixture
def desk(browser: Browser) -> Browser:
    """A browser with a session of the desk, on the page."""
    browser.client.cookies.set("gatehouse_desk", "5" * 32, path="/desk")
    browser.get("/desk/paper")
    return browser


def _at(hour: int, minute: int) -> int:
    return int(datetime.combine(TODAY, time(hour, minute)).astimezone().timestamp() * 1000)


def test_p1_nothing_is_preset(desk: Browser) -> None:
    """P1: whether a box is ticked on the form is never answered by the page."""
    assert desk.status == 200
    assert not re.search(r"<input[^>]*\bchecked", desk.html)
    assert set(re.findall(r"<option[^>]*\bselected", desk.html)) == set()
    days = re.findall(r'<option value="(\d{4}-\d{2}-\d{2})"', desk.html)
    assert days == [(TODAY - timedelta(days=n)).isoformat() for n in range(8)]


def test_what_is_typed_is_what_is_asked_of_the_core(desk: Browser, core: CoreDouble) -> None:
    core.script("desk", refusal("signed_out"))
    desk.post("/desk/paper", **WHOLE)
    [asked] = core.of("enter_paper")
    assert asked == EnterPaper(
        session="5" * 32, code="3f2a91bc", fourteen=True, scopes={R}, declined=frozenset(),
        phone="138 0013 8000", name="欧阳晓晴", party_size=3, receiver=12,
        arrived_ms=_at(9, 5), ended="left", departed_ms=_at(10, 30),
    )  # fmt: skip


def test_a_no_and_no_answer_are_told_apart(desk: Browser, core: CoreDouble) -> None:
    core.script("desk", refusal("signed_out"))
    desk.post("/desk/paper", **WHOLE | {"scope_channel_risk": "no"})
    assert core.of("enter_paper")[0].declined == {RISK}


def test_every_answer_is_asked_for_and_nothing_typed_is_lost(desk: Browser, core: CoreDouble) -> None:
    desk.post("/desk/paper", name="欧阳晓晴", arrived="25:00", scope_channel_risk="yes", party_size="2")
    assert desk.status == 422 and not core.of("enter_paper")
    wrong = set(re.findall(r'id="error-([a-z_]+)"', desk.html))
    assert wrong == {"code", "fourteen", "scope_registration", "phone", "day", "arrived", "ended"}
    assert 'value="欧阳晓晴"' in desk.html and 'value="25:00"' in desk.html
    assert re.search(r'value="yes" id="scope_channel_risk-yes" checked', desk.html)


@pytest.mark.parametrize("code", sorted(_SAID_NO))
def test_each_no_of_the_core_stands_beside_its_field(desk: Browser, core: CoreDouble, code: str) -> None:
    core.script("enter_paper", refusal(code))
    desk.post("/desk/paper", **WHOLE)
    field, _key = _SAID_NO[code]
    assert desk.status == 422
    assert re.findall(r'id="error-([a-z_]+)"', desk.html) == [field]
    assert 'value="138 0013 8000"' in desk.html


def test_p29_the_desk_is_told_no_reason(desk: Browser, core: CoreDouble) -> None:
    """P29: withdrawn, erased, expired and a child read alike; the page names none of them."""
    core.script("enter_paper", refusal("not_by_paper", "some hint"))
    desk.post("/desk/paper", **WHOLE)
    [error] = re.findall(r'id="error-phone">.*?<span>([^<]+)</span>', desk.html, re.DOTALL)
    assert error == "这个号码不能由接待台录入。请访客在访客页面自己登记，并销毁表格。"


def test_p38_a_child_and_a_no_to_registration_never_leave_the_page(desk: Browser, core: CoreDouble) -> None:
    for change in ({"fourteen": "no"}, {"scope_registration": "no"}, {"scope_registration": "none"}):
        desk.post("/desk/paper", **WHOLE | change)
        assert desk.status == 422
        desk.get("/desk/paper")
    assert not core.of("enter_paper")


def test_p11_an_answer_to_what_no_form_asks_is_refused(desk: Browser, core: CoreDouble) -> None:
    for extra in ({"scope_face_match": "yes"}, {"fourteen": "maybe"}, {"day": "tomorrow"}, {"receiver": "1"}):
        desk.post("/desk/paper", **WHOLE | extra)
        assert desk.status == 400
        desk.get("/desk/paper")
    assert not core.of("enter_paper")


def test_without_a_session_there_is_the_door(browser: Browser, core: CoreDouble) -> None:
    for path in ("/desk/paper", "/desk/paper/form"):
        browser.client.cookies.clear()
        browser.get(path)
        assert browser.path == "/desk" and 'data-page="desk-door"' in browser.html
    core.script("paper", refusal("signed_out"))
    core.script("desk", refusal("signed_out"))
    browser.client.cookies.set("gatehouse_desk", "5" * 32, path="/desk")
    browser.get("/desk/paper")
    assert 'data-page="desk-door"' in browser.html


@pytest.mark.parametrize("lang", get_args(Lang))
def test_p7_the_blank_form_carries_the_whole_notice_and_what_names_it(desk: Browser, lang: Lang) -> None:
    """P7, P48: purposes, contact and complaints stand on the sheet that is signed, with the notice's hash."""
    desk.get("/desk/paper/form" + ("?lang=en" if lang == "en" else ""))
    notice = PAPER.notice
    said = desk.html.replace("&#39;", "'").replace("&#34;", '"')
    words = [*notice.paragraphs[lang], notice.contact[lang], notice.complaints[lang]]
    assert all(one in said for one in words)
    assert notice.hash in said and "3f2a 91bc" in said
    assert re.findall(r'data-scope="([a-z_]+)"', said) == [R, RISK]


# ---- what hands type -----------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(sorted(fields_of(SCOPES))), st.text(max_size=20)))
def test_any_form_is_read_or_refused_and_one_without_errors_can_be_asked(fields: dict[str, str]) -> None:
    try:
        form = PaperForm.of(fields, SCOPES)
    except BadForm as error:
        assert error.code == "unknown_choice"
        return
    if not form.errors():
        assert R in form.request("5" * 32).scopes


@given(
    st.fixed_dictionaries(
        {
            "code": st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
            "fourteen": st.sampled_from(["yes", "no"]),
            **{f"scope_{scope}": st.sampled_from(["yes", "no", "none"]) for scope in SCOPES},
            "phone": st.sampled_from(["", "13800138000"]),
            "day": st.just(TODAY.isoformat()),
            "arrived": st.times().map(lambda at: at.strftime("%H:%M")),
            "ended": st.sampled_from(["left", "here", "unknown"]),
            "departed": st.sampled_from(["", "23:59"]),
        },
        optional={"no_phone": st.just("yes")},
    )
)
def test_no_answer_of_the_core_is_ever_a_yes_that_was_not_ticked(fields: dict[str, str]) -> None:
    """P1: of all forms that can be sent, what goes on is a yes exactly where one is ticked."""
    form = PaperForm.of(fields, SCOPES)
    if form.errors():
        return
    asked = form.request("5" * 32)
    assert asked.scopes == {s for s in SCOPES if fields[f"scope_{s}"] == "yes"}
    assert asked.declined == {s for s in SCOPES if fields[f"scope_{s}"] == "no"}
    assert asked.fourteen and R in asked.scopes
    assert (asked.departed_ms is None) == (fields["ended"] != "left")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("14:30", time(14, 30)), ("1430", time(14, 30)), ("９：05", time(9, 5)), ("905", time(9, 5)),
        (" 0:00 ", time(0, 0)), ("24:00", None), ("12:60", None), ("", None), ("午后", None), ("٣:٣٠", None),
    ],
)  # fmt: skip
def test_times_as_people_type_them(typed: str, read: time | None) -> None:
    assert clock_time(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("3f2a 91bc", "3f2a91bc"), ("3F2A-91BC", "3f2a91bc"), ("３ｆ２ａ　９１ｂｃ", "3f2a91bc"),
        ("oo11 il2a", "0011112a"), ("3f2a91b", None), ("3f2a91bcd", None), ("", None), ("3g2a91bc", None),
    ],
)  # fmt: skip
def test_codes_as_people_type_them(typed: str, read: str | None) -> None:
    assert form_code(typed) == read


def test_a_typed_number_and_name_are_not_in_the_repr() -> None:
    form = PaperForm.of(WHOLE, SCOPES)
    assert "8000" not in repr(form) and "欧阳" not in repr(form)
    assert "8000" not in repr(form.request("5" * 32)) and "欧阳" not in repr(form.request("5" * 32))
