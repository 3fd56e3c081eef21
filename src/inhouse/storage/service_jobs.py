"""Jobs: calls of services that are answered later. Requests and results are JSON texts here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.types import Double, String, Text

from inhouse.storage.records import RunState
from inhouse.storage.schema import SERVICE_JOBS
from inhouse.storage.texts import is_storable, storable
from inhouse.storage.writes import Kind, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Select

    from inhouse.storage.ledger import Ledger

_TABLE: Final = SERVICE_JOBS
_IS_OPEN = or_(_TABLE.c.state == RunState.QUEUED.value, _TABLE.c.state == RunState.RUNNING.value)
_INSERT = Kind((insert(_TABLE),), proof=select(_TABLE.c.id).where(_TABLE.c.id == bindparam("id")))
_END = Kind(
    (
        update(_TABLE)
        .where(and_(_TABLE.c.id == bindparam("job"), _IS_OPEN))
        .values(
            state=bindparam("became", type_=String()),
            finished=bindparam("at", type_=Double()),
            result=bindparam("told", type_=Text()),
        ),
    )
)
_DELETE = Kind((delete(_TABLE).where(_TABLE.c.finished < bindparam("before", type_=Double())),))


@dataclass(frozen=True, slots=True)
class ServiceJob:
    """A call that is answered later.

    Attributes:
        id: unique.
        user: whose it is.
        service: which is called.
        version: the version asked for; None for what the routing says when it is its turn.
        state: where it stands.
        created: seconds since the epoch.
        request: JSON of the call, in the native protocol.
        finished: seconds since the epoch; None until it is.
        result: JSON of the answer or the error; None until there is one.

    """

    id: str
    user: str
    service: str
    version: int | None
    created: float
    request: str
    state: RunState = RunState.QUEUED
    finished: float | None = None
    result: str | None = None


class ServiceJobs:
    """Keeps jobs, in a ledger's database; every method raises StorageError where that fails.

    Args:
        ledger: that has the database.

    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def add(self, job: ServiceJob) -> None:
        """Keep a job; it is durable when this returns."""
        row = {
            "id": job.id,
            "user": storable(job.user),
            "service": job.service,
            "version": job.version,
            "state": job.state.value,
            "created": job.created,
            "finished": None,
            "request": job.request,
            "result": None,
        }
        await self._ledger.write(Write(_INSERT, ([row],)))

    async def end(self, job_id: str, state: RunState, finished: float, result: str | None) -> None:
        """Say how a job ended; one that ended before stays as it is."""
        row = {"job": job_id, "became": state.value, "at": finished, "told": result}
        await self._ledger.write(Write(_END, ([row],)))

    async def get(self, job_id: str) -> ServiceJob | None:
        """Return a job; None if there is none of that id."""
        if not is_storable(job_id):
            return None
        found = await self._read(select(_TABLE).where(_TABLE.c.id == job_id))
        return found[0] if found else None

    async def open_jobs(self) -> Sequence[ServiceJob]:
        """Return the jobs that have not ended, the oldest first."""
        return await self._read(select(_TABLE).where(_IS_OPEN).order_by(_TABLE.c.created, _TABLE.c.id))

    async def sweep(self, before: float) -> None:
        """Forget the jobs that ended before a time."""
        await self._ledger.write(Write(_DELETE, ([{"before": before}],)))

    async def _read(self, query: Select[tuple[object, ...]]) -> list[ServiceJob]:
        def read(connection: Connection) -> list[ServiceJob]:
            rows = connection.execute(query).mappings()
            return [ServiceJob(**{**row, "state": RunState(row["state"])}) for row in rows]

        return await self._ledger.read(read)
