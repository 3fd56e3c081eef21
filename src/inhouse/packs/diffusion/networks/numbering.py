"""Counting blocks by the numbers in their parameters' names."""

from __future__ import annotations

from collections.abc import Iterable


def consecutive(numbers: Iterable[int]) -> int:
    """Return how many of 0, 1, 2, ... there are before the first that is missing.

    A file may claim any number, and a network of that many layers must not be built for it.
    """
    found = set(numbers)
    return next(count for count in range(len(found) + 1) if count not in found)
