"""Which boxes' public keys this CRM trusts, in a file; never takes headquarters' word for a new one.

At the first use every box that headquarters names is pinned, unless keys are given: then those alone. From
then on another key, or another box, is refused, since headquarters could name a box of its own making.
"""

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cloud.client.errors import Refused
from cloud.projectkeys.keyfile import write_private
from cloud.seal import vouched
from edge.wire.base import HexKey, Name
from edge.wire.facts import SealingBox

_FILE: TypeAdapter[dict[str, dict[Name, HexKey]]] = TypeAdapter(dict[str, dict[Name, HexKey]])
_OPERATION = "trust a box"
_COMPARE = (
    "compare it with the public key that `gatehouse credentials` printed on the box; --box-key trusts it"
)


class Pins:
    """The pinned keys of boxes, by project."""

    def __init__(self, path: Path, given: Collection[str] = ()) -> None:
        """`given`: public keys (64 hex digits) that a person compared with the boxes'."""
        self._path = path
        self._given = frozenset(key.lower() for key in given)

    def check(self, project: str, boxes: Iterable[SealingBox]) -> tuple[str, ...]:
        """Trust these boxes of a project, or none: `signature_wrong`, `key_changed`, `box_not_pinned`.

        Returns the names of those that were pinned just now.
        """
        everything = self._read()
        mine = everything.get(project, {})
        new: dict[str, str] = {}
        for box in boxes:
            if not vouched(box):
                raise Refused(
                    _OPERATION, "signature_wrong", f"{box.box} didn't sign the key that is named for it"
                )
            if mine.get(box.box) == box.public_key:
                continue
            if box.public_key not in self._given and (mine or self._given):
                code = "key_changed" if box.box in mine else "box_not_pinned"
                raise Refused(_OPERATION, code, f"{box.box} {box.public_key}: {_COMPARE}")
            new[box.box] = box.public_key
        if new:
            everything[project] = mine | new
            content = json.dumps(everything, indent=1, sort_keys=True).encode()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, content, replace=True)
        return tuple(sorted(new))

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            return _FILE.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError):
            raise Refused("read the pinned keys", "pins_unreadable", str(self._path)) from None
