"""Killed at any moment, the system loses nothing that it acknowledged and counts nothing twice (kill -9)."""

import copy
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.site.killing.campaign import Outcome, campaign
from scripts.site.killing.killer import VICTIMS
from scripts.site.killing.oracle import audit
from scripts.site.steps import Row

pytestmark = pytest.mark.e2e

SHORT, LONG = len(VICTIMS), 30
SEED = "GATEHOUSE_KILL_SEED"
"""In the environment: the seed of a run that is to be repeated."""


def run(directory: Path, kills: int) -> Outcome:
    seed = int(os.environ.get(SEED) or secrets.randbelow(1 << 31))
    return campaign(directory, seed, kills, logging.getLogger(__name__).info)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    yield run(tmp_path_factory.mktemp("kill9"), SHORT)


@pytest.mark.timeout(400)
def test_each_part_is_killed_once_and_the_ledger_equals_the_oracle(outcome: Outcome) -> None:
    assert not outcome.faults, f"{SEED}={outcome.seed}: {outcome.faults[:20]}"
    assert outcome.figures["kills"] == dict.fromkeys(VICTIMS, 1)
    told = [act for act in outcome.book.acts if act.sure]
    assert {act.kind for act in told} >= {"register", "depart", "import"}
    assert outcome.figures["epochs"] == 2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_thirty_kills_and_the_ledger_equals_the_oracle(tmp_path: Path) -> None:
    found = run(tmp_path / "site", LONG)
    assert not found.faults, f"{SEED}={found.seed}: {found.faults[:20]}"
    assert found.figures["kills"] == dict.fromkeys(VICTIMS, LONG // len(VICTIMS))
    assert found.figures["calls_answered"] > 0


# -- the oracle itself: what it would not find, no run shows -----------------------------------


def judged(outcome: Outcome, rows: list[Row], status: Row | None = None) -> list[str]:
    """Judge another ledger by the book of this run. The tokens of its people are in the true one."""
    return audit(rows, status or outcome.status, outcome.book, outcome.token)


def some(outcome: Outcome, kind: str) -> int:
    return next(n for n, row in enumerate(outcome.rows) if row["kind"] == kind and row["record"])


def told(outcome: Outcome, kind: str) -> Row:
    """Return the first record of `kind` that its peer was told of: what had no answer may be lost."""
    when = {"visit": "arrived_ms", "consent": "at_ms"}.get(kind)
    acts = [(outcome.token("registration", a.number), a) for a in outcome.book.of("register") if a.sure]

    def was_told(record: Row) -> bool:
        return when is None or any(who == record["who"] and act.holds(record[when]) for who, act in acts)

    return next(row["record"] for row in outcome.rows if row["kind"] == kind and was_told(row["record"]))


def without(outcome: Outcome, kind: str) -> list[Row]:
    """Lose a whole fact: a visit with all of its revisions, a report with all of its verdicts."""
    name = {"visit": "visit_id", "verdict": "report_ref", "consent": "at_ms"}[kind]
    lost = told(outcome, kind)[name]
    return [r for r in outcome.rows if r["kind"] != kind or not r["record"] or r["record"][name] != lost]


def renumbered(rows: list[Row]) -> list[Row]:
    """Number the rows anew, so that nothing but the fact itself shows what was done."""
    return [row | {"epoch": "e", "sequence": n} for n, row in enumerate(rows, 1)]


def test_the_oracle_agrees_with_the_true_ledger_renumbered(outcome: Outcome) -> None:
    assert judged(outcome, renumbered(outcome.rows)) == outcome.faults


@pytest.mark.parametrize("kind", ["visit", "verdict", "consent"])
def test_the_oracle_finds_what_is_lost(outcome: Outcome, kind: str) -> None:
    assert len(judged(outcome, renumbered(without(outcome, kind)))) > len(outcome.faults)


@pytest.mark.parametrize("kind", ["visit", "verdict", "consent", "health"])
def test_the_oracle_finds_what_counts_twice(outcome: Outcome, kind: str) -> None:
    twice = [*outcome.rows, outcome.rows[some(outcome, kind)]]
    assert len(judged(outcome, renumbered(twice))) > len(outcome.faults)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("visit", {"visit_id": "0" * 32}),
        ("visit", {"arrived_ms": 1}),
        ("visit", {"who": "registration:" + "0" * 64}),
        ("consent", {"consent_version": 99, "at_ms": 1}),
        ("verdict", {"report_ref": "R-nobody"}),
        ("verdict", {"version": 7}),
    ],
)
def test_the_oracle_finds_what_nobody_did(outcome: Outcome, kind: str, change: dict[str, Any]) -> None:
    strange = copy.deepcopy(outcome.rows[some(outcome, kind)])
    strange["record"] |= change
    assert len(judged(outcome, renumbered([*outcome.rows, strange]))) > len(outcome.faults)


def test_the_oracle_finds_an_answer_that_was_not_kept(outcome: Outcome) -> None:
    """An acknowledgement of something that headquarters never got."""
    book = copy.copy(outcome.book)
    left = next(a for a in book.acts if a.kind == "depart" and a.sure and not a.answer["closed"])
    book.acts = [replace(a, answer={"closed": True}) if a is left else a for a in book.acts]
    assert len(judged(replace(outcome, book=book), outcome.rows)) > len(outcome.faults)


def test_the_oracle_finds_gaps_and_quarantine(outcome: Outcome) -> None:
    gap = [row for n, row in enumerate(outcome.rows) if n != some(outcome, "health")]
    assert len(judged(outcome, gap)) > len(outcome.faults)
    assert judged(outcome, outcome.rows, outcome.status | {"quarantined": 1}) != outcome.faults
    missing = [box | {"missing": 1} for box in outcome.status["boxes"]]
    assert judged(outcome, outcome.rows, outcome.status | {"boxes": missing}) != outcome.faults
