"""Reads the notice that the configuration names; without a whole one no sensor starts (P28)."""

import hashlib
import tomllib
from pathlib import Path

from edge.domain.errors import ConfigError
from edge.ipc.kiosk import Notice, ScopeOffer
from edge.runtime.office import Told
from edge.wire.notice import BadNotice, NoticeText, read_notice


def read(path: Path) -> NoticeText:
    """Return the notice in the TOML file at `path`; ConfigError says what it lacks."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        if "hash" in fields:
            raise ConfigError(f"read {path}", "hash: it is computed from the text and never written down")
        return read_notice(fields)
    except OSError as error:
        hint = "publish the notice before sensing"
        raise ConfigError(f"read {path}", error.strerror or "unreadable", hint) from error
    except BadNotice as error:
        raise ConfigError(f"read {path}", error.hint, f"{error.code}; see the example notice") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"read {path}", f"not TOML: {error}") from error


def load(path: Path) -> Notice:
    """Return the notice in the TOML file at `path` as the kiosk shows it. Raises as `read`."""
    return shown(read(path))


def shown(notice: NoticeText) -> Notice:
    """Return a notice as the kiosk shows it, with the hash over all that it says."""
    return Notice(
        version=notice.version,
        hash=notice.hash,
        title=notice.title,
        paragraphs={lang: tuple(said) for lang, said in notice.paragraphs.items()},
        scopes=tuple(
            ScopeOffer(scope=one.scope, label=one.label, detail=one.detail) for one in notice.scopes
        ),
        contact=notice.contact,
        complaints=notice.complaints,
        rights=tuple(sorted(notice.rights)),
    )


def spoken(sound: Path) -> Told | None:
    """Return what callers are told by the recording at `sound`; None if it can't be read.

    The version is taken from the sound itself: another recording is another notice.
    """
    try:
        digest = hashlib.sha256(sound.read_bytes()).hexdigest()
    except OSError:
        return None  # the phone's worker says so: config_error
    return Told(f"spoken_{digest[:16]}", digest)
