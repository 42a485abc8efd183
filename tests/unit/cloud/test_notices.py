"""Headquarters publishes a notice: judged, kept, sent signed, answered; never a narrower one (P47)."""

import json
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cloud.cli
from cloud.config import load
from cloud.errors import CloudError
from cloud.fleet import commands, notices
from cloud.reports.rights import orders
from cloud.store.database import open_database
from edge.wire import CommandAnswered, NoticeCommand
from edge.wire.notice import parse_notice
from tests.unit.cloud.signer import NOON, Signer

EXAMPLE = (Path(str(resources.files("edge"))) / "notice.example.toml").read_text(encoding="utf-8")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cloud.cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def config(tmp_path: Path) -> str:
    run("init", str(tmp_path / "hq"))
    file = str(tmp_path / "hq" / "headquarters.toml")
    for box in ("box-1", "box-2"):
        run(
            "box",
            "add",
            "--config",
            file,
            "--site",
            "harbour",
            "--box",
            box,
            "--public-key",
            Signer().public.hex(),
        )
    return file


def written(directory: Path, text: str = EXAMPLE) -> str:
    file = directory / "notice.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def publish(config: str, file: str, *more: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(
        run("notice", "publish", file, "--config", config, "--site", "harbour", *more)
    )
    return told


def test_it_is_kept_and_sent_to_every_box_of_the_site(config: str, tmp_path: Path) -> None:
    told = publish(config, written(tmp_path))
    database = open_database(load(Path(config)).database.url)
    due = database.write(lambda c: commands.claim_due(c, 2**45, 5000))
    assert [d.topics.box for d in due] == ["box-1", "box-2"]
    for one in due:
        assert isinstance(one.command, NoticeCommand)
        assert parse_notice(one.command.notice).hash == one.command.notice_hash == told["notice_hash"]
    answer = CommandAnswered(
        command_id=due[0].command.command_id, outcome="done", code="in_force", at_ms=NOON
    )
    tenant = load(Path(config)).tenant
    database.write(lambda c: commands.apply_answers(c, tenant, "box-1", [answer]))
    with database.read() as connection:
        assert orders(connection, tenant) == (), "a notice is no order about a person"
    database.close()
    shown = run("notice", "list", "--config", config)
    assert "harbour/box-1" in shown and "done (in_force)" in shown and "not answered yet" in shown


def test_one_box_alone_may_be_named(config: str, tmp_path: Path) -> None:
    assert len(publish(config, written(tmp_path), "--box", "box-2")["command_ids"]) == 1  # type: ignore[arg-type]  # a list


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[complaints]", "[complaint]", "no_complaint_route"),
        ('"withdraw", ', "", "narrows_rights"),
        ("rights = [", "# rights = [", "narrows_rights"),
        ('[complaints]\nzh = "对', '[complaints]\nzh = " "\n# "', "no_complaint_route"),
    ],
)
def test_p47_a_narrower_notice_is_not_published(
    config: str, tmp_path: Path, old: str, new: str, code: str
) -> None:
    """P47: headquarters itself refuses, with a typed reason, and nothing is sent."""
    assert old in EXAMPLE
    with pytest.raises(CloudError, match=code):
        publish(config, written(tmp_path, EXAMPLE.replace(old, new, 1)))
    assert run("notice", "list", "--config", config) == ""


def test_a_changed_text_needs_a_new_version(config: str, tmp_path: Path) -> None:
    publish(config, written(tmp_path))
    with pytest.raises(CloudError, match="version_taken"):
        publish(config, written(tmp_path, EXAMPLE.replace("由您决定", "由您自己决定")))
    publish(config, written(tmp_path))


def test_editorial_is_checked(config: str, tmp_path: Path) -> None:
    publish(config, written(tmp_path))
    text = EXAMPLE.replace('version = "v1"', 'version = "v2"\neditorial = true')
    with pytest.raises(CloudError, match="not_editorial"):
        publish(config, written(tmp_path, text.replace("Register this visit", "Register and advertise")))
    publish(config, written(tmp_path, text.replace("由您决定", "由您自己决定")))


@pytest.mark.parametrize(
    ("site", "more", "code"),
    [("nowhere", (), "unknown_site"), ("harbour", ("--box", "box-9"), "unknown_box")],
)
def test_where_there_is_no_box_there_is_no_notice(
    config: str, tmp_path: Path, site: str, more: tuple[str, ...], code: str
) -> None:
    with pytest.raises(CloudError, match=code):
        run("notice", "publish", written(tmp_path), "--config", config, "--site", site, *more)


@pytest.mark.parametrize(("content", "code"), [("version = ", "not_toml"), (None, "unreadable")])
def test_a_file_that_is_none_is_said_to_be_so(
    config: str, tmp_path: Path, content: str | None, code: str
) -> None:
    file = written(tmp_path, content) if content else str(tmp_path / "gone.toml")
    with pytest.raises(CloudError, match=code):
        publish(config, file)


def test_the_latest_is_what_was_published_last(config: str, tmp_path: Path) -> None:
    publish(config, written(tmp_path))
    publish(config, written(tmp_path, EXAMPLE.replace('version = "v1"', 'version = "v2"')))
    database = open_database(load(Path(config)).database.url)
    with database.read() as connection:
        last = notices.latest(connection, load(Path(config)).tenant, "harbour")
    database.close()
    assert last is not None and last.version == "v2"
