"""The ingest process: keeps one link to the broker for ever, writes, receipts, sends commands.

Never dies of what a box sends. When broker or database are away it waits, 1 s to 15 s with jitter.
"""

import logging
import threading
import time

from paho.mqtt.client import MQTTMessage
from sqlalchemy import select
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential_jitter,
)

from cloud.clock import now_ms
from cloud.config import Headquarters
from cloud.errors import BrokerUnavailable, CloudError, StoreUnavailable
from cloud.fleet import commands
from cloud.ingest.intake import Intake
from cloud.ingest.link import Link
from cloud.keys import SigningKey
from cloud.store.database import Database

_LOG = logging.getLogger(__name__)
_TURN_S = 0.25
_COMMANDS_EVERY_S = 0.5
_RECEIPT_EXPIRY_S = 86400


class Ingest:
    """One ingest worker. `ready` is set whenever it is subscribed."""

    def __init__(self, config: Headquarters, database: Database, key: SigningKey) -> None:
        self._config, self._database, self._key = config.mqtt, database, key
        self._intake = Intake(database, key, keep={config.tenant: config.retention})
        self._sending: dict[int, tuple[str, str]] = {}
        self.ready = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            link = self._connect(stop)
            if link is None:
                return
            _LOG.info("subscribed broker=%s:%d", self._config.host, self._config.port)
            self.ready.set()
            try:
                self._serve(link, stop)
            except (BrokerUnavailable, StoreUnavailable) as lost:
                _LOG.warning("interrupted cause=%s", lost)
            finally:
                self.ready.clear()
                self._sending.clear()
                link.close()

    def _connect(self, stop: threading.Event) -> Link | None:
        retrying = Retrying(
            retry=retry_if_exception_type((BrokerUnavailable, StoreUnavailable)),
            wait=wait_exponential_jitter(initial=1, max=15),
            stop=stop_when_event_set(stop),
            sleep=sleep_using_event(stop),
            before_sleep=_log_first_failure,
            reraise=True,
        )
        try:
            return retrying(self._open)
        except CloudError:
            if stop.is_set():
                return None
            raise

    def _open(self) -> Link:
        with self._database.read() as connection:
            connection.execute(select(1))
        return Link(self._config)

    def _serve(self, link: Link, stop: threading.Event) -> None:
        commands_at = time.monotonic()
        while not stop.is_set():
            link.turn(_TURN_S)
            for message in link.arrived():
                self._receive(link, message)
            self._note_acknowledged(link)
            if time.monotonic() >= commands_at:
                self._send_commands(link)
                commands_at = time.monotonic() + _COMMANDS_EVERY_S

    def _receive(self, link: Link, message: MQTTMessage) -> None:
        answer = self._intake.accept(message.topic, bytes(message.payload))
        if answer is not None:
            link.publish(answer.topic, answer.payload, _RECEIPT_EXPIRY_S)
        link.acknowledge(message)

    def _send_commands(self, link: Link) -> None:
        now = now_ms()
        with self._database.read() as connection:
            if not commands.any_due(connection, now):
                return
        resend_ms = int(self._config.resend_s * 1000)
        for due in self._database.write(lambda c: commands.claim_due(c, now, resend_ms)):
            payload = self._key.sign("command", due.command).to_bytes()
            # A box that is away finds one copy at its return, not one for each time we sent it.
            mid = link.publish(due.topics.command, payload, max(1, int(self._config.resend_s)))
            self._sending[mid] = (due.topics.tenant, due.command.command_id)

    def _note_acknowledged(self, link: Link) -> None:
        for mid, code in link.acknowledged():
            command = self._sending.pop(mid, None)
            if code.is_failure:
                _LOG.warning("publish refused code=%s command=%s", code, command is not None)
            elif command is not None:
                tenant, command_id = command
                self._database.write(
                    lambda c, t=tenant, i=command_id: commands.mark_sent(c, t, i, now_ms())  # type: ignore[misc]  # mypy can't infer defaults of a lambda
                )


def _log_first_failure(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    level = logging.WARNING if state.attempt_number == 1 else logging.DEBUG
    _LOG.log(level, "waiting cause=%s", failure)
