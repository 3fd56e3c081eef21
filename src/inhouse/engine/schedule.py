"""The schedule: which task comes next."""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import TYPE_CHECKING

from inhouse.engine.failing import gone
from inhouse.engine.task import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inhouse.engine.cache import Cache, Outcome
    from inhouse.engine.control import Control
    from inhouse.engine.graph import Graph
    from inhouse.engine.task import Failure, Task


class Schedule:
    """Follows who waits for whom; every method is safe to call from any thread.

    Args:
        graph: the tasks there are.
        cache: where outcomes of earlier runs are.
        start: starts an asynchronous task; must not wait.

    Attributes:
        lock: guards all tasks of the run; tells of every change.
        cached: tasks whose outcome was found in the cache, in the order in which they were.
        in_flight: how many asynchronous tasks run.
        stopping: no further task is to start.

    """

    def __init__(self, graph: Graph, cache: Cache, start: Callable[[Task], object]) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.cached: list[Task] = []
        self.in_flight = 0
        self.stopping = False
        self._graph = graph
        self._cache = cache
        self._start = start
        self._held_back: list[Task] | None = []
        self._ready: list[tuple[int, int, Task]] = []
        self._counter = itertools.count()

    def open(self) -> None:
        """Let asynchronous tasks start; until then they are held back."""
        with self.lock:
            held_back, self._held_back = self._held_back or [], None
            for task in held_back:
                self.launch(task)

    def demand(self, tasks: Sequence[Task]) -> None:
        """Have tasks computed, and all that they need and the cache does not hold."""
        with self.lock:
            stack = list(tasks)
            stack.reverse()
            keys = self._graph.keys
            while stack:
                task = stack.pop()
                if task.state is not State.IDLE:
                    continue
                key = keys.get(task.id)
                outcome = self._cache.get(key) if key is not None else None
                if outcome is not None:
                    self.reuse(task, outcome)
                    continue
                task.state = State.WAITING
                self._graph.open(task)
                eager = task.eager()
                self.wait(task, eager)
                eager.reverse()
                stack += eager

    def wait(self, task: Task, others: Iterable[Task]) -> None:
        """Let a task wait for others; those not demanded yet must be by the caller, before the lock is let go."""
        for other in others:
            if other.state is State.DONE:
                if other.outcome is not None or other.failure is not None:
                    continue
                if other.stripped:
                    other.failure = gone(other)
                    continue
                other.state = State.IDLE  # its outcome was let go; an expansion reaches back for it
            if other.consumers is None:
                other.consumers = []
            other.consumers.append(task)
            task.waiting += 1
        if not task.waiting:
            self._push(task)

    def reuse(self, task: Task, outcome: Outcome) -> None:
        """Settle a task with what the cache holds."""
        self.cached.append(task)
        self.settle(task, outcome, None)

    def settle(self, task: Task, outcome: Outcome | None, failure: Failure | None) -> None:
        """Make a task done, and those ready that waited for nothing else."""
        with self.lock:
            task.settle(outcome, failure)
            self._graph.let_go(task)
            if task.consumers is not None:
                consumers, task.consumers = task.consumers, None
                for consumer in consumers:
                    consumer.waiting -= 1
                    if not consumer.waiting:
                        self._push(consumer)
            self.lock.notify()

    def next(self, control: Control, cancel: Callable[[], None], idle: Callable[[], None]) -> Task | None:
        """Return the next task for this thread, waiting for one if need be; None when there will be none.

        Args:
            control: stops the run.
            cancel: cancels the asynchronous tasks that run.
            idle: called before waiting; must not wait.

        """
        with self.lock:
            while True:
                if control.cancelled:
                    self.stopping = True
                if self._ready and not self.stopping:
                    return heapq.heappop(self._ready)[2]
                if not self.in_flight:
                    return None
                if self.stopping or control.requested:
                    cancel()
                idle()
                self.lock.wait(timeout=0.1)  # a signal handler may ask to stop, and cannot notify

    def launch(self, task: Task) -> None:
        """Start an asynchronous task."""
        with self.lock:
            self.in_flight += 1
            self._start(task)

    def landed(self) -> None:
        """Note that an asynchronous task no longer runs."""
        with self.lock:
            self.in_flight -= 1
            self.lock.notify()

    def _push(self, task: Task) -> None:
        if task.state is State.WAITING:
            task.state = State.RUNNING
            spec = task.spec
            at_once = spec.is_async and spec.needs is None and task.id not in self._graph.late
            if at_once and not self.stopping and task.blamed() is None:
                if self._held_back is None:
                    self.launch(task)
                else:
                    self._held_back.append(task)
                return
        heapq.heappush(self._ready, (task.index, next(self._counter), task))
        self.lock.notify()
