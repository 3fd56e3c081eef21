"""The pipe between a gateway and a worker's process, as an event loop on either side has it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)

_LOG = logging.getLogger(__name__)


class Decodes(Protocol[M_co]):
    """Puts messages together from what arrives."""

    def feed(self, data: bytes) -> Iterator[M_co]:
        """Yield the messages that are whole now; raises ``ValueError`` for what is none."""


class Pipe(asyncio.Protocol, Generic[M]):
    """Sends and receives messages over a connected socket.

    Args:
        heard: called with each message that comes.
        ended: called once, when the other side is gone.
        decoder: reads messages.
        encode: writes one.

    """

    def __init__(
        self, heard: Callable[[M], None], ended: Callable[[], None], decoder: Decodes[M], encode: Callable[[M], bytes]
    ) -> None:
        self._heard = heard
        self._ended = ended
        self._decoder = decoder
        self._encode = encode
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls,
        link: socket.socket,
        heard: Callable[[M], None],
        ended: Callable[[], None],
        decoder: Decodes[M],
        encode: Callable[[M], bytes],
    ) -> Self:
        """Return a pipe over a socket of the Unix family, which belongs to it from now on."""
        loop = asyncio.get_running_loop()
        _, pipe = await loop.create_unix_connection(lambda: cls(heard, ended, decoder, encode), sock=link)
        return pipe

    def send(self, message: M) -> None:
        """Send a message at once; one to a side that is gone is dropped."""
        self.write(self._encode(message))

    def write(self, frame: bytes) -> None:
        """Send what ``encode`` made of a message."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def close(self) -> None:
        """Hang up once all is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment] # a connected socket's transport reads and writes

    def data_received(self, data: bytes) -> None:
        """Take what comes; what is no message ends the pipe."""
        messages = self._decoder.feed(data)
        while True:
            try:
                message = next(messages, None)
            except ValueError as error:
                _LOG.error("%s", error)
                self.abort()
                return
            if message is None:
                return
            self._heard(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell that the other side is gone."""
        self._ended()
