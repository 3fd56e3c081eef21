"""What a gateway costs that does nothing yet: time until it answers, memory, and the description of all nodes.

python -m benchmarks.gateway
"""

from __future__ import annotations

import sys
import time

from benchmarks.measure import keep, verdict
from benchmarks.served import served

ROUNDS = 5
ASKED = 50
_MB = 1024 * 1024


def main() -> int:
    """Print each figure with its limit; return 1 if one is over."""
    ready, described, resident = [], [], []
    for _ in range(ROUNDS):
        with served() as server:
            ready.append(server.ready_seconds)
            http = server.http()
            http.ask("GET", "/object_info")
            for _ in range(ASKED):
                started = time.perf_counter()
                http.ask("GET", "/object_info")
                described.append(time.perf_counter() - started)
            resident.append(server.resident_bytes() / _MB)
    figures = {
        "first answer of /system_stats, best": (min(ready), 1.5, "s"),
        "/object_info from its cache, worst": (max(described) * 1000, 50, "ms"),
        "memory of the gateway, most": (max(resident), 150, "MB"),
    }
    keep("gateway", {name: {"value": value, "limit": limit} for name, (value, limit, _) in figures.items()})
    within = [verdict(name, value, limit, unit) for name, (value, limit, unit) in figures.items()]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
