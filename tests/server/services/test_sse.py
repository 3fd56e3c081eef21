"""Streams of events: what is told, what is told while nothing happens, and what ends when nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message
from tests.server.fakes import go

from inhouse.server.services.sse import event, events_response, while_connected


def failed(error: Exception) -> bytes:
    return event(str(error).encode(), "error")


async def body(pieces: AsyncGenerator[bytes, None], heartbeat: float = 60) -> list[bytes]:
    response = await events_response(pieces, failed, heartbeat=heartbeat)
    return [bytes(piece) async for piece in response.body_iterator if isinstance(piece, bytes)]


def test_pieces_are_told_in_order_and_a_late_failure_is_the_last_event() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield event(b"1", "number")
        raise ValueError("no more")

    assert go(body(pieces())) == [b"event: number\ndata: 1\n\n", b"event: error\ndata: no more\n\n"]


def test_what_fails_before_the_first_piece_is_raised() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for piece in list[bytes]():
            yield piece
        raise ValueError("nothing")

    with pytest.raises(ValueError, match="nothing"):
        go(body(pieces()))


def test_a_comment_says_that_a_silent_stream_lives() -> None:
    async def work() -> list[bytes]:
        heard = asyncio.Event()

        async def pieces() -> AsyncGenerator[bytes, None]:
            yield event(b"1")
            await heard.wait()
            yield event(b"2")

        response = await events_response(pieces(), failed, heartbeat=0.001)
        found = []
        async for piece in response.body_iterator:
            found.append(bytes(piece) if not isinstance(piece, str) else piece.encode())
            if piece == b":\n\n":
                heard.set()
        return found

    found = go(work())
    assert found[0] == event(b"1")
    assert b":\n\n" in found
    assert found[-1] == event(b"2")


def test_the_work_stops_when_the_stream_is_closed() -> None:
    async def work() -> bool:
        stopped = asyncio.Event()

        async def pieces() -> AsyncGenerator[bytes, None]:
            try:
                yield event(b"1")
                await asyncio.Event().wait()
            finally:
                stopped.set()

        response = await events_response(pieces(), failed, heartbeat=0.001)
        stream = response.body_iterator
        assert isinstance(stream, AsyncGenerator)
        assert [await anext(stream), await anext(stream)] == [event(b"1"), b":\n\n"]
        await stream.aclose()
        return stopped.is_set()

    assert go(work())


def test_work_is_cancelled_when_its_client_hangs_up() -> None:
    async def work() -> None:
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        async def there() -> Message:
            await asyncio.Event().wait()
            return {}

        async def answer() -> int:
            return 7

        forever = asyncio.get_running_loop().create_future()
        with pytest.raises(ClientDisconnect):
            await while_connected(gone, forever)
        assert forever.cancelled()
        assert await while_connected(there, answer()) == 7

    go(work())
