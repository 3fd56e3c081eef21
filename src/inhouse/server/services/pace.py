"""Pace: how long batches take, by their size, as measured."""

from __future__ import annotations

_WEIGHT = 0.2
"""Of the newest measurement in the average; the weights of older ones fall off exponentially."""
_SIZES = 32


class Pace:
    """An exponentially weighted mean of seconds for each size of batch, in powers of two."""

    def __init__(self) -> None:
        self._seconds = [0.0] * _SIZES

    def measured(self, rows: int, seconds: float) -> None:
        """Note that a batch of so many rows took so many seconds."""
        size, known = rows.bit_length(), self._seconds
        per_row = seconds / rows
        known[size] = per_row if not known[size] else known[size] + _WEIGHT * (per_row - known[size])

    def seconds(self, rows: int, batch: int) -> float:
        """Return about how long rows take in batches of so many at most; 0 as long as nothing was measured.

        Where no batch of that size was measured, the next smaller one counts, or else the next larger one.
        """
        if rows <= 0:
            return 0.0
        size = min(rows, batch).bit_length()
        below = next((self._seconds[i] for i in range(size, -1, -1) if self._seconds[i]), 0.0)
        return rows * (below or next((seconds for seconds in self._seconds[size:] if seconds), 0.0))
