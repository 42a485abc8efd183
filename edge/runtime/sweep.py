"""Judges every claim and deal again, some customers at a time, between what the desk asks; never all at once.

Asked for when something changes that any of them may rest on, such as the office's list of owners. That it
was asked for is kept with the change; a restart begins anew, and who was judged already gets no new version.
"""

from edge.runtime.office import Office, new_id
from edge.runtime.risk import Risk
from edge.wire import Purpose

AT_ONCE = 100
"""Customers who are judged in one transaction: what the desk waits for at most."""
_ASKED = "judge_all"


class Sweep:
    """At most one goes on; asking again begins it again. `step` until it returns False."""

    def __init__(self, office: Office, risk: Risk) -> None:
        self._office = office
        self._risk = risk
        self._asked = ""
        self._after = ""

    def ask(self) -> None:
        """Have everything judged again; as durable as the transaction that this stands in."""
        self._office.store.note(_ASKED, new_id())

    def step(self) -> bool:
        """Judge the next customers; return whether there may be more."""
        store = self._office.store
        asked = store.noted(_ASKED)
        if not asked:
            return False
        if asked != self._asked:
            self._asked, self._after = asked, ""
        with store.transaction():
            tokens = store.risk_tokens(
                self._office.gate.permit_lookup(Purpose.CHANNEL_RISK), self._after, AT_ONCE
            )
            self._risk.judge_tokens(tokens)
            if not tokens:
                store.note(_ASKED, "")
        self._after = tokens[-1] if tokens else ""
        return bool(tokens)
