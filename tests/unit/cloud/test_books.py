"""Books on their way to boxes: to whom one seals, all or nothing, in order, gone once answered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import select

from cloud.books import queue
from cloud.books.mappings import ColumnMapping, find_mapping, save_mapping, saved_mappings
from cloud.books.places import projects, sealing_boxes
from cloud.books.queue import Lodgement
from cloud.books.states import Waiting, find_import, newest_imports, waiting
from cloud.config import Retention
from cloud.errors import InvalidOrder
from cloud.fleet import commands
from cloud.reports.fleet import summary
from cloud.retention import keeper
from cloud.rights.orders import Ground, order_withdrawal
from cloud.store import schema
from cloud.store.database import Database
from edge.wire import BoxKeys, FactsCommand, Scope
from edge.wire.facts import MOST_ROWS, box_keys_signing_input
from tests.unit.cloud import records
from tests.unit.cloud.books import RESEND, Site, sealed
from tests.unit.cloud.signer import NOON, WHO, Signer, hexid

DAY = 86_400_000


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


def names(site: Site, project: str) -> list[str]:
    with site.database.read() as connection:
        return [one.box for one in sealing_boxes(connection, "demo", project)]


def refused(site: Site, *arguments: Any, **more: Any) -> str:
    with pytest.raises(InvalidOrder) as error:
        site.lodge(*arguments, **more)
    return error.value.code


def test_boxes_of_one_project_stand_at_several_sites_and_one_without_a_project_is_its_sites(
    site: Site,
) -> None:
    for name, place, project in (
        ("a", "harbour", "riverside"),
        ("b", "hill", "riverside"),
        ("c", "lake", None),
    ):
        site.says_keys(site.box(name, place), project)
    assert names(site, "riverside") == ["a", "b"] and names(site, "lake") == ["c"]
    with site.database.read() as connection:
        assert projects(connection, "demo") == ("lake", "riverside")
        assert projects(connection, "another") == ()


def test_the_newest_word_of_a_box_counts_whatever_its_clock_says(site: Site) -> None:
    box = site.box("a")
    site.says_keys(box, key="5" * 64)
    site.now += 1
    site.send(
        box,
        BoxKeys(
            project="hillside",
            enrolment_key="7" * 64,
            signature=box.key.sign(
                box_keys_signing_input("demo", "harbour", "a", "hillside", "7" * 64)
            ).hex(),
        ),
        wall_ms=NOON - DAY,
    )
    with site.database.read() as connection:
        (one,) = sealing_boxes(connection, "demo", "hillside")
    assert one.enrolment_key == "7" * 64
    with pytest.raises(InvalidOrder, match="unknown_project"):
        names(site, "riverside")


def test_a_box_whose_key_is_not_known_blocks_its_project_by_name(site: Site) -> None:
    site.says_keys(site.box("a"))
    silent = site.box("b")
    with pytest.raises(InvalidOrder, match="box_has_no_key \\(b: "):
        names(site, "riverside")
    assert refused(site, 1, "a") == "box_has_no_key" and site.kept() == 0
    site.says_keys(silent)
    assert names(site, "riverside") == ["a", "b"]
    stolen = Signer(silent.topics)
    stolen.enrolled_in(site.database, replace=True)
    with pytest.raises(InvalidOrder, match="box_has_no_key"):
        names(site, "riverside")


def test_a_key_that_the_box_did_not_sign_is_none(site: Site) -> None:
    box = site.box("a")
    site.send(box, records.box_keys())
    with pytest.raises(InvalidOrder, match="box_has_no_key"):
        names(site, "harbour")


def test_an_import_is_taken_whole_or_not_at_all(site: Site) -> None:
    a, b = site.box("a"), site.box("b")
    site.says_keys(a)
    site.says_keys(b)
    site.says_keys(site.box("c", "elsewhere"), "hillside")
    assert refused(site, 3, "a") == "box_missing"
    assert refused(site, 3, "a", "b", "c") == "box_not_of_project"
    assert refused(site, 3, "a", "b", key="6" * 64) == "key_changed"
    assert refused(site, 3, "a", "b", project="unheard-of") == "unknown_project"
    with site.database.read() as connection:
        assert connection.execute(select(schema.imports)).all() == []
    made = site.state(site.lodge(250, "a", "b"))
    with site.database.read() as connection:
        assert waiting(connection, "demo") == (Waiting("a", 250, NOON), Waiting("b", 250, NOON))
        assert summary(connection, "demo")["waiting_rows"][0] == {"box": "a", "rows": 250, "since_ms": NOON}
    assert (made.rows, made.kind, made.source, made.source_name) == (250, "report", "crm", "fangyou")
    assert [(one.box, one.waiting) for one in made.boxes] == [("a", 250), ("b", 250)]
    assert made.state == "waiting" and site.kept() == 6


@given(st.lists(st.integers(0, 3), max_size=4), st.booleans())
def test_only_equally_many_rows_for_different_boxes_are_a_lodgement(counts: list[int], same: bool) -> None:
    row = sealed()
    boxes = [
        {"box": "a" if same else f"b{n}", "enrolment_key": "5" * 64, "rows": [row] * count}
        for n, count in enumerate(counts)
    ]
    right = bool(counts) and min(counts) > 0 and len(set(counts)) == 1 and (not same or len(counts) == 1)
    try:
        Lodgement.model_validate({"project": "p", "kind": "deal", "boxes": boxes})
    except ValidationError:
        assert not right
    else:
        assert right


def test_more_than_an_import_may_hold_is_refused() -> None:
    row = sealed()
    boxes = [{"box": n, "enrolment_key": "5" * 64, "rows": [row] * 5001} for n in ("a", "b")]
    with pytest.raises(ValidationError, match="at most 10000"):
        Lodgement.model_validate({"project": "p", "kind": "deal", "boxes": boxes})


def test_what_waits_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.says_keys(site.box("a"))
    monkeypatch.setattr(queue, "MOST_WAITING", 10)
    site.lodge(10, "a")
    assert refused(site, 1, "a") == "too_many_waiting"
    monkeypatch.setattr(queue, "MOST_WAITING", 1000)
    monkeypatch.setattr(queue, "MOST_ORDERS", 2)
    assert refused(site, 101, "a") == "too_many_waiting"
    site.lodge(100, "a")


def test_orders_go_oldest_first_a_few_at_a_time_and_hold_nothing_up(site: Site) -> None:
    a, b = site.box("a"), site.box("b")
    site.says_keys(a)
    site.says_keys(b)
    first = site.lodge(950, "a", "b")
    site.now += 1
    second = site.lodge(1, "a", "b")
    site.send(a, records.visit())
    site.now += 1
    site.database.write(
        lambda c: order_withdrawal(
            c, "demo", WHO, Scope.REGISTRATION, ground=Ground.VISITOR_REQUEST, by="cli", now_ms=site.now
        )
    )
    urgent, *facts = (due.command for due in site.claim())
    assert urgent.kind == "withdraw", "given last, sent first"
    assert len(facts) == 2 * commands.FACTS_AT_ONCE and site.claim() == []
    got: dict[str, list[tuple[str, ...]]] = {"a": [], "b": []}
    while facts:
        for one in facts:
            assert isinstance(one, FactsCommand) and len(one.rows) <= MOST_ROWS
            got[one.box].append(one.rows)
            site.answer(a if one.box == "a" else b, one.command_id)
        with site.database.read() as connection:
            assert commands.any_due(connection, site.now) == bool(
                site.state(first).state == "waiting" or site.state(second).state == "waiting"
            )
        facts = [due.command for due in site.claim()]
    for box in ("a", "b"):
        assert [len(rows) for rows in got[box]] == [100] * 9 + [50, 1], "in their order"
        assert len({row for rows in got[box] for row in rows}) == 951
    assert site.state(first).state == site.state(second).state == "done" and site.kept() == 0


def test_an_order_comes_again_until_the_box_answers_and_nobody_else_can(site: Site) -> None:
    a = site.box("a")
    site.says_keys(a)
    made = site.lodge(2, "a")
    (due,) = site.claim()
    site.database.write(lambda c: commands.mark_sent(c, "demo", due.command.command_id, site.now))
    site.now += RESEND
    (again,) = site.claim()
    assert again == due
    site.answer(site.box("stranger", "hill"), due.command.command_id)
    assert site.state(made).state == "waiting" and site.kept() == 1
    site.answer(a, due.command.command_id, "refused", "not_sealed_to_me")
    (at,) = site.state(made).boxes
    assert (at.refused, at.codes, site.state(made).state) == (2, ("not_sealed_to_me",), "refused")
    assert site.kept() == 0, "refused rows aren't kept either"
    site.now += RESEND
    assert site.claim() == []


def test_p8_rows_that_no_box_takes_are_dropped_and_the_import_says_so(site: Site) -> None:
    """P8: a box that was taken away or never answers."""
    a, b = site.box("a"), site.box("b")
    site.says_keys(a)
    site.says_keys(b)
    made, keep = site.lodge(3, "a", "b"), Retention()
    (mine,) = (due.command for due in site.claim() if due.command.box == "a")
    site.answer(a, mine.command_id)
    site.now = NOON + keep.facts_waiting_days * DAY - 1
    keeper.keep_house(site.database, "demo", keep, site.now)
    assert site.kept() == 1 and site.state(made).boxes[1].last_seen_ms == NOON
    site.now += 1
    assert keeper.keep_house(site.database, "demo", keep, site.now) == {"waiting_facts": 1}
    assert site.kept() == 0 and site.claim() == []
    assert [(one.done, one.expired) for one in site.state(made).boxes] == [(3, 0), (0, 3)]
    assert site.state(made).state == "expired"
    site.now = NOON + keep.imports_days * DAY
    gone = keeper.keep_house(site.database, "demo", keep, site.now)
    assert (gone["fact_orders"], gone["imports"]) == (2, 1)


def test_imports_are_shown_newest_first_by_project(site: Site) -> None:
    site.says_keys(site.box("a"))
    site.says_keys(site.box("b", "lake"), None)
    made = []
    for box, project in (("a", "riverside"), ("b", "lake"), ("a", "riverside")):
        site.now += 1
        made.append(site.lodge(1, box, project=project))
    with site.database.read() as connection:
        assert [one.import_id for one in newest_imports(connection, "demo")] == made[::-1]
        mine = newest_imports(connection, "demo", "riverside")
        assert [one.import_id for one in mine] == [made[2], made[0]]
        assert newest_imports(connection, "another") == ()
        assert find_import(connection, "another", made[0]) is None
        assert find_import(connection, "demo", hexid(404)) is None


def test_a_mapping_is_kept_by_name_and_kind_with_who_saved_it(database: Database) -> None:
    phone = ColumnMapping(name="fangyou", kind="report", columns={"phone": "客户手机", "ref": "单号"})
    other = phone.model_copy(update={"kind": "customer"})

    def save(mapping: ColumnMapping, by: str, at_ms: int) -> None:
        database.write(lambda c: save_mapping(c, "demo", "riverside", mapping, by=by, now_ms=at_ms))

    save(phone, "boss", NOON)
    save(other, "boss", NOON)
    save(phone.model_copy(update={"columns": {"phone": "电话号码"}}), "officer", NOON + 5)
    with database.read() as connection:
        assert len(saved_mappings(connection, "demo", "riverside")) == 2
        assert saved_mappings(connection, "demo", "hillside") == ()
        kept = find_mapping(connection, "demo", "riverside", "fangyou", "report")
    assert kept is not None
    assert (kept.columns, kept.saved_by, kept.saved_ms) == ({"phone": "电话号码"}, "officer", NOON + 5)


@pytest.mark.parametrize(
    "columns", [{}, {"face": "x"}, {"phone": "x" * 61}, {"phone": " "}, {"phone": "x", "ref": "x"}]
)
def test_a_mapping_names_fields_of_its_book_and_a_column_once(columns: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ColumnMapping(name="fangyou", kind="report", columns=columns)


def test_the_number_of_mappings_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.books.mappings.MOST", 1)
    for name, kept in (("a", True), ("a", True), ("b", False)):
        mapping = ColumnMapping(name=name, kind="deal", columns={"ref": "合同号"})
        try:
            database.write(lambda c, m=mapping: save_mapping(c, "demo", "p", m, by="x", now_ms=1))  # type: ignore[misc]  # mypy can't infer defaults of a lambda
        except InvalidOrder as error:
            assert (error.code, kept) == ("too_many_mappings", False)
        else:
            assert kept
