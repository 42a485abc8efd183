"""What a notice has to say, and what may follow it: the same rules at headquarters and on the box (P47)."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import Scope
from edge.wire.notice import (
    MAX_NOTICE,
    BadNotice,
    NoticeText,
    Right,
    ground_of,
    may_follow,
    parse_notice,
    read_notice,
    terms,
)

EXAMPLE: dict[str, Any] = tomllib.loads(
    (Path(str(resources.files("edge"))) / "notice.example.toml").read_text(encoding="utf-8")
)


def example(**changed: Any) -> NoticeText:
    return read_notice(EXAMPLE | changed)


def refusal(value: object) -> str:
    with pytest.raises(BadNotice) as refused:
        read_notice(value)
    return refused.value.code


@pytest.mark.parametrize(
    ("dropped", "code"),
    [("contact", "no_contact"), ("complaints", "no_complaint_route"), ("rights", "narrows_rights")],
)
def test_p47_no_notice_drops_contact_complaint_route_or_rights(dropped: str, code: str) -> None:
    """P47: rights are never narrowed: refused with a typed reason."""
    assert refusal({k: v for k, v in EXAMPLE.items() if k != dropped}) == code


@pytest.mark.parametrize("right", list(Right))
def test_p47_not_one_right_may_be_left_out(right: Right) -> None:
    assert refusal(EXAMPLE | {"rights": [r for r in Right if r is not right]}) == "narrows_rights"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    ("part", "code"),
    [("contact", "no_contact"), ("complaints", "no_complaint_route"), ("title", "incomplete")],
)
def test_every_text_is_in_both_languages(part: str, lang: str, code: str) -> None:
    assert refusal(EXAMPLE | {part: EXAMPLE[part] | {lang: "  "}}) == code
    assert refusal(EXAMPLE | {part: {k: v for k, v in EXAMPLE[part].items() if k != lang}}) == code


def test_a_notice_has_a_size() -> None:
    long = {lang: ["字" * 1300] * 20 for lang in ("zh", "en")}
    assert refusal(EXAMPLE | {"paragraphs": long}) == "too_large"
    assert len(example().to_text().encode()) < MAX_NOTICE / 2


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_anything_else_is_refused_and_raises_nothing_else(value: object) -> None:
    assert refusal(value) in {"wrong_form", "no_contact", "no_complaint_route", "narrows_rights"}


@given(st.text())
def test_any_text_is_refused_and_raises_nothing_else(text: str) -> None:
    with pytest.raises(BadNotice):
        parse_notice(text)


def test_the_text_form_is_the_notice() -> None:
    notice = example(editorial=True)
    assert parse_notice(notice.to_text()) == notice
    assert parse_notice(notice.to_text()).hash == notice.hash


def test_one_version_is_one_text() -> None:
    other = example(title={"zh": "别的", "en": "another"})
    with pytest.raises(BadNotice) as refused:
        may_follow(other, example())
    assert refused.value.code == "version_taken"
    may_follow(example(), example())
    may_follow(other, None)


@pytest.mark.parametrize("changed", ["scope", "paragraphs", "words"])
def test_p47_editorial_is_checked_and_not_believed(changed: str) -> None:
    """P23, P47: who declares a change editorial can't bring in a purpose by it."""
    scopes = [dict(s) for s in EXAMPLE["scopes"]]
    paragraphs = {lang: list(said) for lang, said in EXAMPLE["paragraphs"].items()}
    if changed == "scope":
        scopes.append({**scopes[0], "scope": "marketing"})
    elif changed == "words":
        scopes[0] = scopes[0] | {"detail": {"zh": "也用于营销。", "en": "Also for marketing."}}
    else:
        paragraphs = {lang: [*said, "另外"] for lang, said in paragraphs.items()}
    with pytest.raises(BadNotice) as refused:
        may_follow(example(version="v2", editorial=True, scopes=scopes, paragraphs=paragraphs), example())
    assert refused.value.code == "not_editorial"
    may_follow(example(version="v2", scopes=scopes, paragraphs=paragraphs), example())


def test_what_a_consent_was_about_changes_with_the_words_of_its_scope_alone() -> None:
    before, scopes = example(), [dict(s) for s in EXAMPLE["scopes"]]
    scopes[2] = scopes[2] | {"detail": {"zh": "新的用途", "en": "a new use"}}
    after = example(version="v2", scopes=scopes)
    ground = ground_of(before, None)
    assert ground_of(after, ground) == ground, "the purposes' paragraphs are the same"
    old, new = terms(before, ground), terms(after, ground)
    assert {s for s in old if old[s] != new[s]} == {Scope.FACE_MATCH}


def test_other_purposes_change_what_every_consent_was_about_unless_editorial() -> None:
    before = example()
    ground = ground_of(before, None)
    other = {lang: [f"{said[0]} ", *said[1:]] for lang, said in EXAMPLE["paragraphs"].items()}
    assert ground_of(example(version="v2", paragraphs=other), ground) != ground
    editorial = example(version="v2", paragraphs=other, editorial=True)
    may_follow(editorial, before)
    assert ground_of(editorial, ground) == ground


def test_contact_and_complaint_routes_may_change_without_asking_anybody_again() -> None:
    moved = example(version="v2", contact={"zh": "新电话", "en": "a new number"})
    ground = ground_of(example(), None)
    assert terms(moved, ground_of(moved, ground)) == terms(example(), ground)
