"""Residency: which networks are in memory. They come when they are used, and go when others need the room."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from inhouse.backends.memory import Memory, is_out_of_memory, memory_border, memory_of, said
from inhouse.errors import OutOfMemoryError

N_co = TypeVar("N_co", covariant=True)
N = TypeVar("N")

MARGIN = 0.9
"""Of what is free, the part that networks may take; the rest is for what they compute."""

_log = logging.getLogger(__name__)


class Resident(Protocol[N_co]):
    """What can be in memory or out of it, and finds back by itself. Its methods may be called from any thread."""

    @property
    def device(self) -> str:
        """Where it computes, as torch calls it."""

    @property
    def nbytes(self) -> int:
        """The memory that it takes there while it is in place."""

    @property
    def loaded(self) -> bool:
        """Whether it is in place."""

    @property
    def missing(self) -> int:
        """The bytes that it would take more if it were in place whole; 0 where it is, or could not be."""

    @property
    def needed(self) -> bool:
        """Whether others in memory are made of its weights, so that nothing would be won without it."""

    def load(self, *, whole: bool) -> N_co:
        """Return it, put in place if it is not; ``whole`` is False where there is room only for parts of it."""

    def evict(self) -> None:
        """Make room; on an accelerator it stays in the machine's own memory, or in the page cache."""


class Residency:
    """Hands out networks, and keeps what is in memory within a budget for each device: the least recently used go.

    It holds no network itself: one that nobody refers to any more is gone. What is leased is never put out.

    Args:
        budgets: device -> bytes for networks.
        budget: bytes for networks on a device that has none of its own; None for what is free when a network comes.
        memory: tells how much is free on a device.

    Attributes:
        hits: leases of what was in place.
        misses: leases of what had to come.
        evictions: how often one made room.
        streamed: how often one came that there was no room for, and that runs part by part.

    """

    def __init__(
        self,
        budgets: Mapping[str, int] | None = None,
        *,
        budget: int | None = None,
        memory: Callable[[str], Memory] = memory_of,
    ) -> None:
        self.hits = self.misses = self.evictions = self.streamed = 0
        self._budgets = dict(budgets or {})
        self._budget = budget
        self._memory = memory
        self._lock = threading.RLock()
        self._leases: WeakKeyDictionary[Resident[Any], int] = WeakKeyDictionary()

    @contextmanager
    def lease(self, resident: Resident[N]) -> Iterator[N]:
        """Compute with a network, which stays in memory while inside; ``with residency.lease(handle) as network:``.

        Raises:
            ModelError: its file cannot be used.
            OutOfMemoryError: there is no room for it, not even part by part.

        """
        with self.hold(resident) as network:
            yield network

    @contextmanager
    def hold(self, resident: Resident[N]) -> Iterator[N]:
        """Keep a network in memory while inside, which is leased again and again there; raises as `lease`."""
        with self._lock:
            self._leases[resident] = self._leases.pop(resident, 0) + 1  # the last in order is the last used
        try:
            yield self._in_place(resident)
        finally:
            with self._lock:
                self._leases[resident] -= 1

    def used(self, device: str) -> int:
        """Return the bytes that networks take on a device now."""
        with self._lock:
            return sum(each.nbytes for each in self._on(device) if each.loaded)

    def clear(self, device: str | None = None) -> int:
        """Put out all that nobody uses, on one device or everywhere; return how many bytes that gave back."""
        freed = 0
        with self._lock:
            while (idle := next(self._idle(device), None)) is not None:
                freed += idle.nbytes
                self._evict(idle)
        return freed

    def memory(self, device: str) -> Memory:
        """Return a device's memory, whose release puts out the networks that nobody uses, too."""
        return _Shared(self, device, self._memory(device))

    def figures(self) -> dict[str, int]:
        """Return the counters, and the networks and bytes in place."""
        with self._lock:
            loaded = [each for each in list(self._leases) if each.loaded]
        return {
            "hits": self.hits,
            "misses": self.misses,
            "evictions": self.evictions,
            "streamed": self.streamed,
            "networks": len(loaded),
            "bytes": sum(each.nbytes for each in loaded),
        }

    def _in_place(self, resident: Resident[N]) -> N:
        with self._lock:
            if self._fits_whole_now(resident):
                resident.evict()
            here = resident.loaded
            whole = here or self._make_room(resident)
            self.hits += here
            self.misses += not here
            self.streamed += not whole
        with memory_border(f"a network of {said(resident.nbytes)}", self._memory(resident.device)):
            try:
                return resident.load(whole=whole)
            except (RuntimeError, MemoryError, OutOfMemoryError) as error:
                if not whole or not is_out_of_memory(error):
                    raise
            return resident.load(whole=self.clear(resident.device) > 0)

    def _fits_whole_now(self, resident: Resident[Any]) -> bool:
        """Whether one that runs in parts, and that nobody else uses, would find room without anybody's leaving."""
        wanted = resident.missing
        alone = wanted and self._leases[resident] == 1 and not resident.needed
        return bool(alone) and self._room(resident) >= wanted + resident.nbytes

    def _make_room(self, resident: Resident[Any]) -> bool:
        """Put others out until there is room for one; return whether there is."""
        while self._room(resident) < resident.nbytes:
            idle = next(self._idle(resident.device, but=resident), None)
            if idle is None:
                return False
            self._evict(idle)
        return True

    def _room(self, resident: Resident[Any]) -> float:
        device = resident.device
        others = [each for each in self._on(device) if each is not resident]
        coming = sum(each.nbytes for each in others if self._leases[each] and not each.loaded)
        budget = self._budgets.get(device, self._budget)
        if budget is not None:
            return budget - coming - sum(each.nbytes for each in others if each.loaded)
        free = self._memory(device).free()
        return float("inf") if free is None else MARGIN * free - coming

    def _on(self, device: str | None) -> list[Resident[Any]]:
        return [each for each in list(self._leases) if device in (None, each.device)]

    def _idle(self, device: str | None, but: Resident[Any] | None = None) -> Iterator[Resident[Any]]:
        """Yield what could be put out, the least recently used first; what is made of others before these."""
        for each in self._on(device):
            if each is not but and each.loaded and not self._leases[each] and not each.needed:
                yield each

    def _evict(self, resident: Resident[Any]) -> None:
        resident.evict()
        self.evictions += 1
        _log.info("A network of %s made room.", said(resident.nbytes), extra={"counts": "model_evictions"})


class _Shared:
    """The memory of a device with networks in it."""

    def __init__(self, residency: Residency, device: str, memory: Memory) -> None:
        self._residency = residency
        self._device = device
        self._memory = memory

    def free(self) -> int | None:
        return self._memory.free()

    def mark(self) -> int | None:
        return self._memory.mark()

    def most_since(self, mark: int) -> int:
        return self._memory.most_since(mark)

    def release(self) -> None:
        self._residency.clear(self._device)
        self._memory.release()
