"""The notice that visitors are given (告知): its form, its hash, and what may follow it; never shows it.

Headquarters and box judge a new notice by the same rules, so that neither can be talked into one that
leaves a person with less than the one before (P47).
"""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, ValidationError, model_validator

from edge.wire.base import Frozen, Scope
from edge.wire.records import Code
from edge.wire.spelling import canonical

Lang = Literal["zh", "en"]
Text = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=4000)]
MAX_NOTICE = 1 << 16
"""Bytes of a notice in its canonical form."""


class Right(StrEnum):
    """What the law gives a person; a notice names all of it."""

    ACCESS = "access"
    COPY = "copy"
    CORRECT = "correct"
    SUPPLEMENT = "supplement"
    ERASE = "erase"
    WITHDRAW = "withdraw"
    EXPLAIN = "explain"
    COMPLAIN = "complain"


class ScopeText(Frozen):
    """One scope in words that say what happens and what a no means."""

    scope: Scope
    label: dict[Lang, Text]
    detail: dict[Lang, Text]


class NoticeText(Frozen):
    """All that a notice says, in both languages. `editorial`: only wording differs from the last one."""

    version: Code
    title: dict[Lang, Text]
    paragraphs: dict[Lang, Annotated[tuple[Text, ...], Field(min_length=1, max_length=60)]]
    scopes: Annotated[tuple[ScopeText, ...], Field(min_length=1)]
    contact: dict[Lang, Text]
    complaints: dict[Lang, Text]
    rights: frozenset[Right]
    editorial: bool = False

    @model_validator(mode="after")
    def _scopes_differ(self) -> Self:
        if len({offer.scope for offer in self.scopes}) != len(self.scopes):
            raise ValueError("scopes: one is offered twice")
        return self

    def spoken(self) -> dict[str, object]:
        """Return all that it says, as parsed JSON with one spelling."""
        said: dict[str, object] = self.model_dump(mode="json", exclude_defaults=True)
        return said | {"rights": sorted(self.rights)}

    def to_text(self) -> str:
        """Return its canonical JSON."""
        return canonical(self.spoken()).decode()

    @property
    def hash(self) -> str:
        """The SHA-256 of all that it says, in hex: what a consent names."""
        return hashlib.sha256(canonical(self.spoken())).hexdigest()


class BadNotice(ValueError):
    """A notice that may not be put in force; `code` is stable and safe to show, `hint` says what is wrong."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint


def read_notice(value: object) -> NoticeText:
    """Return the notice that `value` (parsed JSON or TOML) is.

    Raises BadNotice: `wrong_form`, `too_large`, `no_contact`, `no_complaint_route`, `narrows_rights`,
    `incomplete`.
    """
    try:
        notice = NoticeText.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if where in {"contact", "complaints", "rights"} and first["type"] == "missing":
            raise BadNotice(*_DROPPED[where]) from None
        raise BadNotice("wrong_form", f"{where}: {first['msg']}") from None
    if len(notice.to_text().encode()) > MAX_NOTICE:
        raise BadNotice("too_large", f"a notice has at most {MAX_NOTICE} bytes")
    _whole(notice)
    return notice


def parse_notice(text: str) -> NoticeText:
    """Return the notice whose JSON is `text`; raises as `read_notice`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadNotice("wrong_form", "not JSON") from None
    return read_notice(value)


_DROPPED = {
    "contact": ("no_contact", "contact: who answers for it, in zh and en"),
    "complaints": ("no_complaint_route", "complaints: where a person can complain, in zh and en"),
    "rights": ("narrows_rights", "rights: name every right of a person"),
}


def _whole(notice: NoticeText) -> None:
    """Refuse a notice that says nothing in one of the languages, or leaves out what every notice names."""
    texts: list[tuple[str, dict[Lang, str] | dict[Lang, tuple[str, ...]]]] = [
        ("contact", notice.contact),
        ("complaints", notice.complaints),
        ("title", notice.title),
        ("paragraphs", notice.paragraphs),
    ]
    for offer in notice.scopes:
        texts += [
            (f"scopes.{offer.scope}.label", offer.label),
            (f"scopes.{offer.scope}.detail", offer.detail),
        ]
    for where, text in texts:
        for lang in get_args(Lang):
            if not any(words.strip() for words in text.get(lang, ())):
                code, _hint = _DROPPED.get(where, ("incomplete", ""))
                raise BadNotice(code, f"{where}.{lang}: missing; every text is in zh and en")
    if missing := sorted(set(Right) - notice.rights):
        raise BadNotice("narrows_rights", f"rights: {', '.join(missing)} left out")


def may_follow(notice: NoticeText, before: NoticeText | None) -> None:
    """Raise BadNotice if `notice` may not take the place of `before`: `version_taken`, `not_editorial`."""
    if before is None or notice.hash == before.hash:
        return
    if notice.version == before.version:
        raise BadNotice("version_taken", f"{notice.version} is another text; raise the version")
    if notice.editorial and not _same_purposes(notice, before):
        hint = "scopes and their words, and the number of paragraphs, stay as they were"
        raise BadNotice("not_editorial", hint)


def _same_purposes(notice: NoticeText, before: NoticeText) -> bool:
    lengths = [{lang: len(said) for lang, said in one.paragraphs.items()} for one in (notice, before)]
    return notice.scopes == before.scopes and lengths[0] == lengths[1]


def ground_of(notice: NoticeText, before: str | None) -> str:
    """Return the hash of the purposes that a notice stands on; an editorial one stands on its predecessor's.

    `before` is the ground of the notice before.
    """
    if notice.editorial and before is not None:
        return before
    said = {lang: list(paragraphs) for lang, paragraphs in notice.paragraphs.items()}
    return hashlib.sha256(canonical(said)).hexdigest()


def terms(notice: NoticeText, ground: str) -> dict[Scope, str]:
    """Return, by scope, the hash of what a consent to it was about: ground and the scope's own words."""
    return {
        offer.scope: hashlib.sha256(canonical([ground, offer.model_dump(mode="json")])).hexdigest()
        for offer in notice.scopes
    }
