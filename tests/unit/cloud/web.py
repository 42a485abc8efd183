"""A headquarters' pages without a network: an application, its clock, people who log in; for tests only."""

import re
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from cloud.config import Headquarters, load
from cloud.setup import CONFIG, init
from cloud.store.database import Database
from cloud.web.app import create_app
from cloud.web.roles import Role
from cloud.web.site import Site
from tests.unit.cloud.signer import NOON

PASSWORD = "correct horse battery"


@dataclass
class Now:
    """A clock that a test moves."""

    ms: int = NOON

    def __call__(self) -> int:
        return self.ms


def configured(directory: Path, **replaced: str) -> Headquarters:
    """Return a new headquarters' configuration, with some of its text replaced."""
    init(directory)
    file = directory / CONFIG
    text = file.read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return load(file)


class Pages:
    """The application and what a test does with it."""

    def __init__(self, config: Headquarters, database: Database) -> None:
        self.now = Now()
        self.database = database
        self.app = create_app(config, database, self.now)
        self.site: Site = self.app.state.site

    def browser(self) -> TestClient:
        """Return a new browser without a session."""
        return TestClient(self.app, base_url="http://127.0.0.1", follow_redirects=False)

    def person(self, username: str, role: Role) -> None:
        """Add somebody with the test's password."""
        accounts = self.site.accounts

        def work(connection: Connection) -> None:
            token = accounts.invite(connection, username, role, self.now())
            accounts.set_first_password(connection, token, PASSWORD, self.now())

        self.database.write(work)

    def log_in(self, username: str, password: str = PASSWORD) -> TestClient:
        """Return a browser in which somebody logged in."""
        browser = self.browser()
        answer = submit(browser, "/login", "/login", username=username, password=password)
        assert answer.status_code == 303, answer.text
        return browser


def csrf(page: httpx.Response) -> str:
    """Return the token of the first form on a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found.group(1)


def submit(browser: TestClient, shown_at: str, action: str, **fields: str) -> httpx.Response:
    """Fetch the page of a form and send the form."""
    answer: httpx.Response = browser.post(action, data={"csrf": csrf(browser.get(shown_at)), **fields})
    return answer
