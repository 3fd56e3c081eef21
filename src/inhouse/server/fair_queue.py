"""The order of the queue: users take turns; each user's own runs go by priority, then by number.

A run may have to wait although its turn has come, since another of its line runs; then the user's next goes.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inhouse.workers.base import line_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from inhouse.storage.records import Submission
    from inhouse.workers.base import Line

_SLACK = 64
"""How many removed runs a user's heap may hold besides as many as wait."""


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A run that waits. ``submission`` is None when it was left in storage, to keep a long queue out of memory."""

    rank: tuple[int, float, int]
    run_id: str = field(compare=False)
    user: str = field(compare=False)
    deaths: int = field(default=0, compare=False)
    submission: Submission | None = field(default=None, compare=False)
    client_id: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, submission: Submission, sequence: int, deaths: int = 0) -> Waiting:
        """Return the place in the queue that a run takes.

        Args:
            submission: the run.
            sequence: decides between equal numbers.
            deaths: how many workers died of it so far.

        """
        rank = (-submission.priority, submission.number, sequence)
        return cls(rank, submission.id, submission.user, deaths, submission, submission.client_id)

    @property
    def line(self) -> Line | None:
        """The line in which it stands; None if it waits for nobody."""
        return line_of(self.user, self.client_id)

    @property
    def size(self) -> int:
        """How many bytes its workflow takes."""
        return 0 if self.submission is None else len(self.submission.workflow) + len(self.submission.extra)

    def again(self, deaths: int) -> Waiting:
        """Return the same place for a run whose worker died."""
        return replace(self, deaths=deaths)

    def unloaded(self) -> Waiting:
        """Return the same place for a run whose workflow is read when its turn comes."""
        return replace(self, submission=None)


class FairQueue:
    """Runs that wait. Every operation is O(log n) in the runs of one user; a removed run leaves when it comes up.

    A run that comes up while its line is held up is put aside, with others of its line, and competes from there.

    Args:
        max_bytes: of workflows that are held in memory; those of the others are read when their turn comes.

    """

    def __init__(self, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._room = max_bytes
        self._heaps: OrderedDict[str, list[Waiting]] = OrderedDict()  # the user whose turn it is stands first
        self._aside: dict[str, dict[Line, list[Waiting]]] = {}
        self._waiting: dict[str, Waiting] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._waiting

    def push(self, waiting: Waiting) -> None:
        """Let a run wait; a user who has none waiting comes last."""
        size = waiting.size
        if size > self._room:
            waiting, size = waiting.unloaded(), 0
        self._room -= size
        self._waiting[waiting.run_id] = waiting
        self._counts[waiting.user] = self._counts.get(waiting.user, 0) + 1
        heapq.heappush(self._heaps.setdefault(waiting.user, []), waiting)

    def pop(self, held_up: Collection[Line] = ()) -> Waiting | None:
        """Take the next run of the user whose turn it is, who then comes last; None if no run may go.

        Args:
            held_up: lines of which none may go; a user who has no others keeps their turn.

        """
        found = next((each for user in self._heaps if (each := self._next(user, held_up)) is not None), None)
        if found is None:
            return None
        waiting, heap = found
        heapq.heappop(heap)
        self._forget(waiting)
        if waiting.user in self._heaps:
            self._heaps.move_to_end(waiting.user)
        return waiting

    def _next(self, user: str, held_up: Collection[Line]) -> tuple[Waiting, list[Waiting]] | None:
        """Return the next run of a user that may go, and the heap on top of which it is."""
        heap, aside = self._heaps[user], self._aside.get(user, {})
        tops = []
        for line, others in tuple(aside.items()):
            self._clear(others)
            if not others:
                del aside[line]
            elif line not in held_up:
                tops.append((others[0], others))
        self._clear(heap)
        while heap and (own := heap[0].line) is not None and own in held_up:
            heapq.heappush(self._aside.setdefault(user, {}).setdefault(own, []), heapq.heappop(heap))
            self._clear(heap)
        if heap:
            tops.append((heap[0], heap))
        return min(tops, key=lambda top: top[0]) if tops else None

    def _clear(self, heap: list[Waiting]) -> None:
        """Let go of what was taken out and is on top."""
        while heap and self._waiting.get(heap[0].run_id) is not heap[0]:
            heapq.heappop(heap)

    def remove(self, run_id: str) -> Waiting | None:
        """Take a run out, and return it if it was there."""
        waiting = self._waiting.get(run_id)
        if waiting is not None:
            self._forget(waiting)
        return waiting

    def find(self, run_id: str) -> Waiting | None:
        """Return a run that waits, without taking it."""
        return self._waiting.get(run_id)

    def count(self, user: str) -> int:
        """Return how many runs of a user wait."""
        return self._counts.get(user, 0)

    def of(self, user: str) -> Iterator[Waiting]:
        """Return what waits of a user, in no order."""
        return (waiting for waiting in tuple(self._waiting.values()) if waiting.user == user)

    def ahead(self, user: str | None, limit: int) -> list[tuple[int, Waiting]]:
        """Return the next runs of a user, or of all, each with its place in the whole queue, which counts from 1."""
        turns = [name for name in self._heaps if name in self._counts]
        found: list[tuple[int, Waiting]] = []
        for turn, name in enumerate(turns):
            if user not in (None, name):
                continue
            for rank, waiting in enumerate(self._first(name, limit)):
                # So many of each user come before: one more of those whose turn it is earlier.
                before = sum(min(self._counts[each], rank + (place < turn)) for place, each in enumerate(turns))
                found.append((1 + before, waiting))
        return sorted(found, key=lambda entry: entry[0])[:limit]

    def _first(self, user: str, limit: int) -> Iterator[Waiting]:
        """Yield a user's next runs, without taking them: a heap's children are behind it, so few are looked at."""
        heaps = [self._heaps[user], *self._aside.get(user, {}).values()]
        seen, yielded = [(heap[0], number, 0) for number, heap in enumerate(heaps) if heap], set[str]()
        heapq.heapify(seen)
        while seen and len(yielded) < limit:
            waiting, number, index = heapq.heappop(seen)
            for child in (2 * index + 1, 2 * index + 2):
                if child < len(heaps[number]):
                    heapq.heappush(seen, (heaps[number][child], number, child))
            if self._waiting.get(waiting.run_id) is waiting and waiting.run_id not in yielded:  # it may be there twice
                yielded.add(waiting.run_id)
                yield waiting

    def _forget(self, waiting: Waiting) -> None:
        del self._waiting[waiting.run_id]
        self._room += waiting.size
        left = self._counts[waiting.user] - 1
        if not left:  # who has none waiting has no turn either
            del self._counts[waiting.user], self._heaps[waiting.user]
            self._aside.pop(waiting.user, None)
            return
        self._counts[waiting.user] = left
        for heap in (self._heaps[waiting.user], *self._aside.get(waiting.user, {}).values()):
            if len(heap) > 2 * left + _SLACK:  # mostly runs that were taken out: as many steps as took them out
                heap[:] = [kept for kept in heap if self._waiting.get(kept.run_id) is kept]
                heapq.heapify(heap)
