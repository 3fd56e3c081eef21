"""The pipe between a gateway and a worker's process, as an event loop on either side has it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from inhouse.workers.codec import Decoder, encode

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from inhouse.workers.messages import Message

_LOG = logging.getLogger(__name__)


class Pipe(asyncio.Protocol):
    """Sends and receives messages over a connected socket.

    Args:
        heard: called with each message that comes.
        ended: called once, when the other side is gone.

    """

    def __init__(self, heard: Callable[[Message], None], ended: Callable[[], None]) -> None:
        self._heard = heard
        self._ended = ended
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, link: socket.socket, heard: Callable[[Message], None], ended: Callable[[], None]) -> Pipe:
        """Return a pipe over a socket of the Unix family, which belongs to it from now on."""
        loop = asyncio.get_running_loop()
        _, pipe = await loop.create_unix_connection(lambda: cls(heard, ended), sock=link)
        return pipe

    def send(self, message: Message) -> None:
        """Send a message at once; one to a side that is gone is dropped."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode([message]))

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
