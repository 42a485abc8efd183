"""`gatehouse-cloud`: clear errors in one line, orders and ledger from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cloud.cli
from cloud.config import load
from cloud.errors import CloudError
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store.database import open_database
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, Signer, entry


def run(*arguments: str, stdin: str = "") -> str:
    done = CliRunner().invoke(cloud.cli.app, list(arguments), input=stdin, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def config(tmp_path: Path) -> str:
    run("init", str(tmp_path / "hq"))
    return str(tmp_path / "hq" / "headquarters.toml")


@pytest.fixture
def reported(config: str) -> str:
    """Enrol a box and let it report a visit; return the configuration's path."""
    signer = Signer()
    key = signer.public.hex()
    run("box", "add", "--config", config, "--site", "harbour", "--box", "box-1", "--public-key", key)
    database = open_database(load(Path(config)).database.url)
    intake = Intake(database, SigningKey(bytes(32)), lambda: NOON)
    raw = [entry(1, records.visit()), entry(3, records.health())]
    intake.accept(signer.topics.batch, signer.batch(raw))
    database.close()
    return config


def test_ledger_and_status_speak_json_and_plain(reported: str) -> None:
    (row,) = [
        json.loads(line)
        for line in run("ledger", "--config", reported, "--json", "--kind", "visit").splitlines()
    ]
    assert row["record"]["who"] == WHO and row["basis"] == "consent:registration"
    assert "visit" in run("ledger", "--config", reported)
    status = json.loads(run("status", "--config", reported, "--json"))
    assert status["boxes"][0]["missing"] == 1 and len(status["public_key"]) == 64
    plain = run("status", "--config", reported)
    assert "harbour/box-1" in plain and "box-1/entrance  up" in plain


def test_retention_is_planned_and_applied(reported: str) -> None:
    """P8: the dry run looks ahead and changes nothing; what isn't due stays."""
    ahead = json.loads(run("retention", "plan", "--config", reported, "--within", "3650", "--json"))
    due = {one["name"]: one["due"] for one in ahead["classes"]}
    assert (due["visits"], due["states"]) == (1, 0)
    assert "visits                   1         0  20" in run("retention", "plan", "--config", reported)
    assert "nothing is due" in run("retention", "apply", "--config", reported)
    text = Path(reported).read_text()
    Path(reported).write_text(text.replace("quarantine_days = 180", "quarantine_days = 1"))
    assert json.loads(run("retention", "apply", "--config", reported, "--json")) == {}


def test_orders_are_given_and_shown(reported: str) -> None:
    order = json.loads(run("erase", "--config", reported, "--who", "-", "--reason", "unlawful", stdin=WHO))
    assert len(order["command_ids"]) == 1
    run(
        "withdraw",
        "--config",
        reported,
        "--who",
        WHO,
        "--scope",
        "registration",
        "--reason",
        "visitor_request",
    )
    assert json.loads(run("status", "--config", reported, "--json"))["open_commands"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("erase", "--who", "13800001234", "--reason", "unlawful"), "not_a_token"),
        (("erase", "--who", WHO, "--reason", "because"), "unknown_reason (expected one of visitor_request"),
        (("erase", "--who", OTHER, "--reason", "unlawful"), "unknown_token"),
        (
            ("withdraw", "--who", WHO, "--scope", "all", "--reason", "unlawful"),
            "unknown_scope (expected one of",
        ),
        (("box", "add", "--site", "s", "--box", "b", "--public-key", "12"), "bad_public_key"),
        (("ledger", "--kind", "visits"), "unknown_kind (expected one of visit"),
        (("box", "add", "--site", "A b", "--box", "b", "--public-key", "12"), "bad_name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_personal_data(
    reported: str,
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["gatehouse-cloud", *arguments, "--config", reported])
    with pytest.raises(SystemExit) as ended:
        cloud.cli.main()
    error = capsys.readouterr().err
    assert ended.value.code == 1 and said in error and error.count("\n") == 1
    assert "13800001234" not in error and OTHER not in error


def test_a_missing_configuration_is_said(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="no such file"):
        run("status", "--config", str(tmp_path / "none.toml"))
