"""The scheduler: gives the calls that wait to the processes of a version, and their callers what comes of it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from inhouse.errors import InhouseError, ServiceError, WorkerLostError
from inhouse.server.services.base import Answer
from inhouse.server.services.batcher import Batcher, Job, late
from inhouse.workers.errors_as_data import read_error
from inhouse.workers.replicas.messages import Batch, Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.server.services.base import Call
    from inhouse.server.services.replica_set import Replica, ReplicaSet
    from inhouse.workers.replicas.messages import Done

_LOG = logging.getLogger(__name__)


class Scheduler:
    """Lives on the event loop.

    Args:
        version: the number that answers carry.
        batcher: what waits.
        replicas: what computes.

    Attributes:
        computing: rows that processes have.

    """

    def __init__(self, version: int, batcher: Batcher, replicas: ReplicaSet) -> None:
        self.batcher = batcher
        self.computing = 0
        self._version = version
        self._replicas = replicas
        self._ids = itertools.count(1)
        self._running: set[asyncio.Task[None]] = set()
        self._flushing = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def call(self, call: Call) -> Answer:
        """Have a call computed together with others; see `Target.call`."""
        job = self._enter(call, stream=False)
        try:
            answer: Answer = await job.future
        except asyncio.CancelledError:
            self._leave(job)
            raise
        return answer

    async def stream(self, call: Call) -> AsyncIterator[Mapping[str, Any]]:
        """Have a call computed piece by piece, on a process that does nothing else meanwhile; see `Target.stream`."""
        job = self._enter(call, stream=True)
        try:
            replica: Replica = await job.future
        except asyncio.CancelledError:
            self._leave(job)
            raise
        pieces = replica.process.stream(Batch(next(self._ids), [_part(job)], stream=True))
        try:
            async for piece in pieces:
                if piece.error is not None:
                    raise read_error(piece.error)
                yield piece.data
        except WorkerLostError as error:
            replica.lost()
            raise ServiceError("The process that computed the answer died.", hint="Try again.") from error
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
            self._returned(replica, [job])

    def changed(self) -> None:
        """Give work to a process that became ready; tell who waits if there is none and will be none soon."""
        if not self._replicas.alive and self._replicas.problem:
            _fail(self.batcher.clear(), _unstartable())
        self._flush()
        self._settle()

    def open(self) -> None:
        """Take calls, after it was closed."""
        self._closed = False

    async def drain(self, seconds: float) -> None:
        """Wait until no call is left; the others are told after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            _LOG.warning("Calls did not end in time; their callers are told.")
        self._closed = True
        _fail(self.batcher.clear(), _gone())
        for handle in (self._timer, self._sweep):
            if handle is not None:
                handle.cancel()
        self._timer = self._sweep = None

    # -- who waits ----------------------------------------------------------------------------------------------------

    def _enter(self, call: Call, *, stream: bool) -> Job:
        """Let a call wait, if it may."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        alive = len(self._replicas.alive)
        if not alive and self._replicas.problem:
            raise _unstartable()
        self.batcher.admit(call, now, self.computing, alive)
        job = Job(next(self._ids), call, now, loop.create_future(), stream)
        self.batcher.put(job)
        self._quiet.clear()
        if not self._flushing:
            # Calls that came with the same packets are put before this runs.
            self._flushing = True
            loop.call_soon(self._flush)
        if call.deadline != float("inf"):
            self._watch(call.deadline)
        return job

    def _leave(self, job: Job) -> None:
        """Forget a call whose caller hung up."""
        self.batcher.drop(job)
        if job.stream and job.future.done() and not job.future.cancelled():  # it has a process already
            self._returned(job.future.result(), [job])
        self._settle()

    def _watch(self, deadline: float) -> None:
        """Look after those whose time is over, at the first moment at which there may be one."""
        if self._sweep is not None:
            if self._sweep.when() <= deadline:
                return
            self._sweep.cancel()
        self._sweep = asyncio.get_running_loop().call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._sweep = None
        _fail(self.batcher.expire(asyncio.get_running_loop().time()), late())
        if (first := self.batcher.next_deadline()) != float("inf"):
            self._watch(first)
        self._settle()

    def _settle(self) -> None:
        if not len(self.batcher) and not self.computing:
            self._quiet.set()

    # -- batches ------------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Give processes what they may be given now."""
        self._flushing = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while len(self.batcher):
            replica = self._replicas.pick()
            if replica is None or (self.batcher.first_alone and not replica.idle):
                return
            due = self.batcher.due(replica.rows)
            if due > now:
                if due < float("inf"):  # else it goes when that batch is done
                    self._timer = loop.call_at(due, self._flush)
                return
            if jobs := self._timely(self.batcher.take(now), now):
                self._give(replica, jobs)

    def _timely(self, jobs: list[Job], now: float) -> list[Job]:
        """Return those that somebody still waits for; whose time is over is told."""
        late_ones = [job for job in jobs if job.call.deadline < now]
        if late_ones:
            self.batcher.tally.expired += len(late_ones)
            _fail(late_ones, late())
        return [job for job in jobs if not job.future.done()]

    def _give(self, replica: Replica, jobs: list[Job]) -> None:
        replica.given.append(jobs)
        self.computing += sum(job.call.rows for job in jobs)
        if jobs[0].stream:
            jobs[0].future.set_result(replica)
            return
        task = asyncio.get_running_loop().create_task(self._run(replica, jobs))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, replica: Replica, jobs: list[Job]) -> None:
        """Have a batch computed, and tell its callers."""
        try:
            done = await replica.process.run(Batch(next(self._ids), [_part(job) for job in jobs]))
        except WorkerLostError:
            self._lost(replica, jobs)
        except InhouseError as error:
            _fail(jobs, error)
        except Exception as error:  # noqa: BLE001 - callers are told of every fault
            _LOG.exception("A batch failed")
            _fail(jobs, ServiceError(f"The batch failed: {type(error).__name__}; the server's log says why."))
        else:
            self._deliver(jobs, done)
        finally:
            self._returned(replica, jobs)

    def _deliver(self, jobs: list[Job], done: Done) -> None:
        rows = sum(job.call.rows for job in jobs)
        self.batcher.computed(rows, done.seconds, asyncio.get_running_loop().time())
        for job, outcome in zip(jobs, done.outcomes, strict=True):
            if job.future.done():
                continue
            if outcome.error is not None:
                job.future.set_exception(read_error(outcome.error))
            else:
                job.future.set_result(Answer(outcome.outputs, self._version, done.seconds, job.begun - job.came))

    def _lost(self, replica: Replica, jobs: list[Job]) -> None:
        """Have calls of a process that died computed again; those that it was computing each by itself."""
        replica.lost()
        for job in jobs:
            job.deaths += 1
            job.tries += replica.suspect is jobs
        if self._closed:
            _fail(jobs, _gone())
            return
        given_up = self.batcher.put_back([job for job in jobs if not job.future.done()])
        _fail(
            given_up,
            ServiceError(
                "The process that computed this died, and so did the next one that tried.",
                hint="Something in the request may be more than the model can take.",
            ),
        )

    def _returned(self, replica: Replica, jobs: list[Job]) -> None:
        replica.given.remove(jobs)
        self.computing -= sum(job.call.rows for job in jobs)
        self._flush()
        self._settle()


def _fail(jobs: list[Job], error: InhouseError) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)


def _unstartable() -> ServiceError:
    return ServiceError("The model's process cannot be started again just now.", hint="Try again later.")


def _gone() -> ServiceError:
    return ServiceError("The version was unloaded before the call ended.", hint="Try again.")


def _part(job: Job) -> Part:
    call = job.call
    return Part(job.id, call.rows, call.inputs, call.encoding, call.parameters)
