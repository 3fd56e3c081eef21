"""Five hundred WebSockets: how long until an event has reached all, also when some clients do not read.

python -m benchmarks.fanout
"""

from __future__ import annotations

import selectors
import sys
import time

from benchmarks.backlog import p99, submission
from benchmarks.measure import keep, verdict
from benchmarks.served import Served, served
from benchmarks.wire import WebSocket

CLIENTS = 500
DEAF = 25
EVENTS = 200
_EVENT = b'"queue_remaining":1'
"""A run is accepted: every socket of its user hears how many are left."""


def reach(server: Served, sockets: list[WebSocket]) -> float:
    """Return how many milliseconds it takes from the request until all have heard of it."""
    http = server.http()
    selector = selectors.DefaultSelector()
    for socket in sockets:
        selector.register(socket, selectors.EVENT_READ)
    waiting = set(sockets)
    started = time.perf_counter()
    http.send("POST", "/prompt", submission(time.perf_counter_ns() % 2**31))
    while waiting:
        for key, _ in selector.select(10):
            if isinstance(key.fileobj, WebSocket) and any(_EVENT in text for text in list(key.fileobj.texts())):
                waiting.discard(key.fileobj)
    taken = (time.perf_counter() - started) * 1000
    http.receive()
    quiet = time.perf_counter() + 0.02
    while (left := quiet - time.perf_counter()) > 0:  # what else is told of the run
        for key, _ in selector.select(left):
            if isinstance(key.fileobj, WebSocket):
                list(key.fileobj.texts())
    http.close()
    return taken


def main() -> int:
    """Print each figure with its limit; return 1 if one is over."""
    with served() as server:
        sockets = [WebSocket(server.host, server.port, f"client-{number}") for number in range(CLIENTS)]
        reach(server, sockets)
        all_read = [reach(server, sockets) for _ in range(EVENTS)]
        some_deaf = [reach(server, sockets[DEAF:]) for _ in range(EVENTS)]
    figures = {
        "an event reaches 500 clients, p99": (p99(all_read), 200, "ms"),
        "the same while 25 of them do not read, p99": (p99(some_deaf), 200, "ms"),
    }
    kept = {name: {"value": value, "limit": limit} for name, (value, limit, _) in figures.items()}
    keep("fanout", kept)
    within = [verdict(name, value, limit, unit) for name, (value, limit, unit) in figures.items()]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
