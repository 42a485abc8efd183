"""Speaks to headquarters' API for a CRM: whom to seal to, sending, what became of it; sends no row unsealed.

A request that broke off is repeated as it was, under the same key, so headquarters takes it once.
"""

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from cloud.books.roster import Channel
from cloud.client.errors import Refused, Unreachable
from cloud.client.journal import Journal, Part, Plan, begun
from cloud.client.pins import Pins
from cloud.seal import seal
from edge.wire.columns import BookKind, folded
from edge.wire.facts import FactRow, SealingBox

MOST_SEALED = 10_000
"""Sealed rows of one request, as headquarters bounds it."""
PART_ROWS = 2_000
"""Rows of one request, so that a book shows how far it is."""
_TIMEOUT_S = 60.0
_ATTEMPTS = 6
_TOO_MANY = 429
_OTHER_BOXES = ("box_missing", "box_not_of_project", "key_changed")
_BOXES: TypeAdapter[tuple[SealingBox, ...]] = TypeAdapter(tuple[SealingBox, ...])
_MOST_WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many rows were brought in, by which imports; `pinned`: boxes trusted for the first time."""

    rows: int
    import_ids: tuple[str, ...]
    pinned: tuple[str, ...]


class Gatehouse:
    """Headquarters, as one CRM's key sees it. Every method raises Refused or Unreachable."""

    def __init__(
        self,
        url: str,
        key: str,
        pins: Pins,
        *,
        ca: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`url`: https://HOST, or http:// on this machine. `ca`: a certificate authority of your own."""
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise Refused("reach headquarters", "not_encrypted", "https://, except on this machine")
        self._pins = pins
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1/",
            headers={"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            verify=_trusting(ca),
            transport=transport,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def boxes(self) -> tuple[tuple[SealingBox, ...], tuple[str, ...]]:
        """Return every box to which one seals, each signed and pinned, and which were pinned just now."""
        said = self._ask("GET", "boxes")
        try:
            found = _BOXES.validate_python(said["boxes"])
        except ValidationError:
            raise Refused("ask for the boxes", "not_understood", "another version of headquarters") from None
        if not found:
            raise Refused("ask for the boxes", "no_boxes", "")
        return found, self._pins.check(str(said["project"]), found)

    def channels(self) -> dict[str, str]:
        """Return the codes of the project's channels, by code and by folded name."""
        known = [one for one in self._ask("GET", "channels")["channels"] if not one["withdrawn"]]
        return {folded(one["name"]): one["code"] for one in known} | {
            one["code"]: one["code"] for one in known
        }

    def mapping(self, name: str, kind: BookKind) -> dict[str, str]:
        """Return a saved mapping, heading by field; Refused `unknown_mapping`."""
        for one in self._ask("GET", "mappings")["mappings"]:
            if (one["name"], one["kind"]) == (name, kind):
                return dict(one["columns"])
        raise Refused("find the mapping", "unknown_mapping", "it is saved on headquarters' page")

    def state(self, import_id: str) -> dict[str, Any]:
        """Return what became of an import, as the API says it."""
        return self._ask("GET", f"imports/{import_id}")

    def push(
        self, kind: BookKind, rows: Sequence[FactRow], changed_ms: int, journal: Journal | None = None
    ) -> Pushed:
        """Seal every row to every box and send all; with a journal, go on where an earlier push broke off.

        A book that broke off in between is taken in part; the rows that came count, and the rest follows.
        """
        boxes, pinned = self.boxes()
        most = min(PART_ROWS, MOST_SEALED // len(boxes))
        plan = (journal.plan() if journal else None) or begun(
            [min(most, len(rows) - at) for at in range(0, len(rows), most)], changed_ms
        )
        if journal:
            journal.write(plan)
        at = 0
        for index, part in enumerate(plan.parts):
            mine = rows[at : at + part.rows]
            at += part.rows
            if part.import_id is None:
                plan = self._send(kind, mine, boxes, plan, index, journal)
        if journal:
            journal.done()
        return Pushed(len(rows), tuple(part.import_id or "" for part in plan.parts), pinned)

    def push_channels(self, channels: Sequence[Channel]) -> Pushed:
        """Bring in the book of channels, all or none: it is about companies, and headquarters reads it."""
        (part,) = begun([len(channels)], 0).parts
        said = [one.model_dump(mode="json", exclude_none=True) for one in channels]
        body = json.dumps({"channels": said}, ensure_ascii=False).encode()
        return Pushed(len(channels), (str(self._post("channels", part, body)["import_id"]),), ())

    def _send(
        self,
        kind: BookKind,
        rows: Sequence[FactRow],
        boxes: Sequence[SealingBox],
        plan: Plan,
        index: int,
        journal: Journal | None,
    ) -> Plan:
        part = plan.parts[index]
        body = journal.body(part) if journal else None
        try:
            said = self._post("imports", part, body or self._seal(kind, rows, boxes, part, journal))
        except Refused as refused:
            if body is None or refused.code not in _OTHER_BOXES:
                raise
            # sealed before the boxes changed; as it was refused, nothing of it was taken
            said = self._post("imports", part, self._seal(kind, rows, boxes, part, journal))
        import_id = str(said["import_id"])
        if journal:
            return journal.answered(plan, index, import_id)
        parts = [
            *plan.parts[:index],
            part.model_copy(update={"import_id": import_id}),
            *plan.parts[index + 1 :],
        ]
        return plan.model_copy(update={"parts": tuple(parts)})

    @staticmethod
    def _seal(
        kind: BookKind,
        rows: Sequence[FactRow],
        boxes: Sequence[SealingBox],
        part: Part,
        journal: Journal | None,
    ) -> bytes:
        body = _sealed(kind, rows, boxes)
        if journal:
            journal.keep_body(part, body)
        return body

    def _post(self, path: str, part: Part, body: bytes) -> dict[str, Any]:
        headers = {"idempotency-key": part.key, "content-type": "application/json"}
        return self._ask("POST", path, body, **headers)

    def _ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
        retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, Unreachable)),
            wait=_wait,
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        return retrying(self._once, method, path, body, headers)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        operation = f"{method} {path.partition('/')[0]}"
        try:
            answer = self._client.request(method, path, content=body, headers=headers)
        except httpx.TransportError as error:
            raise Unreachable(operation, "unreachable", f"{type(error).__name__}: try again later") from None
        said = _said(answer)
        if answer.status_code in (200, 201):
            return said
        raise _refusal(operation, answer, said)


def _said(answer: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON; an empty object where a proxy in between says something else."""
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _refusal(operation: str, answer: httpx.Response, said: dict[str, Any]) -> Refused | Unreachable:
    code = str(said.get("code", f"http_{answer.status_code}"))
    wrong = (f"{one['where']}: {one['what']}" for one in said.get("errors", ()))
    hint = "; ".join(filter(None, (str(said.get("hint", "")), *wrong)))
    if answer.status_code != _TOO_MANY and answer.status_code < 500:
        return Refused(operation, code, hint)
    later = Unreachable(operation, code, hint)
    asked = answer.headers.get("retry-after", "")
    later.retry_after_s = float(asked) if asked.isdigit() else 0.0
    return later


def _trusting(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


_BACKOFF = wait_random_exponential(multiplier=0.5, max=15)


def _wait(state: RetryCallState) -> float:
    """As long as headquarters asks, or a little longer each time."""
    failed = state.outcome.exception() if state.outcome else None
    asked_s = failed.retry_after_s if isinstance(failed, Unreachable) else 0.0
    return max(_BACKOFF(state), min(asked_s, _MOST_WAIT_S))


def _sealed(kind: BookKind, rows: Sequence[FactRow], boxes: Sequence[SealingBox]) -> bytes:
    sealed = [
        {"box": box.box, "enrolment_key": box.enrolment_key, "rows": [seal(row, box) for row in rows]}
        for box in boxes
    ]
    return json.dumps({"kind": kind, "boxes": sealed}).encode()
