"""Runs the pages under uvicorn; never logs a request: an address can hold a one-time link."""

import asyncio
import socket
import threading

import uvicorn

from cloud.clock import now_ms
from cloud.config import Headquarters
from cloud.errors import ConfigError
from cloud.run import Part
from cloud.store.database import Database
from cloud.web.app import create_app
from cloud.web.site import Site

_STOP_S = 5


def server(config: Headquarters, database: Database) -> Part:
    """Return the part that serves; raise ConfigError when the address can't be listened on."""
    web = config.web
    app = create_app(config, database)
    try:
        listening = socket.create_server((web.host, web.port))
    except OSError as failed:
        where = f"listen on {web.host}:{web.port}"
        raise ConfigError(where, failed.strerror or "failed", "see web.host and web.port") from failed
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=web.behind_proxy,
        forwarded_allow_ips="127.0.0.1" if web.behind_proxy else "",
        ssl_certfile=str(web.cert) if web.cert else None,
        ssl_keyfile=str(web.key) if web.key else None,
        timeout_graceful_shutdown=_STOP_S,
        lifespan="off",
    )

    def part(stop: threading.Event) -> None:
        print(f"pages: {web.public_url}", flush=True)  # noqa: T201 — for the person who starts it
        _print_first_link(app.state.site)
        asyncio.run(_serve(uvicorn.Server(settings), listening, stop))

    return part


def _print_first_link(site: Site) -> None:
    token = site.database.write(lambda c: site.accounts.first_link(c, now_ms()))
    if token is not None:
        address = f"{site.config.web.public_url.rstrip('/')}/first/{token}"
        print(f"first password (one use, 24 hours): {address}", flush=True)  # noqa: T201 — shown once, never logged


async def _serve(running: uvicorn.Server, listening: socket.socket, stop: threading.Event) -> None:
    async def watch() -> None:
        await asyncio.to_thread(stop.wait)
        running.should_exit = True

    watcher = asyncio.create_task(watch())
    await running.serve(sockets=[listening])
    stop.set()  # also when it ended by itself: the watcher's thread must not be left waiting
    await watcher
