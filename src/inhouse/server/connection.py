"""Connections as uvicorn has them, with fewer system calls: what is written in one turn of the loop goes at once."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from inhouse.server.hub import FRAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.http11 import Request

_ENOUGH = 64 * 1024
"""Bytes that do not wait for more."""
_TEXT, _BINARY = 0x81, 0x82
_SHORT, _LONG = 126, 127


class Cork(asyncio.Transport):
    """A transport that keeps what is written until the event loop's next turn, and then sends it in one piece.

    Args:
        transport: the one that sends.

    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send soon."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(bytes(data))
        self._size += len(data)
        if self._size >= _ENOUGH:
            self._flush()

    def close(self) -> None:
        """Send what waits, and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._parts.clear()
        self._transport.abort()

    def _flush(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    # -- all else is the transport's ----------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol hear what comes."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that hears what comes."""
        return self._transport.get_protocol()

    def pause_reading(self) -> None:
        """Take nothing more."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more."""
        self._transport.resume_reading()


class HttpConnection(HttpToolsProtocol):
    """An HTTP connection: the head and the body of an answer go together."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(Cork(cast("asyncio.Transport", transport)))


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that can be given several messages at once (``FRAMES``)."""

    def handle_connect(self, event: Request) -> None:
        """Begin a handshake."""
        super().handle_connect(event)
        if scope := getattr(self, "scope", None):
            scope["extensions"][FRAMES] = self.send_frames

    async def send_frames(self, messages: Iterable[str | bytes]) -> None:
        """Send messages, once the client takes them.

        Raises:
            ClientDisconnected: it is gone.

        """
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(b"".join(framed(messages)))


def framed(messages: Iterable[str | bytes]) -> list[bytes]:
    """Return each message as one frame of a server without extensions: its head, then its bytes (RFC 6455, 5.2)."""
    parts: list[bytes] = []
    for message in messages:
        kind, data = (_TEXT, message.encode()) if isinstance(message, str) else (_BINARY, message)
        size = len(data)
        if size < _SHORT:
            parts.append(bytes((kind, size)))
        elif size < 1 << 16:
            parts.append(struct.pack("!BBH", kind, _SHORT, size))
        else:
            parts.append(struct.pack("!BBQ", kind, _LONG, size))
        parts.append(data)
    return parts
