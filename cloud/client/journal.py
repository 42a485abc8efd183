"""How far a push has come, so that one that broke off is taken up again without doing anything twice.

Holds ciphertext and random keys alone. Its name is an HMAC under the CRM's key: it tells nothing of the book.
"""

import hashlib
import hmac
import json
import secrets
from pathlib import Path

from pydantic import ConfigDict, Field, ValidationError

from cloud.client.errors import ClientError
from cloud.projectkeys.keyfile import write_private
from edge.wire.base import Frozen, Millis, OpaqueId


class Part(Frozen):
    """One request: its key of once, how many rows, and which import it became (None: not known yet)."""

    key: OpaqueId
    rows: int
    import_id: OpaqueId | None = None


class Plan(Frozen):
    """A push that was begun."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    changed_ms: Millis
    parts: tuple[Part, ...] = Field(default=())


class Journal:
    """One push. Nothing is there of one that was never begun, or that is done."""

    def __init__(self, directory: Path, crm_key: str, what: bytes) -> None:
        """`what`: the file and what is to be done with it, by which it is known again."""
        name = hmac.new(crm_key.encode(), what, hashlib.sha256).hexdigest()[:32]
        self._directory = directory / name

    def plan(self) -> Plan | None:
        """Return what was begun, or None."""
        try:
            return Plan.model_validate_json((self._directory / "plan.json").read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            raise ClientError("go on with a push", "journal_unreadable", str(self._directory)) from None

    def write(self, plan: Plan) -> None:
        """Keep how far it has come, durably."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._directory / "plan.json", plan.model_dump_json().encode(), replace=True)

    def body(self, part: Part) -> bytes | None:
        """Return the sealed request of a part that was made ready, or None."""
        try:
            return (self._directory / part.key).read_bytes()
        except FileNotFoundError:
            return None

    def keep_body(self, part: Part, body: bytes) -> None:
        """Keep a sealed request until it is answered: sealed anew it would be another one."""
        write_private(self._directory / part.key, body, replace=True)

    def answered(self, plan: Plan, index: int, import_id: str) -> Plan:
        """Note that a part was taken; its sealed rows go."""
        parts = list(plan.parts)
        parts[index] = parts[index].model_copy(update={"import_id": import_id})
        after = plan.model_copy(update={"parts": tuple(parts)})
        self.write(after)
        (self._directory / parts[index].key).unlink(missing_ok=True)
        return after

    def done(self) -> None:
        """Forget it."""
        if self._directory.is_dir():
            for file in self._directory.iterdir():
                file.unlink()
            self._directory.rmdir()


def begun(counts: list[int], changed_ms: int) -> Plan:
    """Return the plan of a push with so many rows in each part."""
    return Plan(
        changed_ms=changed_ms, parts=tuple(Part(key=secrets.token_hex(16), rows=count) for count in counts)
    )


def what(kind: str, data: bytes, **more: object) -> bytes:
    """Return by what a push is known again: its book, its file, and what else makes it another one."""
    return json.dumps({"kind": kind, **more}, sort_keys=True).encode() + b"\n" + data
