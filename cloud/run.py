"""Headquarters' composition root: ingest, web, and the keeping of periods; never judges or shows itself."""

import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

from cloud.config import Headquarters
from cloud.errors import ConfigError
from cloud.keys import SigningKey
from cloud.retention.keeper import keeper
from cloud.store.database import Database

_LOG = logging.getLogger(__name__)

Part = Callable[[threading.Event], None]
"""Runs in a thread of its own until the event is set, or raises."""


def run_all(config: Headquarters, database: Database, *, with_ingest: bool, with_web: bool) -> None:
    """Run until SIGTERM or SIGINT, or until a part ends; raise what ended it before its time."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    parts: list[Part] = [keeper(config, database)]
    if with_ingest:
        parts.append(_ingest(config, database))
    if with_web:
        from cloud.web.serve import server

        parts.append(server(config, database))
    with ThreadPoolExecutor(len(parts), thread_name_prefix="part") as pool:
        running = [pool.submit(part, stop) for part in parts]
        for future in running:
            future.add_done_callback(lambda _done: stop.set())
        stop.wait()
        _LOG.info("stopping")
    database.close()
    for future in running:
        future.result()
    _LOG.info("stopped")


def _ingest(config: Headquarters, database: Database) -> Part:
    from cloud.ingest.run import Ingest

    for file in (config.mqtt.ca, config.mqtt.cert, config.mqtt.key):
        if not file.is_file():
            raise ConfigError("start ingest", f"no such file: {file}", "see [mqtt] in the configuration")
    return Ingest(config, database, SigningKey.load(config.signing.key)).run
