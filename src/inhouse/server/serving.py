"""Serving: the application on a socket, until somebody ends it."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from inhouse.errors import UsageError
from inhouse.server.app import create_app
from inhouse.server.connection import HttpConnection, WebSocketConnection
from inhouse.server.gateway import open_gateway
from inhouse.server.redaction import HideDenials, HideTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from inhouse.settings import ServerSettings, Settings

_BACKLOG = 2048
_IDLE_SECONDS = 75
"""A connection on which nothing is asked is kept so long, as other servers of the kind keep it."""
_COLLECT = (10_000, 20, 20)
"""Python's collector looks for cycles after so many new objects; of a request hardly any is left at its end."""
_PARTING_SECONDS = 5
"""Open requests and sockets get so long to end when the server does."""


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: all of them.
        ready: called with the address once requests are answered.

    Raises:
        UsageError: the address cannot be listened on.
        InhouseError: the gateway cannot be put together.

    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)  # which uvicorn raises again once all is stored
    for name in ("uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).addFilter(HideTokens())
    logging.getLogger("uvicorn.error").addFilter(HideDenials())
    with listen(settings.server) as listening:
        host, port = listening.getsockname()[:2]
        server = _Server(_config(create_app(open_gateway(settings))), lambda: ready(f"http://{_in_url(host)}:{port}"))
        server.run([listening])


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpConnection,
        ws=WebSocketConnection,
        ws_per_message_deflate=False,  # previews are compressed already, and all else is small
        ws_max_size=1024 * 1024,  # what clients say is small
        log_level="warning",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_PARTING_SECONDS,
    )


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What there is now stays: to look at it again and again is what most of the collector's time would go into.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        self._ready()


def _leave(*_: object) -> None:
    raise SystemExit(0)


def listen(server: ServerSettings) -> socket.socket:
    """Return a socket that listens where the settings want it.

    Raises:
        UsageError: it cannot.

    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_there(server, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _not_there(server, error) from error
    return listening


def _not_there(server: ServerSettings, error: OSError) -> UsageError:
    reason = f"Cannot listen on {server.host}:{server.port}: {error.strerror or error}."
    return UsageError(reason, hint="Choose another with --host and --port.")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
