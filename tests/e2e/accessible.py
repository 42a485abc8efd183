"""What can be seen of a page without eyes or a mouse: axe-core, the keyboard, the accessibility tree.

axe-core comes from the npm registry (scripts/setup puts it into .cache; nothing of it is committed) and runs
in Chromium; it reads the page and asks no server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_NPM = Path(__file__).parents[2] / ".cache" / "npm" / "node_modules"
AXE = (_NPM / "axe-core" / "axe.min.js").read_text("utf-8")
GRAVE = {"serious", "critical"}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
async ([rules, forced]) => {
  // What fades in is judged when it stands, and what the bar at the foot covers can be scrolled free of it.
  // The ring that tells the time of a lease runs for 20 s and hides nothing: it isn't waited for.
  const fades = (a) => (a.effect?.getComputedTiming().endTime ?? 0) < 2000;
  await Promise.allSettled(document.getAnimations().filter(fades).map((a) => a.finished));
  scrollTo({top: document.documentElement.scrollHeight, behavior: "instant"});
  const found = await axe.run(document, {
    resultTypes: ["violations"], runOnly: {type: "tag", values: rules},
    rules: forced ? {"color-contrast": {enabled: false}} : {},
  });
  const told = (node) => node.target.join(" ") + ": " + node.failureSummary;
  return found.violations.map((v) => [v.impact, v.id, v.nodes.map(told)]);
}
"""
_FOCUSABLE = """
() => {
  const shown = (e) => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;
  const kinds = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const all = [...document.querySelectorAll(kinds)];
  const seen = new Set(), ids = [];
  for (const e of all) {
    if (e.disabled || e.type === "hidden" || e.tabIndex < 0 || !shown(e)) continue;
    const group = e.type === "radio" ? "radio:" + (e.form?.id ?? "") + e.name : null;
    if (group && seen.has(group)) continue;
    seen.add(group);
    e.dataset.stop = group ?? String(ids.length);
    if (group) for (const o of document.getElementsByName(e.name)) o.dataset.stop = group;
    ids.push(e.dataset.stop);
  }
  return ids;
}
"""
_FROM_THE_TOP = """
() => {
  document.activeElement?.blur();
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}
"""
_FOCUSED = """
() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const of = (x) => { const s = getComputedStyle(x); return [s.outlineStyle, s.outlineWidth, s.boxShadow]; };
  const box = e.getBoundingClientRect();
  // A choice that is drawn by its label shows the focus there.
  const drawn = [e, ...(e.labels ?? []), e.closest("label, .tick, .choice")].filter(Boolean).map(of);
  return {stop: e.dataset.stop ?? "", what: e.id || e.outerHTML.slice(0, 80), drawn,
          width: box.width, height: box.height, top: box.top, bottom: box.bottom};
}
"""
LOOKS: dict[str, dict[str, Any]] = {
    "large": {
        "size": {"width": 1280, "height": 800},
        "media": {"color_scheme": "light", "forced_colors": "none"},
    },
    "small": {
        "size": {"width": 390, "height": 844},
        "media": {"color_scheme": "dark", "forced_colors": "none"},
    },
    "forced": {
        "size": {"width": 1280, "height": 800},
        "media": {"color_scheme": "dark", "forced_colors": "active"},
    },
}
"""A large light screen, a phone whose owner likes it dark, and colours that the reader's system chooses."""


@contextmanager
def look(page: Page, name: str) -> Iterator[None]:
    """Show `page` in one of LOOKS, and as before afterwards."""
    page.set_viewport_size(LOOKS[name]["size"])
    page.emulate_media(**LOOKS[name]["media"])
    try:
        yield
    finally:
        page.set_viewport_size(LOOKS["large"]["size"])
        page.emulate_media(**LOOKS["large"]["media"])


def violations(page: Page, forced: bool = False) -> list[tuple[str, str, list[str]]]:
    """Return what axe-core finds: impact, rule, and each element with what to do.

    `forced`: the system has chosen the colours; axe-core would compare the page's own.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found: list[tuple[str, str, list[str]]] = [tuple(one) for one in page.evaluate(_RUN, [_RULES, forced])]
    return found


@dataclass(frozen=True)
class Stops:
    """Where the Tab key stops."""

    expected: tuple[str, ...]
    met: tuple[str, ...]
    unseen: tuple[str, ...]
    """Elements that had the focus and didn't show it."""
    trapped: bool


def tab_through(page: Page) -> Stops:
    """Press Tab from the top of the page until it begins again; say what was met."""
    expected = tuple(page.evaluate(_FOCUSABLE))
    page.evaluate(_FROM_THE_TOP)
    met: list[str] = []
    unseen: list[str] = []
    for _ in range(2 * len(expected) + 4):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused is None or (met and focused["stop"] == met[0]):
            return Stops(expected, tuple(met), tuple(unseen), False)
        if not met or met[-1] != focused["stop"]:
            met.append(focused["stop"])
        if not any(_shows(*one) for one in focused["drawn"]):
            unseen.append(focused["what"])
    return Stops(expected, tuple(met), tuple(unseen), True)


def _shows(style: str, width: str, shadow: str) -> bool:
    return (style != "none" and float(width.removesuffix("px")) >= 2) or shadow != "none"


@dataclass(frozen=True)
class Heard:
    """A page as a screen reader has it."""

    lang: str
    title: str
    headings: tuple[int, ...]
    nameless: tuple[str, ...]
    landmarks: frozenset[str]
    live: frozenset[str]


_NAMED = {
    "button", "link", "textbox", "radio", "checkbox", "combobox", "spinbutton", "searchbox", "switch",
    "listbox", "radiogroup", "navigation", "dialog", "table", "image",
}  # fmt: skip
_LANDMARKS = {"main", "banner", "navigation", "contentinfo"}


def heard(page: Page) -> Heard:
    """Return what Chromium's accessibility tree says."""
    session = page.context.new_cdp_session(page)
    nodes = [n for n in session.send("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    session.detach()
    roles = [(n["role"]["value"], n.get("name", {}).get("value", "").strip(), _properties(n)) for n in nodes]
    needs = _NAMED - {"table", "navigation"}
    return Heard(
        page.evaluate("document.documentElement.lang"),
        page.title(),
        tuple(int(about["level"]) for role, _name, about in roles if role == "heading"),
        tuple(role for role, name, _about in roles if role in needs and not name),
        frozenset(role for role, _name, _about in roles if role in _LANDMARKS),
        frozenset(role for role, _name, _about in roles if role in {"status", "alert"}),
    )


def _properties(node: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one["value"].get("value") for one in node.get("properties", [])}
