"""Runs: accepting, listing and cancelling them, each user their own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from inhouse.compat.admission import admit
from inhouse.errors import ForbiddenError, RunConflictError, RunNotFoundError
from inhouse.files import Claims
from inhouse.server.fair_queue import Waiting
from inhouse.storage.records import RunState, Submission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from inhouse.compat.admission import Admission
    from inhouse.files import Folders
    from inhouse.server.catalogue import NodeCatalogue
    from inhouse.server.dispatcher import Dispatcher
    from inhouse.server.fair_queue import FairQueue
    from inhouse.server.identity import Identity
    from inhouse.server.messenger import Messenger
    from inhouse.server.metrics import Metrics
    from inhouse.server.user_folders import UserFolders
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.records import RunRecord

_LONG = 200
"""A workflow of more nodes is checked in a thread, where it keeps nobody waiting."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a run that was accepted."""

    prompt_id: str
    number: float
    node_errors: Mapping[str, Any]


FOR_ADMINS = "admins_only"
"""The flag of nodes that only admins may run."""


class Runs:
    """What the routes ask about runs.

    Args:
        ledger: where they are stored.
        queue: what waits.
        dispatcher: what runs.
        messenger: tells clients.
        catalogue: the nodes there are.
        folders: whose files lie where.
        metrics: counts.
        light: ids of nodes that can be checked without looking at a file or asking anybody.
        change: what custom packs make of a request before it is checked.

    """

    def __init__(
        self,
        ledger: Ledger,
        queue: FairQueue,
        dispatcher: Dispatcher,
        messenger: Messenger,
        catalogue: NodeCatalogue,
        folders: UserFolders,
        metrics: Metrics,
        light: frozenset[str] = frozenset(),
        change: Callable[[Any], Awaitable[Any]] | None = None,
    ) -> None:
        self._ledger, self._queue, self._dispatcher, self._messenger = ledger, queue, dispatcher, messenger
        self._catalogue, self._folders, self._metrics = catalogue, folders, metrics
        self._light, self._change = light, change
        self._counter = 0
        # An id guards nothing: a run is its user's, whoever knows it. The system's generator costs a call each time.
        self._random = random.Random(os.urandom(32))  # noqa: S311
        self._keys: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def restore(self) -> None:
        """Let the runs wait that were waiting or running when the last gateway ended."""
        records = await self._ledger.open_runs()
        for record in records:
            self._counter = max(self._counter, record.sequence)
            deaths = record.attempts
            if record.state is RunState.RUNNING:  # its worker died with the gateway, which is no fault of the run
                deaths = max(0, deaths - 1)
                self._ledger.requeue(record.submission.id)
            self._queue.push(Waiting.of(record.submission, record.sequence, deaths).unloaded())
        open_ids = [record.submission.id for record in records]
        await asyncio.to_thread(Claims.sweep, self._folders.claims, open_ids)

    # -- accepting ---------------------------------------------------------------------------------------------------

    async def accept(self, caller: Identity, body: Any, key: str | None = None) -> Accepted:
        """Check a workflow, store it, and let it wait for a worker.

        Args:
            caller: whose run it is.
            body: the parsed request.
            key: what the client calls the request; the same request under the same key is accepted once.

        Raises:
            RefusedError: the workflow is at fault.
            RunConflictError: the key, or the id in the request, was used for another run.
            StorageError: it cannot be stored.

        """
        if key is None:
            return await self._accept(caller, body, None, "")
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
        place = (caller.user, key)
        while (pending := self._keys.get(place)) is not None:  # the same request, a moment ago
            await asyncio.wait((pending,))
        self._keys[place] = asyncio.get_running_loop().create_future()
        try:
            known = await self._ledger.by_key(caller.user, key)
            if known is None:
                return await self._accept(caller, body, key, digest)
            if known.submission.digest != digest:
                raise RunConflictError(
                    f"The idempotency key {key!r} was used for another request.", hint="Use a new key for each."
                )
            return Accepted(known.submission.id, known.submission.number, {})
        finally:
            self._keys.pop(place).set_result(None)

    async def _accept(self, caller: Identity, body: Any, key: str | None, digest: str) -> Accepted:
        if self._change is not None:
            body = await self._change(body)
        if self._is_light(body):  # nobody's choices are in it
            admission = admit(body, self._catalogue.registry)
        else:
            admission = await asyncio.to_thread(self._admit, body, self._folders.of(caller.user))
        self._check_nodes(caller, admission)
        submission = self._submission(caller, admission, key, digest)
        sequence = await self._ledger.submit(submission)
        self._queue.push(Waiting.of(submission, sequence))
        self._dispatcher.dispatch()
        self._metrics.run_accepted()
        self._messenger.status(caller.user)
        return Accepted(submission.id, submission.number, admission.node_errors)

    def _admit(self, body: Any, folders: Folders) -> Admission:
        return admit(body, self._catalogue.registry_for(folders))

    def _check_nodes(self, caller: Identity, admission: Admission) -> None:
        """Refuse nodes that only admins may run, whoever is none.

        Raises:
            ForbiddenError: there is such a node.

        """
        for node in () if caller.admin else admission.workflow.nodes.values():
            spec = self._catalogue.registry.get(node.type)
            if spec is not None and spec.flags.get(FOR_ADMINS):
                raise ForbiddenError(f"Only an admin may run {node.type}.", hint="Ask one, or leave that node out.")

    def _is_light(self, body: Any) -> bool:
        """Whether checking a request takes so little that it may be done on the event loop."""
        prompt = body.get("prompt") if isinstance(body, dict) else None
        if not isinstance(prompt, dict) or len(prompt) > _LONG:
            return not isinstance(prompt, dict)
        light = self._light
        return all(isinstance(node, dict) and str(node.get("class_type")) in light for node in prompt.values())

    def _submission(self, caller: Identity, admission: Admission, key: str | None, digest: str) -> Submission:
        number: float
        if admission.number is not None:
            number = admission.number
        else:
            number, self._counter = -self._counter if admission.front else self._counter, self._counter + 1
        extra = {**admission.extra, **({"client_id": admission.client_id} if admission.client_id is not None else {})}
        return Submission(
            id=admission.prompt_id or str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            user=caller.user,
            number=number,
            workflow=orjson.dumps(admission.document).decode(),
            extra=orjson.dumps(extra).decode(),
            targets=tuple(admission.targets),
            priority=admission.priority,
            client_id=admission.client_id,
            idempotency_key=key,
            digest=digest,
            created=time.time(),
        )

    # -- stopping ----------------------------------------------------------------------------------------------------

    async def cancel(self, caller: Identity, run_ids: Iterable[str], *, running: bool = True) -> list[str]:
        """Cancel runs of the caller that wait, and those that run; return the ids of all that were."""
        wanted = dict.fromkeys(run_ids)
        found = [
            waiting
            for run_id in wanted
            if (waiting := self._queue.find(run_id)) is not None and _may(caller, waiting.user)
        ]
        for waiting in found:
            self._queue.remove(waiting.run_id)
        next_up = [
            run
            for run in self._dispatcher.held()
            if run.id in wanted and not run.begun and _may(caller, run.waiting.user)
        ]
        if taken := [waiting.run_id for waiting in found] + [run.id for run in next_up]:
            try:
                await self._ledger.cancel(taken, time.time())
            except BaseException:
                for waiting in found:
                    self._queue.push(waiting)
                self._dispatcher.dispatch()
                raise
        for run in next_up:
            self._dispatcher.cancel(run)
        self._metrics.runs_cancelled(len(taken))
        for user in {waiting.user for waiting in found} | {run.waiting.user for run in next_up}:
            self._messenger.status(user)
        stopped = []
        for run in self._dispatcher.live() if running else ():
            if run.id in wanted and run.id not in taken and _may(caller, run.submission.user):
                self._dispatcher.cancel(run)
                stopped.append(run.id)
        return [*taken, *stopped]

    async def clear(self, caller: Identity) -> None:
        """Cancel every run of the caller that waits."""
        waiting = [waiting.run_id for waiting in self._queue.of(caller.user)]
        next_up = [run.id for run in self._dispatcher.held(caller.user) if not run.begun]
        await self.cancel(caller, [*waiting, *next_up], running=False)

    def interrupt(self, caller: Identity, run_id: str | None = None) -> None:
        """Stop what runs for the caller, or that run of theirs; nothing happens if it does not run."""
        for run in self._dispatcher.live(caller.user):
            if run_id is None or run.id == run_id:
                self._dispatcher.cancel(run)

    # -- telling -----------------------------------------------------------------------------------------------------

    def remaining(self, user: str) -> int:
        """Return how many runs of a user wait or run."""
        return self._queue.count(user) + sum(1 for _ in self._dispatcher.held(user))

    def running_node(self, user: str, client_id: str) -> str | None:
        """Return the node that runs for a client."""
        for run in self._dispatcher.live(user):
            if run.submission.client_id == client_id:
                return run.narrator.running
        return None

    async def listing(self, caller: Identity) -> bytes:
        """Return what runs and what waits for the caller, as JSON in the form of ComfyUI's queue."""
        # What begins while the others are read is still told of as waiting: nothing is told of twice or not at all.
        begun = list(self._dispatcher.unfinished(caller.user))
        pending = await self._ledger.queue_items(caller.user, RunState.QUEUED, [run.id for run in begun])
        running = [
            b"[%b,%b,%b]" % (orjson.dumps(run.submission.number), orjson.dumps(run.id), _rest(run.submission))
            for run in begun
        ]
        return b'{"queue_running":[%b],"queue_pending":%b}' % (b",".join(running), pending)

    async def record(self, caller: Identity, run_id: str) -> RunRecord:
        """Return a run of the caller.

        Raises:
            RunNotFoundError: there is none of that id that the caller may see.

        """
        record = await self.find(caller, run_id)
        if record is None:
            raise RunNotFoundError(f"There is no run {run_id!r:.100}.")
        return record

    async def find(self, caller: Identity, run_id: str) -> RunRecord | None:
        """Return a run of the caller; None if there is none of that id that the caller may see."""
        self._dispatcher.write_down()
        record = await self._ledger.get(run_id) if "\0" not in run_id else None
        return record if record is not None and _may(caller, record.submission.user) else None

    async def page(
        self, caller: Identity, states: Sequence[RunState], limit: int, offset: int
    ) -> tuple[Sequence[RunRecord], int]:
        """Return some of the caller's runs, the newest first, and how many there are in those states."""
        self._dispatcher.write_down()
        return await self._ledger.jobs(caller.user, states, limit, offset)

    async def history(self, caller: Identity, limit: int | None, offset: int | None) -> Sequence[RunRecord]:
        """Return the caller's runs that are over, the oldest first; see ``Ledger.history``."""
        return await self._ledger.history(caller.user, limit=limit, offset=offset)

    async def forget(self, caller: Identity, run_ids: Sequence[str] | None) -> None:
        """Take runs of the caller out of their history; None means all."""
        await self._ledger.hide(caller.user, run_ids)


def _may(caller: Identity, user: str) -> bool:
    return caller.admin or caller.user == user


def _rest(submission: Submission) -> bytes:
    targets = orjson.dumps(list(submission.targets))
    return b"%b,%b,%b" % (submission.workflow.encode(), submission.extra.encode(), targets)
