"""Everything a worker and the core can say to each other; validated at both ends, closed to unknown fields.

A worker attests what a device said; it never sends an image, audio, or a number it wasn't leased.
All `at_ms` are wall times in milliseconds; durations were measured with the monotonic clock.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints, TypeAdapter

from edge.domain.idcard import CardKind
from edge.wire import Millis, OpaqueId
from edge.wire.base import Name
from edge.wire.records import Code


class Message(BaseModel):
    """One line on a socket: immutable, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


PersonName = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f<>]{1,40}$", max_length=40)
]
"""What somebody wants to be called."""
Number = Annotated[str, StringConstraints(pattern=r"^[0-9+ -]{5,20}$")]
"""A phone number as somebody typed it."""


# ---- worker → core -------------------------------------------------------------------------


class Hello(Message):
    """A worker started; its first line."""

    type: Literal["hello"] = "hello"
    worker: Literal["vision", "recogniser", "card", "phone"]
    pid: int


class DeviceState(Message):
    """A device changed its state (sent once per change)."""

    type: Literal["device_state"] = "device_state"
    device: Name
    state: Literal["connecting", "up", "down", "auth_failed", "frozen", "config_error"]
    code: Code
    at_ms: Millis
    about: Annotated[str, StringConstraints(max_length=80)] = ""
    """What the device says of itself: its own number, its rate. It stays on the box."""


class Progress(Message):
    """Real work was done since the last one (frames read, polls answered)."""

    type: Literal["progress"] = "progress"
    device: Name
    units: NonNegativeInt


class Alive(Message):
    """The worker still runs, whatever its devices do; one that says nothing for long hangs."""

    type: Literal["alive"] = "alive"


class Headcount(Message):
    """How many people crossed an entrance in an interval, unrounded; the core rolls small ones up."""

    type: Literal["headcount"] = "headcount"
    device: Name
    from_ms: Millis
    to_ms: Millis
    count: NonNegativeInt


class CardPresent(Message):
    """A card lies on the terminal. Nothing of it was read."""

    type: Literal["card_present"] = "card_present"
    device: Name
    at_ms: Millis


class CardRead(Message):
    """The fields of a card, read under a lease; what its kind or the terminal doesn't tell is empty.

    Dates are YYYYMMDD; `valid_until` may be 长期. The photo is never part of it.
    """

    type: Literal["card_read"] = "card_read"
    device: Name
    lease: OpaqueId
    at_ms: Millis
    kind: CardKind
    name: Annotated[str, StringConstraints(max_length=60)] = Field(repr=False)
    """In Chinese."""
    english_name: Annotated[str, StringConstraints(max_length=60)] = Field(default="", repr=False)
    sex: Annotated[str, StringConstraints(pattern=r"^[0129]?$")] = Field(default="", repr=False)
    nation: Annotated[str, StringConstraints(pattern=r"^(\d{2})?$")] = Field(default="", repr=False)
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = Field(default="", repr=False)
    birth: Annotated[str, StringConstraints(pattern=r"^\d{8}$")] = Field(repr=False)
    address: Annotated[str, StringConstraints(max_length=70)] = Field(default="", repr=False)
    """The newest one that the card has."""
    number: Annotated[str, StringConstraints(pattern=r"^(\d{17}[\dX]|[A-Z]{3}\d{12})$")] = Field(repr=False)
    issuer: Annotated[str, StringConstraints(max_length=30)] = Field(default="", repr=False)
    valid_from: Annotated[str, StringConstraints(pattern=r"^(\d{8})?$")] = Field(default="", repr=False)
    valid_until: Annotated[str, StringConstraints(pattern=r"^(\d{8}|长期)?$")] = Field(repr=False)
    confirmed_twice: bool
    """Two reads were identical; if not, the visitor has to confirm the fields."""
    photo: Literal["not_asked", "sent", "not_decodable"] = "not_asked"
    """What became of the photo under a PhotoLease."""


class CardFailed(Message):
    """A leased read ended without a card; `code` says why (no_card, not_lifted, lease_over …)."""

    type: Literal["card_failed"] = "card_failed"
    device: Name
    lease: OpaqueId
    code: Code


class CallStarted(Message):
    """A call rings. `number` is as the network gave it, unnormalised; empty if withheld."""

    type: Literal["call_started"] = "call_started"
    device: Name
    call: OpaqueId
    number: Annotated[str, StringConstraints(max_length=64)] = Field(repr=False)
    at_ms: Millis


class CallKey(Message):
    """The caller pressed `key` after the notice was played in full or in part."""

    type: Literal["call_key"] = "call_key"
    device: Name
    call: OpaqueId
    key: Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")]
    at_ms: Millis


class CallEnded(Message):
    """A call is over. `recorded_ms` is the length of sealed audio; MOS by the E-model (G.107)."""

    type: Literal["call_ended"] = "call_ended"
    device: Name
    call: OpaqueId
    at_ms: Millis
    duration_ms: Millis
    answered: bool
    notice_played: bool
    recorded_ms: Millis
    loss_permille: Annotated[int, Field(ge=0, le=1000)] | None = None
    mos_x100: Annotated[int, Field(ge=100, le=500)] | None = None


class Embedding(Message):
    """A face template seen in a lease: base64 of L2-normalised little-endian float32."""

    type: Literal["embedding"] = "embedding"
    lease: OpaqueId
    model: Code
    vector: Annotated[str, StringConstraints(max_length=4096)] = Field(repr=False)
    faces: NonNegativeInt
    """How many faces were in the frame; the core uses a template only when it is 1."""
    score_permille: Annotated[int, Field(ge=0, le=1000)]
    size_px: NonNegativeInt


class RecogniserDone(Message):
    """The recogniser has nothing more to give in this lease (frames ended, or its time is over)."""

    type: Literal["recogniser_done"] = "recogniser_done"
    lease: OpaqueId
    frames: NonNegativeInt


class Compared(Message):
    """What a comparison came to. `score_permille`: the best similarity seen (cosine), 0 if there was none."""

    type: Literal["compared"] = "compared"
    lease: OpaqueId
    outcome: Literal["same", "different", "no_face", "no_face_on_photo"]
    score_permille: Annotated[int, Field(ge=0, le=1000)]


# ---- core → worker -------------------------------------------------------------------------


class Assign(Message):
    """The devices of this worker, as validated configuration, with their own secrets only."""

    type: Literal["assign"] = "assign"
    devices: tuple[dict[str, Any], ...] = Field(repr=False)
    models: dict[str, str] = Field(default_factory=dict)
    """Role (detector, embedder) → path of the .onnx file."""
    headcount_s: Annotated[int, Field(ge=1)] = 900


class FrameLease(Message):
    """Send this camera's newest frames into the one file descriptor that comes along, for `seconds`."""

    type: Literal["frame_lease"] = "frame_lease"
    lease: OpaqueId
    device: Name
    seconds: Annotated[int, Field(ge=1, le=20)]


class CardLease(Message):
    """Read the card on this terminal once, within `seconds`."""

    type: Literal["card_lease"] = "card_lease"
    lease: OpaqueId
    device: Name
    seconds: Annotated[int, Field(ge=1, le=20)]


class PhotoLease(Message):
    """As CardLease, and send the decoded photo into the one file descriptor that comes along.

    What goes in there is one picture, as frames go to a recogniser.
    """

    type: Literal["photo_lease"] = "photo_lease"
    lease: OpaqueId
    device: Name
    seconds: Annotated[int, Field(ge=1, le=20)]


class LeaseOver(Message):
    """The lease ended (expired, cancelled, or its consent was withdrawn): stop at once.

    A recording ends like a lease: `lease` is then its call.
    """

    type: Literal["lease_over"] = "lease_over"
    lease: OpaqueId
    device: Name


class RecordCall(Message):
    """Record this call into the spool file whose descriptor comes along, sealed under `key` (base64)."""

    type: Literal["record_call"] = "record_call"
    device: Name
    call: OpaqueId
    key: Annotated[str, StringConstraints(min_length=44, max_length=44)] = Field(repr=False)


class Recognise(Message):
    """To a fresh recogniser: embed what comes on the frame socket, for at most `seconds`."""

    type: Literal["recognise"] = "recognise"
    lease: OpaqueId
    models: dict[str, str]
    seconds: Annotated[int, Field(ge=1, le=20)]


class Compare(Message):
    """To a fresh recogniser: compare the card's photo, on its photo socket, with who is on the frame socket.

    No template leaves it: its answer is one Compared.
    """

    type: Literal["compare"] = "compare"
    lease: OpaqueId
    models: dict[str, str]
    seconds: Annotated[int, Field(ge=1, le=20)]
    confirm_at_permille: Annotated[int, Field(ge=1, le=1000)]


class Stop(Message):
    """End all sessions and exit."""

    type: Literal["stop"] = "stop"


FromWorker = Annotated[
    Hello
    | DeviceState
    | Progress
    | Alive
    | Headcount
    | CardPresent
    | CardRead
    | CardFailed
    | CallStarted
    | CallKey
    | CallEnded
    | Embedding
    | Compared
    | RecogniserDone,
    Field(discriminator="type"),
]
ToWorker = Annotated[
    Assign | FrameLease | CardLease | PhotoLease | LeaseOver | RecordCall | Recognise | Compare | Stop,
    Field(discriminator="type"),
]

FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(FromWorker)
TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
