"""Ten thousand runs that wait: how long it takes to add one, to list them and to cancel one, and what memory they take.

python -m benchmarks.backlog
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import keep, verdict
from benchmarks.served import served

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.wire import Http

RUNS = 10_000
ASKED = 200
_MB = 1024 * 1024
_PACK = """
import time

class Hold:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seconds": ("INT", {"default": 1, "min": 0, "max": 100000})}}

    RETURN_TYPES = ()
    FUNCTION = "hold"
    OUTPUT_NODE = True

    def hold(self, seconds):
        from comfy.model_management import throw_exception_if_processing_interrupted
        for _ in range(seconds * 10):
            time.sleep(0.1)
            throw_exception_if_processing_interrupted()
        return {}

NODE_CLASS_MAPPINGS = {"Hold": Hold}
"""
"""A node that keeps the worker busy and the processor free."""


def milliseconds(http: Http, method: str, path: str, body: bytes = b"") -> tuple[float, bytes]:
    """Ask, and return how long that took, and the answer."""
    started = time.perf_counter()
    status, answer = http.ask(method, path, body)
    taken = (time.perf_counter() - started) * 1000
    if status != 200:
        raise SystemExit(f"{method} {path}: {status} {answer[:500].decode()}")
    return taken, answer


def p99(values: Iterable[float]) -> float:
    """Return what all but one in a hundred are below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def submission(number: int) -> bytes:
    """Return a request for a workflow of two nodes."""
    nodes = {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": number}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    return json.dumps({"prompt": nodes, "client_id": "bench"}).encode()


def main() -> int:
    """Print each figure with its limit; return 1 if one is over."""
    with tempfile.TemporaryDirectory() as packs:
        Path(packs, "hold.py").write_text(_PACK)
        with served(["--custom-nodes", packs]) as server:
            http = server.http()
            hold = {"prompt": {"1": {"class_type": "Hold", "inputs": {"seconds": 10_000}}}}
            milliseconds(http, "POST", "/prompt", json.dumps(hold).encode())
            before = server.resident_bytes()
            added, ids = [], []
            for number in range(RUNS):
                taken, answer = milliseconds(http, "POST", "/prompt", submission(number))
                added.append(taken)
                ids.append(json.loads(answer)["prompt_id"])
            paged = [milliseconds(http, "GET", "/api/jobs?status=pending&limit=100")[0] for _ in range(ASKED)]
            whole = [milliseconds(http, "GET", "/queue")[0] for _ in range(ASKED)]
            cancelled = [
                milliseconds(http, "POST", "/queue", json.dumps({"delete": [run_id]}).encode())[0]
                for run_id in ids[:: RUNS // ASKED]
            ]
            grown = (server.resident_bytes() - before) / _MB
            milliseconds(http, "POST", "/queue", b'{"clear": true}')
            milliseconds(http, "POST", "/interrupt")
    figures = {
        "add one, p99 of 10,000": (p99(added), 20, "ms"),
        "list a hundred of them, p99": (p99(paged), 20, "ms"),
        "list all of them, p99": (p99(whole), 20, "ms"),
        "cancel one, p99": (p99(cancelled), 20, "ms"),
        "memory that the gateway grew by": (grown, 100, "MB"),
    }
    keep("backlog", {name: {"value": value, "limit": limit} for name, (value, limit, _) in figures.items()})
    within = [verdict(name, value, limit, unit) for name, (value, limit, unit) in figures.items()]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
