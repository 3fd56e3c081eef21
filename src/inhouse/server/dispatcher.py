"""The dispatcher: gives waiting runs to free workers, hears what happens, and stores how it ended."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.engine.events import NodeFinished, NodesCached, RunFinished
from inhouse.errors import InhouseError, PathEscapeError, StorageError, WorkerLostError
from inhouse.server.live_run import LiveRun
from inhouse.workers.base import Job, Listener, PackMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
    from typing import Any

    from inhouse.engine.events import Event
    from inhouse.server.fair_queue import FairQueue, Waiting
    from inhouse.server.messenger import Messenger
    from inhouse.server.metrics import Metrics
    from inhouse.server.user_folders import UserFolders
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.records import Artifact, Conclusion, Submission
    from inhouse.workers.base import Worker
    from inhouse.workers.pool import Pool

_LOG = logging.getLogger(__name__)
_LEASE_SECONDS = 60.0
_SHORT_SECONDS = 0.05
_RETRY_SECONDS = 2.0
"""How long until a result that the database did not take is offered again."""


class Dispatcher(Listener):
    """Keeps every free worker busy while runs wait.

    Args:
        ledger: where runs are stored.
        queue: what waits.
        messenger: tells clients.
        folders: whose files lie where.
        metrics: counts.
        attempts: how many workers may die of a run before it fails.

    """

    def __init__(
        self,
        ledger: Ledger,
        queue: FairQueue,
        messenger: Messenger,
        folders: UserFolders,
        metrics: Metrics,
        *,
        attempts: int,
    ) -> None:
        self._ledger, self._queue, self._messenger = ledger, queue, messenger
        self._folders, self._metrics, self._attempts = folders, metrics, attempts
        self._pool: Pool | None = None
        self._live: dict[str, LiveRun] = {}  # by worker
        self._ending: set[LiveRun] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._swept = 0
        self.on_end: Callable[[str], object] = lambda _run_id: None

    # -- what others ask ---------------------------------------------------------------------------------------------

    def serve(self, pool: Pool) -> None:
        """Begin to give runs to the workers of a pool."""
        self._pool = pool
        self.dispatch()

    def live(self, user: str | None = None) -> Iterator[LiveRun]:
        """Return what runs now, of one user or of all."""
        return (run for run in tuple(self._live.values()) if user is None or run.submission.user == user)

    def unfinished(self, user: str) -> Iterator[LiveRun]:
        """Return what runs now of a user, and what has run and is being stored."""
        ending = (run for run in tuple(self._ending) if run.submission.user == user)
        return itertools.chain(ending, self.live(user))

    def cancel(self, run: LiveRun) -> None:
        """Stop a run at its next step."""
        run.cancelled = True
        for worker in self._pool.workers if self._pool else ():
            if self._live.get(worker.name) is run:
                worker.cancel(run.submission.id)

    def files_deleted(self) -> None:
        """Have output nodes run again from now on: what they wrote before may be gone."""
        self._swept += 1

    def dispatch(self) -> None:
        """Give waiting runs to free workers."""
        if self._pool is None or self._draining:
            return
        while (worker := self._idle_worker()) is not None and (waiting := self._queue.pop()) is not None:
            self._give(worker, waiting)

    def _idle_worker(self) -> Worker | None:
        workers = self._pool.free() if self._pool is not None else ()
        return next((worker for worker in workers if worker.name not in self._live), None)

    def stop_giving(self) -> None:
        """Give out no more runs; those that wait stay in storage."""
        self._draining = True

    def write_down(self) -> None:
        """Have storage say who has which run, before somebody reads it there."""
        for run in self._live.values():
            if run.leasing is not None and not run.leasing.cancelled():
                self._lease(run)

    async def settle(self) -> None:
        """Wait until every end that is known is stored."""
        for run in self._live.values():
            _stop(run.leasing)
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    # -- giving ------------------------------------------------------------------------------------------------------

    def _give(self, worker: Worker, waiting: Waiting, before: asyncio.Future[None] | None = None) -> None:
        if waiting.submission is not None:
            self._start(worker, LiveRun.begin(waiting, waiting.submission), before)
            return
        # Its workflow was left in storage; the worker is taken meanwhile.
        self._live[worker.name] = placeholder = LiveRun.loading(waiting)
        self._spawn(self._load(worker, placeholder, before))

    async def _load(self, worker: Worker, placeholder: LiveRun, before: asyncio.Future[None] | None) -> None:
        submission = await self._loaded(placeholder)
        if self._live.get(worker.name) is not placeholder:  # the worker died meanwhile, and the run waits again
            return
        del self._live[worker.name]
        if submission is not None:
            self._start(worker, LiveRun.begin(placeholder.waiting, submission), before)
        else:
            self._messenger.status(placeholder.waiting.user)
            self.dispatch()

    async def _loaded(self, placeholder: LiveRun) -> Submission | None:
        """Return what to run; None if it was cancelled before it began."""
        while True:
            try:
                record = await self._ledger.get(placeholder.id)
                if record is None or not placeholder.cancelled:
                    return None if record is None else record.submission
                await self._ledger.cancel([placeholder.id], time.time())
            except StorageError as error:
                _LOG.error("Run %s cannot be read yet: %s", placeholder.id, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return None

    def _start(self, worker: Worker, run: LiveRun, before: asyncio.Future[Any] | None = None) -> None:
        submission = run.submission
        run.ahead = before
        self._live[worker.name] = run
        try:
            worker.submit(self._job(submission, run.waiting.deaths + 1))
        except WorkerLostError:  # it died a moment ago, of something else
            del self._live[worker.name]
            self._queue.push(run.waiting)
            return
        run.worker = worker.name
        run.leasing = asyncio.get_running_loop().call_later(_SHORT_SECONDS, self._lease, run)
        self._metrics.run_started(max(0.0, run.started - submission.created))
        self._messenger.status(submission.user)

    def _lease(self, run: LiveRun) -> None:
        """Write down who has a run. Of a short one only its end is written, which says that, too."""
        _stop(run.leasing)
        self._ledger.lease(run.id, run.worker, run.waiting.deaths + 1, run.started, run.started + _LEASE_SECONDS)

    def _job(self, submission: Submission, attempt: int) -> Job:
        return Job(
            run_id=submission.id,
            user=submission.user,
            workflow=submission.workflow,
            extra=submission.extra,
            targets=submission.targets,
            folders=self._folders.of(submission.user),
            scope=f"{submission.user}:{self._swept}",
            attempt=attempt,
            client_id=submission.client_id,
            preview="auto" if self._messenger.listens(submission.user) else "none",
        )

    # -- hearing -----------------------------------------------------------------------------------------------------

    def happened(self, worker: Worker, run_id: str, events: Sequence[Event]) -> None:
        """Tell clients, and conclude a run that is over."""
        run = self._live.get(worker.name)
        if run is None or run.submission.id != run_id:
            return  # the last words of a run that was given up
        if not self._holds(worker, run, events):
            held, run.held = run.held, []
            self._hear(worker, run, [*held, *events] if held else events)

    def _holds(self, worker: Worker, run: LiveRun, words: Sequence[Event | PackMessage]) -> bool:
        """Keep what is said of a run while something has to be told before it; return whether that is so."""
        if run.ahead is None or run.ahead.done():
            return False
        if not run.held:
            self._spawn(self._catch_up(worker, run, run.ahead))
        run.held.extend(words)
        return True

    async def _catch_up(self, worker: Worker, run: LiveRun, ahead: asyncio.Future[Any]) -> None:
        await asyncio.wait((ahead,))
        if self._live.get(worker.name) is run:  # else its worker died
            held, run.held = run.held, []
            self._hear(worker, run, held)

    def _hear(self, worker: Worker, run: LiveRun, events: Iterable[Event | PackMessage]) -> None:
        for event in events:
            if isinstance(event, PackMessage):
                self._messenger.pack(event, run.submission.user)
                continue
            self._count(run, event)
            messages = run.narrator.hear(event)
            if isinstance(event, RunFinished):
                self._over(worker, run, messages)
            else:
                self._messenger.tell(run.submission, messages)

    def _over(self, worker: Worker, run: LiveRun, last: Sequence[Any]) -> None:
        """Store a run's end, then tell of it; its worker need not wait for that."""
        self._live.pop(worker.name, None)
        stored = self._end(run, last)
        waiting = self._queue.pop() if worker.free and not self._draining else None
        if waiting is not None:
            self._give(worker, waiting, stored)

    def _end(self, run: LiveRun, last: Sequence[Any]) -> asyncio.Task[None]:
        _stop(run.leasing)
        self._ending.add(run)
        return self._spawn(self._conclude(run, last))

    async def _conclude(self, run: LiveRun, last: Sequence[Any]) -> None:
        try:
            stored = await self._store(run)
        finally:
            self._ending.discard(run)
        if stored:
            self._messenger.tell(run.submission, last)
            self._messenger.status(run.submission.user)
            self._messenger.idle(run.submission)

    async def _store(self, run: LiveRun) -> bool:
        """Store how a run ended; False if that must be left to the next gateway."""
        conclusion, user = run.conclusion(), run.submission.user
        if conclusion.artifacts:
            conclusion = await asyncio.to_thread(self._sized, conclusion, user)
        while True:
            try:
                await self._ledger.conclude(conclusion)
                break
            except StorageError as error:  # a full disk, most likely: the result is kept here until there is room
                _LOG.error("Run %s is over and cannot be stored yet: %s", conclusion.run_id, error)
                if self._draining:  # it runs again when the gateway does, and writes over its files
                    return False
                await asyncio.sleep(_RETRY_SECONDS)
        self._metrics.run_ended(run.label, run.narrator.status, conclusion.finished - run.started)
        if conclusion.artifacts:
            self.on_end(conclusion.run_id)
        return True

    def _sized(self, conclusion: Conclusion, user: str) -> Conclusion:
        """Look how large the files are that a run made."""
        return replace(
            conclusion, artifacts=tuple(replace(file, bytes=self._size(user, file)) for file in conclusion.artifacts)
        )

    def _size(self, user: str, file: Artifact) -> int:
        try:
            return self._folders.path(file.kind, user, file.subfolder, file.filename).lstat().st_size
        except (OSError, PathEscapeError):  # what a custom pack showed need not be there, nor be the user's
            return 0

    def told(self, worker: Worker, message: PackMessage) -> None:
        """Pass on what a pack says to those who may hear it: the user whose run its worker has, else all."""
        run = self._live.get(worker.name)
        if run is not None and self._holds(worker, run, (message,)):
            return
        self._messenger.pack(message, run.submission.user if run is not None else None)

    def lost(self, worker: Worker, error: WorkerLostError) -> None:
        """Let the run of a dead worker wait again, or fail if it has cost too many."""
        run = self._live.get(worker.name)
        self._metrics.worker_restarted(worker.name)
        if run is None or any(isinstance(word, RunFinished) for word in run.held):
            return  # what it ran is over, at most nobody was told yet
        del self._live[worker.name]
        if not run.given and not run.cancelled:  # it died before it had the run
            self._queue.push(run.waiting)
            self.dispatch()
            return
        deaths = run.waiting.deaths + 1
        _LOG.warning("Worker %s died of run %s (%d of %d): %s", worker.name, run.id, deaths, self._attempts, error)
        if run.cancelled or deaths >= self._attempts:
            status = "interrupted" if run.cancelled else "error"
            messages = run.narrator.lost(error, status)
            self._end(run, messages)
            return
        self._lease(run)
        self._ledger.requeue(run.id)
        self._queue.push(run.waiting.again(deaths))
        self._messenger.status(run.waiting.user)
        self.dispatch()

    def _count(self, run: LiveRun, event: Event) -> None:
        if isinstance(event, NodeFinished):
            self._metrics.node_finished(run.node_type(event.display_id), event.seconds, cached=event.cached)
        elif isinstance(event, NodesCached):
            self._metrics.nodes_cached(len(event.node_ids))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            level = logging.WARNING if isinstance(error, InhouseError) else logging.ERROR
            _LOG.log(level, "The dispatcher met an error", exc_info=error)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
