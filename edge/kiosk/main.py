"""Starts the page as a process of its own: no key, no database, only the way to the core's kiosk socket."""

import ipaddress
import logging
from pathlib import Path

import uvicorn

from edge.domain.errors import ConfigError
from edge.ipc.client import ControlClient
from edge.kiosk.app import create_app

log = logging.getLogger(__name__)


def main(
    socket_path: Path,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    names: tuple[str, ...] = (),
) -> int:
    """Serve the page at `host`:`port` until a signal ends it; return the exit code.

    `names` are further host names that browsers may use. ConfigError for an address that others can
    reach without a certificate, or that isn't one definite address.
    """
    settings = configure(socket_path, host, port, certificate, key, names)
    log.info("kiosk_serving host=%s port=%d https=%s", host, port, settings.is_ssl)
    server = uvicorn.Server(settings)
    server.run()
    return 0 if server.started else 1


def configure(
    socket_path: Path,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    names: tuple[str, ...] = (),
) -> uvicorn.Config:
    """Return the server's settings; ConfigError as `main`."""
    if (certificate is None) != (key is None):
        raise ConfigError("start the kiosk", "certificate and key come together", "give both or neither")
    if not _loopback(host) and certificate is None:
        raise ConfigError(
            "start the kiosk", "no certificate", f"{host} is reachable by others: encrypt (P35)"
        )
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise ConfigError(
                "start the kiosk", f"no such file: {file}", "see kiosk.certificate and kiosk.key"
            )
    https = certificate is not None
    hosts = [host, "localhost", "127.0.0.1", *names]
    return uvicorn.Config(
        create_app(
            ControlClient(socket_path),
            counter=ControlClient(socket_path.with_name("desk.sock")),
            hosts=hosts,
            https=https,
        ),
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=5,
    )


def _loopback(host: str) -> bool:
    """Say whether only this machine reaches `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    if address.is_unspecified:
        raise ConfigError("start the kiosk", f"{host} is every address", "name the one that the tablet uses")
    return address.is_loopback
