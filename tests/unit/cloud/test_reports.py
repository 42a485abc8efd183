"""What pages and the ledger show: last lawful revisions, consents by time, devices, orders, gaps."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidOrder
from cloud.fleet import boxes, commands
from cloud.ingest.intake import Intake
from cloud.reports import calls, fleet, ledger, rights, verdicts, visits
from cloud.reports.lawful import standing_scopes
from cloud.rights.orders import Ground, order_erasure, order_withdrawal
from cloud.store.database import Database
from cloud.web.texts import LANGUAGES, TEXTS, named, say
from cloud.web.view import CHART_HEIGHT, Clock, bars, day, short
from edge.wire import Record, Scope, Topics, Voided
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, Signer, entry, hexid

DAY = (NOON - 1_000_000, NOON + 1_000_000)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def report(intake: Intake, signer: Signer, *made: tuple[Record, int], first: int = 1) -> None:
    raw = [entry(n, record, wall_ms=wall) for n, (record, wall) in enumerate(made, first)]
    assert intake.accept(signer.topics.batch, signer.batch(raw))


def shown(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [(v.visit_id, v.party_size) for v in visits.visits_between(connection, "demo", *DAY)]


def test_a_visit_shows_its_last_revision_whatever_came_last(
    database: Database, intake: Intake, signer: Signer
) -> None:
    third = records.visit(revision=3, party_size=4, departed_ms=NOON + 50)
    report(intake, signer, (third, NOON), (records.visit(revision=1, party_size=1), NOON))
    report(intake, signer, (records.visit(revision=2, party_size=9), NOON), first=3)
    assert shown(database) == [(hexid(1), 4)]
    with database.read() as connection:
        (visit,) = visits.visits_between(connection, "demo", *DAY)
        assert (visit.departed_ms, visit.evidence) == (NOON + 50, ("registration",))
        assert visits.visits_between(connection, "other", *DAY) == ()
        assert visits.visits_between(connection, "demo", NOON + 1, NOON + 2) == ()


def test_a_withdrawal_ends_use_from_then_on_and_leaves_what_was_lawful_P43(
    database: Database, intake: Intake, signer: Signer
) -> None:
    report(intake, signer, (records.withdrawal(at_ms=NOON + 10), NOON + 10))
    report(intake, signer, (records.visit(revision=1), NOON + 10), first=2)
    late = records.visit(revision=2, party_size=8)
    report(intake, signer, (late, NOON + 11), first=3)
    report(intake, signer, (records.visit(visit_id=hexid(5), who=OTHER), NOON + 11), first=4)
    assert sorted(shown(database)) == [(hexid(1), 2), (hexid(5), 2)]
    report(intake, signer, (records.consent(at_ms=NOON + 11, consent_version=2), NOON + 11), first=5)
    assert sorted(shown(database)) == [(hexid(1), 8), (hexid(5), 2)], "consent given later, by an act, counts"


def test_a_new_consent_makes_nothing_lawful_that_lies_before_it_P43(
    database: Database, intake: Intake, signer: Signer
) -> None:
    """Between withdrawal and new consent nothing counts, whoever else comes afterwards."""
    report(intake, signer, (records.withdrawal(at_ms=NOON + 10), NOON + 10))
    report(intake, signer, (records.visit(), NOON + 11), first=2)
    report(intake, signer, (records.consent(at_ms=NOON + 20, consent_version=2), NOON + 20), first=3)
    report(intake, signer, (records.visit(visit_id=hexid(5), who=OTHER), NOON + 30), first=4)
    assert shown(database) == [(hexid(5), 2)]


def test_a_withdrawal_wins_over_consents_that_arrive_late(
    database: Database, intake: Intake, signer: Signer
) -> None:
    def standing() -> tuple[str, ...]:
        with database.read() as connection:
            return standing_scopes(connection, "demo", WHO)

    report(intake, signer, (records.withdrawal(at_ms=NOON + 10), NOON + 10))
    report(intake, signer, (records.consent(at_ms=NOON + 10), NOON + 10), first=2)
    assert standing() == (), "at the same time the withdrawal counts"
    report(intake, signer, (records.consent(scope="face_match", at_ms=NOON), NOON), first=3)
    assert standing() == ("face_match",)
    report(intake, signer, (records.consent(at_ms=NOON + 11, consent_version=2), NOON + 11), first=4)
    assert standing() == ("face_match", "registration")


def test_devices_show_their_newest_state_and_blind_time_counts_once(
    database: Database, intake: Intake, signer: Signer
) -> None:
    report(
        intake, signer,
        (records.health(state="up", since_ms=NOON + 5), NOON),
        (records.health(state="frozen", code="same_picture", since_ms=NOON + 1), NOON),
        (records.blind(from_ms=NOON, to_ms=NOON + 60), NOON),
        (records.blind(from_ms=NOON + 30, to_ms=NOON + 90), NOON),
        (records.blind(from_ms=NOON + 30, to_ms=NOON + 40), NOON),
        (records.blind(device="desk", from_ms=DAY[1] - 10, to_ms=DAY[1] + 500), NOON),
    )  # fmt: skip
    with database.read() as connection:
        (device,) = fleet.devices(connection, "demo")
        assert (device["device"], device["state"]) == ("entrance", "up")
        dark = fleet.blind_ms(connection, "demo", *DAY)
        assert dark == {("box-1", "entrance"): 90, ("box-1", "desk"): 10}


def test_risks_of_a_day_are_counted_and_erased_findings_stay_about_nobody(
    database: Database, intake: Intake, signer: Signer
) -> None:
    first = records.verdict(verdict="UNKNOWN", reasons=("no_report_time",), verdict_id=hexid(30))
    second = records.verdict(version=2, verdict_id=hexid(31), decided_ms=NOON + 30)
    third = records.verdict(report_ref="R-2", verdict_id=hexid(32), who=OTHER, decided_ms=NOON + 25)
    report(intake, signer, (second, NOON), (first, NOON), (third, NOON))
    with database.read() as connection:
        assert verdicts.risks_between(connection, "demo", *DAY) == 2
    report(intake, signer, (records.erasure(who=OTHER), NOON + 100), first=9)
    with database.read() as connection:
        (rest,) = verdicts.erased_findings(connection, "demo")
        assert (rest["verdict"], rest["who"], rest["report_ref"]) == ("RISK", None, None)


def test_calls_of_a_withdrawn_caller_made_later_are_not_shown(
    database: Database, intake: Intake, signer: Signer
) -> None:
    basis = {"basis": {"kind": "consent", "scope": "recording"}}
    named_call = records.call(call_id=hexid(61), recorded=True, who=WHO)
    raw = [
        entry(1, records.call(call_id=hexid(60)), wall_ms=NOON + 50),
        entry(2, named_call, wall_ms=NOON + 50, **basis),
        entry(3, records.withdrawal(scope="recording", at_ms=NOON + 20), wall_ms=NOON + 20),
    ]
    intake.accept(signer.topics.batch, signer.batch(raw))
    with database.read() as connection:
        assert [c["call_id"] for c in calls.calls_between(connection, "demo", *DAY)] == [hexid(60)]


def test_the_ledger_gives_every_record_back_as_it_came(
    database: Database, intake: Intake, signer: Signer
) -> None:
    made = [make() for make in records.ONE_OF_EACH if make not in (records.erasure, Voided)]
    raw = [entry(n, record) for n, record in enumerate(made, 1)]
    raw += [entry(50, Voided()), entry(51, records.visit()) | {"phone": "x"}]
    intake.accept(signer.topics.batch, signer.batch(raw))
    with database.read() as connection:
        rows = list(ledger.rows(connection, "demo"))
        for record in made:
            (row,) = [r for r in rows if r["record"] and r["kind"] == record.kind]
            assert row["record"] == {k: v for k, v in record.model_dump(mode="json").items() if k != "v"}
            assert row["basis"] and row["purpose"] and row["outcome"] == "committed"
        rest = [(r["sequence"], r["kind"], r["outcome"], r["code"]) for r in rows if r["record"] is None]
        assert rest == [(50, "voided", "committed", "ok"), (51, "visit", "quarantined", "invalid_entry")]
        assert [r["sequence"] for r in ledger.rows(connection, "demo", "call")] == [4]
        assert [r["sequence"] for r in ledger.rows(connection, "demo", "voided")] == [50]
        state = fleet.summary(connection, "demo")
    assert state["boxes"][0]["missing"] == 51 - len(raw)
    assert state["quarantined"] == 1 and state["entries"]["visit"] == 2


def test_the_ledger_names_a_package_that_a_later_one_replaced(
    database: Database, intake: Intake, signer: Signer
) -> None:
    """Of a visitor's page the newest is held; no number is missing for those before it."""
    raw = [entry(n, records.package(revision=NOON + n)) for n in (1, 2, 3)]
    intake.accept(signer.topics.batch, signer.batch(raw))
    with database.read() as connection:
        rows = ledger.rows(connection, "demo", "rights_package")
        assert sorted((r["sequence"], r["record"] is not None) for r in rows) == [
            (1, False),
            (2, False),
            (3, True),
        ]


def test_an_order_goes_to_every_box_that_knows_the_person_and_ends_with_its_own_answer(
    database: Database, intake: Intake, signer: Signer
) -> None:
    second = Signer(topics=Topics("demo", "garden", "box-2"))
    third = Signer(topics=Topics("demo", "garden", "box-3"))
    for one in (second, third):
        one.enrolled_in(database)
    report(intake, signer, (records.visit(), NOON))
    intake.accept(second.topics.batch, second.batch([entry(1, records.verdict())]))
    intake.accept(third.topics.batch, third.batch([entry(1, records.visit(who=OTHER))]))
    order = database.write(
        lambda c: order_erasure(c, "demo", WHO, ground=Ground.UNLAWFUL, by="boss", now_ms=NOON)
    )
    assert len(order.command_ids) == 2
    due = database.write(lambda c: commands.claim_due(c, NOON, 30_000))
    assert [(d.topics.site, d.command.box) for d in due] == [("harbour", "box-1"), ("garden", "box-2")]
    assert database.write(lambda c: commands.claim_due(c, NOON + 29_999, 30_000)) == ()
    assert len(database.write(lambda c: commands.claim_due(c, NOON + 30_000, 30_000))) == 2
    mine = due[0].command
    database.write(lambda c: commands.mark_sent(c, "demo", mine.command_id, NOON))
    # Another box answers in our name, then ours about another person, then ours as asked.
    forged = records.erasure(command_id=mine.command_id)
    third_raw = [entry(2, forged)]
    intake.accept(third.topics.batch, third.batch(third_raw))
    report(intake, signer, (records.erasure(command_id=mine.command_id, who=OTHER), NOON), first=2)
    with database.read() as connection:
        assert fleet.open_commands(connection, "demo") == 2
    report(intake, signer, (forged, NOON), first=3)
    with database.read() as connection:
        assert fleet.open_commands(connection, "demo") == 1
        (row,) = rights.orders(connection, "demo")
    states = {c["box"]: (c["state"], receipt) for c, receipt in row.commands}
    assert states["box-1"][0] == "answered" and states["box-1"][1] is not None
    assert states["box-2"] == ("issued", None) and not row.answered


def test_an_order_about_nobody_or_given_twice_is_refused(
    database: Database, intake: Intake, signer: Signer
) -> None:
    def withdraw(who: str, scope: Scope) -> None:
        database.write(
            lambda c: order_withdrawal(c, "demo", who, scope, ground=Ground.UNLAWFUL, by="b", now_ms=NOON)
        )

    report(intake, signer, (records.visit(), NOON))
    with pytest.raises(InvalidOrder, match="unknown_token"):
        withdraw(OTHER, Scope.REGISTRATION)
    withdraw(WHO, Scope.REGISTRATION)
    with pytest.raises(InvalidOrder, match="already_ordered"):
        withdraw(WHO, Scope.REGISTRATION)
    withdraw(WHO, Scope.FACE_MATCH)


def test_a_box_keeps_its_key_and_its_site(database: Database) -> None:
    first, other = Signer(), Signer()

    def enrol(topics: Topics, key: str, *, replace: bool = False) -> None:
        database.write(lambda c: boxes.enrol(c, topics, key, now_ms=NOON, replace=replace))

    enrol(first.topics, first.public.hex())
    enrol(first.topics, first.public.hex().upper())
    with pytest.raises(InvalidOrder, match="already_enrolled"):
        enrol(first.topics, other.public.hex())
    with pytest.raises(InvalidOrder, match="at_another_site"):
        enrol(Topics("demo", "garden", "box-1"), first.public.hex(), replace=True)
    with pytest.raises(InvalidOrder, match="bad_public_key"):
        enrol(Topics("demo", "garden", "box-2"), "zz")
    enrol(first.topics, other.public.hex(), replace=True)
    with database.read() as connection:
        found = boxes.find(connection, "demo", "box-1")
    assert found is not None and found.public_key == other.public


def test_every_word_exists_in_both_languages_with_the_same_holes() -> None:
    import string

    for key, pair in TEXTS.items():
        holes = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in pair]
        assert holes[0] == holes[1], key
        assert all(pair) or key == "device_code.ok", key
    for language in LANGUAGES:
        assert say(language, "logout") and named(language, "reason", "late_report")
    assert named("zh", "reason", "a_new_one") == "a new one"


def test_days_are_those_of_the_site_and_nonsense_means_today() -> None:
    today = day(SHANGHAI, NOON)
    assert today.is_today and today.from_ms <= NOON < today.to_ms
    assert today.to_ms - today.from_ms == 86_400_000
    assert day(SHANGHAI, NOON, "2026-09-01").date == date(2026, 9, 1)
    for asked in ("x", "9999-12-31", "2026-99-99", ""):
        assert day(SHANGHAI, NOON, asked).is_today
    assert not day(SHANGHAI, NOON, "0001-01-01").is_today


@given(ms=st.integers(0, 10**9), ago=st.integers(-(10**6), 10**11))
def test_every_span_has_words(ms: int, ago: int) -> None:
    for language in LANGUAGES:
        clock = Clock(SHANGHAI, language, NOON)
        assert clock.span(ms) and clock.ago(NOON - ago) and clock.time(NOON) == clock.seconds(NOON)[:5]


@given(counts=st.lists(st.tuples(st.integers(0, 23), st.integers(5, 500)), max_size=30))
def test_bars_hold_every_person_and_stay_in_the_chart(counts: list[tuple[int, int]]) -> None:
    start = day(SHANGHAI, NOON).from_ms
    counted = tuple(visits.Footfall("s", start + h * 3_600_000, start, n) for h, n in counts)
    drawn = bars(SHANGHAI, counted)
    assert sum(bar.count for bar in drawn) == sum(n for _, n in counts)
    assert all(bar.y >= 0 and bar.y + bar.height <= CHART_HEIGHT + 0.2 for bar in drawn)


def test_a_token_is_shown_by_its_first_digits() -> None:
    assert short(WHO) == "abababab"
