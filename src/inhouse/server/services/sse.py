"""Server-sent events: a stream of pieces as a response that ends its work when nobody reads it.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from starlette.types import Receive

T = TypeVar("T")
HEARTBEAT_SECONDS: Final = 15.0
"""After so much silence a comment says that the connection lives; proxies close silent ones after 30 to 60."""
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(data: bytes, name: str = "") -> bytes:
    """Return an event; the data has no line breaks, as JSON of orjson's has none."""
    return b"%bdata: %b\n\n" % (f"event: {name}\n".encode() if name else b"", data)


async def events_response(
    pieces: AsyncIterator[bytes], failed: Callable[[Exception], bytes], *, heartbeat: float = HEARTBEAT_SECONDS
) -> StreamingResponse:
    """Return the response whose events these are.

    What goes wrong before the first of them is raised, so that it can be told by a status; what does later is told by
    a last event that ``failed`` makes.
    """
    first = await anext(pieces, None)
    stream = _beating(_guarded(first, pieces, failed), heartbeat)
    return StreamingResponse(stream, headers=_HEADERS, media_type="text/event-stream")


async def _guarded(
    first: bytes | None, pieces: AsyncIterator[bytes], failed: Callable[[Exception], bytes]
) -> AsyncGenerator[bytes, None]:
    try:
        if first is not None:
            yield first
        async for piece in pieces:
            yield piece
    except Exception as error:  # noqa: BLE001 - the border: the status is sent, and the client gets an answer all the same
        yield failed(error)
    finally:
        await close(pieces)


async def _beating(pieces: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    """Give the pieces, and a comment where none comes for a while."""
    waiting: asyncio.Future[bytes] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(pieces))
            done, _ = await asyncio.wait((waiting,), timeout=seconds)
            if not done:
                yield b":\n\n"
                continue
            try:
                piece = waiting.result()
            except StopAsyncIteration:
                return
            waiting = None
            yield piece
    finally:
        if waiting is not None and not waiting.done():
            waiting.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await waiting
        await close(pieces)


async def close(pieces: AsyncIterator[object]) -> None:
    """Stop whatever makes the pieces."""
    if isinstance(pieces, AsyncGenerator):
        await pieces.aclose()


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Return what comes of work; it is cancelled when the client hangs up. The request's body was read before.

    Raises:
        ClientDisconnect: the client hung up.

    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for each in (task, gone):
            if not each.done():
                each.cancel()
        await asyncio.wait((task, gone))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
