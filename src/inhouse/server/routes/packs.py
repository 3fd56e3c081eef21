"""Routes that custom packs have added: whatever their workers said they serve, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from fastapi import APIRouter
from starlette.routing import Match, Route

from inhouse.server.pack_proxy import PackProxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from inhouse.server.endpoints import Endpoints

_API = "/api"


def routes(served: Callable[[], tuple[Path, Endpoints] | None]) -> APIRouter:
    """Return the route; it stands after our own and before the canvas, as it lets pass what no pack serves.

    It has to be added to an application's own routes: FastAPI includes it as if it were any route.

    Args:
        served: says on which socket packs are served now, and what; None where nothing is.

    """
    router = APIRouter()
    router.routes.append(PackRoute(served))
    return router


class PackRoute(Route):
    """Fits requests for what packs serve, over HTTP and WebSocket; else as ``routes``."""

    def __init__(self, served: Callable[[], tuple[Path, Endpoints] | None]) -> None:
        super().__init__("/{pack_path:path}", endpoint=_nowhere, include_in_schema=False)
        self._served = served

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a pack serves it, by the path as it is or, as packs name it both ways, with ``/api`` before it."""
        served = self._served() if scope["type"] in ("http", "websocket") else None
        if served is None:
            return Match.NONE, {}
        socket, endpoints = served
        path = scope["path"]
        found = endpoints.find(scope.get("method", "websocket"), path, _API + path)
        if found is None:
            return Match.NONE, {}
        raw = _raw_path(scope)
        user = scope["state"]["identity"].user
        proxy = PackProxy(socket, user, raw if found == path else _API + raw)
        return Match.FULL, {"endpoint": _nowhere, "path_params": {}, "pack_proxy": proxy}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        proxy: PackProxy = scope["pack_proxy"]
        if scope["type"] == "websocket":
            await proxy.websocket(scope, receive, send)
        else:
            await proxy.http(scope, receive, send)


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Stand where a route must have an endpoint."""


def _raw_path(scope: Scope) -> str:
    """Return the path as it came, without what stands before the gateway's own paths, and the query."""
    raw: str = (scope.get("raw_path") or b"").decode("latin-1").partition("?")[0]
    if not raw or scope["path"] not in (unquote(raw), raw):  # something before us has changed the path
        raw = quote(scope["path"], safe="/~!$&'()*+,;=:@-._")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{raw}?{query}" if query else raw
