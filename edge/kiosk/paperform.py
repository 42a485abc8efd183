"""Reads what a receptionist types in from a form on paper: fixed fields, nothing preset; keeps none of it."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal, get_args

from edge.ipc.kiosk import Source
from edge.ipc.staff import EnterPaper
from edge.kiosk import forms
from edge.kiosk.forms import CHOICE, SOURCES, BadForm
from edge.wire import Scope

Ended = Literal["left", "here", "unknown"]
ENDED: tuple[Ended, ...] = get_args(Ended)
_ANSWERS = ("yes", "no", "none")
"""As on the form; `none`: neither box is ticked there."""
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):?([0-5][0-9])")
_CODE = re.compile(r"[0-9a-f]{8}")
_MISREAD = str.maketrans({"o": "0", "l": "1", "i": "1", " ": None, "-": None, "·": None})
_OTHERS = frozenset(
    {"csrf", "code", "fourteen", "phone", "no_phone", "name", "party_size", "source", "receiver", "day"}
    | {"arrived", "ended", "departed"}
)


def fields_of(scopes: tuple[Scope, ...]) -> frozenset[str]:
    """Return the fields of a form on which `scopes` can be ticked."""
    return _OTHERS | {CHOICE + scope for scope in scopes}


def clock_time(typed: str) -> time | None:
    """Return a time of the day as it is typed (14:30, 1430, 14：30), or None if it can't be one."""
    found = _TIME.fullmatch(unicodedata.normalize("NFKC", typed).strip())
    return time(int(found[1]), int(found[2])) if found else None


def form_code(typed: str) -> str | None:
    """Return a form's code however it is spaced, or None if it can't be one; o and l are digits here."""
    plain = unicodedata.normalize("NFKC", typed).lower().translate(_MISREAD).strip()
    return plain if _CODE.fullmatch(plain) else None


@dataclass(frozen=True)
class PaperForm:
    """The form as sent: what was chosen and what was typed, valid or not."""

    scopes: tuple[Scope, ...]
    answers: dict[Scope, str] = field(default_factory=dict)
    typed_code: str = ""
    fourteen: str = ""
    typed_phone: str = field(default="", repr=False)
    no_phone: bool = False
    typed_name: str = field(default="", repr=False)
    typed_party: str = "1"
    source: Source | None = None
    receiver: int | None = None
    day: date | None = None
    typed_arrived: str = ""
    ended: Ended | None = None
    typed_departed: str = ""

    @classmethod
    def of(cls, fields: dict[str, str], scopes: tuple[Scope, ...]) -> "PaperForm":
        """Read `fields`; BadForm for a choice that no form offers."""
        answers = {s: fields[CHOICE + s] for s in scopes if CHOICE + s in fields}
        fourteen = fields.get("fourteen", "")
        if not set(answers.values()) <= set(_ANSWERS) or fourteen not in {"", "yes", "no"}:
            raise BadForm("unknown_choice")
        return cls(
            scopes=scopes,
            answers=answers,
            typed_code=fields.get("code", ""),
            fourteen=fourteen,
            typed_phone=fields.get("phone", ""),
            no_phone=forms.one_of(("yes",), fields.get("no_phone")) is not None,
            typed_name=fields.get("name", ""),
            typed_party=fields.get("party_size", "1"),
            source=forms.one_of(SOURCES, fields.get("source") or None),
            receiver=_number(fields.get("receiver", "")),
            day=_day(fields.get("day", "")),
            typed_arrived=fields.get("arrived", ""),
            ended=forms.one_of(ENDED, fields.get("ended")),
            typed_departed=fields.get("departed", ""),
        )

    @property
    def numberless(self) -> bool:
        """No number stands on the form."""
        return self.no_phone and not self.typed_phone.strip()

    def errors(self) -> dict[str, str]:
        """Return the field → text key of what keeps this from being entered."""
        return self._of_the_form() | self._of_the_visitor() | self._of_the_visit()

    def _of_the_form(self) -> dict[str, str]:
        found = {}
        if form_code(self.typed_code) is None:
            found["code"] = "paper.bad_code"
        if self.fourteen != "yes":
            found["fourteen"] = "paper.child" if self.fourteen == "no" else "paper.as_ticked"
        for scope in self.scopes:
            if scope not in self.answers:
                found[CHOICE + scope] = "paper.as_ticked"
        if self.answers.get(Scope.REGISTRATION) in {"no", "none"}:
            found[CHOICE + Scope.REGISTRATION] = "paper.no_registration"
        if self.source is not None and self.answers.get(Scope.CHANNEL_RISK) in {"no", "none"}:
            found["source"] = "paper.source_refused"
        return found

    def _of_the_visitor(self) -> dict[str, str]:
        found = {}
        if not self.numberless and forms.phone(self.typed_phone) is None:
            found["phone"] = "desk.bad_phone" if self.typed_phone.strip() else "paper.no_number"
        if self.typed_name.strip() and forms.name(self.typed_name) is None:
            found["name"] = "desk.bad_name"
        if forms.party(self.typed_party) is None:
            found["party_size"] = "desk.bad_party"
        return found

    def _of_the_visit(self) -> dict[str, str]:
        found = {}
        if self.day is None:
            found["day"] = "paper.bad_day"
        if clock_time(self.typed_arrived) is None:
            found["arrived"] = "paper.bad_time"
        if self.ended is None:
            found["ended"] = "paper.bad_end"
        if self.ended == "left" and clock_time(self.typed_departed) is None:
            found["departed"] = "paper.bad_time"
        return found

    def request(self, session: str) -> EnterPaper:
        """Return what the core is asked to enter; only of a form without errors."""
        code, party, day = form_code(self.typed_code), forms.party(self.typed_party), self.day
        assert code is not None and party is not None and day is not None and self.ended is not None
        return EnterPaper(
            session=session,
            code=code,
            fourteen=self.fourteen == "yes",
            scopes=frozenset(s for s, answer in self.answers.items() if answer == "yes"),
            declined=frozenset(s for s, answer in self.answers.items() if answer == "no"),
            phone=None if self.numberless else forms.phone(self.typed_phone),
            name=forms.name(self.typed_name),
            party_size=party,
            source=self.source,
            receiver=self.receiver,
            arrived_ms=_ms(day, self.typed_arrived),
            ended=self.ended,
            departed_ms=_ms(day, self.typed_departed) if self.ended == "left" else None,
        )


def _ms(day: date, typed: str) -> int:
    """Return a valid time of `day` where the office stands, in ms since 1970."""
    at = clock_time(typed)
    assert at is not None
    return int(datetime.combine(day, at).astimezone().timestamp() * 1000)


def _day(given: str) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise BadForm("unknown_choice") from None


def _number(given: str) -> int | None:
    if not given:
        return None
    if not re.fullmatch(r"[1-9][0-9]{1,3}", given) or int(given) < 11:
        raise BadForm("unknown_choice")
    return int(given)
