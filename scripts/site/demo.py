"""Runs the whole of Gatehouse against a small site of real peers and shows what is sensed, kept and sent."""

import contextlib
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page, sync_playwright
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scripts.site.options import read
from scripts.site.place import Place
from scripts.site.play import Play
from scripts.site.steps import Matcher, Step

STATUS_S = 2.0
PACE_S = 3.0
CHROMIUM = "/usr/bin/chromium"
QUIET_CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip


class Board:
    """What the terminal shows while the script plays."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.acts: deque[str] = deque(maxlen=6)
        self.steps: list[Step] = []
        self.over = False
        """The script has ended: what stays on the terminal shows all of the evidence, on more lines."""
        self._last: dict[str, dict[str, int]] = {}
        self._asked = 0.0

    def __rich__(self) -> Group:
        return Group(self._acts(), self._table(), self._box(), self._wire())

    def _acts(self) -> Panel:
        lines = [Text(("▸ " if i == len(self.acts) - 1 else "  ") + act) for i, act in enumerate(self.acts)]
        return Panel(
            Group(*lines), title="what happens in the office", border_style="cyan", title_align="left"
        )

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column(
            "step", no_wrap=True, min_width=max((len(step.name) for step in self.steps), default=4)
        )
        for column in ("the peer knows", "headquarters has"):
            table.add_column(
                column, ratio=1, no_wrap=not self.over, overflow="fold" if self.over else "ellipsis"
            )
        table.add_column("", width=1)
        for step in self.steps:
            mark = "[green]✓[/]" if step.ok else "[yellow]…[/]"
            table.add_row(step.name, _brief(step.peer), _brief(step.headquarters), mark)
        return table

    def _box(self) -> Columns:
        """What the box says of itself, to be looked at beside the peers' words; nothing is judged by it."""
        status = self._status()
        sensed = [f"{name:<24} {count:>7}" for name, count in sorted(status.get("sensed", {}).items())]
        gate = [f"{name:<34} {count:>4}" for name, count in sorted(status.get("gate", {}).items())]
        return Columns(
            [
                Panel(Text("\n".join(sensed[-12:])), title="what the devices sensed", border_style="blue"),
                Panel(Text("\n".join(gate[-12:])), title="what the gate said", border_style="yellow"),
            ],
            expand=True,
        )

    def _status(self) -> dict[str, dict[str, int]]:
        now = time.monotonic()
        if now - self._asked > STATUS_S:
            self._asked, self._last = now, self._place.status() or self._last
        return self._last

    def _wire(self) -> Panel:
        heard = list(self._place.wiretap.heard)
        size = sum(len(one.payload) for one in heard)
        kinds: dict[str, int] = {}
        for one in heard:
            if one.topic.endswith("/up/batch"):
                for entry in json.loads(one.payload)["body"]["entries"]:
                    kind = entry["record"]["kind"]
                    kinds[kind] = kinds.get(kind, 0) + 1
        text = f"{len(heard)} messages, {size / 1024:.1f} KiB in all   " + "  ".join(
            f"{kind} {count}" for kind, count in sorted(kinds.items())
        )
        return Panel(text, title="what went over the wire", border_style="magenta", title_align="left")


def _brief(row: dict[str, object] | None) -> str:
    if row is None:
        return "[dim]waiting[/]"
    return "  ".join(f"[dim]{k}[/] {_short(v)}" for k, v in row.items())


def _short(value: object) -> str:
    if isinstance(value, str) and ":" in value and len(value) > 40:
        purpose, _, digest = value.partition(":")
        return f"{purpose}:{digest[:8]}…"
    if isinstance(value, int) and value > 1_000_000_000_000:
        return _clock(value)
    if isinstance(value, tuple | list):
        return ",".join(_short(v) for v in value) or "none"
    return str(value)


def _clock(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%H:%M:%S")


@contextlib.contextmanager
def browser_page() -> Iterator[Page]:
    """Yield a page of Debian's Chromium, as the tablet at the desk would have it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_CHROMIUM)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        try:
            yield context.new_page()
        finally:
            with contextlib.suppress(BrowserError):
                browser.close()


def play(place: Place, board: Board, live: Live | None, log: Console) -> bool:
    """Play the script, match every step, and return whether all matched."""
    from scripts.site.visitor import Visitor

    def on_act(act: str) -> None:
        board.acts.append(act)
        if live is None:
            log.print(f"· {act}")

    with browser_page() as page:
        visitor = Visitor(page, place.kiosk_url)
        matcher = Matcher(place, board.steps)
        try:
            Play(place, visitor, board.steps.append, on_act, PACE_S).run()
        except BaseException:
            matcher.close()
            raise
        return matcher.finish()


def main() -> int:
    """Start the site, play, and either end (--once) or keep it for the user to play with."""
    options = read()
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal stops everything too
        signal.signal(number, _interrupt)
    console = Console(stderr=options.once)
    root = options.keep or Path(tempfile.mkdtemp(prefix="gatehouse-demo-"))
    try:
        return run(root, options.once, console)
    except KeyboardInterrupt:
        console.print("\nstopped")
        return 130
    finally:
        if options.keep is None:
            shutil.rmtree(root, ignore_errors=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def run(root: Path, once: bool, console: Console) -> int:
    """Run the demo in `root` and return the exit code."""
    console.rule("Gatehouse: one box, end to end", align="left")
    with Place(root, say=lambda line: console.print(f"[green]✓[/] {line}")) as place:
        place.wait_ready()
        board = Board(place)
        if once:
            ok = play(place, board, None, console)
            print(json.dumps({"steps": [step.as_json() for step in board.steps]}, ensure_ascii=False))
            return 0 if ok else 1
        with Live(board, console=console, refresh_per_second=2) as live:
            ok = play(place, board, live, console)
            board.over = True
        _stay(place, console, ok)
    return 0 if ok else 1


def _stay(place: Place, console: Console, ok: bool) -> None:
    verdict = "[green]every step matched[/]" if ok else "[red]some steps did not match[/]"
    console.print(f"\n{verdict}. The site goes on; play with it:")
    for what, how in (
        ("kiosk", place.kiosk_url),
        ("headquarters", f"{place.headquarters_url}   (admin, {place.password}; other roles: 账号 People)"),
        ("risk board", f"{place.headquarters_url}/risk"),
        ("status", f".venv/bin/gatehouse status --config {place.config}"),
        ("findings", f".venv/bin/gatehouse verdict list --config {place.config}"),
        ("the CRM", f"{place.root / 'crm'}   (its key, and the files that it brought in)"),
    ):
        console.print(f"  {what:<14} {how}", soft_wrap=True, highlight=False)  # to be pasted in one piece
    console.print("  Ctrl-C stops everything that was started.")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    console.print("stopping")


if __name__ == "__main__":
    sys.exit(main())
