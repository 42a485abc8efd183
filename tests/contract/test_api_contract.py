"""What headquarters' API says of itself is pinned, and it does what it says, whatever a program sends.

Requests are made by schemathesis from the description alone, right ones and wrong ones. Each answer has to
be as declared, never a fault of the server, never open without a key.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from cloud.api import guard
from cloud.api.app import PATH
from cloud.store.database import open_database
from cloud.web.patience import Patience
from tests.unit.cloud.test_api import Programs, served

PINNED = Path(__file__).with_name("api.json")
HINT = "the API changed. If that is meant: UPDATE_CONTRACT=1 pytest tests/contract, and say so in docs/crm.md"
SHORT, LONG = 8, 400
"""Requests for each endpoint and each kind of request."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    monkeypatch.setattr(guard, "Patience", lambda most, seconds: Patience(1_000_000, seconds))
    database = open_database(f"sqlite:///{tmp_path / 'hq.db'}")
    yield Programs(database, tmp_path / "hq")
    database.close()


def described(programs: Programs) -> dict[str, Any]:
    said: dict[str, Any] = programs.program(None).get(f"{PATH}/openapi.json").json()
    return said


def test_the_description_is_the_pinned_one(programs: Programs) -> None:
    said = described(programs)
    if os.environ.get("UPDATE_CONTRACT"):
        PINNED.write_text(json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert json.loads(PINNED.read_text()) == said, HINT


def test_every_object_of_the_api_is_closed_P11(programs: Programs) -> None:
    """P11: no unknown field on either side."""
    for name, form in described(programs)["components"]["schemas"].items():
        if form.get("type") == "object":
            assert form.get("additionalProperties") is False, name


@pytest.mark.timeout(900)
def test_whatever_is_sent_the_answer_is_as_declared_and_no_key_means_no_way_in(
    programs: Programs, long: bool
) -> None:
    headers = {"authorization": f"Bearer {programs.issue()}"}
    seen: dict[str, set[int]] = {}
    with served(programs) as where:
        schema = schemathesis.openapi.from_url(f"{where}/openapi.json")
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            for mode in schemathesis.GenerationMode:
                _ask(found.ok(), mode, headers, LONG if long else SHORT, seen)
    assert seen["GET /boxes"] >= {200} and seen["GET /imports/{import_id}"] >= {404, 422}
    assert seen["POST /imports"] >= {409, 422} and seen["POST /channels"] >= {201, 422}


def _ask(
    operation: Any,
    mode: schemathesis.GenerationMode,
    headers: dict[str, str],
    most: int,
    seen: dict[str, set[int]],
) -> None:
    """Send requests of one endpoint, of the form or (`mode`) not, and check each answer.

    Not everything that has the form is taken: no form can say that a code isn't somebody's telephone number.
    """

    @settings(
        max_examples=most,
        derandomize=most == SHORT,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call(headers=headers)
        seen.setdefault(f"{case.method} {case.path}", set()).add(answer.status_code)
        case.validate_response(answer, headers=headers, excluded_checks=[positive_data_acceptance])

    ask()
