"""Addresses: ``/api/x`` is ``/x``, and a slash that was sent as ``%2F`` separates nothing."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = "/api"
_MARK = "inhouse.api_prefix"
_UNPREFIXED = re.compile(r"/api/(internal|templates|docs)/|/api/extensions/.")
"""What has no address under ``/api``."""

_SLASH = re.compile(rb"%2f", re.IGNORECASE)


class ApiPrefix:
    """ASGI middleware: hands requests for ``/api/x`` on as for ``/x``.

    An encoded slash stays ``%2F`` in the path that routes see: a name with slashes is one segment of it, which the
    route decodes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on in its own scope, from which whoever counts requests learns which route it took."""
        if scope["type"] in ("http", "websocket"):
            scope.update(_changes(scope))
        await self._app(scope, receive, send)


def had_prefix(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request came for ``/api/...``."""
    return bool(scope.get(_MARK))


def _changes(scope: Scope) -> dict[str, Any]:
    path, raw = scope["path"], scope.get("raw_path") or b""
    if b"%" in raw:  # decoded once, here: not every server, nor a test's client, agrees on how often
        path = unquote(_SLASH.sub(b"%252F", raw).decode("latin-1"), errors="replace")
    if not path.startswith(_PREFIX + "/") or _UNPREFIXED.match(path):
        return {"path": path}
    return {"path": path[len(_PREFIX) :], "raw_path": raw.removeprefix(_PREFIX.encode()), _MARK: True}
