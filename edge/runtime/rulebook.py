"""Reads the project's rules that the configuration names; judges nothing."""

from pathlib import Path

from edge.domain.errors import ConfigError, InvalidInput
from edge.domain.judging.ruleset import RuleBook, read_rules


def load(path: Path) -> RuleBook:
    """Return the rules in the TOML file at `path`; ConfigError says what is wrong."""
    try:
        book = read_rules(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"read {path}", error.strerror or "unreadable", "see rules.example.toml") from error
    except UnicodeDecodeError:
        raise ConfigError(f"read {path}", "not UTF-8", "save it as UTF-8") from None
    except InvalidInput as error:
        raise ConfigError(f"read {path}", error.hint, "see rules.example.toml") from None
    return book
