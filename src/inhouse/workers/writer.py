"""The writer: a thread that sends what others have to say, in as few pieces as their pace allows."""

from __future__ import annotations

import logging
import select
import threading
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from inhouse.workers.codec import encode
from inhouse.workers.joining import joined
from inhouse.workers.messages import Beat

if TYPE_CHECKING:
    import socket

    from inhouse.workers.messages import Message

_LOG = logging.getLogger(__name__)
_CONGESTED = 100
_RING, _END = True, False
"""There is a message; there will be none."""


class Writer:
    """Sends messages over a socket, in order; all that are waiting go together.

    Who has said the last of something may see to it that it is sent (``flush``), whatever becomes of the process then.

    There is no timer. To put a message down costs the thread that runs nodes no system call, and so it keeps Python to
    itself: the writer gets its turn when that thread waits, computes outside of Python, or has had its share (5 ms).
    What a fast run has to say thus goes in one piece at its end, and what a slow one says goes at once.

    Args:
        link: a connected socket; may be one that does not block.
        pause: seconds without anything to send after which a sign of life is sent.

    """

    def __init__(self, link: socket.socket, pause: float) -> None:
        self._link = link
        self._pause = pause
        self._waiting: deque[Message] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="inhouse-writer", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Send a message; from any thread."""
        self._waiting.append(message)
        self._bell.put(_RING)

    def flush(self) -> None:
        """Send what is waiting, in the calling thread."""
        with self._sending:
            taken: list[Message] = []
            while self._waiting:
                taken.append(self._waiting.popleft())
            try:
                if taken:
                    self._send(encode(joined(taken)))
            except OSError as error:  # the gateway is gone; the main thread hears of it, too
                _LOG.debug("Nobody listens: %s.", error)

    @property
    def congested(self) -> bool:
        """Whether the other side is so slow to read that what can be left out should be."""
        return len(self._waiting) > _CONGESTED

    def close(self, seconds: float) -> None:
        """Send what is waiting, for at most this time, and end."""
        self._bell.put(_END)
        self._thread.join(seconds)

    def _work(self) -> None:
        goes_on = True
        while goes_on:
            try:
                goes_on = self._bell.get(timeout=self._pause)
            except Empty:
                self._waiting.append(Beat())
            with suppress(Empty):
                while goes_on:
                    goes_on = self._bell.get_nowait()
            if self._waiting:  # whoever has said its last may have sent it all
                self.flush()

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._link.send(view) :]
            except BlockingIOError:
                select.select([], [self._link], [])
