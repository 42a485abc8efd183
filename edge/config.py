"""The box's configuration as strict models; an unknown or wrong key stops the start, never a default.

Secrets are not in it: it names credential files. Reading it imports the configured kinds of device,
but no native parser.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from edge import devices
from edge.domain.assessment import Assessment
from edge.domain.errors import ConfigError
from edge.domain.retention import DAY_MS, Periods
from edge.ipc.driver import DeviceConfig
from edge.wire.base import Name, Scope

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Section(BaseModel):
    """One table of the file: closed and immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Site(Section):
    """Who this box is; `country` is where its data stays (ISO 3166)."""

    tenant: Name
    site: Name
    box: Name
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "CN"


class Paths(Section):
    """Where state, sockets and credentials lie."""

    state: Path
    run: Path
    credentials: Path


class Mqtt(Section):
    """The broker of headquarters, by mutual TLS."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    ca: Path
    certificate: Path
    key: Path
    headquarters_keys: Annotated[tuple[Hex32, ...], Field(min_length=1)]
    """Ed25519 public keys, in hex, of which one signs each receipt and command."""


class Destination(Section):
    """One host that data may go to, and who runs it where (P5, P16, P34)."""

    host: str
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    processor: str


class Desk(Section):
    """The reception desk: which devices a visitor's act may use."""

    camera: Name | None = None
    terminal: Name | None = None
    closes_at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "21:00"
    """The office's closing time, by the box's own time zone: whoever hasn't said goodbye has left by then."""


class Kiosk(Section):
    """Where the page is served, and who may speak for it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8443
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    """Further host names by which browsers reach the page; any other is refused."""
    user: str | None = None
    """The account of the kiosk process; None: the account of the core."""


class Footfall(Section):
    """Head counts of the entrance cameras."""

    interval_s: Annotated[int, Field(ge=1, le=3600)] = 900


class Models(Section):
    """ONNX files of the default detector and embedder, and the score that confirms a face 1:1."""

    detector: Path
    embedder: Path
    confirm_at: Annotated[float, Field(ge=0.3, le=1.0)] = 0.45


class Rules(Section):
    """Where the project's rules stand (edge/rules.example.toml), and how long what the books say is kept.

    A report after its time, a deal after its last step, a row of the office's list after its last change.
    """

    file: Path
    report_keeps_days: Annotated[int, Field(ge=1, le=3650)]
    deal_keeps_days: Annotated[int, Field(ge=1, le=3650)] = 1095
    customer_keeps_days: Annotated[int, Field(ge=1, le=3650)] = 1095


Days = Annotated[int, Field(ge=1, le=3650)]


class Retention(Section):
    """How long each class of data is kept at this site, in days; the example shows every one.

    For what joins two classes the shorter period counts. A caller's number that nobody agreed to is
    kept 72 hours, and reports as long as `rules.report_keeps_days`: neither stands here.
    """

    registration_days: Days = 730
    visits_days: Days = 730
    appointments_days: Days = 7
    cards_days: Days = 180
    templates_days: Days = 180
    channel_risk_days: Days = 365
    recordings_days: Days = 180
    follow_up_days: Days = 365
    marketing_days: Days = 180
    location_days: Days = 30
    calls_days: Annotated[int, Field(ge=4, le=3650)] = 365
    """A call outlives the 72 hours of its number."""
    verdicts_days: Days = 1095
    proofs_days: Days = 1825
    audit_days: Days = 1825
    tombstones_days: Days = 1825
    """Keyed hashes of erased tokens; longer than any backup is kept, and a backup older isn't restored."""

    @model_validator(mode="after")
    def _proofs_last_longest(self) -> Self:
        scopes = max(self.periods().scopes.values()) // DAY_MS
        if self.proofs_days < scopes:
            raise ValueError(f"proofs_days: a consent of {scopes} days outlives its proof")
        if self.audit_days < scopes:
            raise ValueError(f"audit_days: data of {scopes} days outlives what was done with it")
        return self

    def periods(self) -> Periods:
        """Return the periods as the store counts them."""
        days = {
            Scope.REGISTRATION: self.registration_days,
            Scope.ID_CARD: self.cards_days,
            Scope.FACE_MATCH: self.templates_days,
            Scope.CHANNEL_RISK: self.channel_risk_days,
            Scope.RECORDING: self.recordings_days,
            Scope.FOLLOW_UP: self.follow_up_days,
            Scope.MARKETING: self.marketing_days,
            Scope.LOCATION: self.location_days,
        }
        return Periods(
            scopes={scope: days[scope] * DAY_MS for scope in Scope},
            visits=self.visits_days * DAY_MS,
            appointments=min(self.appointments_days, self.visits_days, self.registration_days) * DAY_MS,
            calls=self.calls_days * DAY_MS,
            verdicts=self.verdicts_days * DAY_MS,
            proofs=self.proofs_days * DAY_MS,
            audit=self.audit_days * DAY_MS,
            tombstones=self.tombstones_days * DAY_MS,
        )


class FaceAssessment(Section):
    """The site's entry for its impact assessment of face matching (P36); without it no face is matched."""

    sha256: Hex32
    """Of the report that the site's privacy officer keeps."""
    made: date
    valid_until: date
    approved_by: Annotated[str, StringConstraints(min_length=1, max_length=80)] = Field(repr=False)
    """Who approved it, as the site writes it down; shown nowhere."""

    @model_validator(mode="after")
    def _holds_for_a_time(self) -> Self:
        if self.valid_until < self.made:
            raise ValueError("valid_until is before made")
        return self

    def term(self) -> Assessment:
        """Return when it holds."""
        return Assessment(self.made, self.valid_until)


class Backup(Section):
    """Backups for the holder of a private key that is never on the box (`gatehouse backup keygen`)."""

    escrow_key: Hex32
    """X25519 public key, in hex."""
    directory: Path
    """Backups of data go to data/ in it, those of keys to keys/: copy only the first to where things last."""
    every_hours: Annotated[int, Field(ge=1, le=168)] = 24
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Of data; a backup of keys is deleted after 7 days, always."""


class RightsPage(Section):
    """Visitors' own pages of rights, served by headquarters."""

    page: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+/?$")] | None = None
    """Headquarters' public address, as visitors' telephones reach it; None: no code is shown."""


class Clock(Section):
    """How this machine's wall clock is kept."""

    kept_by: Literal["ntp", "hypervisor"] = "ntp"
    """`ntp`: the kernel says whether it is synchronised. `hypervisor`: a virtual machine's host keeps
    it and the kernel can't know; the installer answers for that."""


class Config(Section):
    """The whole file."""

    site: Site
    paths: Paths
    mqtt: Mqtt
    destinations: Annotated[tuple[Destination, ...], Field(min_length=1)]
    notice: Path
    staff_notice: Path | None = None
    """What receptionists are told of what is recorded of them; without it nobody can be enrolled."""
    desk: Desk = Desk()
    kiosk: Kiosk = Kiosk()
    footfall: Footfall = Footfall()
    models: Models | None = None
    rules: Rules
    retention: Retention = Retention()
    face_assessment: FaceAssessment | None = None
    backup: Backup | None = None
    rights: RightsPage = RightsPage()
    clock: Clock = Clock()
    operators: tuple[str, ...] = ()
    """Accounts that may use the CLI besides root and the core's own."""
    officers: tuple[str, ...] = ()
    """Accounts that may look at, export, correct and erase a person's data on the person's request."""
    devices: tuple[DeviceConfig, ...] = ()

    @model_validator(mode="after")
    def _destinations_stay_in_the_country(self) -> Self:
        known = {d.host: d for d in self.destinations}
        if self.mqtt.host not in known:
            raise ValueError(f"mqtt.host {self.mqtt.host} is not in the register of destinations")
        page = urlsplit(self.rights.page).hostname if self.rights.page else None
        if page is not None and page not in known:
            raise ValueError(f"rights.page {page} is not in the register of destinations")
        abroad = [d.host for d in self.destinations if d.country != self.site.country]
        if abroad:
            raise ValueError(f"destinations outside {self.site.country}: {', '.join(abroad)}")
        return self

    @model_validator(mode="after")
    def _tombstones_outlive_what_could_bring_somebody_back(self) -> Self:
        stones = self.retention.tombstones_days
        returning = {
            "backup.keep_days": self.backup.keep_days if self.backup is not None else 0,
            "rules.report_keeps_days": self.rules.report_keeps_days,
            "rules.deal_keeps_days": self.rules.deal_keeps_days,
            "rules.customer_keeps_days": self.rules.customer_keeps_days,
        }
        for name, days in returning.items():
            if stones <= days:
                raise ValueError(f"retention.tombstones_days: {stones} isn't more than {name}, {days}")
        return self

    @model_validator(mode="after")
    def _devices_fit(self) -> Self:
        ids = [d.id for d in self.devices]
        if len(set(ids)) != len(ids):
            raise ValueError("two devices have the same id")
        for use, name in (("desk.camera", self.desk.camera), ("desk.terminal", self.desk.terminal)):
            if name is not None and name not in ids:
                raise ValueError(f"{use} names {name}, which is no configured device")
        if self.models is None and any(d.worker == "vision" for d in self.devices):
            raise ValueError("cameras need [models]: paths of detector and embedder")
        return self


def load(path: Path, with_secrets: bool = True) -> Config:
    """Read, validate and return the configuration at `path`; ConfigError names file, key and remedy.

    Without secrets no password file is opened: for processes that may not read them.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"read {path}", error.strerror or "unreadable", "does the file exist?") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"read {path}", f"not TOML: {error}") from error
    found = _devices(path, raw.pop("devices", []), with_secrets)
    try:
        return _absolute(Config.model_validate(raw | {"devices": found}), path.resolve().parent)
    except ValidationError as error:
        raise _explain(path, error, ()) from None


def _devices(path: Path, entries: object, with_secrets: bool = True) -> tuple[DeviceConfig, ...]:
    if not isinstance(entries, list):
        raise ConfigError(f"read {path}", "devices: expected a list of tables", "write [[devices]]")
    return tuple(_device(path, index, entry, with_secrets) for index, entry in enumerate(entries))


def _device(path: Path, index: int, entry: object, with_secrets: bool) -> DeviceConfig:
    where = ("devices", index)
    if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
        raise ConfigError(f"read {path}", f"devices[{index}].kind: expected one of {_kinds()}")
    try:
        kind = devices.load(entry["kind"])
    except ConfigError:
        raise ConfigError(f"read {path}", f"devices[{index}].kind: expected one of {_kinds()}") from None
    fields = dict(entry)
    if "password_file" in fields:
        file = fields.pop("password_file")
        fields["password"] = _password(path, index, file) if with_secrets else ""
    elif "password" in fields:
        raise ConfigError(f"read {path}", f"devices[{index}].password: not here", "use password_file")
    try:
        return kind.Config.model_validate(fields)
    except ValidationError as error:
        raise _explain(path, error, where) from None


def _kinds() -> str:
    return ", ".join(devices.kinds())


def _password(path: Path, index: int, name: object) -> str:
    where, remedy = f"devices[{index}].password_file", "write the device's password into a file, mode 0600"
    if not isinstance(name, str):
        raise ConfigError(f"read {path}", f"{where}: expected the name of a file", remedy)
    file = path.parent / name
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"read {path}", f"{where}: {file}: {error.strerror}", remedy) from error
    except ValueError:  # not UTF-8, or no file name at all; its text could quote the password
        raise ConfigError(f"read {path}", f"{where}: {file}: not a text file", remedy) from None
    if not password:
        raise ConfigError(f"read {path}", f"{where}: {file}: empty", remedy)
    return password


def _explain(path: Path, error: ValidationError, prefix: tuple[str | int, ...]) -> ConfigError:
    lines = [f"{_dotted(prefix + tuple(e['loc'])) or 'the file'}: {_expected(e)}" for e in error.errors()]
    return ConfigError(f"read {path}", "; ".join(lines), "see `gatehouse check-config --example`")


def _expected(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; it is not part of the configuration"
    return str(error["msg"]).removeprefix("Value error, ")


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


S = TypeVar("S", bound=BaseModel)


def _absolute(section: S, base: Path) -> S:
    """Resolve relative paths against the file's own directory, in tables and lists of tables too."""
    return section.model_copy(update={name: _resolved(value, base) for name, value in section})


def _resolved(value: object, base: Path) -> object:
    if isinstance(value, Path):
        return base / value
    if isinstance(value, BaseModel):
        return _absolute(value, base)
    if isinstance(value, tuple):
        return tuple(_resolved(item, base) for item in value)
    return value
