"""Methods that every route has: HEAD, which is GET without the body, and OPTIONS."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inhouse.server.responses import empty

_HEAD = "inhouse.head"


class Methods:
    """ASGI middleware that answers HEAD and OPTIONS for every route (RFC 9110, 9.3.2 and 9.3.7)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it."""
        method = scope["method"] if scope["type"] == "http" else ""
        if method == "OPTIONS":
            await empty()(scope, receive, send)
            return
        if method != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                await send({"type": "http.response.body"})

        await self._app({**scope, "method": "GET", _HEAD: True}, receive, without_body)


def wants_headers_only(scope: MutableMapping[str, Any]) -> bool:
    """Whether the body of the answer would be thrown away, so that it need not be read."""
    return bool(scope.get(_HEAD))
