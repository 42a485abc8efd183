"""Visitors' requests that wait for a person: listed, read with a reason, settled; in the store's thread.

Nobody reads one unseen, and nothing is settled that the visitor's page doesn't then say.
"""

from typing import Literal

from edge.domain import facts
from edge.domain.errors import InvalidInput
from edge.domain.phone import masked
from edge.domain.reasons import Reason
from edge.ipc import officer as protocol
from edge.ipc.messages import Message
from edge.runtime.office import Office
from edge.store.rows import RequestRow
from edge.wire import Scope

_REFUSES = frozenset({"not_founded", "identity_not_shown"})


class WaitingRequests:
    """The privacy officer's side of what visitors ask with their codes."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def answer(self, request: protocol.AboutRequest, account: str) -> Message:
        """Return the answer to what `account` asks; InvalidInput `not_waiting` for an unknown request."""
        match request:
            case protocol.ShowRequests():
                return protocol.Waiting(requests=tuple(_line(row) for row in self._waiting()))
            case protocol.ReadRequest():
                return self._read(self._find(request.request), request.reason, account)
            case protocol.SettleRequest():
                return self._settle(self._find(request.request), request, account)

    def _waiting(self) -> tuple[RequestRow, ...]:
        return self._office.store.waiting_requests(self._office.gate.permit_rights())

    def _find(self, wanted: str) -> RequestRow:
        for row in self._waiting():
            if row.request == wanted:
                return row
        raise InvalidInput("find a request", "not_waiting", "see `gatehouse requests list`")

    def _read(self, row: RequestRow, reason: Reason, account: str) -> protocol.Written:
        self._note("read", row, reason, account)
        rights = self._office.gate.permit_rights(row.person)
        number = self._office.store.contact(rights, Scope.REGISTRATION)
        return protocol.Written(
            line=_line(row),
            masked=masked(number) if number is not None else "",
            text=self._office.store.written(rights, row.request),
        )

    def _settle(
        self, row: RequestRow, request: protocol.SettleRequest, account: str
    ) -> protocol.SettledRequest:
        state: Literal["done", "refused"] = "refused" if request.outcome in _REFUSES else "done"
        fact = facts.RequestSettled(
            **self._office.stamp(), person=row.person, request=row.request, state=state, code=request.outcome
        )
        with self._office.store.transaction():
            self._note(state, row, request.reason, account)
            self._office.store.apply(self._office.gate.on_other_basis(fact))
        return protocol.SettledRequest(line=_line(row))

    def _note(self, what: str, row: RequestRow, reason: Reason, account: str) -> None:
        store, now = self._office.store, self._office.clock.now_ms()
        with store.transaction():
            store.audit(f"officer_request_{what}", f"account-{account}", now)
            store.audit(reason_code(reason), row.person, now)


def reason_code(reason: Reason) -> str:
    """Return how a reason stands in the audit."""
    return f"because_{reason}"


def _line(row: RequestRow) -> protocol.RequestLine:
    return protocol.RequestLine(
        request=row.request, act=row.act, code=row.code, asked_ms=row.at_ms, due_ms=row.due_ms
    )
