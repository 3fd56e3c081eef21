"""How many trivial workflows a second: HTTP in, WebSocket out, each stored before it is acknowledged.

python -m benchmarks.rate

The peer is ComfyUI 0.3.64, measured on this kind of machine with a workflow of two nodes, one after another: 262 a
second when an input changes each time, 482 when nothing does.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from benchmarks.measure import keep
from benchmarks.served import Served, cpu_seconds, served
from benchmarks.wire import Http, WebSocket

PEER = {"changed": 262.0, "cached": 482.0}
SECONDS = 5.0
AT_ONCE = 32


def prompt(number: int) -> bytes:
    """Return a request for a workflow of two nodes."""
    nodes = {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": number}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    return json.dumps({"prompt": nodes, "client_id": "bench"}).encode()


@dataclass(frozen=True, slots=True)
class Rate:
    """Workflows done in a time, and what that took of each process, in milliseconds of its processor for each."""

    done: int
    seconds: float
    gateway_ms: float
    worker_ms: float
    client_ms: float

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.done / self.seconds


def measured(server: Served, way: Callable[..., tuple[int, float]], *, changed: bool) -> Rate:
    """Run workflows one way, and say what it took."""
    pids = (server.process.pid, server.worker_pids()[0], os.getpid())
    before = [cpu_seconds(pid) for pid in pids]
    done, seconds = way(server, changed=changed)
    spent = [(cpu_seconds(pid) - start) / done * 1000 for pid, start in zip(pids, before, strict=True)]
    return Rate(done, seconds, *spent)


def one_after_another(server: Served, *, changed: bool) -> tuple[int, float]:
    """Return how many were done in how many seconds when each waits for the end of the one before."""
    http, socket = server.http(), WebSocket(server.host, server.port, "bench")
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        count += 1
        status, body = http.ask("POST", "/prompt", prompt(count if changed else 0))
        if status != 200:
            raise SystemExit(body.decode())
        socket.wait(b'"node":null,"prompt_id":"' + json.loads(body)["prompt_id"].encode())
    elapsed = time.perf_counter() - started
    http.close()
    socket.close()
    return count, elapsed


def at_once(server: Served, *, changed: bool) -> tuple[int, float]:
    """Return how many were done in how many seconds when so many are always on their way."""
    socket = WebSocket(server.host, server.port, "bench")
    idle = [server.http() for _ in range(AT_ONCE)]
    selector = selectors.DefaultSelector()
    selector.register(socket, selectors.EVENT_READ)
    for connection in idle:
        selector.register(connection, selectors.EVENT_READ)
    flying = done = sent = 0
    started = time.perf_counter()
    while time.perf_counter() - started < SECONDS or flying:
        while idle and flying < AT_ONCE and time.perf_counter() - started < SECONDS:
            sent, flying = sent + 1, flying + 1
            idle.pop().send("POST", "/prompt", prompt(sent if changed else 0))
        for key, _ in selector.select():
            if isinstance(key.fileobj, Http):
                status, body = key.fileobj.receive()
                if status != 200:
                    raise SystemExit(body.decode())
                idle.append(key.fileobj)
            elif isinstance(key.fileobj, WebSocket):
                ended = sum(b'"executing"' in text and b'"node":null' in text for text in key.fileobj.texts())
                done, flying = done + ended, flying - ended
    elapsed = time.perf_counter() - started
    socket.close()
    for connection in idle:
        connection.close()
    return done, elapsed


def main() -> int:
    """Print each rate as a ratio to the peer's; return 1 if one is too low."""
    kept, good = {}, True
    with served() as server:
        for changed in (True, False):
            name = "changed" if changed else "cached"
            for way, function, limit in (("one after another", one_after_another, 2), ("32 at once", at_once, 3)):
                function(server, changed=changed)  # once to warm up
                rate = measured(server, function, changed=changed)
                ratio = rate.per_second / PEER[name]
                print(
                    f"{name}, {way}: {rate.per_second:.0f}/s, {ratio:.2f} x the peer's {PEER[name]:.0f}/s"
                    f" (wanted {limit} x); processor ms each: gateway {rate.gateway_ms:.2f},"
                    f" worker {rate.worker_ms:.2f}, client {rate.client_ms:.2f}"
                )
                kept[f"{name}, {way}"] = {"ratio": ratio, "limit": limit, "peer": PEER[name], **asdict(rate)}
                good &= ratio >= limit
    keep("rate", kept)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
