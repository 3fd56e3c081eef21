"""A device that computes nothing and has as little memory as one likes: for tests, and for who writes them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from inhouse.backends.memory import said

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeMemory:
    """Memory with a budget; asking for more raises what torch raises.

    Args:
        budget: bytes.
        measured: whether it tells how much is used, as not every system does.

    Attributes:
        used: bytes that are taken now.
        refusals: how often it did not suffice.
        released: how often its caches were emptied.

    """

    def __init__(self, budget: int, *, measured: bool = True) -> None:
        self.budget = budget
        self.used = self.refusals = self.released = 0
        self._measured = measured
        self._most = 0

    def __call__(self, device: str) -> FakeMemory:
        """Be the memory of every device."""
        del device
        return self

    @contextmanager
    def taking(self, count: int) -> Iterator[None]:
        """Take so many bytes while inside.

        Raises:
            RuntimeError: there are not so many; the message is like torch's.

        """
        if self.used + count > self.budget:
            self.refusals += 1
            raise RuntimeError(f"fake out of memory. Tried to allocate {count} bytes; {said(self.budget)} in all.")
        self.used += count
        self._most = max(self._most, self.used)
        try:
            yield
        finally:
            self.used -= count

    def free(self) -> int | None:
        """See `Memory.free`."""
        return self.budget - self.used if self._measured else None

    def mark(self) -> int | None:
        """See `Memory.mark`."""
        self._most = self.used
        return self.used if self._measured else None

    def most_since(self, mark: int) -> int:
        """See `Memory.most_since`."""
        return self._most - mark

    def release(self) -> None:
        """See `Memory.release`."""
        self.released += 1
