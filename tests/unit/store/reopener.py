"""A process that opens a store anew and reads everything of everybody in it; killed by the test."""

import sys
from pathlib import Path

from edge.consent.gate import Gate
from edge.domain.facts import PersonId
from edge.store.credentials import Credentials
from edge.store.store import SqlStore
from edge.wire import Scope
from tests.unit.store.world import IDENTITY


def main() -> None:
    """Say `ready` when everything was read and is held."""
    here = Path(sys.argv[1])
    store = SqlStore.open(here / "state", Credentials.load(here / "credentials", {}), IDENTITY)
    gate, held = Gate(store), []
    for row in store._database.query("SELECT DISTINCT person FROM consents WHERE state = 'ACTIVE'"):
        person = PersonId(row.text("person"))
        rights = gate.permit_rights(person)
        held.append(
            (
                store.contact(rights, Scope.REGISTRATION),
                store.card(rights),
                store.templates(rights),
                store.tokens_of(rights),
                store.visits(rights),
                [store.recording(rights, call) for call in store.recordings_of(rights)],
            )
        )
    sys.stdout.write(f"ready {len(held)}\n")
    sys.stdout.flush()
    sys.stdin.read()
    del held


if __name__ == "__main__":
    main()
