"""Reads the notice that receptionists are shown of what is recorded of them, and hashes it."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError

from edge.domain.errors import ConfigError
from edge.ipc.staff import StaffNotice
from edge.wire import canonical

_Lang = Literal["zh", "en"]


def load_staff(path: Path) -> StaffNotice:
    """Return the notice for receptionists at `path`, with the hash over all that it says."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        notice = StaffNotice.model_validate(fields | {"hash": ""})
    except OSError as error:
        raise ConfigError(f"read {path}", error.strerror or "unreadable", "see staff_notice") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"read {path}", f"not TOML: {error}") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(f"read {path}", f"{where}: {error.errors()[0]['msg']}") from None
    texts: dict[str, Mapping[_Lang, Sequence[str]]] = {
        "title": notice.title,
        "paragraphs": notice.paragraphs,
        "contact": notice.contact,
    }
    for where, text in texts.items():
        for lang in get_args(_Lang):
            if not any(words.strip() for words in text.get(lang, ())):
                raise ConfigError(f"read {path}", f"{where}.{lang}: missing", "every text is in zh and en")
    return notice.model_copy(update={"hash": hashlib.sha256(canonical(fields)).hexdigest()})
