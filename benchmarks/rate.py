"""How many trivial workflows a second: HTTP in, WebSocket out, each stored before it is acknowledged.

python -m benchmarks.rate

The peer is ComfyUI 0.3.64, measured on this kind of machine with a workflow of two nodes, one after another: 262 a
second when an input changes each time, 482 when nothing does.
"""

from __future__ import annotations

import json
import selectors
import sys
import time

from benchmarks.measure import keep
from benchmarks.served import Served, served
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


def one_after_another(server: Served, *, changed: bool) -> float:
    """Return the rate when each waits for the end of the one before."""
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
    return count / elapsed


def at_once(server: Served, *, changed: bool) -> float:
    """Return the rate when so many are always on their way."""
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
    return done / elapsed


def main() -> int:
    """Print each rate as a ratio to the peer's; return 1 if one is too low."""
    kept, good = {}, True
    with served() as server:
        for changed in (True, False):
            name = "changed" if changed else "cached"
            for way, function, limit in (("one after another", one_after_another, 2), ("32 at once", at_once, 3)):
                function(server, changed=changed)  # once to warm up
                rate = function(server, changed=changed)
                ratio = rate / PEER[name]
                print(f"{name}, {way}: {rate:.0f}/s, {ratio:.2f} x the peer's {PEER[name]:.0f}/s (wanted {limit} x)")
                kept[f"{name}, {way}"] = {"value": rate, "peer": PEER[name], "ratio": ratio, "limit": limit}
                good &= ratio >= limit
    keep("rate", kept)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
