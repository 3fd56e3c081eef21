"""The dispatcher: gives waiting runs to workers, and hears what happens."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import TYPE_CHECKING

from inhouse.engine.events import NodeFinished, NodesCached, RunFinished
from inhouse.errors import StorageError, WorkerEndedError, WorkerLostError
from inhouse.server.endings import Endings
from inhouse.server.live_run import LiveRun
from inhouse.server.roster import Roster
from inhouse.server.tasks import Tasks
from inhouse.workers.base import Job, Listener, PackMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from inhouse.engine.events import Event
    from inhouse.server.fair_queue import FairQueue, Waiting
    from inhouse.server.messenger import Messenger
    from inhouse.server.metrics import Metrics
    from inhouse.server.user_folders import UserFolders
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.records import Submission
    from inhouse.workers.base import Worker
    from inhouse.workers.pool import Pool

_LOG = logging.getLogger(__name__)
_LEASE_SECONDS = 60.0
_SHORT_SECONDS = 0.05
_MOST_LABELS = 1000
_RETRY_SECONDS = 2.0
"""How long until a workflow that the database did not give is asked for again."""


class Dispatcher(Listener):
    """Keeps every worker busy while runs wait.

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
        self._roster = Roster()
        self._quick: set[str] = set()  # labels of workflows of which the last run was a short one
        self._tasks = Tasks()
        self._endings = Endings(ledger, messenger, folders, metrics, self._tasks)
        self._draining = False
        self._swept = 0

    @property
    def endings(self) -> Endings:
        """Those that are being stored."""
        return self._endings

    # -- what others ask ---------------------------------------------------------------------------------------------

    def serve(self, pool: Pool) -> None:
        """Begin to give runs to the workers of a pool."""
        self._pool = pool
        self.dispatch()

    def live(self, user: str | None = None) -> Iterator[LiveRun]:
        """Return what runs now, of one user or of all."""
        return (run for run in self.held(user) if run.begun)

    def held(self, user: str | None = None) -> Iterator[LiveRun]:
        """Return what runs now, and what left the queue and has not begun."""
        return (run for run in self._roster if user is None or run.waiting.user == user)

    def unfinished(self, user: str) -> Iterator[LiveRun]:
        """Return what runs now of a user, and what has run and is being stored."""
        return itertools.chain(self._endings.of(user), self.live(user))

    def cancel(self, run: LiveRun) -> None:
        """Stop a run at its next step; one that has not begun does not, and nobody is told of it."""
        run.cancelled = True
        worker = self._worker(run)
        if run.given and worker is not None:
            worker.cancel(run.id)
        if not run.begun:
            self._roster.leave(run)
            if worker is not None:
                self._advance(worker)

    def files_deleted(self) -> None:
        """Have output nodes run again from now on: what they wrote before may be gone."""
        self._swept += 1

    def stop_giving(self) -> None:
        """Give out no more runs; those that wait stay in storage, and so do those that have not begun."""
        self._draining = self._endings.last = True
        for run in self._roster:
            if not run.begun:
                self.cancel(run)

    def write_down(self) -> None:
        """Have storage say who has which run, before somebody reads it there."""
        for run in self._roster:
            if run.leasing is not None and not run.leasing.cancelled():
                self._lease(run)

    async def settle(self) -> None:
        """Wait until every end that is known is stored."""
        for run in self._roster:
            _stop(run.leasing)
        await self._tasks.settle()

    # -- giving ------------------------------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Give waiting runs to workers that can begin them, and to one whose runs are short the next one, too."""
        while not self._draining and (found := self._next()) is not None:
            if not self._give(*found):
                return

    def _next(self) -> tuple[Worker, Waiting] | None:
        """Return who is to be given what: whoever has least, what is next and may run there."""
        if self._pool is None or not len(self._queue):
            return None
        ready = [worker for worker in self._pool.workers if worker.ready]
        if len(ready) > 1:
            ready.sort(key=lambda worker: len(self._roster.of(worker.name)))
        for worker in ready:
            if self._roster.room(worker) > 0:
                waiting = self._queue.pop(self._roster.lines(worker.name))
                if waiting is not None:
                    return worker, waiting
        if len(ready) == 1 and self._may_have_more(ready[0]) and (waiting := self._queue.pop()) is not None:
            return ready[0], waiting
        return None

    def _may_have_more(self, worker: Worker) -> bool:
        """Whether a worker had better have its next run already: it then need not wait for it between short ones.

        A run that came later and goes first comes too late then, so that it must not be for long.
        """
        runs = self._roster.of(worker.name)
        return all(run.begun and run.label in self._quick and not run.waiting.deaths for run in runs)

    def _give(self, worker: Worker, waiting: Waiting) -> bool:
        """Give a worker a run, or a place to it; return whether it is still there to be given more."""
        if waiting.submission is not None and not waiting.deaths:
            return self._submit(worker, LiveRun.begin(waiting, waiting.submission))
        # Its workflow was left in storage, or others have to end first; its place is taken meanwhile.
        self._roster.enter(worker.name, LiveRun.loading(waiting))
        self._admit(worker)
        return True

    def _admit(self, worker: Worker) -> None:
        """Give a worker what it was to be given once it can be: a run that a worker died of runs alone."""
        runs = self._roster.of(worker.name)
        for run in runs:
            if run.given or run.loaded or (run.waiting.deaths and len(runs) > 1):
                continue
            run.loaded = True
            if run.waiting.submission is not None:
                self._submit(worker, LiveRun.begin(run.waiting, run.waiting.submission))
            else:
                self._tasks.start(self._load(worker, run))

    async def _load(self, worker: Worker, placeholder: LiveRun) -> None:
        submission = await self._loaded(placeholder)
        if self._roster.get(placeholder.id) is not placeholder:  # it was cancelled, or the worker died meanwhile
            return
        if submission is not None:
            self._submit(worker, LiveRun.begin(placeholder.waiting, submission))
        else:
            self._roster.leave(placeholder)
            self._messenger.status(placeholder.waiting.user)
        self._advance(worker)

    async def _loaded(self, placeholder: LiveRun) -> Submission | None:
        """Return what to run; None if it was cancelled meanwhile."""
        while not placeholder.cancelled:
            try:
                record = await self._ledger.get(placeholder.id)
            except StorageError as error:
                _LOG.error("Run %s cannot be read yet: %s", placeholder.id, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return None if record is None else record.submission
        return None

    def _submit(self, worker: Worker, run: LiveRun) -> bool:
        self._roster.enter(worker.name, run)
        try:
            worker.submit(self._job(run.submission, run.waiting.deaths + 1))
        except WorkerLostError:  # it died a moment ago, of something else
            self._roster.leave(run)
            self._queue.push(run.waiting)
            return False
        run.worker = worker.name
        self._begin(worker)
        return True

    def _begin(self, worker: Worker) -> None:
        """Count as begun what the worker begins now."""
        while (run := self._roster.next(worker)) is not None:
            run.begun, run.started = True, time.time()
            run.ahead = self._endings.before(run.line)
            run.leasing = asyncio.get_running_loop().call_later(_SHORT_SECONDS, self._lease, run)
            self._metrics.run_started(max(0.0, run.started - run.submission.created))
            self._messenger.status(run.submission.user)

    def _advance(self, worker: Worker) -> None:
        """Go on now that a worker has less to do."""
        self._begin(worker)
        self._admit(worker)
        self.dispatch()

    def _lease(self, run: LiveRun) -> None:
        """Write down who has a run. Of a short one only its end is written, which says that, too."""
        _stop(run.leasing)
        self._ledger.lease(run.id, run.worker, run.waiting.deaths + 1, run.started, run.started + _LEASE_SECONDS)

    def _worker(self, run: LiveRun) -> Worker | None:
        name = self._roster.place(run)
        return next((worker for worker in self._pool.workers if worker.name == name), None) if self._pool else None

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
        run = self._roster.get(run_id)
        if run is None or run.worker != worker.name:
            return  # the last words of a run that was given up
        if not self._holds(worker, run, events):
            held, run.held = run.held, []
            self._hear(worker, run, [*held, *events] if held else events)

    def _holds(self, worker: Worker, run: LiveRun, words: Sequence[Event | PackMessage]) -> bool:
        """Keep what is said of a run while something has to be told before it; return whether that is so."""
        if run.ahead is None or run.ahead.done():
            return False
        if not run.held:
            self._tasks.start(self._catch_up(worker, run, run.ahead))
        run.held.extend(words)
        return True

    async def _catch_up(self, worker: Worker, run: LiveRun, ahead: asyncio.Future[Any]) -> None:
        await asyncio.wait((ahead,))
        if self._roster.get(run.id) is run:  # else its worker died
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
        self._roster.leave(run)
        if time.time() - run.started < _SHORT_SECONDS and len(self._quick) < _MOST_LABELS:
            self._quick.add(run.label)
        else:
            self._quick.discard(run.label)
        _stop(run.leasing)
        self._endings.end(run, last)
        self._advance(worker)

    def told(self, worker: Worker, message: PackMessage) -> None:
        """Pass on what a pack says to those who may hear it: the user in whose run it was said, else all.

        What is said in no run while a worker has some of several users is for the client it names, and nobody else.
        """
        run = self._roster.get(message.run_id)
        if run is not None and run.worker == worker.name:
            if not self._holds(worker, run, (message,)):
                self._messenger.pack(message, run.submission.user)
            return
        users = {run.submission.user for run in self._roster.of(worker.name) if run.begun}
        if not users:
            self._messenger.pack(message, None)
        elif len(users) == 1 or message.client_id is not None:
            for user in users:
                self._messenger.pack(message, user)

    def lost(self, worker: Worker, error: WorkerLostError) -> None:
        """Let the runs of a dead worker wait again; of those that it had begun one may have killed it."""
        self._metrics.worker_restarted(worker.name)
        for run in self._roster.of(worker.name):
            if not run.over:
                self._roster.leave(run)
                self._bereave(run, error)
        self.dispatch()

    def _bereave(self, run: LiveRun, error: WorkerLostError) -> None:
        """Let a run whose worker died wait again, or fail if it has cost too many."""
        blamed = run.begun and not isinstance(error, WorkerEndedError)
        deaths = run.waiting.deaths + blamed
        if blamed:
            _LOG.warning("Worker %s died of run %s (%d of %d): %s", run.worker, run.id, deaths, self._attempts, error)
        if run.cancelled or deaths >= self._attempts:
            status = "interrupted" if run.cancelled else "error"
            _stop(run.leasing)
            self._endings.end(run, run.narrator.lost(error, status))
            return
        if run.begun:
            _stop(run.leasing)
            self._ledger.lease(run.id, run.worker, deaths, run.started, run.started + _LEASE_SECONDS)
            self._ledger.requeue(run.id)
        self._queue.push(run.waiting.again(deaths))
        self._messenger.status(run.waiting.user)

    def _count(self, run: LiveRun, event: Event) -> None:
        if isinstance(event, NodeFinished):
            self._metrics.node_finished(run.node_type(event.display_id), event.seconds, cached=event.cached)
        elif isinstance(event, NodesCached):
            self._metrics.nodes_cached(len(event.node_ids))


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
