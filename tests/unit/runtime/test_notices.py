"""A notice in force: what a new one ends, what it leaves; a narrower one is refused (P7, P23, P47)."""

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edge.domain.errors import ConfigError, InvalidInput, Refused
from edge.ipc import kiosk
from edge.runtime.links import Links
from edge.runtime.notices import Notices
from edge.runtime.office import Office, new_id
from edge.runtime.orders import Orders
from edge.runtime.requests import Requests
from edge.wire import CommandAnswered, ConsentWithdrawn, NoticeCommand, NoticeText, Purpose, Scope
from edge.wire.notice import read_notice
from tests.unit.runtime.place import ALL, PHONE, Place
from tests.unit.runtime.rules import books

EXAMPLE: dict[str, Any] = tomllib.loads(
    (Path(str(resources.files("edge"))) / "notice.example.toml").read_text(encoding="utf-8")
)


def other_words(scope: str, **more: Any) -> dict[str, Any]:
    """The example with other words for one scope."""
    scopes = [
        s | {"detail": {"zh": "新的用途", "en": "a new use"}} if s["scope"] == scope else s
        for s in EXAMPLE["scopes"]
    ]
    return EXAMPLE | {"version": "v2", "scopes": scopes} | more


class Site(Place):
    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.notices = Notices(office, self.rights)
        self.orders = Orders(
            office,
            self.rights,
            Requests(office, self.rights, Links(office, None)),
            books(office, self.risk),
        )
        self.notices.begin(read_notice(EXAMPLE))

    def publish(self, value: dict[str, Any], text: str | None = None) -> tuple[str, str]:
        """Let headquarters publish a notice; return the box's answer."""
        whole = value if text is None else EXAMPLE
        notice = NoticeText.model_construct(**whole) if text else read_notice(whole)
        command = NoticeCommand(
            command_id=new_id(), box="box-01", issued_ms=1,
            notice=text or notice.to_text(), notice_hash="0" * 64 if text else notice.hash,
        )  # fmt: skip
        assert self.orders.carry_out(command) == ()
        [answer] = [r for r in self.leaving() if isinstance(r, CommandAnswered)]
        return answer.outcome, answer.code

    def settle(self) -> None:
        while self.notices.ask_again():
            pass


@pytest.fixture
def site(office: Office) -> Site:
    return Site(office)


def asked(site: Site) -> tuple[Scope, ...]:
    """Return what is asked of who comes again."""
    answer, _visitor = site.desk.come_again(PHONE, 1)
    return answer.ask


def test_p23_changed_words_suspend_their_scope_at_once_and_no_other(site: Site) -> None:
    """P23: a new purpose needs a new notice and a new consent; use stops before anybody is written down."""
    visitor = site.register()
    assert site.publish(other_words("face_match")) == ("done", "in_force")
    active = {s for s in ALL if site.office.active(visitor.person, s)}
    assert active == ALL - {Scope.FACE_MATCH}
    with pytest.raises(Refused):
        site.office.gate.permit(Purpose.FACE_CONFIRMATION, visitor.person)

    site.settle()

    row = site.office.store.consent(visitor.person, Scope.FACE_MATCH)
    assert row.state == "RECONSENT"
    [told] = [r for r in site.leaving() if isinstance(r, ConsentWithdrawn)]
    assert (told.scope, told.by) == (Scope.FACE_MATCH, "notice")


def test_p7_the_person_agrees_anew_by_an_act_under_the_new_notice(site: Site) -> None:
    """P7, P1: coming back isn't agreeing; saying yes to the new words is."""
    visitor = site.register()
    site.publish(other_words("face_match"))
    site.register(scopes=frozenset({Scope.REGISTRATION}))
    assert not site.office.active(visitor.person, Scope.FACE_MATCH), "using the service is no consent"
    assert asked(site) == (Scope.FACE_MATCH,)
    site.register(scopes=frozenset({Scope.REGISTRATION, Scope.FACE_MATCH}))
    assert site.office.active(visitor.person, Scope.FACE_MATCH)
    agreed = [
        c for c in site.rights.held(visitor.person).consents if c.scope is Scope.FACE_MATCH and c.current
    ]
    assert [(c.notice_hash, c.state) for c in agreed] == [(site.notices.in_force.hash, "ACTIVE")]


def test_who_has_the_old_notice_on_the_screen_is_shown_the_new_one(site: Site) -> None:
    """P7: nobody agrees to words that are no longer in force."""
    old = site.office.notice.hash
    site.publish(other_words("face_match"))
    request = kiosk.Register(
        session=new_id(), notice_hash=old, scopes=frozenset({Scope.REGISTRATION}), phone=PHONE
    )
    with pytest.raises(InvalidInput, match="notice_changed"):
        site.desk.register(request)


def test_an_editorial_change_leaves_every_consent(site: Site) -> None:
    visitor = site.register()
    paragraphs = {lang: [f"{said[0]}。", *said[1:]] for lang, said in EXAMPLE["paragraphs"].items()}
    assert site.publish(EXAMPLE | {"version": "v2", "editorial": True, "paragraphs": paragraphs})[0] == "done"
    assert site.notices.ask_again() == ()
    assert all(site.office.active(visitor.person, s) for s in ALL)
    material = EXAMPLE | {"version": "v3", "paragraphs": paragraphs | {"zh": ["另", *paragraphs["zh"][1:]]}}
    assert site.publish(material)[0] == "done"
    assert not any(site.office.active(visitor.person, s) for s in ALL)


def test_a_scope_that_the_notice_names_no_more_is_not_used(site: Site) -> None:
    visitor = site.register()
    scopes = [s for s in EXAMPLE["scopes"] if s["scope"] != "id_card"]
    site.publish(EXAMPLE | {"version": "v2", "scopes": scopes})
    assert not site.office.active(visitor.person, Scope.ID_CARD)


def test_the_old_words_again_let_the_old_consents_stand_again(site: Site) -> None:
    """Nothing was written down yet: what they agreed to is what is in force."""
    visitor = site.register()
    site.publish(other_words("face_match"))
    site.publish(EXAMPLE | {"version": "v3"})
    assert site.office.active(visitor.person, Scope.FACE_MATCH)


def test_a_callers_consent_is_to_what_they_heard(site: Site) -> None:
    site.call(PHONE, agrees=True)
    [person] = site.rights.find(PHONE)
    site.publish(other_words("face_match", contact={"zh": "另", "en": "other"}))
    assert site.notices.ask_again() == ()
    assert site.office.active(person, Scope.RECORDING)


@pytest.mark.parametrize(
    ("dropped", "code"),
    [("contact", "no_contact"), ("complaints", "no_complaint_route"), ("rights", "narrows_rights")],
)
def test_p47_the_box_refuses_a_narrower_notice_and_goes_on_with_its_own(
    site: Site, dropped: str, code: str
) -> None:
    """P47: whatever headquarters signs, the box judges by itself."""
    before = site.office.notice
    text = json.dumps({k: v for k, v in EXAMPLE.items() if k != dropped} | {"version": "v2"})
    assert site.publish({}, text) == ("refused", code)
    assert site.office.notice is before


def test_a_text_that_is_not_the_one_named_is_refused(site: Site) -> None:
    assert site.publish({}, read_notice(EXAMPLE | {"version": "v2"}).to_text()) == ("refused", "wrong_hash")


def test_p43_a_scope_that_waits_to_be_asked_can_be_withdrawn_or_refused(site: Site) -> None:
    """P43, P50: the visitor's no counts whether or not it was written down that they are to be asked."""
    visitor = site.register()
    site.publish(other_words("face_match"))
    ended, _persons = site.rights.withdraw(PHONE, frozenset({Scope.FACE_MATCH}))
    assert ended == (Scope.FACE_MATCH,)
    site.publish(other_words("id_card", version="v3"))
    site.desk.register(
        kiosk.Register(
            session=new_id(), notice_hash=site.office.notice.hash, phone=PHONE,
            scopes=frozenset({Scope.REGISTRATION}), declined=frozenset({Scope.ID_CARD}),
        )
    )  # fmt: skip
    assert site.office.store.consent(visitor.person, Scope.ID_CARD).state == "DECLINED"
    assert Scope.ID_CARD not in asked(site)


def test_the_file_is_the_first_notice_and_counts_no_more_after_headquarters(
    site: Site, office: Office
) -> None:
    """P48: the box goes on with its last notice, over restarts and without a network."""
    site.notices.begin(read_notice(EXAMPLE | {"version": "v2", "title": {"zh": "二", "en": "two"}}))
    assert office.notice.version == "v2"
    site.publish(EXAMPLE | {"version": "v3"})
    again = Notices(office, site.rights)
    again.begin(read_notice(EXAMPLE | {"version": "v4"}))
    assert office.notice.version == "v3"


def test_a_file_that_calls_a_new_purpose_editorial_stops_the_start(site: Site) -> None:
    with pytest.raises(ConfigError, match="not_editorial"):
        site.notices.begin(read_notice(other_words("id_card", editorial=True)))


def test_p50_what_was_refused_is_not_asked_for_48_hours(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """P50: once a visit, and not within 48 h of the refusal; what stands isn't asked at all."""
    chosen = frozenset({Scope.REGISTRATION, Scope.ID_CARD})
    site.desk.register(
        kiosk.Register(
            session=new_id(), notice_hash=site.office.notice.hash, phone=PHONE, scopes=chosen,
            declined=frozenset({Scope.FACE_MATCH}),
        )
    )  # fmt: skip
    again, _visitor = site.desk.come_again(PHONE, 1)
    assert again.ask == (Scope.CHANNEL_RISK,)
    assert set(again.active) == chosen
    later = site.office.clock.now_ms() + 48 * 3600 * 1000
    monkeypatch.setattr(site.office.clock, "now_ms", lambda: later)
    assert asked(site) == (Scope.CHANNEL_RISK, Scope.FACE_MATCH)


def test_p29_a_report_on_somebody_who_withdrew_is_not_entered_again(site: Site) -> None:
    """P29: until they agree anew by an act of theirs."""
    site.register()
    site.rights.withdraw(PHONE, frozenset({Scope.CHANNEL_RISK}))
    assert site.report(PHONE, "R-1").suppressed == 1
    site.register()
    assert site.report(PHONE, "R-1").new == 1
