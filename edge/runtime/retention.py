"""Ends what is past its period: consents expire by the gate's policy, then data goes; in the store's thread.

The dry run and its application ask the store the same questions.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable

from edge.domain.facts import PersonId
from edge.domain.retention import Periods
from edge.ipc.operator import RetentionClass, RetentionPlan
from edge.runtime.links import Links
from edge.runtime.office import Office
from edge.runtime.rights import Rights
from edge.wire import Scope

SCOPES_S = 900.0
"""Seconds between two looks at every person's scopes: 0.2 s of the store's thread with 3,000 persons."""

log = logging.getLogger(__name__)


class Retention:
    """The scheduler's work and its dry run."""

    def __init__(self, office: Office, periods: Periods, links: Links, rights: Rights) -> None:
        self._office = office
        self._rights = rights
        self._links = links
        self._periods = periods
        self._looked = float("-inf")

    def plan(self, within_ms: int = 0) -> RetentionPlan:
        """Return what `apply` would take at `within_ms` from now, by class; changes nothing."""
        at_ms = self._office.clock.now_ms() + within_ms
        rows = self._office.store.plan(self._periods, at_ms)
        classes = tuple(RetentionClass(name=r.name, held=r.held, due=r.due, next_ms=r.next_ms) for r in rows)
        return RetentionPlan(at_ms=at_ms, classes=classes)

    def keep_house(self) -> dict[str, int]:
        """End what is due: rows at each call, scopes of persons when they weren't looked at for a while."""
        due = time.monotonic() - self._looked >= SCOPES_S
        return self.apply(scopes=due)

    def apply(self, *, scopes: bool = True) -> dict[str, int]:
        """End what is due and return how many rows by class; an entry of the audit if there was any."""
        office, now_ms = self._office, self._office.clock.now_ms()
        gone: Counter[str] = Counter()
        if scopes:
            self._looked = time.monotonic()
        for one in office.store.lapsing(self._periods, now_ms) if scopes else ():
            if one.active:
                self._rights.expire(one.person, one.scope)
            if one.scope is Scope.REGISTRATION:
                self._links.part((one.person,), "lapsed")
            gone[f"scope_{one.scope}"] += 1
            numbers = self._numbers((one.person,)) if one.scope is Scope.RECORDING else ()
            gone.update(office.store.forget_scope(one.person, one.scope))
            self._tell(numbers)
        rights = office.gate.permit_rights()
        called, recorded = office.store.due_callers(rights, self._periods, now_ms)
        numbers = (*called, *self._numbers(recorded))
        gone.update(office.store.purge_due(self._periods, now_ms))
        self._tell(numbers)
        if gone:
            office.store.audit("retention_applied", None, now_ms)
            log.info("purged what was due counts=%s", dict(gone))
        return dict(gone)

    def _numbers(self, persons: Iterable[PersonId]) -> tuple[str, ...]:
        """Of callers who agreed to a recording: asked before their keys go."""
        office = self._office
        found = (office.store.contact(office.gate.permit_rights(p), Scope.RECORDING) for p in persons)
        return tuple(number for number in found if number is not None)

    def _tell(self, numbers: Iterable[str]) -> None:
        for number in numbers:
            self._office.told_of(number)
