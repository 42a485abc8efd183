"""How far back a yes to `channel_risk` reaches; decides nothing else, keeps nothing.

Whoever types a number at the kiosk may not be its owner. So what they agree to counts from then on, and
doesn't open what the number's owner left here before and never let be checked (decision 0040).
"""

from edge.consent.policy import State
from edge.domain.facts import PersonId
from edge.runtime.office import TOKEN_PURPOSE, Office
from edge.wire import Scope


def reach(office: Office, person: PersonId, number: str | None, scope: Scope, since_ms: int) -> int | None:
    """Return from when on a yes that is given without proof counts; None: there is nothing that it can't
    reach.

    Asked anew because the notice's words changed: as far as the yes before it.
    """
    if scope is not Scope.CHANNEL_RISK or number is None:
        return None
    before = office.store.consent(person, scope)
    if before.stands == State.RECONSENT:
        return before.covers_ms
    rights = office.gate.permit_rights
    visits = office.store.visits(rights(person))
    caller = office.find(rights(), TOKEN_PURPOSE[Scope.RECORDING], number)
    called = caller is not None and bool(office.store.recordings_of(rights(caller)))
    return since_ms if called or any(visit.arrived_ms < since_ms for visit in visits) else None
