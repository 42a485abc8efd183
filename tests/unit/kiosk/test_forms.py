"""Forms have fixed fields (P11), whatever arrives; numbers are read as people type them."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge.ipc.messages import Number
from edge.kiosk.forms import BadForm, Registration, parse, phone
from edge.wire import Scope
from tests.fakes.core_socket import NOTICE

ALLOWED = {"csrf", "phone", "scope_registration"}


@given(st.dictionaries(st.sampled_from(sorted(ALLOWED)), st.text(max_size=40)))
def test_what_was_typed_is_what_is_read(fields: dict[str, str]) -> None:
    fields = {k: v.encode("utf-8", "replace").decode() for k, v in fields.items()}
    assert parse(urlencode(fields).encode(), ALLOWED) == fields


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=5))
def test_p11_a_field_too_many_is_refused(extra: dict[str, str]) -> None:
    extra = {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode() for k, v in extra.items()
    }
    body = urlencode({"phone": "1"} | extra).encode()
    if set(extra) <= ALLOWED:
        assert parse(body, ALLOWED) == {"phone": "1"} | extra
    else:
        with pytest.raises(BadForm, match="unknown_field"):
            parse(body, ALLOWED)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        assert set(parse(body, ALLOWED)) <= ALLOWED
    except BadForm as error:
        assert error.code in {"malformed", "repeated_field", "unknown_field"}


def test_a_field_given_twice_and_too_many_fields_are_refused() -> None:
    with pytest.raises(BadForm, match="repeated_field"):
        parse(b"phone=1&phone=2", ALLOWED)
    with pytest.raises(BadForm, match="malformed"):
        parse(b"&".join(b"phone=1" for _ in range(41)), ALLOWED)
    with pytest.raises(BadForm, match="malformed"):
        parse(b"phone=%ff%fe", ALLOWED)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("13800138000", "13800138000"),
        (" 138 0013 8000 ", "138 0013 8000"),
        ("１３８００１３８０００", "13800138000"),
        ("＋86 138—0013—8000", "+86 138-0013-8000"),
        ("+44 20 7946 0958", "+44 20 7946 0958"),
        ("138\u30000013\u30008000", "138 0013 8000"),
        ("1380", None),
        ("", None),
        ("+ - - -", None),
        ("138****8000", None),
        ("138 0013 8000 ext 5", None),
        ("1" * 21, None),
    ],
)
def test_numbers_as_people_type_them(typed: str, read: str | None) -> None:
    assert phone(typed) == read


@given(st.text(max_size=30))
def test_a_number_that_is_passed_on_is_one_the_core_takes(typed: str) -> None:
    read = phone(typed)
    if read is not None:
        TypeAdapter(Number).validate_python(read)


def form(**fields: str) -> Registration:
    return Registration.of({"notice_hash": "h", **fields})


def test_nothing_chosen_and_nothing_typed_is_a_refusal() -> None:
    assert form().refuses
    assert form(phone="  ").refuses
    assert form(scope_face_match="no").refuses
    assert form(scope_registration="no", scope_face_match="yes", phone="13800138000").refuses
    assert not form(phone="13800138000").refuses
    assert not form(scope_face_match="yes").refuses


def test_what_is_missing_is_said_beside_its_field() -> None:
    assert form(phone="13800138000").errors() == {"scope_registration": "error.registration"}
    assert form(scope_registration="yes").errors() == {"phone": "error.phone_missing"}
    wrong = form(scope_registration="yes", phone="12", party_size="0")
    assert wrong.errors() == {"phone": "error.phone_invalid", "party_size": "error.party"}
    assert form(scope_registration="yes", phone="13800138000").errors() == {}
    assert form().errors() == {}


@given(st.text(max_size=6))
def test_a_party_is_1_to_99_or_an_error(typed: str) -> None:
    party = form(party_size=typed).party
    assert party is None or 1 <= party <= 99


def test_full_width_digits_count_people_too() -> None:
    assert form(party_size="１２").party == 12


@pytest.mark.parametrize(
    "fields",
    [{"scope_registration": "maybe"}, {"source": "neighbour"}, {"switch": "fr"}, {"scope_marketing": "on"}],
)
def test_a_choice_that_no_form_offers_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(BadForm, match="unknown_choice"):
        Registration.of(fields)


def test_a_scope_that_the_notice_does_not_offer_is_refused() -> None:
    form(scope_registration="yes").check_offered(NOTICE)
    for scope in set(Scope) - {offer.scope for offer in NOTICE.scopes}:
        with pytest.raises(BadForm, match="unknown_field"):
            form(**{f"scope_{scope}": "yes"}).check_offered(NOTICE)


def test_a_typed_number_is_not_in_the_repr() -> None:
    assert "13800138000" not in repr(form(phone="13800138000"))
