"""The body limit: what is larger than accepted is refused before it is there whole."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inhouse.errors import TooLargeError
from inhouse.server.errors import refusal


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
        await response(scope, receive, send)


def _declared(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) for value in lengths if value.isdigit()), default=0)
