"""Reads the notice that visitors are shown, and hashes it; without one no sensor starts (P28)."""

import hashlib
import tomllib
from pathlib import Path

from pydantic import ValidationError

from edge.domain.errors import ConfigError
from edge.ipc.control import Notice
from edge.wire import canonical


def load(path: Path) -> Notice:
    """Return the notice in the TOML file at `path`, with the hash over all that it says."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        digest = hashlib.sha256(canonical(fields)).hexdigest()
        return Notice.model_validate(fields | {"hash": digest})
    except OSError as error:
        hint = "publish the notice before sensing"
        raise ConfigError(f"read {path}", error.strerror or "unreadable", hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"read {path}", f"not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"read {path}", f"{where}: {first['msg']}") from None
