"""Which of several ways is the fastest: rounds in which all take turns, in an order that is drawn anew."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping


def race(
    calls: Mapping[str, Callable[[], object]], seconds: float = 1.5, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Return the median duration of each call in seconds.

    Args:
        calls: by name.
        seconds: about how long it takes; at least 3 and at most 25 rounds.
        clock: processor time, which other work on the machine hardly disturbs, unless told otherwise.

    """
    order = random.Random(0)  # noqa: S311 - an order

    def taken(name: str) -> float:
        began = clock()
        calls[name]()
        return clock() - began

    once = 0.0
    for name in calls:
        taken(name)  # a first call is never like the others
        once += taken(name)
    rounds = int(min(max(seconds / max(once, 1e-6), 3), 25))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in order.sample(list(calls), len(calls)):
            found[name].append(taken(name))
    return {name: statistics.median(times) for name, times in found.items()}
