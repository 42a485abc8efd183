"""One MQTT 5 session with headquarters' broker over mutual TLS, used once; never retries, never queues.

The paho client is thrown away with its session, so nothing waits in its memory: what has to survive
is in the store's outbox, and what came down is acknowledged only after it was handled (the broker
keeps a box's session for `session_expiry_s`). Everything but paho's own thread runs in the event loop's.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.domain.errors import AuthFailed, DeviceError, LinkDown
from edge.wire import Topics
from edge.wire.batch import MAX_PAYLOAD

RECEIVE_MAXIMUM = 16
"""Downward messages that the broker is asked to have unacknowledged at once; mosquitto takes it loosely."""
_MAX_PACKET = MAX_PAYLOAD + 4096
_DOOR_S = 20.0
"""Seconds from the TLS handshake to granted subscriptions before a session is given up."""
_DOING = "connect to headquarters"
_PERMANENT = frozenset(
    {
        "bad_authentication_method",
        "bad_user_name_or_password",
        "banned",
        "client_identifier_not_valid",
        "not_authorized",
        "session_taken_over",
        "unsupported_protocol_version",
    }
)
"""Reasons that a person has to mend. A taken-over session means a second box with this certificate."""


@dataclass(frozen=True, slots=True)
class UplinkConfig:
    """Where headquarters' broker is and how this box proves itself. Waits are seconds."""

    host: str
    ca: Path
    cert: Path
    key: Path
    port: int = 8883
    keepalive_s: int = 30
    session_expiry_s: int = 7 * 86_400
    first_wait_s: float = 1.0
    last_wait_s: float = 60.0
    slow_wait_s: float = 60.0
    healthy_after_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A downward message. Call `acknowledge` after it was handled; unacknowledged ones come again."""

    topic: str
    payload: bytes
    acknowledge: Callable[[], None]


class Events(Protocol):
    """What a session tells; called in the event loop's thread, must return at once."""

    def up(self) -> None:
        """Both subscriptions were granted: batches may go."""
        ...

    def published(self, mid: int, refused: str | None) -> None:
        """The broker took message `mid` of this session, or refused it with a code."""
        ...

    def arrived(self, message: Arrived) -> None:
        """A message came down."""
        ...


class Session:
    """One connection as the box of `topics`; `hold` once, then throw it away."""

    def __init__(self, config: UplinkConfig, topics: Topics, events: Events) -> None:
        self._config = config
        self._topics = topics
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[DeviceError] = self._loop.create_future()
        self._up = False
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=topics.box,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )

    async def hold(self) -> DeviceError:
        """Connect, subscribe, stay; return (or raise) what ended the session. Cancelling ends it in order."""
        self._client.tls_set_context(_tls(self._config))
        self._listen()
        try:
            await self._connect()
            self._client.loop_start()
            await asyncio.wait([self._over], timeout=_DOOR_S)
            if not self._up and not self._over.done():
                raise LinkDown(_DOING, "no_answer")
            return await asyncio.shield(self._over)
        finally:
            self.end(LinkDown(_DOING, "closed"))
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def publish(self, payload: bytes) -> int | None:
        """Give one batch to the broker at QoS 1; return its number in this session, None if not connected."""
        if not self._up or self._over.done():
            return None
        info = self._client.publish(self._topics.batch, payload, qos=1)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def end(self, error: DeviceError) -> None:
        """End the session with `error`, unless it has ended already."""
        if not self._over.done():
            self._over.set_result(error)

    async def _connect(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = self._config.session_expiry_s
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = _MAX_PACKET
        where = (self._config.host, self._config.port, self._config.keepalive_s)
        try:
            await asyncio.to_thread(self._client.connect, *where, clean_start=False, properties=properties)
        except ssl.SSLCertVerificationError:
            hint = "is this the right broker, and is the clock right?"
            raise AuthFailed(_DOING, "server_certificate", hint) from None
        except ssl.SSLError:
            raise LinkDown(_DOING, "tls_failed", "does the broker speak TLS 1.2 or newer?") from None
        except OSError as error:
            raise LinkDown(_DOING, "unreachable", type(error).__name__) from None

    def _listen(self) -> None:
        """Carry paho's callbacks over from its thread into the event loop's."""
        client, tell = self._client, self._tell

        def connected(_c: Client, _u: object, _f: ConnectFlags, reason: ReasonCode, _p: object) -> None:
            tell(self._connected, reason)

        def subscribed(_c: Client, _u: object, _m: int, reasons: list[ReasonCode], _p: object) -> None:
            tell(self._subscribed, reasons)

        def disconnected(_c: Client, _u: object, flags: DisconnectFlags, why: ReasonCode, _p: object) -> None:
            tell(self._disconnected, flags.is_disconnect_packet_from_server, why)

        def published(_c: Client, _u: object, mid: int, reason: ReasonCode, _p: object) -> None:
            tell(self._events.published, mid, _code(reason) if reason.is_failure else None)

        def arrived(_c: Client, _u: object, message: MQTTMessage) -> None:
            tell(self._arrived, message)

        def opened(_c: Client, _u: object, sock: object) -> None:
            # A batch and the receipt of the one before it would wait for each other's delayed ACK.
            if isinstance(sock, socket.socket):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        client.on_socket_open = opened
        client.on_connect, client.on_subscribe, client.on_disconnect = connected, subscribed, disconnected
        client.on_publish, client.on_message = published, arrived

    def _tell(self, handle: Callable[..., None], *args: object) -> None:
        # What an ended session still says would be mistaken for the next one's.
        self._loop.call_soon_threadsafe(lambda: None if self._over.done() else handle(*args))

    def _connected(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self.end(_error(reason))
        else:
            self._client.subscribe([(self._topics.receipt, 1), (self._topics.command, 1)])

    def _subscribed(self, reasons: list[ReasonCode]) -> None:
        if any(reason.is_failure for reason in reasons):
            self.end(AuthFailed(_DOING, "subscription_refused"))
        elif not self._up:
            self._up = True
            self._events.up()

    def _disconnected(self, by_broker: bool, reason: ReasonCode) -> None:
        if by_broker:
            self.end(_error(reason))
        elif self._up:
            self.end(LinkDown(_DOING, "connection_lost"))
        else:
            self.end(LinkDown(_DOING, "closed_at_the_door", "is this box's certificate known there?"))

    def _arrived(self, message: MQTTMessage) -> None:
        def acknowledge() -> None:
            if not self._over.done():
                self._client.ack(message.mid, message.qos)

        self._events.arrived(Arrived(message.topic, bytes(message.payload), acknowledge))


def _tls(config: UplinkConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the certificate and the host's name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(config.ca)
        context.load_cert_chain(config.cert, config.key)
    except OSError as error:
        raise AuthFailed("load this box's certificate", "own_certificate", type(error).__name__) from None
    return context


def _code(reason: ReasonCode) -> str:
    return str(reason).lower().replace(" ", "_")


def _error(reason: ReasonCode) -> DeviceError:
    code = _code(reason)
    return AuthFailed(_DOING, code) if code in _PERMANENT else LinkDown(_DOING, code)
