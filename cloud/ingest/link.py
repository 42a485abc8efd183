"""One connection to the broker, used once; never reconnects, never judges what arrives.

MQTT 5 over TLS with a client certificate. The session outlives the connection (clean start off), and a
message is acknowledged only when the caller says so: what was not written comes again.
"""

import ssl
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud.config import Mqtt
from cloud.errors import BrokerUnavailable
from edge.wire.batch import MAX_PAYLOAD
from edge.wire.topics import INGEST_FILTER

SHARED_FILTER = f"$share/ingest/{INGEST_FILTER}"
_KEEPALIVE_S = 30
_HANDSHAKE_S = 15.0
_IN_FLIGHT = 20
"""Messages that the broker may send before the first is acknowledged: our only inbound queue."""
_SESSION_S = 7 * 86400


class Link:
    """A subscribed connection. Every method raises BrokerUnavailable once it is lost."""

    def __init__(self, config: Mqtt) -> None:
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=config.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._arrived: deque[MQTTMessage] = deque()
        self._acknowledged: deque[tuple[int, ReasonCode]] = deque()
        self._connected: ReasonCode | None = None
        self._subscribed: list[ReasonCode] | None = None
        self._lost: str | None = None
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.max_queued_messages_set(1000)
        self._open(config)

    def _open(self, config: Mqtt) -> None:
        operation = f"connect to the broker {config.host}:{config.port}"
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = _SESSION_S
        properties.ReceiveMaximum = _IN_FLIGHT
        properties.MaximumPacketSize = 2 * MAX_PAYLOAD
        try:
            context = ssl.create_default_context(cafile=str(config.ca))
            context.load_cert_chain(str(config.cert), str(config.key))
            self._client.tls_set_context(context)
            self._client.connect(
                config.host, config.port, _KEEPALIVE_S, clean_start=False, properties=properties
            )
        except OSError as failed:
            raise BrokerUnavailable(operation, str(failed.strerror or failed)) from failed
        self._await(operation, lambda: self._connected is not None)
        self._subscribe()

    def _subscribe(self) -> None:
        operation = f"subscribe to {SHARED_FILTER}"
        self._client.subscribe(SHARED_FILTER, qos=1)
        self._await(operation, lambda: self._subscribed is not None)
        for code in self._subscribed or ():
            if code.is_failure:
                raise BrokerUnavailable(operation, f"refused: {code}", "check the broker's access list")

    def _await(self, operation: str, done: Any) -> None:  # noqa: ANN401 — a closure over two kinds of state
        deadline = time.monotonic() + _HANDSHAKE_S
        while not done():
            if time.monotonic() > deadline:
                raise BrokerUnavailable(operation, "no answer")
            self.turn(0.2)

    def turn(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for the network and move what is waiting in both directions."""
        code = self._client.loop(timeout)
        if self._connected is not None and self._connected.is_failure:
            raise BrokerUnavailable("connect to the broker", f"refused: {self._connected}")
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or self._lost:
            raise BrokerUnavailable("talk to the broker", self._lost or code.name)

    def arrived(self) -> Iterator[MQTTMessage]:
        """Yield what has come; each must be given to `acknowledge` when it is safe."""
        while self._arrived:
            yield self._arrived.popleft()

    def acknowledge(self, message: MQTTMessage) -> None:
        """Tell the broker that `message` need not come again."""
        self._client.ack(message.mid, message.qos)

    def publish(self, topic: str, payload: bytes, expiry_s: int) -> int:
        """Send with QoS 1, not retained, dropped by the broker after `expiry_s`; return its number."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.MessageExpiryInterval = expiry_s
        sent = self._client.publish(topic, payload, qos=1, retain=False, properties=properties)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerUnavailable("publish", sent.rc.name)
        return sent.mid

    def acknowledged(self) -> Iterator[tuple[int, ReasonCode]]:
        """Yield the numbers of our messages that the broker answered, with its reason code."""
        while self._acknowledged:
            yield self._acknowledged.popleft()

    def close(self) -> None:
        """Say goodbye; the session stays at the broker."""
        self._client.disconnect()

    def _on_connect(self, _c: Client, _u: object, _flags: object, code: ReasonCode, _p: object) -> None:
        self._connected = code

    def _on_subscribe(self, _c: Client, _u: object, _mid: int, codes: list[ReasonCode], _p: object) -> None:
        self._subscribed = codes

    def _on_publish(self, _c: Client, _u: object, mid: int, code: ReasonCode, _p: object) -> None:
        self._acknowledged.append((mid, code))

    def _on_disconnect(self, _c: Client, _u: object, _f: object, code: ReasonCode, _p: object) -> None:
        self._lost = str(code)

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        self._arrived.append(message)
