"""Model targets: a version that is a converted model, computed in batches by processes of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ReceiptError, ServiceConflictError
from inhouse.models.artifact import open_artifact, verify_artifact
from inhouse.models.receipt import NAME as RECEIPT
from inhouse.models.receipt import read_receipt
from inhouse.server.services.base import Card, Target
from inhouse.server.services.batcher import Batcher
from inhouse.server.services.replica_set import ReplicaSet
from inhouse.server.services.scheduler import Scheduler

if TYPE_CHECKING:
    from inhouse.models.artifact import Artifact
    from inhouse.server.services.base import Answer, Call
    from inhouse.server.services.crew import Crew
    from inhouse.storage.services import Version

_GRACE_SECONDS = 30.0
_MB = 1_000_000
_STREAMED = frozenset({"chat"})


class ModelTarget(Target):
    """Answers calls of one version of a model.

    Args:
        service: its name.
        version: how it was published.
        folder: the artifact.
        crew: what runs it.

    Raises:
        ModelError: the artifact's description cannot be read.

    """

    def __init__(self, service: str, version: Version, folder: Path, crew: Crew) -> None:
        artifact = open_artifact(folder)
        self.card = _card(artifact)
        self._folder = folder
        self._trust = crew.trust
        self._wanted = _size(artifact) * version.replicas
        name = f"{service}-{version.number}"
        self._replicas = ReplicaSet(name, lambda place: crew.process(name, folder, place), version.replicas)
        most = version.max_batch or artifact.max_batch
        if not any(field.rows for field in artifact.fields_in):
            most = 1
        batcher = Batcher(most, version.max_delay_ms / 1000, version.max_waiting)
        self._scheduler = Scheduler(version.number, batcher, self._replicas)
        self._replicas.changed = self._scheduler.changed

    # -- loading ------------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Check the artifact against its receipt, and start its processes.

        Raises:
            ReceiptError: it is not what was published.
            WorkerStartError: a process cannot be started.

        """
        if self.state == "ready":
            return
        self.state = "loading"
        try:
            await asyncio.to_thread(lambda: verify_artifact(self._folder, self._trust()))
            self._scheduler.open()
            await self._replicas.start()
        except BaseException:
            self.state = "failed"
            raise
        self._wanted = max(self._replicas.nbytes, 1)
        self.state = "ready"

    async def unload(self) -> None:
        """Let calls end, and end the processes."""
        if self.state == "unloaded":
            return
        self.state = "unloaded"
        await self._scheduler.drain(_GRACE_SECONDS)
        await self._replicas.close(_GRACE_SECONDS)

    @property
    def nbytes(self) -> int:
        """How many bytes of memory its processes take."""
        return self._replicas.nbytes

    @property
    def wanted(self) -> int:
        """How many bytes it took when it was loaded last; before, what its receipt says or its file is large."""
        return self._wanted

    @property
    def stats(self) -> Mapping[str, Any]:
        """Return its processes, batches and who waits."""
        batcher = self._scheduler.batcher
        tally = batcher.tally
        return {
            "replicas": [replica.process.pid for replica in self._replicas.alive],
            "restarts": self._replicas.restarts,
            "waiting": batcher.rows,
            "computing": self._scheduler.computing,
            "batches": tally.batches,
            "rows": tally.rows,
            "mean_batch": round(tally.rows / tally.batches, 2) if tally.batches else 0.0,
            "seconds": round(tally.seconds, 6),
            "shed": tally.shed,
            "expired": tally.expired,
            "retried": tally.retried,
            "problem": self._replicas.problem,
        }

    # -- calls --------------------------------------------------------------------------------------------------------

    async def call(self, call: Call) -> Answer:
        """Answer a call, with others' in one batch.

        Raises:
            OverloadedError, DeadlineError: it could not be begun in time.
            ServiceError: the process that computed it died, twice; or none can be started.
            InhouseError: it failed.

        """
        return await self._scheduler.call(call)

    def stream(self, call: Call) -> AsyncIterator[Mapping[str, Any]]:
        """Answer a call piece by piece, on a process that does nothing else meanwhile.

        Raises:
            ServiceConflictError: it does not stream.
            InhouseError: as ``call``.

        """
        if not self.card.streams:
            raise ServiceConflictError(f"Service {call.service!r} does not stream.", hint="Ask for the whole answer.")
        return self._scheduler.stream(call)


def _card(artifact: Artifact) -> Card:
    return Card(
        artifact.fields_in,
        artifact.fields_out,
        artifact.task,
        str(artifact.facts.get("description", "")),
        artifact.task in _STREAMED,
        artifact.max_batch,
    )


def _size(artifact: Artifact) -> int:
    """Return how many bytes a process with the model will take, as its receipt says, or more than its files have."""
    files = sum(path.stat().st_size for path in artifact.model.parent.iterdir() if path.is_file())
    try:
        measured = read_receipt(artifact.folder / RECEIPT).after.memory_mb
    except ReceiptError:  # which is said when it is loaded
        measured = 0.0
    return max(int(measured * _MB), files)
