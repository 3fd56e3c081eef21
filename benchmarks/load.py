"""Load: so many connections, each of which asks again once it is answered."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.wire import Http


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that is sent over and over."""

    path: str
    body: bytes
    headers: str = "Content-Type: application/json\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it.

    Attributes:
        seconds: of the whole.
        waits: seconds from sending to having the answer, for each request.
        failed: status and beginning of each answer that is none of 200.

    """

    seconds: float
    waits: Sequence[float]
    failed: Sequence[tuple[int, bytes]]

    def percentile(self, share: float) -> float:
        """Return the wait in seconds that so many of the requests did not exceed."""
        ordered = sorted(self.waits)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def press(port: int, ask: Ask, at_once: int, seconds: float, *, end: Callable[[], bool] = lambda: False) -> Load:
    """Ask with so many requests on their way for so long, and wait for the answers of the last ones."""
    selector = selectors.DefaultSelector()
    sent: dict[Http, float] = {}
    waits: list[float] = []
    failed: list[tuple[int, bytes]] = []
    clock = time.perf_counter
    started = clock()
    for _ in range(at_once):
        connection = Http("127.0.0.1", port)
        selector.register(connection, selectors.EVENT_READ, connection)
        sent[connection] = clock()
        connection.send("POST", ask.path, ask.body, ask.headers)
    while sent:
        for key, _ in selector.select():
            connection = key.data
            status, body = connection.receive()
            now = clock()
            waits.append(now - sent.pop(connection))
            if status != 200:
                failed.append((status, body[:200]))
            if now - started < seconds and not end():
                sent[connection] = now
                connection.send("POST", ask.path, ask.body, ask.headers)
            else:
                selector.unregister(connection)
                connection.close()
    return Load(clock() - started, waits, failed)
