"""The roster: which runs each worker has, and which of them it may have begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.workers.base import next_in_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inhouse.server.live_run import LiveRun
    from inhouse.workers.base import Line, Worker


class Roster:
    """Runs by worker, in the order in which they were given, and by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveRun] = {}
        self._by_worker: dict[str, list[LiveRun]] = {}
        self._places: dict[str, str] = {}

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(tuple(self._by_id.values()))

    def get(self, run_id: str | None) -> LiveRun | None:
        """Return a run that a worker has, or is about to be given."""
        return self._by_id.get(run_id) if run_id is not None else None

    def of(self, worker: str) -> Sequence[LiveRun]:
        """Return what a worker has, or is about to be given."""
        return tuple(self._by_worker.get(worker, ()))

    def place(self, run: LiveRun) -> str:
        """Return the worker that has a run, or is about to be given it."""
        return self._places.get(run.id, "")

    def enter(self, worker: str, run: LiveRun) -> None:
        """Note that a worker is about to be given a run, or has it; one that stands for it gives way."""
        self.leave(self._by_id.get(run.id))
        self._by_id[run.id] = run
        self._places[run.id] = worker
        self._by_worker.setdefault(worker, []).append(run)

    def leave(self, run: LiveRun | None) -> None:
        """Forget a run, if it is there."""
        if run is not None and self._by_id.get(run.id) is run:
            del self._by_id[run.id]
            self._by_worker[self._places.pop(run.id)].remove(run)

    def lines(self, worker: str) -> set[Line]:
        """Return the lines of what a worker has."""
        return {run.line for run in self._by_worker.get(worker, ()) if run.line is not None}

    def room(self, worker: Worker) -> int:
        """Return how many more runs a worker can begin; none where it has one that is to be alone."""
        runs = self._by_worker.get(worker.name, ())
        if any(run.waiting.deaths for run in runs):
            return 0
        return worker.capacity - sum(run.begun or not run.given for run in runs)

    def next(self, worker: Worker) -> LiveRun | None:
        """Return the run of those it was given that a worker begins next, if it does not wait for another's end."""
        runs = self._by_worker.get(worker.name, ())
        running = [run for run in runs if run.begun]
        if len(running) >= worker.capacity:
            return None
        waiting = (run for run in runs if run.given and not run.begun)
        return next_in_line(waiting, {run.line for run in running if run.line is not None})
