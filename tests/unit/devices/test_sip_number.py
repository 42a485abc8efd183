"""A caller's number is read as the network gave it, and never where the caller withheld it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.devices._sip.number import MAX_NUMBER, caller_number

INVITE = "INVITE sip:office@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060\r\n"


def invite(*headers: str) -> str:
    return INVITE + "".join(f"{header}\r\n" for header in headers) + "\r\nv=0\r\nFrom: <sip:body@x>\r\n"


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        (["From: <sip:13800138000@10.0.0.1>;tag=1"], "13800138000"),
        (["f: <sip:13800138000@10.0.0.1>;tag=1"], "13800138000"),
        (["From: sip:13800138000@10.0.0.1;tag=1"], "13800138000"),
        (["From: <sip:%2B8613800138000@10.0.0.1;user=phone>;tag=1"], "+8613800138000"),
        (["From: <sip:13800138000;phone-context=+86@10.0.0.1>;tag=1"], "13800138000"),
        (["From: <tel:+86-138-0013-8000>;tag=1"], "+86-138-0013-8000"),
        (['From: "Wang <sip:1@x> \\" quoted" <sip:13800138000@h>;tag=1'], "13800138000"),
        (["From:\r\n <sip:13800138000@h>;tag=1"], "13800138000"),
        (["From: <SIP:13800138000:secret@h>;tag=1"], "13800138000"),
        (
            ["P-Asserted-Identity: <sip:+8675588888888@p>", "From: <sip:13800138000@h>;tag=1"],
            "+8675588888888",
        ),
        (["From: <sip:anonymous@anonymous.invalid>;tag=1", "P-Asserted-Identity: <tel:+861>"], "+861"),
        (["P-Asserted-Identity: <tel:+861>, <sip:2@h>", "From: <sip:3@h>"], "+861"),
        (["P-Asserted-Identity: nonsense", "From: <sip:3@h>"], "3"),
    ],
)
def test_the_number_as_given(headers: list[str], number: str) -> None:
    assert caller_number(invite(*headers)) == number


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["From: <sip:anonymous@anonymous.invalid>;tag=1"],
        ["From: <sip:Anonymous@anonymous.invalid>;tag=1", "Privacy: id"],
        ["P-Asserted-Identity: <tel:+8613800138000>", "Privacy: id;critical", "From: <sip:anonymous@x>"],
        ["From: <sip:13800138000@h>", "Privacy: header"],
        ["From: <sip:13800138000@h>", "PRIVACY: critical; user"],
        ["From: <sip:10.0.0.1>;tag=1"],
        ["From: <http://evil@example>"],
        [f"From: <sip:{'1' * (MAX_NUMBER + 1)}@h>"],
        ["From: <sip:138%0d%0aX@h>"],
    ],
)
def test_withheld_or_unusable_is_empty(headers: list[str]) -> None:
    assert caller_number(invite(*headers)) == ""


def test_a_privacy_that_hides_nothing_hides_nothing() -> None:
    assert caller_number(invite("Privacy: none", "From: <sip:3@h>")) == "3"


@given(st.text(max_size=400))
def test_any_text_gives_a_short_printable_line(text: str) -> None:
    for message in (text, INVITE + text, INVITE + f"From: {text}\r\n\r\n"):
        number = caller_number(message)
        assert len(number) <= MAX_NUMBER
        assert number.isprintable()


@given(
    st.from_regex(r"\A[+]?[0-9]{1,20}\Z"),
    st.text(alphabet=st.characters(exclude_characters='"\\\r\n'), max_size=20),
)
def test_the_display_name_is_never_taken_for_a_number(number: str, name: str) -> None:
    assert caller_number(invite(f'From: "{name}" <sip:{number}@host>;tag=1')) == number
