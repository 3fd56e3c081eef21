"""Batches that adapt to memory: as many samples at once as fit, fewer when memory runs out, more when it suffices.

Nobody has to say how much fits. The first samples show what one takes; a call that runs out of memory is made again
with half of its samples, and what was computed already stays. What a size has been found safe for is remembered, by
whatever decides how much a sample takes: the model's architecture, the shape of a sample, the type and the device.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from inhouse.backends.memory import Memory, is_out_of_memory, memory_border, memory_of

R = TypeVar("R")

FIRST = 4
"""Samples in the first call of a kind, where memory can be measured: a pair under guidance, twice."""

MARGIN = 0.9
"""Of what is free, the part that is counted on."""

FORGET = 64
"""Successes after which a size that failed may be tried again: another program may have taken the memory then."""

_MOST_KINDS = 1024

_log = logging.getLogger(__name__)


class SafeSize:
    """What is known of one kind of batch.

    Attributes:
        size: samples to try next; 0 when nothing is known.
        each: bytes that a sample takes; 0 when that was not measured.
        failed: the least number of samples for which memory did not suffice; 0 when there is none.
        successes: calls that went well since then.

    """

    __slots__ = ("each", "failed", "size", "successes")

    def __init__(self) -> None:
        self.size = self.failed = self.successes = 0
        self.each = 0.0

    def fit(self, free: int | None) -> int | None:
        """Return how many samples go into so many bytes, by what was measured; None where nothing was."""
        return None if free is None or not self.each else max(1, int(free * MARGIN / self.each))

    def suffices(self, size: int, fit: int | None) -> None:
        """Note that so many samples went through, and perhaps try more the next time, as many as ``fit``."""
        self.successes += 1
        if size < self.size:
            return
        if self.failed and self.successes >= FORGET:
            self.failed = 0
        larger = 2 * size if fit is None else max(size, fit)
        if self.failed:
            near = self.failed - size <= max(1, size // 4)
            larger = size if near else min(larger, (size + self.failed) // 2)
        self.size = larger

    def does_not_suffice(self, size: int) -> None:
        """Note that memory ran out with so many samples; the next size is half of it."""
        self.failed = size
        self.size = size // 2
        self.successes = 0


class SafeSizes:
    """Remembers for each kind of batch how many samples fit, for as long as the process lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, SafeSize] = OrderedDict()

    def of(self, kind: Hashable) -> SafeSize:
        """Return what is known of a kind of batch, to be added to."""
        with self._lock:
            known = self._known.setdefault(kind, SafeSize())
            self._known.move_to_end(kind)
            if len(self._known) > _MOST_KINDS:
                self._known.popitem(last=False)
            return known


class Batches:
    """Runs over samples in as large batches as memory allows.

    Args:
        sizes: what was learnt before; by default nothing.
        memory: returns the memory of a device.

    """

    def __init__(self, sizes: SafeSizes | None = None, memory: Callable[[str], Memory] = memory_of) -> None:
        self._sizes = sizes or SafeSizes()
        self._memory = memory

    def run(
        self,
        count: int,
        call: Callable[[slice], R],
        key: Hashable,
        *,
        device: str = "cpu",
        what: str = "a sample",
        most: int | None = None,
    ) -> list[R]:
        """Return what ``call`` returns for consecutive parts of so many samples.

        Args:
            count: how many samples there are.
            call: computes those of a slice; may be called again for some that it failed for.
            key: what decides how much memory a sample takes, besides the device; holds no tensors.
            device: where the memory is needed, as torch names it.
            what: one sample, for the error.
            most: samples at once, however much fits.

        Raises:
            OutOfMemoryError: the memory does not suffice for one sample; says how much was asked for and was there.

        """
        task = _Task(call, self._memory(device), self._sizes.of((key, device)), what)
        results: list[R] = []
        done = 0
        while done < count:
            left = count - done
            size = task.size(left if most is None else min(left, most))
            result = task.attempt(slice(done, done + size))
            if result is not None:
                results.append(result.value)
                done += size
        return results


class _Result(NamedTuple, Generic[R]):
    value: R


class _Task(Generic[R]):
    """Something to compute for many samples.

    Args:
        call: computes it for a slice of them.
        memory: where it may run out.
        known: what is known of such batches.
        what: one sample, for errors.

    """

    def __init__(self, call: Callable[[slice], R], memory: Memory, known: SafeSize, what: str) -> None:
        self._call = call
        self._memory = memory
        self._known = known
        self._what = what
        self._mark: int | None = None

    def size(self, wanted: int) -> int:
        """Return how many samples to try at once, of so many, and begin to measure where there is much to learn."""
        known = self._known
        self._mark = self._memory.mark() if wanted > max(known.size, FIRST) else None
        if not known.size:
            return wanted if self._mark is None else min(wanted, FIRST)
        size = min(wanted, known.size)
        if size > FIRST and known.each:
            size = min(size, known.fit(self._memory.free()) or size)
        return size

    def attempt(self, part: slice) -> _Result[R] | None:
        """Return what the call returns; None when it has to be made again with fewer samples."""
        size = part.stop - part.start
        try:
            with memory_border(self._what, self._memory if size == 1 else None):
                value = self._call(part)
        except Exception as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        else:
            self._learn(size)
            return _Result(value)
        self._known.does_not_suffice(size)
        _log.info("Memory did not suffice for %d at once; trying fewer.", size, extra={"counts": "oom_backoffs"})
        self._memory.release()
        return None

    def _learn(self, size: int) -> None:
        known, fit = self._known, None
        if self._mark is not None:
            known.each = self._memory.most_since(self._mark) / size
            fit = known.fit(self._memory.free())
        known.suffices(size, fit)
