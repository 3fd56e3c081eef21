"""The hub: every open WebSocket, whose it is, and how messages reach it."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from starlette.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.websockets import WebSocket

FRAMES = "inhouse.frames"
"""The ASGI extension of a WebSocket that sends several messages at once: a coroutine function that takes them."""
MAX_BYTES = 8 * 1024 * 1024
"""What may wait for a client that does not read."""
MAX_FRAMES = 20_000
"""How many messages may wait for one."""
_TOGETHER = 64 * 1024
"""Bytes of messages that go in one piece."""
_TRY_AGAIN_LATER = 1013


class Hearer(Protocol):
    """Whoever is told: a socket, or whoever else listens in the name of a user."""

    @property
    def user(self) -> str:
        """Whose messages it hears."""

    @property
    def sid(self) -> str:
        """What it calls itself."""

    @property
    def previews_with_metadata(self) -> bool:
        """Whether it wants previews with the node that they belong to."""

    def send(self, frame: str | bytes, *, droppable: bool = False) -> None:
        """Take a message."""


@dataclass(slots=True, eq=False)
class Socket:
    """One client's connection. What is sent waits in order until the client takes it.

    Attributes:
        websocket: the accepted connection.
        user: whose it is.
        sid: what the client calls itself.
        previews_with_metadata: whether it wants previews with the node that they belong to.

    """

    websocket: WebSocket
    user: str
    sid: str
    previews_with_metadata: bool = False
    _frames: deque[tuple[str | bytes, bool]] = field(default_factory=deque)
    _bytes: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _overflow: bool = False

    def send(self, frame: str | bytes, *, droppable: bool = False) -> None:
        """Let a message wait for its turn; a client that takes too few loses what is droppable, then its connection."""
        self._frames.append((frame, droppable))
        self._bytes += len(frame)
        if self._bytes > MAX_BYTES or len(self._frames) > MAX_FRAMES:
            self._shed()
        self._wake.set()

    async def pump(self) -> None:
        """Send what waits until the connection ends."""
        send = self.websocket.scope.get("extensions", {}).get(FRAMES, self._send_each)
        try:
            while not self._overflow:
                while self._frames:
                    await send(self._taken())
                self._wake.clear()
                await self._wake.wait()
            await self.websocket.close(_TRY_AGAIN_LATER, "too slow")
        except (WebSocketDisconnect, RuntimeError, OSError):  # it went away; whoever reads from it knows, too
            return

    def _taken(self) -> list[str | bytes]:
        """Take what goes in one piece; the rest waits here, where some of it can be left out if nobody reads."""
        taken: list[str | bytes] = []
        size = 0
        while self._frames and size < _TOGETHER:
            frame, _ = self._frames.popleft()
            size += len(frame)
            taken.append(frame)
        self._bytes -= size
        return taken

    async def _send_each(self, frames: Iterable[str | bytes]) -> None:
        for frame in frames:
            await (self.websocket.send_text(frame) if isinstance(frame, str) else self.websocket.send_bytes(frame))

    def _shed(self) -> None:
        kept = deque(item for item in self._frames if not item[1])
        self._frames, self._bytes = kept, sum(len(frame) for frame, _ in kept)
        if self._bytes > MAX_BYTES or len(kept) > MAX_FRAMES:
            self._overflow = True
            self._frames.clear()
            self._bytes = 0


class Hub:
    """The open sockets. A new socket of the same user and id takes the old one's place at once."""

    def __init__(self) -> None:
        self._sockets: dict[str, dict[str, Hearer]] = defaultdict(dict)

    def __len__(self) -> int:
        return sum(map(len, self._sockets.values()))

    def enter(self, socket: Hearer) -> None:
        """Let a socket receive."""
        self._sockets[socket.user][socket.sid] = socket

    def leave(self, socket: Hearer) -> None:
        """Let it receive no more; one that took its place stays."""
        own = self._sockets.get(socket.user, {})
        if own.get(socket.sid) is socket:
            del own[socket.sid]
            if not own:
                del self._sockets[socket.user]

    def of(self, user: str, sid: str | None = None) -> Iterable[Hearer]:
        """Return the sockets of a user; only the one of that id if there is one."""
        own = self._sockets.get(user)
        if not own:
            return ()
        if sid is None:
            return tuple(own.values())
        socket = own.get(sid)
        return () if socket is None else (socket,)

    def users(self) -> tuple[str, ...]:
        """Return who is connected."""
        return tuple(self._sockets)
