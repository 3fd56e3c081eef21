import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocket
from tests.server.fakes import go

from inhouse.server import hub
from inhouse.server.hub import Hub, Socket


class Wire:
    """The other end of a connection: reads when it is let."""

    def __init__(self, *, reading: bool = True, broken: bool = False) -> None:
        self.got: list[Any] = []
        self.closed: int | None = None
        self._broken = broken
        self._reading = asyncio.Event()
        if reading:
            self.read()

    def read(self) -> None:
        self._reading.set()

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.accept":
            return
        await self._reading.wait()
        if self._broken:
            raise OSError
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        else:
            self.got.append(message.get("text") or message.get("bytes"))


async def _opened(wire: Wire, user: str = "ann", sid: str = "canvas") -> Socket:
    connection = WebSocket({"type": "websocket"}, wire.receive, wire.send)
    await connection.accept()
    return Socket(connection, user, sid)


async def _pumped(socket: Socket, wire: Wire, count: int) -> None:
    pump = asyncio.ensure_future(socket.pump())
    while len(wire.got) < count and wire.closed is None:  # noqa: ASYNC110 - the pump is what is waited for
        await asyncio.sleep(0)
    pump.cancel()


def test_messages_come_in_order_texts_and_binaries() -> None:
    async def scene() -> None:
        wire = Wire()
        socket = await _opened(wire)
        for frame in ("a", b"b", "c"):
            socket.send(frame)
        await _pumped(socket, wire, 3)
        assert wire.got == ["a", b"b", "c"]

    go(scene())


def test_a_client_that_does_not_read_loses_previews_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_BYTES", 100)

    async def scene() -> None:
        wire = Wire()
        socket = await _opened(wire)
        socket.send("start")
        socket.send(b"x" * 60, droppable=True)
        socket.send(b"y" * 60, droppable=True)
        socket.send("end")
        await _pumped(socket, wire, 2)
        assert wire.got == ["start", "end"]

    go(scene())


@pytest.mark.parametrize(("limit", "value"), [("MAX_BYTES", 100), ("MAX_FRAMES", 3)])
def test_a_client_that_never_reads_loses_its_connection(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(hub, limit, value)

    async def scene() -> None:
        wire = Wire()
        socket = await _opened(wire)
        for _ in range(10):
            socket.send("x" * 40)
        await _pumped(socket, wire, 99)
        assert wire.closed == 1013

    go(scene())


def test_a_client_that_went_away_ends_its_pump() -> None:
    async def scene() -> None:
        socket = await _opened(Wire(broken=True))
        socket.send("x")
        await socket.pump()

    go(scene())


def test_a_client_that_comes_back_takes_its_place_and_keeps_it_when_the_old_one_leaves() -> None:
    async def scene() -> None:
        sockets = Hub()
        old, new = await _opened(Wire()), await _opened(Wire())
        sockets.enter(old)
        sockets.enter(new)
        assert list(sockets.of("ann", "canvas")) == [new]
        sockets.leave(old)
        assert list(sockets.of("ann")) == [new]
        assert len(sockets) == 1
        sockets.leave(new)
        assert list(sockets.of("ann")) == []
        assert sockets.users() == ()

    go(scene())


def test_the_same_name_of_two_users_is_two_clients() -> None:
    async def scene() -> None:
        sockets = Hub()
        ann, ben = await _opened(Wire()), await _opened(Wire(), "ben")
        sockets.enter(ann)
        sockets.enter(ben)
        assert list(sockets.of("ann", "canvas")) == [ann]
        assert list(sockets.of("ben", "canvas")) == [ben]
        assert list(sockets.of("cleo", "canvas")) == []
        assert list(sockets.of("ann", "other")) == []

    go(scene())
