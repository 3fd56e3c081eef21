import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import connect

from inhouse.server.connection import Cork, HttpConnection, WebSocketConnection
from inhouse.server.hub import FRAMES


class Transport(asyncio.Transport):
    """Keeps each piece that is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def corked(scene: Callable[[Cork, Transport], Awaitable[None]]) -> list[bytes]:
    transport = Transport()

    async def opened() -> None:
        await scene(Cork(transport), transport)

    asyncio.run(opened())
    return transport.sent


def test_what_is_written_together_goes_together_and_later_things_go_later() -> None:
    async def scene(cork: Cork, _: Transport) -> None:
        cork.write(b"head")
        cork.write(bytearray(b"body"))
        await asyncio.sleep(0)
        cork.write(b"more")
        await asyncio.sleep(0)

    assert corked(scene) == [b"headbody", b"more"]


def test_much_does_not_wait() -> None:
    async def scene(cork: Cork, transport: Transport) -> None:
        cork.write(b"x" * 100_000)
        assert len(transport.sent) == 1

    corked(scene)


def test_whoever_closes_has_said_all() -> None:
    async def scene(cork: Cork, transport: Transport) -> None:
        cork.write(b"last")
        cork.close()
        assert transport.closed

    assert corked(scene) == [b"last"]


def test_whoever_breaks_off_says_no_more() -> None:
    async def scene(cork: Cork, _: Transport) -> None:
        cork.write(b"lost")
        cork.abort()
        await asyncio.sleep(0)

    assert corked(scene) == []


async def _served(app: Any, visit: Callable[[int], Awaitable[None]]) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            http=HttpConnection,
            ws=WebSocketConnection,
            ws_per_message_deflate=False,
            log_config=None,
            lifespan="off",
            loop="none",
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve([listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        try:
            await visit(listening.getsockname()[1])
        finally:
            server.should_exit = True
            await serving


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_client_reads_messages_of_any_size_that_go_together(size: int) -> None:
    sent = ["a" * size, b"b" * size, "ä"]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await scope["extensions"][FRAMES](sent)
        await receive()

    async def visit(port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/", max_size=None) as client:
            assert [await client.recv() for _ in sent] == sent

    asyncio.run(_served(app, visit))


def test_whoever_is_gone_is_not_written_to() -> None:
    gone: list[type[BaseException]] = []
    left = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        try:
            await scope["extensions"][FRAMES](["too late"])
        except ClientDisconnected as error:
            gone.append(type(error))
        left.set()

    async def visit(port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/"):
            pass
        await left.wait()

    asyncio.run(_served(app, visit))
    assert gone == [ClientDisconnected]
