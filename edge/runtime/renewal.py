"""Asks again where the words changed under which people had agreed (P23); in the store's thread.

At each start the wording of every scope in the notice is compared with what it was at the last one. Where it
differs, consents given to the earlier words go to RECONSENT: nothing is used under them until the person
agrees to the new ones. It never changes what somebody agreed to by key in a call: that notice is spoken.
"""

import hashlib
import logging

from edge.consent.policy import Event, State
from edge.ipc.control import Notice
from edge.runtime.office import Office
from edge.wire import Scope, canonical

log = logging.getLogger(__name__)


class Renewal:
    """One box's consents beside its notice."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def ask_again_where_words_changed(self) -> int:
        """Suspend the consents whose scope is worded anew, all or none; return how many."""
        store, now = self._office.store, wordings(self._office.notice)
        told = store.told()
        changed = [scope for scope, words in now.items() if told.get(scope, words) != words]
        with store.transaction():
            count = sum(self._suspend(scope) for scope in changed)
            store.tell(now)
        if count:
            log.warning("consents to ask again for scopes=%s count=%d", sorted(changed), count)
        return count

    def _suspend(self, scope: Scope) -> int:
        standing = self._office.store.agreed_at_the_page(self._office.gate.permit_rights(), scope)
        for person in standing:
            self._office.change(person, scope, Event.CHANGE, State.RECONSENT)
        return len(standing)


def wordings(notice: Notice) -> dict[Scope, str]:
    """Return the SHA-256 of what the notice says of each scope that it offers."""
    return {
        offer.scope: hashlib.sha256(canonical(offer.model_dump(mode="json"))).hexdigest()
        for offer in notice.scopes
    }
