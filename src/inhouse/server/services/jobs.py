"""Jobs: calls that are kept before they are answered, survive the gateway, and whose answer waits for its caller."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.errors import InhouseError, InternalError, OverloadedError, RunNotFoundError, StorageError
from inhouse.server.errors import told
from inhouse.server.services.native import Envelope, parse, render
from inhouse.server.tasks import Tasks
from inhouse.storage.records import RunState
from inhouse.storage.service_jobs import ServiceJob

if TYPE_CHECKING:
    from inhouse.server.services.directory import Services
    from inhouse.storage.service_jobs import ServiceJobs

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 32
"""So many jobs are called at a time; the others wait, which costs nothing."""
_RETRY_SECONDS: Final = 2.0
_DAY: Final = 86_400


class Jobs:
    """Answers jobs, on the event loop.

    Args:
        services: that are called.
        store: keeps the jobs.
        keep_days: how long an answer is kept; 0 for ever.

    """

    def __init__(self, services: Services, store: ServiceJobs, keep_days: float = 30) -> None:
        self._services, self._store, self._keep_days = services, store, keep_days
        self._tasks = Tasks()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._listeners: dict[str, set[asyncio.Queue[Mapping[str, Any] | None]]] = defaultdict(set)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def start(self) -> None:
        """Go on with the jobs that an earlier gateway left."""
        for job in await self._store.open_jobs():
            self._begin(job)

    async def stop(self) -> None:
        """Stop; the next gateway begins again what has not ended."""
        for task in self._running.values():
            task.cancel()
        await self._tasks.settle()

    async def sweep(self) -> None:
        """Forget answers that are too old."""
        if self._keep_days:
            await self._store.sweep(time.time() - self._keep_days * _DAY)

    async def accept(self, body: bytes, about: Envelope) -> ServiceJob:
        """Keep a call for later, and return it; it is durable then.

        Raises:
            InputsError, RequestError: it does not fit the service.
            ServiceNotFoundError: there is no such service or version.

        """
        parse(body, self._services.card(about.service, about.version), about)
        job = ServiceJob(
            uuid.uuid4().hex,
            about.user,
            about.service,
            about.version,
            time.time(),
            orjson.dumps(orjson.loads(body)).decode(),
        )
        await self._store.add(job)
        self._begin(job)
        return job

    async def get(self, user: str, service: str, job_id: str) -> ServiceJob:
        """Return a job of a user.

        Raises:
            RunNotFoundError: there is none of that id.

        """
        job = await self._store.get(job_id)
        if job is None or job.user != user or job.service != service:
            raise RunNotFoundError(f"There is no job {job_id!r:.100}.")
        return job

    async def cancel(self, user: str, service: str, job_id: str) -> ServiceJob:
        """Stop a job of a user; one that has ended stays as it is.

        Raises:
            RunNotFoundError: there is none of that id.

        """
        await self.get(user, service, job_id)
        await self._store.end(job_id, RunState.CANCELLED, time.time(), None)
        task = self._running.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        return await self.get(user, service, job_id)

    async def follow(self, user: str, service: str, job_id: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Give what happens in a job of a user from now on, and at last how it ended, as `described`.

        Raises:
            RunNotFoundError: there is none of that id.

        """
        heard: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._listeners[job_id].add(heard)
        try:
            job = await self.get(user, service, job_id)
            yield described(job)
            while not job.state.is_final and job_id in self._running:
                piece = await heard.get()
                if piece is None:
                    break
                yield piece
            if not job.state.is_final:
                yield described(await self.get(user, service, job_id))
        finally:
            self._listeners[job_id].discard(heard)
            if not self._listeners[job_id]:
                del self._listeners[job_id]

    def _begin(self, job: ServiceJob) -> None:
        task = self._running[job.id] = self._tasks.start(self._answer(job))
        task.add_done_callback(lambda _: self._over(job.id))

    def _over(self, job_id: str) -> None:
        self._running.pop(job_id, None)
        self._tell(job_id, None)

    def _tell(self, job_id: str, piece: Mapping[str, Any] | None) -> None:
        for heard in self._listeners.get(job_id, ()):
            heard.put_nowait(piece)

    async def _answer(self, job: ServiceJob) -> None:
        async with self._turns:
            try:
                state, result = RunState.SUCCESS, await self._called(job)
            except Exception as error:  # noqa: BLE001 - the border: a job has an end, whatever happens
                state, result = RunState.ERROR, _failure(job, error)
        await self._keep(job.id, state, result.decode())

    async def _called(self, job: ServiceJob) -> bytes:
        """Return the answer; a service that is overloaded is asked again, as nobody waits at the door."""
        while True:
            card = self._services.card(job.service, job.version)
            call = parse(job.request.encode(), card, Envelope(job.service, job.user, version=job.version))
            call.deadline = float("inf")
            try:
                if card.task != "workflow":
                    return render(await self._services.call(call), call.id)
                last: Mapping[str, Any] = {}
                async for piece in self._services.stream(call):
                    last = piece
                    if "outputs" not in piece:
                        self._tell(job.id, piece)
                return orjson.dumps(last)
            except OverloadedError as error:
                await asyncio.sleep(max(error.seconds, 0.1))

    async def _keep(self, job_id: str, state: RunState, result: str) -> None:
        while True:
            try:
                return await self._store.end(job_id, state, time.time(), result)
            except StorageError as error:
                _LOG.error("Job %s is over and cannot be stored yet: %s", job_id, error)
                await asyncio.sleep(_RETRY_SECONDS)


def _failure(job: ServiceJob, error: Exception) -> bytes:
    if not isinstance(error, InhouseError):
        _LOG.error("Job %s failed.", job.id, exc_info=error)
        error = InternalError("Inhouse itself failed.")
    return orjson.dumps(told(error).model_dump())


def described(job: ServiceJob) -> dict[str, Any]:
    """Return a job as its user is told of it, JSON-ready."""
    found: dict[str, Any] = {
        "id": job.id,
        "service": job.service,
        "status": job.state.value,
        "created": job.created,
        "finished": job.finished,
    }
    if job.result is not None:
        found["result" if job.state is RunState.SUCCESS else "error"] = orjson.Fragment(job.result)
    return found
