"""A replica set: the processes of one version, kept alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from inhouse.errors import InhouseError
from inhouse.workers.pool import Backoff

if TYPE_CHECKING:
    from inhouse.server.services.batcher import Job
    from inhouse.workers.replicas.messages import Batch, Done, Loaded, Piece

_LOG = logging.getLogger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 30.0
_AT_ONCE = 2
"""Batches given to a process: one that it computes, and one that it finds when that is done."""


class Process(Protocol):
    """A replica, as `inhouse.workers.replicas.process.Replica` is one."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def ended(self) -> asyncio.Future[str]:
        """Gets how it ended, when it has."""

    async def start(self) -> Loaded:
        """Start it; raises `WorkerStartError`."""

    async def run(self, batch: Batch) -> Done:
        """Compute a batch; raises `WorkerLostError` if it dies."""

    def stream(self, batch: Batch) -> AsyncIterator[Piece]:
        """Compute a stream, which comes alone."""

    async def close(self, grace: float) -> None:
        """End it."""


ProcessMaker: TypeAlias = Callable[[int], Process]
"""From a replica's place in the set, 0 and up, to one that is not started yet."""


@dataclass(slots=True, eq=False)
class Replica:
    """A process of the set, and what it was given.

    Attributes:
        process: the process.
        loaded: what it said when it became ready.
        given: batches that it has, the oldest first.
        suspect: what it computed when it died.
        dead: it died.

    """

    process: Process
    loaded: Loaded
    given: list[list[Job]] = field(default_factory=list)
    suspect: list[Job] | None = None
    dead: bool = False

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return not self.given

    @property
    def rows(self) -> int:
        """How many rows it computes now."""
        return sum(job.call.rows for job in self.given[0]) if self.given else 0

    @property
    def takes(self) -> bool:
        """Whether it may be given another batch."""
        return not self.dead and len(self.given) < _AT_ONCE and not (self.given and self.given[0][0].alone)

    def lost(self) -> None:
        """Note that it died: what it had been given first is what it computed then."""
        if not self.dead:
            self.dead = True
            self.suspect = self.given[0] if self.given else None


class ReplicaSet:
    """Starts processes, and starts those that die again: at once, then after twice as long each time in a row.

    Args:
        title: how the log calls it.
        make: makes a process that is not started yet.
        count: how many there are to be.

    Attributes:
        changed: called when one became ready, died, or could not be started.
        alive: those that are ready.
        restarts: how often one was started again.
        problem: why one could not be started the last time it was tried; empty if it could.

    """

    def __init__(self, title: str, make: ProcessMaker, count: int) -> None:
        self._title = title
        self._make = make
        self._count = count
        self.changed: Callable[[], None] = _nothing
        self._keepers: list[asyncio.Task[None]] = []
        self.alive: list[Replica] = []
        self.restarts = 0
        self.problem = ""

    async def start(self) -> None:
        """Start all, side by side.

        Raises:
            WorkerStartError: one of them could not be started; none is left.

        """
        processes = [self._make(place) for place in range(self._count)]
        try:
            async with asyncio.TaskGroup() as group:
                starts = [group.create_task(process.start()) for process in processes]
        except BaseException as error:
            await asyncio.gather(*(process.close(0) for process in processes))
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from error
            raise
        for place, (process, start) in enumerate(zip(processes, starts, strict=True)):
            self._keepers.append(asyncio.create_task(self._keep(place, process)))
            self.alive.append(Replica(process, start.result()))
        self.problem = ""

    async def close(self, grace: float) -> None:
        """End all."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        alive, self.alive = self.alive, []
        await asyncio.gather(*(replica.process.close(grace) for replica in alive))

    def pick(self) -> Replica | None:
        """Return the one that has least to do, among those that may be given another batch."""
        free = [replica for replica in self.alive if replica.takes]
        return min(free, key=lambda replica: len(replica.given)) if free else None

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they said they have."""
        return sum(replica.loaded.bytes for replica in self.alive)

    async def _keep(self, place: int, process: Process) -> None:
        """Start one again whenever it is gone."""
        now, backoff = asyncio.get_running_loop().time, Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        while True:
            born = now()
            how = await asyncio.shield(process.ended)
            self._remove(process)
            _LOG.warning("%s: a replica ended (%s); starting it again.", self._title, how)
            process, loaded = await self._revive(place, backoff, now() - born)
            self.alive.append(Replica(process, loaded))
            self.changed()

    async def _revive(self, place: int, backoff: Backoff, life: float) -> tuple[Process, Loaded]:
        while True:
            await asyncio.sleep(backoff.after(life))
            self.restarts += 1
            process = self._make(place)
            try:
                loaded = await process.start()
            except InhouseError as error:
                self.problem = str(error)
                _LOG.error("%s: a replica cannot be started: %s", self._title, error)
                self.changed()
                life = 0.0
            except asyncio.CancelledError:
                await process.close(0)
                raise
            else:
                self.problem = ""
                return process, loaded

    def _remove(self, process: Process) -> None:
        for replica in self.alive:
            if replica.process is process:
                replica.lost()
        self.alive = [replica for replica in self.alive if not replica.dead]
        self.changed()


def _nothing() -> None:
    """Do it."""
