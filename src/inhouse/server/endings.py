"""Endings: runs that are over, on their way into storage."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.errors import PathEscapeError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from inhouse.server.live_run import LiveRun
    from inhouse.server.messenger import Messenger
    from inhouse.server.metrics import Metrics
    from inhouse.server.tasks import Tasks
    from inhouse.server.user_folders import UserFolders
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.records import Artifact, Conclusion
    from inhouse.workers.base import Line

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0
"""How long until a result that the database did not take is offered again."""


class Endings:
    """Stores how runs ended, then tells of it.

    Args:
        ledger: where that is stored.
        messenger: tells clients.
        folders: whose files lie where.
        metrics: counts.
        tasks: in which it is done.

    Attributes:
        last: no more come, and what cannot be stored now is left to the next gateway.
        on_end: called with the id of a run that made files, once its end is stored.

    """

    def __init__(
        self, ledger: Ledger, messenger: Messenger, folders: UserFolders, metrics: Metrics, tasks: Tasks
    ) -> None:
        self.last = False
        self.on_end: Callable[[str], object] = lambda _run_id: None
        self._ledger, self._messenger, self._folders = ledger, messenger, folders
        self._metrics, self._tasks = metrics, tasks
        self._runs: set[LiveRun] = set()
        self._latest: dict[Line, asyncio.Task[None]] = {}

    def of(self, user: str) -> Iterator[LiveRun]:
        """Return the runs of a user whose end is not stored yet."""
        return (run for run in tuple(self._runs) if run.submission.user == user)

    def before(self, line: Line | None) -> asyncio.Task[None] | None:
        """Return what stores the end of the run before in a line; None if that is done."""
        return self._latest.get(line) if line is not None else None

    def end(self, run: LiveRun, told: Sequence[Any]) -> None:
        """Store how a run ended, and then tell this of it."""
        self._runs.add(run)
        task, line = self._tasks.start(self._conclude(run, told)), run.line
        if line is not None:
            self._latest[line] = task
            task.add_done_callback(lambda done: self._latest.pop(line) if self._latest.get(line) is done else None)

    async def _conclude(self, run: LiveRun, told: Sequence[Any]) -> None:
        try:
            stored = await self._store(run)
        finally:
            self._runs.discard(run)
        if stored:
            self._messenger.tell(run.submission, told)
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
                if self.last:  # it runs again when the gateway does, and writes over its files
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
