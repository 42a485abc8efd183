"""Reads the notice that visitors are shown, and hashes it; without one no sensor starts (P28)."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError

from edge.domain.errors import ConfigError
from edge.ipc.control import Notice
from edge.runtime.office import Told
from edge.wire import canonical

_Lang = Literal["zh", "en"]


def load(path: Path) -> Notice:
    """Return the notice in the TOML file at `path`, with the hash over all that it says."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        if "hash" in fields:
            raise ConfigError(f"read {path}", "hash: it is computed from the text and never written down")
        notice = Notice.model_validate(fields | {"hash": ""})
        _complete(path, notice)
        # Valid, so only strings: the file's own words have one canonical form.
        return notice.model_copy(update={"hash": hashlib.sha256(canonical(fields)).hexdigest()})
    except OSError as error:
        hint = "publish the notice before sensing"
        raise ConfigError(f"read {path}", error.strerror or "unreadable", hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"read {path}", f"not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"read {path}", f"{where}: {first['msg']}", "see the example notice") from None


def _complete(path: Path, notice: Notice) -> None:
    """Refuse a notice that says nothing in one of the languages, or offers one scope twice."""
    texts: dict[str, Mapping[_Lang, Sequence[str]]] = {
        "title": notice.title,
        "paragraphs": notice.paragraphs,
        "contact": notice.contact,
        "complaints": notice.complaints,
    }
    for offer in notice.scopes:
        texts |= {f"scopes.{offer.scope}.label": offer.label, f"scopes.{offer.scope}.detail": offer.detail}
    for where, text in texts.items():
        for lang in get_args(_Lang):
            if not any(words.strip() for words in text.get(lang, ())):
                raise ConfigError(f"read {path}", f"{where}.{lang}: missing", "every text is in zh and en")
    if len({offer.scope for offer in notice.scopes}) != len(notice.scopes):
        raise ConfigError(f"read {path}", "scopes: one is offered twice")


def spoken(sound: Path) -> Told | None:
    """Return what callers are told by the recording at `sound`; None if it can't be read.

    The version is taken from the sound itself: another recording is another notice.
    """
    try:
        digest = hashlib.sha256(sound.read_bytes()).hexdigest()
    except OSError:
        return None  # the phone's worker says so: config_error
    return Told(f"spoken_{digest[:16]}", digest)
