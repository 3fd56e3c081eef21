"""The ledger: what became of every run that was accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, select

from inhouse.errors import RequestError
from inhouse.storage import queries, writes
from inhouse.storage.database import READERS, Database, open_database
from inhouse.storage.failures import translated
from inhouse.storage.records import Artifact, Conclusion, RunRecord, RunState, Submission
from inhouse.storage.schema import RUNS
from inhouse.storage.texts import is_storable
from inhouse.storage.writer import Writer

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from inhouse.storage.writes import Write

T = TypeVar("T")


class Ledger:
    """Keeps runs. Used from one event loop, which it never blocks; a read sees all that was said before it.

    Every method that waits raises StorageError if the database fails, and StorageFullError if it has no room to write:
    then nothing was written by that call, what was accepted before is safe, and later calls work once there is room.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with translated(), database.writer.connect() as connection:
            self._sequence: int = connection.scalar(select(func.max(RUNS.c.sequence))) or 0
        self._readers = ThreadPoolExecutor(READERS, "inhouse-reader")
        self._writer = Writer(database.writer)

    async def submit(self, run: Submission) -> int:
        """Accept a run, and return its sequence; it is durable when this returns.

        Raises:
            RequestError: a text has characters that a database cannot hold (NUL, half a surrogate pair).
            RunConflictError: its id, or its user's idempotency key, was used.

        """
        _check(run)
        self._sequence += 1
        sequence = self._sequence
        await self._writer.write(writes.submit(run, sequence))
        return sequence

    def lease(self, run_id: str, worker: str, attempt: int, started: float, until: float) -> None:
        """Give a run to a worker; written soon. A run that has ended stays as it is."""
        self._writer.post(writes.lease(run_id, worker, attempt, started, until))

    def extend(self, run_ids: Sequence[str], until: float) -> None:
        """Let workers keep the runs they have; written soon."""
        self._writer.post(writes.for_each(writes.EXTEND, run_ids, until=until))

    def requeue(self, run_id: str) -> None:
        """Take a run from its worker, back into the queue; its attempts stay counted. Written soon."""
        self._writer.post(writes.for_each(writes.REQUEUE, [run_id]))

    async def conclude(self, conclusion: Conclusion) -> None:
        """End a run and keep what it made; durable when this returns. A second conclusion changes nothing."""
        await self._writer.write(writes.conclude(conclusion))

    async def cancel(self, run_ids: Sequence[str], finished: float) -> None:
        """Cancel those runs that are queued; the history does not show them, ``jobs`` does."""
        await self._writer.write(writes.for_each(writes.CANCEL, run_ids, at=finished))

    async def hide(self, user: str | None, run_ids: Sequence[str] | None) -> None:
        """Take runs out of the history: these, or all (None); of one user, or of anybody (None)."""
        await self._writer.write(writes.hide(user, run_ids))

    async def delete(self, run_ids: Sequence[str]) -> None:
        """Forget runs that have ended, and their artifacts; files are not touched."""
        await self._writer.write(writes.for_each(writes.DELETE, run_ids))

    async def get(self, run_id: str) -> RunRecord | None:
        """Return a run."""
        return await self._one(queries.runs().where(RUNS.c.id == run_id), run_id)

    async def by_key(self, user: str, idempotency_key: str) -> RunRecord | None:
        """Return the run that a user asked for under a key."""
        query = queries.runs().where(RUNS.c.user == user, RUNS.c.idempotency_key == idempotency_key)
        return await self._one(query, idempotency_key)

    async def open_runs(self) -> list[RunRecord]:
        """Return what is queued or running, by sequence. Their workflow and extra are empty here: ``get`` has them."""
        return await self.read(lambda connection: queries.read(connection, queries.open_runs()))

    async def queue_items(self, user: str | None, state: RunState, without: Sequence[str] = ()) -> bytes:
        """Return the JSON list of ComfyUI's queue items, ``[number, id, workflow, extra, targets]``, the next first."""
        return await self.read(lambda connection: queries.queue_items(connection, user, state, without))

    async def history(
        self, user: str | None, *, limit: int | None = None, offset: int | None = None
    ) -> list[RunRecord]:
        """Return what the history shows, the oldest first.

        Args:
            user: whose; None for everybody's.
            limit: at most so many.
            offset: leave out so many of the oldest; without it, a limit leaves the newest.

        """
        query = queries.history(user, limit, offset)
        return await self.read(lambda connection: queries.read(connection, query))

    async def jobs(
        self, user: str | None, states: Sequence[RunState] = (), limit: int | None = None, offset: int = 0
    ) -> tuple[list[RunRecord], int]:
        """Return runs in any of some states (of any, if none are given), the newest first, and how many there are."""

        def both(connection: Connection) -> tuple[list[RunRecord], int]:
            count = _counts(connection, user)
            total = sum(count[state] for state in (states or RunState))
            return queries.read(connection, queries.jobs(user, states, limit, offset)), total

        return await self.read(both)

    async def counts(self, user: str | None = None) -> dict[RunState, int]:
        """Return how many runs are in each state."""
        return await self.read(lambda connection: _counts(connection, user))

    async def artifacts(self, run_id: str) -> tuple[Artifact, ...]:
        """Return the files that a run made."""
        run = await self.get(run_id)
        return run.conclusion.artifacts if run and run.conclusion else ()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what a function reads over a connection, which is called in a thread."""
        await self._writer.settle()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._execute, query)

    async def write(self, write: Write) -> None:
        """Write what is no run's; durable when this returns."""
        await self._writer.write(write)

    async def close(self) -> None:
        """Write what waits, then let another gateway have the database."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self._database.close()

    async def _one(self, query: Select[Any], name: str) -> RunRecord | None:
        found = await self.read(lambda connection: queries.read(connection, query)) if is_storable(name) else ()
        return found[0] if found else None

    def _execute(self, query: Callable[[Connection], T]) -> T:
        with translated(), self._database.reader.connect() as connection:
            return query(connection)


def open_ledger(url: str, state: Path) -> Ledger:
    """Open the ledger of a gateway, and own it until it is closed. Blocks.

    Args:
        url: ``postgresql://...``, ``sqlite:///<path>``; empty for a SQLite file in ``state``.
        state: the gateway's folder.

    Raises:
        StorageOwnedError: another gateway has it.
        StorageError: it cannot be opened, or a newer version made it.

    """
    database = open_database(url, state)
    try:
        return Ledger(database)
    except BaseException:
        database.close()
        raise


def _counts(connection: Connection, user: str | None) -> dict[RunState, int]:
    found = {state: count for state, count in connection.execute(queries.counts(user))}  # noqa: C416 - rows are no pairs
    return {state: found.get(state, 0) for state in RunState}


def _check(run: Submission) -> None:
    """Refuse what one database or the other cannot hold, before it makes others' writes fail."""
    texts = (run.id, run.user, run.workflow, run.extra, run.client_id, run.idempotency_key, run.digest)
    if not all(map(is_storable, texts)):
        raise RequestError("A text of the run has a NUL, or half a surrogate pair.", hint="Leave it out.")
