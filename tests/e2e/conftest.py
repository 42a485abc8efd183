"""One visit script for the whole run of tests: the site starts, plays and is gone before a test looks."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.site.demo import browser_page
from scripts.site.place import BOX, SITE, TENANT, Place
from scripts.site.play import Play
from scripts.site.steps import Matcher, Row, Step
from scripts.site.visitor import Visitor
from scripts.site.wiretap import Heard

PLAY_S = 400
"""The script takes about 85 s of real time; the rest is for a busy machine."""


@dataclass(frozen=True)
class Played:
    """What is left of a played script: the steps as they were matched, the traffic, what headquarters has."""

    steps: tuple[Step, ...]
    heard: tuple[Heard, ...]
    ledger: tuple[Row, ...]
    topics: str
    """Where all of this box's topics begin."""
    trouble: str
    """Why the script ended early; empty if it was played to its end."""
    logs: str


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the demo's script once, with Chromium as the visitor, and end everything that was started."""
    root = tmp_path_factory.mktemp("site")
    steps: list[Step] = []
    trouble = ""
    with Place(root) as place:
        place.wait_ready()
        try:
            with browser_page() as page:
                Play(place, Visitor(page, place.kiosk_url), steps.append, lambda _act: None).run()
        except (RuntimeError, TimeoutError) as error:
            trouble = f"{type(error).__name__}: {error}"
        Matcher(place, steps).finish()
        rows = tuple(place.ledger())
    return Played(
        tuple(steps), tuple(place.wiretap.heard), rows, f"gatehouse/v1/{TENANT}/{SITE}/{BOX}/", trouble,
        _ends_of_logs(place.logs),
    )  # fmt: skip


def _ends_of_logs(directory: Path) -> str:
    """Return the last lines of each process, for the message of a test that fails."""
    text = ""
    for file in sorted(directory.glob("*.log")):
        with contextlib.suppress(OSError):
            lines = file.read_text(errors="replace").splitlines()[-15:]
            text += f"\n--- {file.name}\n" + "\n".join(lines)
    return text
