"""A visitor at the kiosk: a real browser driven as a person would; notes only what the page showed them.

What it returns is the peer's own ledger: never taken from the box, its database or its logs.
"""

import time
from collections.abc import Iterable
from typing import Any, Literal

from playwright.sync_api import Locator, Page

LEASE_MS = 40_000
"""Longer than the page itself waits for the end of a lease."""
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
)


Seen = dict[str, Any]
"""One act: `outcome` according to the page, `before_ms` and `after_ms` by the wall clock around it.

`outcome` is the page's `data-outcome`; `form_error` if the form came back with an error, `trouble` if
the page could do nothing. What else the page showed is there under the names that each act gives.
"""


class Visitor:
    """Acts on a Playwright page. Each act starts where the one before left the screen."""

    def __init__(self, page: Page, base_url: str, lang: Literal["zh", "en"] = "zh") -> None:
        self.page = page
        self.taps = 0
        self._start = base_url.rstrip("/") + ("/?lang=en" if lang == "en" else "/")

    def register(
        self,
        phone: str | None,
        scopes: Iterable[str],
        source: str | None = None,
        party: int = 1,
        declined: Iterable[str] = (),
        name: str | None = None,
    ) -> Seen:
        """Say yes to `scopes`, no to `declined`, leave the rest open; stays on the page that follows.

        Who agrees to `registration` and has no `phone` says so.

        Outcomes: registered (with returning, visits_before, active), declined, form_error, trouble.
        """
        self.open()
        self._tap("#start-register")
        self.page.wait_for_selector("#register-form")
        scopes = tuple(scopes)
        for scope in scopes:
            self._tap(f"label[for=scope_{scope}-yes]")
        for scope in declined:
            self._tap(f"label[for=scope_{scope}-no]")
        if source is not None:
            self._tap(f"label[for=source-{source}]")
        for _ in range(party - 1):
            self._tap(".stepper [data-step='1']")
        if phone is not None:
            self._tap("#phone")
            self.page.keyboard.type(phone)
        elif "registration" in scopes:
            self._tap("label[for=no_phone]")
        if name is not None:
            self._tap("#name")
            self.page.keyboard.type(name)
        return self._act("#register-submit")

    def decline(self) -> Seen:
        """Tap "visit without registering" on the first page. Outcome: declined."""
        self.open()
        return self._act("#start-decline")

    def recognise(self) -> Seen:
        """Tap "recognise me" after registering and wait for the lease's end; back on the done page.

        Outcomes as control.Recognised, or trouble.
        """
        return self._lease("#recognise")

    def read_card(self) -> Seen:
        """Tap "read my ID card" after registering (the card lies there); back on the done page.

        Outcomes as control.CardSeen (with masked_name, masked_number), or trouble. At `confirm_fields`
        the page stays, for `confirm_card`.
        """
        return self._lease("#read-card")

    def verify(self) -> Seen:
        """Tap "verify with my card" (the card lies there); back on the done page.

        Outcomes as read_card, with `face` as control.CardSeen.
        """
        return self._lease("#verify")

    def confirm_card(self, yes: bool) -> Seen:
        """Answer the page that shows the masked fields; back on the done page. Outcomes as read_card."""
        return self._lease("#confirm-yes" if yes else "#confirm-no")

    def finish(self) -> None:
        """Clear the screen, wherever the visitor stands."""
        if self.page.locator("#finish").count() == 0:
            self.open()
            return
        self._tap("#finish")
        self.page.wait_for_selector("body[data-page=start]")

    def depart(self, phone: str) -> Seen:
        """Close the visit of this number. Outcome: left, whoever's number it is."""
        self.open()
        self._tap("#start-leave")
        self._tap("#phone")
        self.page.keyboard.type(phone)
        return self._act("#leave-submit")

    def withdraw(self, phone: str, scopes: Iterable[str]) -> Seen:
        """Withdraw consent to `scopes`. Outcome: withdrawn, whoever's number it is."""
        self.open()
        self._tap("#start-withdraw")
        self._tap("#phone")
        self.page.keyboard.type(phone)
        for scope in scopes:
            self._tap(f"label[for=scope_{scope}]")
        return self._act("#withdraw-submit")

    def find_by_card(self) -> Seen:
        """Tap "my data" and "read my card" (the card lies there); stays on the page that follows.

        Outcomes as control.MyCode, with `code`, the address in letters, if one is shown.
        """
        self.open()
        self._tap("#start-mine")
        self.page.wait_for_selector("#mine-read")
        seen = self._act("#mine-read", LEASE_MS)
        code = self.page.locator("#code-letters")
        return seen | ({"code": (code.text_content() or "").strip()} if code.count() else {})

    def open(self) -> None:
        """Go to the first page; whoever was there before is forgotten. Taps count from here."""
        self.page.goto(self._start)
        self.page.wait_for_selector("#start-register")
        self.taps = 0

    def _tap(self, selector: str) -> None:
        self.page.click(selector)
        self.taps += 1

    def _lease(self, selector: str) -> Seen:
        seen = self._act(selector, LEASE_MS)
        if seen["outcome"] not in ("trouble", "confirm_fields"):
            self._tap("#continue")
            self.page.wait_for_selector("body:is([data-page=done], [data-page=start])")
        return seen

    def _act(self, selector: str, timeout_ms: int = 15_000) -> Seen:
        # The page that is left may show an outcome itself; the next one is another document.
        self.page.evaluate("document.body.dataset.left = 'yes'")
        before = _now_ms()
        self._tap(selector)
        signs = ("[data-outcome]", ".error", "#alert")
        found = self.page.wait_for_selector(
            ", ".join(f"body:not([data-left]) {sign}" for sign in signs), timeout=timeout_ms
        )
        after = _now_ms()
        outcome = found.get_attribute("data-outcome") if found else None
        return self._shown() | {"outcome": outcome or "form_error", "before_ms": before, "after_ms": after}

    def _shown(self) -> Seen:
        section = self.page.locator("[data-outcome]")
        if section.count() == 0:
            return {}
        names = ("returning", "visits-before", "active", "trouble", "face")
        shown: Seen = {name.replace("-", "_"): section.get_attribute(f"data-{name}") for name in names}
        for name in ("masked-name", "masked-number"):
            shown[name.replace("-", "_")] = _text(self.page.locator(f"#{name}"))
        return {name: value for name, value in shown.items() if value is not None}


def _text(locator: Locator) -> str | None:
    return locator.inner_text() if locator.count() else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
