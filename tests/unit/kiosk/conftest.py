"""A kiosk before a scripted core, and a browser without a screen that can fill in its forms."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from edge.ipc.client import ControlClient
from edge.kiosk.app import create_app
from tests.fakes.core_socket import NOTICE, CoreDouble

HOSTS = ("127.0.0.1", "localhost")


class Browser:
    """Keeps cookies, follows redirects, and takes the tokens of a form from the page it stands on."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.html = ""
        self.status = 0
        self.path = ""

    def get(self, path: str) -> str:
        return self._take(self.client.get(path))

    def post(self, path: str, **fields: str) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.html)
        fields.setdefault("csrf", found.group(1) if found else "")
        return self._take(self.client.post(path, data=fields))

    def arrive(self) -> str:
        """Come as far as the register form."""
        self.get("/")
        return self.post("/begin")

    def register(self, **fields: str) -> str:
        fields.setdefault("notice_hash", NOTICE.hash)
        return self.post("/register", **fields)

    def shows(self, attribute: str) -> str | None:
        found = re.search(rf'data-{attribute}="([^"]*)"', self.html)
        return found.group(1) if found else None

    def _take(self, response: object) -> str:
        self.html, self.status = response.text, response.status_code  # type: ignore[attr-defined] # httpx
        self.path = response.url.path  # type: ignore[attr-defined] # httpx
        return self.html


@pytest.fixture
def core() -> Iterator[CoreDouble]:
    with CoreDouble() as double:
        yield double


@pytest.fixture
def app(core: CoreDouble) -> FastAPI:
    client = ControlClient(core.path, timeout=5)
    return create_app(client, counter=client, hosts=HOSTS)


@pytest.fixture
def browser(app: FastAPI) -> Iterator[Browser]:
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield Browser(client)
