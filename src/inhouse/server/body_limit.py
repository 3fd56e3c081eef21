"""The body limit: what is larger than accepted is refused before it is there whole."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inhouse.errors import TooLargeError
from inhouse.server.errors import refusal

_PATIENCE_SECONDS = 10
"""So long a client that was refused may go on sending."""


class BodyLimit:
    """ASGI middleware that refuses bodies with more bytes than allowed, whether or not they say so beforehand.

    Args:
        app: what lies behind.
        max_bytes: the most that a body may have.

    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and count what comes of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared(scope) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        counted, started, exceeded = 0, False, False

        async def counting() -> Message:
            nonlocal counted, exceeded
            message = await receive()
            counted += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if counted > self._max_bytes:
                exceeded = True
                raise TooLargeError("The request is too large.")
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            if exceeded and not started:  # whatever the application makes of it, this is what the client is told
                return
            started = True
            await send(message)

        try:
            await self._app(scope, counting, sending)
        except TooLargeError:
            if not exceeded or started:
                raise
        if exceeded and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLargeError(
            f"The request has more than {self._max_bytes} bytes.", hint="Ask who runs this to raise max_upload_mb."
        )
        response = refusal(error)
        response.headers["connection"] = "close"
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._drain(scope, receive)
        await response(scope, receive, send)

    async def _drain(self, scope: Scope, receive: Receive) -> None:
        """Throw away what still comes, if that is not much: many clients read no answer before all is sent.

        Who asked before sending (``Expect: 100-continue``) waits for the answer, and sends nothing.
        """
        left = self._max_bytes
        if _declared(scope) > 2 * left or _header(scope, b"expect"):
            return
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                return


def _declared(scope: Scope) -> int:
    """Return the size that a request says its body has; 0 if it says none."""
    length = _header(scope, b"content-length")
    return int(length[:18]) if length.isdigit() else 0


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for header, value in scope["headers"] if header == name), b"")
