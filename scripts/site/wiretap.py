"""Keeps every payload that crosses the broker, with the auditor's certificate; changes nothing."""

import ssl
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from scripts.site.ca import Credentials


@dataclass(frozen=True, slots=True)
class Heard:
    """One message."""

    at_ms: int
    topic: str
    payload: bytes


class Wiretap:
    """Subscribes to everything under gatehouse/v1; `heard` grows."""

    def __init__(self, host: str, port: int, credentials: Credentials) -> None:
        self.heard: list[Heard] = []
        self._listening = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="audit", protocol=MQTTProtocolVersion.MQTTv5
        )
        context = ssl.create_default_context(cafile=str(credentials.ca))
        context.load_cert_chain(credentials.cert, credentials.key)
        self._client.tls_set_context(context)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async(host, port, keepalive=20)

    def _connected(
        self, client: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        if not code.is_failure:
            client.subscribe("gatehouse/v1/#", qos=1)

    def _subscribed(self, *_rest: object) -> None:
        self._listening.set()

    def _disconnected(self, *_rest: object) -> None:
        self._listening.clear()

    def wait_listening(self) -> None:
        """Wait until nothing can cross unheard: after the broker was away others are back as soon."""
        if not self._listening.wait(20):
            raise RuntimeError("the auditor could not subscribe")

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(Heard(time.time_ns() // 1_000_000, message.topic, bytes(message.payload)))

    def __enter__(self) -> Self:
        self._client.loop_start()
        self.wait_listening()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
