"""The one who writes: a thread that commits whatever waits in one transaction."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from inhouse.errors import InhouseError, RunConflictError, StorageError, StorageOwnedError
from inhouse.storage.durability import insist
from inhouse.storage.failures import as_ours, translated
from inhouse.storage.prepared import Prepared
from inhouse.storage.writes import NOTHING, Kind, Write

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOGGER = logging.getLogger(__name__)
_MOST = 1000
"""How many writes a transaction takes: what waits longer than that would make all wait."""
_RETRY_SECONDS = 1.0
_SOON = 0.05
"""What nobody waits for waits so long, in seconds, for something to share a transaction with."""
_SIBLINGS = 4
_DELAY = 0.004
"""Where so many were written at once last time, more are on their way: the next transaction waits for them so long.

PostgreSQL's ``commit_siblings`` and ``commit_delay`` do the same.
"""


@dataclass(slots=True, eq=False)
class _Entry:
    write: Write
    future: asyncio.Future[None]
    patient: bool = False
    """Nobody waits for it: it is tried again until there is room."""


@dataclass(slots=True)
class _Group:
    kind: Kind
    writes: list[Write] = field(default_factory=list)
    run_ids: set[str] = field(default_factory=set)


class Writer:
    """Writes in the order of the calls, on a thread of its own. Call it from one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._late: list[_Entry] = []
        self._siblings = 0
        self._prepared = Prepared()
        self._unsettled = 0
        self._closed = False
        self._connected = True
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="inhouse-writer", daemon=True)
        self._thread.start()

    async def write(self, write: Write) -> None:
        """Write; it is durable when this returns.

        Raises:
            RunConflictError: an id or a key was used.
            StorageFullError: there is no room; nothing was written.
            StorageError: it could not be written.

        """
        await self._put(write, patient=False)

    def post(self, write: Write) -> None:
        """Write soon. If there is no room now, it is written once there is."""
        self._put(write, patient=True).add_done_callback(_tell)

    async def settle(self) -> None:
        """Wait until all earlier calls are done."""
        if self._unsettled:
            await self._put(Write(NOTHING), patient=False)

    def close(self) -> None:
        """Write what waits, and end. Blocks."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _put(self, write: Write, *, patient: bool) -> asyncio.Future[None]:
        if self._closed:
            raise StorageError("The database is closed.", hint="The gateway is about to stop.")
        entry = _Entry(write, asyncio.get_running_loop().create_future(), patient)
        self._unsettled += 1
        self._queue.put(entry)
        return entry.future

    def _run(self) -> None:
        while True:
            batch, last = self._next()
            self._siblings = len(batch)
            outcomes = self._commit_or_tell([*self._late, *batch])
            self._late = [] if last else [entry for entry, error in outcomes if entry.patient and _passes(error)]
            late = set(self._late)
            self._answer([(entry, error) for entry, error in outcomes if entry not in late])
            if last:
                self._let_go()
                return

    def _next(self) -> tuple[list[_Entry], bool]:
        """Wait for something to write, and take what else is there; also whether that is the last."""
        batch: list[_Entry] = []
        urgent = False
        with suppress(Empty):
            entry = self._queue.get(timeout=_RETRY_SECONDS if self._late else None)
            if self._siblings >= _SIBLINGS:
                time.sleep(_DELAY)
            while entry is not None:
                batch.append(entry)
                urgent = urgent or not entry.patient
                if len(batch) == _MOST:
                    return batch, False
                entry = self._queue.get_nowait() if urgent else self._queue.get(timeout=_SOON)
            return batch, True
        return batch, False

    def _commit_or_tell(self, entries: Sequence[_Entry]) -> list[tuple[_Entry, InhouseError | None]]:
        """Commit; whatever goes wrong, somebody hears of it, and the thread lives on to write the next."""
        try:
            return self._commit(entries)
        except Exception as error:  # noqa: BLE001 - a dead thread would leave everybody waiting for ever
            return [(entry, as_ours(error)) for entry in entries]

    def _commit(self, entries: Sequence[_Entry]) -> list[tuple[_Entry, InhouseError | None]]:
        """Write all in one transaction; if that fails, each in its own, so that each has its own error."""
        error = self._attempt([entry.write for entry in entries])
        if error is None or not self._connected or (len(entries) == 1 and not _is_disconnect(error)):
            return [(entry, error) for entry in entries]
        outcomes = []
        for entry in entries:
            if self._connected:  # else the others need not wait for the server in vain
                error = self._unless_made(entry.write, self._attempt([entry.write]))
            outcomes.append((entry, error))
        return outcomes

    def _attempt(self, writes: Sequence[Write]) -> InhouseError | None:
        groups = _grouped(writes)
        if not groups:
            return None
        self._connected = False
        try:
            with translated():
                connection = self._open()
                self._connected = True
                insist(connection, synced=not all(group.kind.repeatable for group in groups))
                with connection.begin():
                    for group in groups:
                        self._apply(connection, group)
        except InhouseError as error:
            return error
        return None

    def _apply(self, connection: Connection, group: _Group) -> None:
        for index, statement in enumerate(group.kind.statements):
            rows = [row for write in group.writes for row in write.rows[index]]
            if rows and group.kind.lasting:
                self._prepared.execute(connection, statement, rows)
            elif rows:
                connection.execute(statement, rows)

    def _open(self) -> Connection:
        """Return the connection. It is kept: to take it from the pool costs as much as a small transaction."""
        connection = self._connection
        if connection is None or connection.invalidated:
            self._let_go()
            connection = self._connection = self._engine.connect()
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is broken already
                connection.close()

    def _unless_made(self, write: Write, error: InhouseError | None) -> InhouseError | None:
        """Return the error, unless the write was made before, by a commit of which we did not hear."""
        proof = write.kind.proof
        if proof is None or not isinstance(error, RunConflictError):
            return error
        try:
            connection = self._open()
            with connection.begin():
                return error if connection.execute(proof, write.rows[0][0]).first() is None else None
        except Exception as second:  # noqa: BLE001 - the border to the database
            return as_ours(second)

    def _answer(self, outcomes: Sequence[tuple[_Entry, InhouseError | None]]) -> None:
        if outcomes:
            with suppress(RuntimeError):  # the loop ended; nobody waits
                outcomes[0][0].future.get_loop().call_soon_threadsafe(self._resolve, outcomes)

    def _resolve(self, outcomes: Iterable[tuple[_Entry, InhouseError | None]]) -> None:
        for entry, error in outcomes:
            self._unsettled -= 1
            if entry.future.done():  # whoever waited has gone
                continue
            if error is None:
                entry.future.set_result(None)
            else:
                entry.future.set_exception(error)


def _passes(error: InhouseError | None) -> bool:
    """Whether an error may be gone the next time."""
    return isinstance(error, StorageError) and not isinstance(error, StorageOwnedError)


def _is_disconnect(error: InhouseError) -> bool:
    """Whether it was the connection that failed; the next attempt makes a new one."""
    return isinstance(error.__cause__, DBAPIError) and error.__cause__.connection_invalidated


def _tell(future: asyncio.Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()):
        _LOGGER.error("What nobody waited for was not written: %s", error)


def _grouped(writes: Iterable[Write]) -> list[_Group]:
    """Put writes of one kind together, as far as the order of those about the same run allows."""
    groups: list[_Group] = []
    for write in writes:
        if write.kind.statements:
            group = _place(groups, write)
            group.writes.append(write)
            group.run_ids |= write.run_ids
    return groups


def _place(groups: list[_Group], write: Write) -> _Group:
    for group in reversed(groups):
        if group.kind is write.kind:
            return group
        if not write.run_ids or not group.run_ids or not group.run_ids.isdisjoint(write.run_ids):
            break
    groups.append(_Group(write.kind))
    return groups[-1]
