"""What `headquarters.toml` may say; never fills a wrong value with a default.

An unknown key or a wrong value stops the start with the file, the path of the key and what is
expected there. Values are never repeated in the message: the database address can hold a password.
"""

import ipaddress
import tomllib
import types
from pathlib import Path
from typing import Annotated, Self, Union, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cloud.errors import ConfigError
from edge.wire.base import Name

Port = Annotated[int, Field(ge=1, le=65535, description="a TCP port, 1 to 65535")]
File = Annotated[Path, Field(strict=False, description="a file's path, relative to this file or absolute")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Database(_Section):
    """Where the tables are. A relative SQLite path is taken from the directory of the file."""

    url: Annotated[
        str,
        Field(
            repr=False,
            pattern=r"^(sqlite:///.+|postgresql\+psycopg://.+)$",
            description="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME",
        ),
    ]


class Mqtt(_Section):
    """The broker, always over TLS with a client certificate."""

    host: Annotated[str, Field(min_length=1, description="the broker's host name or address")]
    port: Port = 8883
    ca: File
    cert: File
    key: File
    client_id: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 of A-Z a-z 0-9 _ -")
    ]
    resend_s: Annotated[
        float,
        Field(strict=False, gt=0, le=86400, description="seconds until an unanswered command is sent again"),
    ] = 30.0


class Web(_Section):
    """The pages. Beyond this machine they are served over TLS only, here or by a proxy in front."""

    host: Annotated[str, Field(min_length=1, description="the address to listen on")] = "127.0.0.1"
    port: Port = 8080
    public_url: Annotated[
        str, Field(pattern=r"^https?://[^/]+/?$", description="http(s)://HOST[:PORT], as browsers see it")
    ]
    session_secret: File
    cert: File | None = None
    key: File | None = None
    behind_proxy: Annotated[bool, Field(description="true if a proxy in front ends the TLS")] = False
    timezone: Annotated[str, Field(description="an IANA time zone, for example Asia/Shanghai")] = (
        "Asia/Shanghai"
    )
    allowed_hosts: Annotated[
        tuple[Annotated[str, Field(min_length=1, description="a host name")], ...],
        Field(strict=False, max_length=20, description="further host names under which browsers come"),
    ] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise ValueError("unknown time zone") from unknown
        return value

    @model_validator(mode="after")
    def _encrypted_beyond_this_machine(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("expected both cert and key, or neither")
        if not (_is_loopback(self.host) or self.cert or self.behind_proxy):
            raise ValueError("expected cert and key, or behind_proxy = true, when host is not this machine")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers come over https."""
        return self.public_url.startswith("https://")

    @property
    def hostnames(self) -> tuple[str, ...]:
        """Every Host header that is answered."""
        public = urlsplit(self.public_url).hostname or self.host
        return tuple(dict.fromkeys((public, "localhost", "127.0.0.1", *self.allowed_hosts)))


class Signing(_Section):
    """Headquarters' own Ed25519 key, with which receipts and commands are signed."""

    key: File


Days = Annotated[int, Field(ge=1, le=3650, description="a number of days, 1 to 3650")]


class SiteRetention(_Section):
    """What one site keeps for another time than the rest of the tenant; None: as the rest."""

    visits_days: Days | None = None
    calls_days: Days | None = None
    findings_days: Days | None = None
    verdicts_days: Days | None = None
    counts_days: Days | None = None


class Retention(_Section):
    """How long each class is kept, in days; the example says why. Proofs and the access log outlive data."""

    visits_days: Days = 730
    calls_days: Days = 365
    recorded_calls_days: Days = 180
    findings_days: Days = 365
    verdicts_days: Days = 1095
    counts_days: Days = 1095
    operation_days: Days = 365
    proofs_days: Days = 1825
    packages_days: Days = 1095
    requests_days: Days = 365
    facts_waiting_days: Days = 30
    imports_days: Days = 730
    api_answers_days: Days = 2
    quarantine_days: Days = 180
    access_days: Days = 1825
    ledger_days: Days = 365
    sites: dict[Name, SiteRetention] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _proofs_last_longest(self) -> Self:
        data = max(self.of(name, site) for name in _DATA for site in (None, *self.sites))
        for name in ("proofs_days", "access_days"):
            if getattr(self, name) < data:
                raise ValueError(f"{name} is shorter than the {data} days of what it is about")
        return self

    def of(self, name: str, site: str | None = None) -> int:
        """Return the days of the class `name` at a site; None: where no site has its own."""
        own = getattr(self.sites.get(site), name, None) if site is not None else None
        days: int = getattr(self, name) if own is None else own
        return days


_DATA = ("visits_days", "calls_days", "recorded_calls_days", "findings_days", "verdicts_days")


class Headquarters(_Section):
    """The whole file. `tenant` is whose pages are shown and who `box add` means by default."""

    tenant: Annotated[Name, Field(description="1 to 40 of a-z 0-9 -, for example demo")]
    database: Database
    mqtt: Mqtt
    web: Web
    signing: Signing
    retention: Retention = Retention()


def load(path: Path) -> Headquarters:
    """Return the configuration in `path`; raise ConfigError that names the file, the key, the expectation."""
    where = f"read {path}"
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as missing:
        raise ConfigError(where, "no such file", "gatehouse-cloud init DIR makes one") from missing
    except OSError as unreadable:
        raise ConfigError(where, f"cannot be read: {unreadable.strerror}") from unreadable
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as broken:
        raise ConfigError(where, f"not TOML in UTF-8: {broken}") from broken
    try:
        config = Headquarters.model_validate(raw)
    except ValidationError as wrong:
        raise ConfigError(str(path), "; ".join(_explain(error) for error in wrong.errors())) from None
    return _absolute(config, path.resolve().parent)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _absolute(config: Headquarters, base: Path) -> Headquarters:
    """Resolve every relative path against the directory of the file."""

    def below(path: Path | None) -> Path | None:
        return None if path is None else base / path

    url, prefix = config.database.url, "sqlite:///"
    if url.startswith(prefix):
        url = f"{prefix}{base / url.removeprefix(prefix)}"
    mqtt, web = config.mqtt, config.web
    return config.model_copy(
        update={
            "database": Database(url=url),
            "mqtt": mqtt.model_copy(update={n: below(getattr(mqtt, n)) for n in ("ca", "cert", "key")}),
            "web": web.model_copy(
                update={n: below(getattr(web, n)) for n in ("session_secret", "cert", "key")}
            ),
            "signing": Signing(key=base / config.signing.key),
        }
    )


def dotted(loc: tuple[int | str, ...]) -> str:
    """Return the path of a key as people write it: `a.b[2].c`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _explain(error: object) -> str:
    assert isinstance(error, dict)
    loc, kind = error["loc"], error["type"]
    path = dotted(loc) or "the file"
    if kind == "extra_forbidden":
        section = _model_at(loc[:-1])
        known = ", ".join(section.model_fields) if section else "nothing"
        return f"{path}: unknown key, expected one of {known}"
    expected = _description_at(loc)
    if kind == "missing":
        return f"{path}: missing, expected {expected}"
    if kind == "value_error":
        return f"{path}: {error['ctx']['error']}, expected {expected}"
    return f"{path}: expected {expected}"


def _inner(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, list):
        found = (_inner(part) for part in get_args(annotation))
        return next((model for model in found if model), None)
    return None


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Headquarters
    for part in loc:
        if isinstance(part, str) and model is not None and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation)
    return model


def _description_at(loc: tuple[int | str, ...]) -> str:
    names = [part for part in loc if isinstance(part, str)]
    holder = _model_at(tuple(names[:-1]))
    if not names or holder is None or names[-1] not in holder.model_fields:
        return "what headquarters.example.toml shows"
    field = holder.model_fields[names[-1]]
    section = _inner(field.annotation)
    if section is not None:
        return f"a section [{'.'.join(names)}] with {', '.join(section.model_fields)}"
    if field.description is None:
        return "a file's path, relative to this file or absolute"
    return field.description
