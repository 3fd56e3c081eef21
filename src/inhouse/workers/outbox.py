"""The outbox: what threads have to say, handed to an event loop in as few pieces as the loop's pace allows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from inhouse.workers.joining import joined

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from inhouse.workers.messages import Message


class Outbox:
    """Takes messages from any thread and hands all that are waiting to the loop at once, in order.

    There is no timer: the loop takes what there is as soon as it runs, so a single message waits for nothing, and what
    a fast run says while the loop is on its way goes together.

    Args:
        loop: calls ``deliver``.
        deliver: gets the messages.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[Sequence[Message]], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._waiting: deque[Message] = deque()
        self._called = False

    def put(self, message: Message) -> None:
        """Send a message; one to a loop that has been closed is dropped."""
        self._waiting.append(message)
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self.flush)
            except RuntimeError:  # the loop is closed: nobody is left to hear it
                self._waiting.clear()

    def flush(self) -> None:
        """Deliver what is waiting, now; only on the loop."""
        self._called = False  # before the emptying: what comes while it lasts calls again, at worst for nothing
        taken: list[Message] = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        if taken:
            self._deliver(joined(taken))
