"""The pool: a gateway's workers, kept alive."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from inhouse.errors import WorkerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inhouse.engine.events import Event
    from inhouse.errors import WorkerLostError
    from inhouse.workers.base import Description, Listener, PackMessage, Worker

_LOG = logging.getLogger(__name__)
_LIVED = 60.0


class Backoff:
    """How long to wait before what ended too soon is started again: twice as long each time in a row.

    Args:
        first: seconds of the first wait.
        longest: seconds that no wait exceeds.

    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._last = 0.0

    def after(self, life: float) -> float:
        """Return the seconds to wait after a life of so many."""
        self._last = 0.0 if life >= _LIVED else min(max(self._first, 2 * self._last), self._longest)
        return self._last


class Pool:
    """Starts workers, and starts those that die again; the listener hears all that they tell.

    A worker that dies after a minute or more is started again at once. One that dies sooner, or cannot be started,
    waits, twice as long each time.

    Args:
        workers: what to keep alive.
        listener: who hears of them.
        ready: called whenever a worker has become ready, also again.
        first_wait: seconds before the second attempt in a row.
        longest_wait: seconds that no wait exceeds.

    Attributes:
        workers: all of them, whether they live or not.
        descriptions: what each said of itself when it last became ready, by name.
        restarts: how often each worker was started again, by name.
        problems: why a worker could not be started the last time it was tried, by name.

    """

    def __init__(
        self,
        workers: Sequence[Worker],
        listener: Listener,
        *,
        ready: Callable[[Worker, Description], None] | None = None,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
    ) -> None:
        self.workers = tuple(workers)
        self.descriptions: dict[str, Description] = {}
        self.problems: dict[str, WorkerStartError] = {}
        self.restarts = Counter[str]()
        self._listener = listener
        self._ready = ready
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._lost = {worker.name: asyncio.Event() for worker in self.workers}
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start all workers and wait until each is ready or has failed; those that failed are tried again and again.

        Raises:
            WorkerStartError: not one of them could be started; until the pool is closed, it goes on trying.

        """
        started = await asyncio.gather(*(self._start(worker) for worker in self.workers))
        self._keepers = [asyncio.create_task(self._keep(worker)) for worker in self.workers]
        if self.workers and not any(started):
            raise next(iter(self.problems.values()))

    def free(self) -> list[Worker]:
        """Return the workers that may be given a job now."""
        return [worker for worker in self.workers if worker.free]

    async def close(self, grace: float) -> None:
        """Let running jobs end for ``grace`` seconds, then end them and all workers."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.close(grace) for worker in self.workers))

    async def _start(self, worker: Worker) -> bool:
        self._lost[worker.name].clear()
        try:
            description = await worker.start(self)
        except WorkerStartError as error:
            self.problems[worker.name] = error
            _LOG.error("%s", error)
            return False
        self.problems.pop(worker.name, None)
        self.descriptions[worker.name] = description
        if self._ready is not None:
            self._ready(worker, description)
        return True

    async def _keep(self, worker: Worker) -> None:
        """Start a worker again whenever it is gone."""
        now, backoff = asyncio.get_running_loop().time, Backoff(self._first_wait, self._longest_wait)
        while True:
            born = now()
            if worker.ready:
                await self._lost[worker.name].wait()
            await asyncio.sleep(backoff.after(now() - born))
            self.restarts[worker.name] += 1
            await self._start(worker)

    # -- Listener -----------------------------------------------------------------------------------------------------

    def happened(self, worker: Worker, run_id: str, events: Sequence[Event]) -> None:
        """Pass it on."""
        self._listener.happened(worker, run_id, events)

    def told(self, worker: Worker, message: PackMessage) -> None:
        """Pass it on."""
        self._listener.told(worker, message)

    def lost(self, worker: Worker, error: WorkerLostError) -> None:
        """Pass it on, and have the worker started again."""
        self._lost[worker.name].set()
        self._listener.lost(worker, error)
