"""Steadiness: when warming up is over, and whether a measurement wandered off while it went on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 5
"""Calls whose median is compared with that of as many before."""
CLOSE = 0.05
"""Warming up is over once a window is no more than this faster than the one before."""
DRIFT = 0.1
"""More than this between the first and the last third is worth a warning."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What happened before anything counted: how many calls, whether they became steady, seconds a call at the end."""

    calls: int
    steady: bool
    seconds: float


def warm_up(call: Callable[[], float], clock: Callable[[], float], seconds: float, most: int = 200) -> WarmUp:
    """Call until calls no longer become faster, the time is over or ``most`` calls were made; at least once.

    Args:
        call: does it once, and returns how many seconds it took.
        clock: seconds, rising.
        seconds: how long it may go on.
        most: calls.

    """
    begun, found = clock(), list[float]()
    while True:
        found.append(call())
        steady = is_steady(found)
        if steady or len(found) >= most or clock() - begun >= seconds:
            return WarmUp(len(found), steady, float(np.median(found[-WINDOW:])))


def is_steady(found: Sequence[float]) -> bool:
    """Whether the last window is not faster than the one before it, to speak of."""
    if len(found) < 2 * WINDOW:
        return False
    before, last = np.median(found[-2 * WINDOW : -WINDOW]), np.median(found[-WINDOW:])
    return bool(last >= before * (1 - CLOSE))


def drift(rounds: Sequence[Sequence[float]]) -> float:
    """Return by which part the last third of the rounds is slower than the first; 0 where there are too few to tell."""
    medians = [float(np.median(found)) for found in rounds if len(found)]
    third = len(medians) // 3
    if not third:
        return 0.0
    first, last = float(np.median(medians[:third])), float(np.median(medians[-third:]))
    return last / first - 1 if first > 0 else 0.0
