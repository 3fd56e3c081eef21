"""Retention: old runs, and the files that they made, are deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, false, func, or_, select

from inhouse.errors import InhouseError
from inhouse.storage.queries import IS_FINAL
from inhouse.storage.schema import ARTIFACTS, RUNS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from inhouse.storage.ledger import Ledger

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 200
"""How many runs are deleted in one step, between which others may write."""
_FILE = (ARTIFACTS.c.kind, RUNS.c.user, ARTIFACTS.c.subfolder, ARTIFACTS.c.filename)


class _File(NamedTuple):
    kind: str
    user: str
    subfolder: str
    filename: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept of the runs that have ended; 0 keeps all.

    Attributes:
        days: those that ended at most so many days ago.
        runs: the newest so many.
        bytes: of the files they made, the newest that have at most so many bytes together.

    """

    days: float = 0
    runs: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted: how many runs and files, and how large the files were."""

    runs: int = 0
    files: int = 0
    bytes: int = 0


class Retention:
    """Deletes what is beyond the limits: files first, then what the ledger says of them, so that none is forgotten.

    A file that a newer run shows too stays as long as that run. A run whose file cannot be deleted stays as well.

    Args:
        ledger: the runs.
        path_of: where a file lies, from its kind, user, subfolder and name.
        limits: what is kept.

    """

    def __init__(self, ledger: Ledger, path_of: Callable[[str, str, str, str], Path], limits: Limits) -> None:
        self._ledger = ledger
        self._path_of = path_of
        self._limits = limits

    async def sweep(self, now: float) -> Swept:
        """Delete what is beyond the limits, ``now`` being seconds since the epoch.

        Raises:
            StorageError: the database fails. What was deleted until then is deleted.

        """
        query = _expired(self._limits, now)
        expired = await self._ledger.read(lambda connection: [tuple(row) for row in connection.execute(query)])
        total = Swept()
        for start in range(0, len(expired), _AT_ONCE):
            some = await self._delete(dict(expired[start : start + _AT_ONCE]))
            total = Swept(total.runs + some.runs, total.files + some.files, total.bytes + some.bytes)
        return total

    async def _delete(self, ids: dict[int, str]) -> Swept:
        """Delete some runs, given by sequence and id, and return what was."""
        files = await self._ledger.read(lambda connection: _files(connection, tuple(ids)))
        sizes, stuck = await asyncio.to_thread(self._unlink, dict.fromkeys(file for _, file in files))
        kept = {sequence for sequence, file in files if file in stuck}
        gone = [run_id for sequence, run_id in ids.items() if sequence not in kept]
        await self._ledger.delete(gone)
        return Swept(len(gone), len(sizes), sum(sizes))

    def _unlink(self, files: Iterable[_File]) -> tuple[list[int], set[_File]]:
        """Delete files; return the sizes of those that were there, and which could not be deleted."""
        sizes, stuck = [], set()
        for file in files:
            try:
                path = self._path_of(*file)
                size = path.lstat().st_size
                path.unlink()
                sizes.append(size)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                _LOGGER.warning("A file of an old run cannot be deleted, so the run is kept: %s", error)
                stuck.add(file)
            except InhouseError as error:  # its name leads out of its folder: whatever is there is not ours
                _LOGGER.warning("A file of an old run is let be: %s", error)
        return sizes, stuck


def _expired(limits: Limits, now: float) -> Select[Any]:
    """Return a query for sequence and id of the runs beyond the limits, the oldest first."""
    newest_first = (RUNS.c.finished.desc(), RUNS.c.sequence.desc())
    sizes = _sizes()
    size = func.coalesce(sizes.c.size, 0)
    final = (
        select(
            RUNS.c.sequence,
            RUNS.c.id,
            RUNS.c.finished,
            size.label("size"),
            func.row_number().over(order_by=newest_first).label("place"),
            func.sum(size).over(order_by=newest_first).label("total"),
        )
        .outerjoin_from(RUNS, sizes, sizes.c.sequence == RUNS.c.sequence)
        .where(IS_FINAL)
        .subquery()
    )
    beyond: list[ColumnElement[bool]] = [false()]
    if limits.days:
        beyond.append(final.c.finished < now - limits.days * 86_400)
    if limits.runs:
        beyond.append(final.c.place > limits.runs)
    if limits.bytes:
        beyond.append((final.c.total > limits.bytes) & (final.c.size > 0))
    return select(final.c.sequence, final.c.id).where(or_(*beyond)).order_by(final.c.finished, final.c.sequence)


def _sizes() -> Any:
    """Return how many bytes each run made; a file that several show counts for the newest."""
    joined = select(func.max(ARTIFACTS.c.sequence).label("sequence"), func.max(ARTIFACTS.c.bytes).label("size"))
    files = joined.join_from(ARTIFACTS, RUNS).where(IS_FINAL).group_by(*_FILE).subquery()
    return select(files.c.sequence, func.sum(files.c.size).label("size")).group_by(files.c.sequence).subquery()


def _files(connection: Connection, sequences: Sequence[int]) -> list[tuple[int, _File]]:
    """Return the files that these runs show and no other does, each with a run that shows it."""
    query = select(ARTIFACTS.c.sequence, *_FILE).join_from(ARTIFACTS, RUNS)
    theirs = ARTIFACTS.alias()
    names = select(theirs.c.filename).where(theirs.c.sequence.in_(sequences))  # may be more than a statement can list
    others = query.where(ARTIFACTS.c.filename.in_(names), ARTIFACTS.c.sequence.not_in(sequences))
    shown = {_File(*row[1:]) for row in connection.execute(others)}
    found = connection.execute(query.where(ARTIFACTS.c.sequence.in_(sequences)))
    return [(row[0], file) for row in found if (file := _File(*row[1:])) not in shown]
