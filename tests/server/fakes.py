"""A gateway's core without processes: workers that do what a test says, storage that can be full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from starlette.websockets import WebSocket

from inhouse.engine.events import Event, NodeFinished, NodesCached, NodeStarted, RunFinished, RunStarted
from inhouse.engine.registry import Registry
from inhouse.errors import StorageFullError, WorkerLostError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under
from inhouse.plugins import build_registry, load_packs
from inhouse.server.catalogue import NodeCatalogue
from inhouse.server.dispatcher import Dispatcher
from inhouse.server.fair_queue import FairQueue
from inhouse.server.hub import Hub, Socket
from inhouse.server.identity import Identity
from inhouse.server.messenger import Messenger
from inhouse.server.metrics import Metrics
from inhouse.server.runs import Runs
from inhouse.server.user_folders import UserFolders
from inhouse.storage.ledger import Ledger, open_ledger
from inhouse.storage.records import Conclusion, RunRecord, Submission
from inhouse.workers.base import Description, Job, Listener, PackMessage, Worker
from inhouse.workers.pool import Pool
from inhouse.workers.session import choice_sources

T = TypeVar("T")
DEADLINE = 60.0
"""Seconds after which what hangs fails."""


def go(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(work, DEADLINE))


class FakeWorker(Worker):
    """Takes jobs, and lets a test say what becomes of them; one that is doomed dies of the next it is offered."""

    def __init__(self, name: str = "one", capacity: int = 1) -> None:
        super().__init__(name, capacity)
        self.doomed = False
        self.jobs: list[Job] = []
        self.cancelled: list[str] = []
        self.asked: list[str] = []
        self._listener: Listener | None = None

    async def start(self, listener: Listener) -> Description:
        self._listener, self.ready = listener, True
        return Description(1)

    def submit(self, job: Job) -> None:
        if self.doomed:
            self.ready = self.doomed = False
        if not self.ready:
            raise WorkerLostError("It is dead.")
        self.jobs.append(job)
        self.running[job.run_id] = None

    def cancel(self, run_id: str) -> None:
        if run_id in self.running:
            self.cancelled.append(run_id)

    async def ask(self, question: str, **_: Any) -> Any:
        self.asked.append(question)
        return {}

    async def close(self, grace: float) -> None:  # noqa: ARG002 - the port's
        self.ready = False

    # -- what a test says --------------------------------------------------------------------------------------------

    @property
    def first(self) -> str:
        """The run that it was given first, of those that it has; empty if it has none."""
        return next(iter(self.running), "")

    def tell(self, *events: Event, run_id: str = "") -> None:
        """Have these happen in a run: that which it was given first, or had last, unless another is named."""
        assert self._listener is not None
        run_id = run_id or self.first or self.jobs[-1].run_id
        if isinstance(events[-1], RunFinished):
            self.running.pop(run_id, None)
        self._listener.happened(self, run_id, events)

    def begin(self, run_id: str = "") -> None:
        """Have the first node begin."""
        self.tell(RunStarted(run_id or self.first), NodesCached(()), NodeStarted("1", "1"), run_id=run_id)

    def end(self, status: str = "success", run_id: str = "") -> None:
        """Have a run end, whatever it had done."""
        done = NodeFinished("1", "1", {"text": ["1"]}, 0.0, cached=False)
        self.tell(done, RunFinished(run_id or self.first, status), run_id=run_id)

    def say(self, message: PackMessage) -> None:
        """Have a pack say something."""
        assert self._listener is not None
        self._listener.told(self, message)

    def die(self, error: WorkerLostError | None = None) -> None:
        """Be gone, without a word about what it ran."""
        assert self._listener is not None
        self.ready = False
        self.running.clear()
        self._listener.lost(self, error or WorkerLostError("It was killed."))


class Disk:
    """A ledger whose disk is full while ``full`` is set; tells whoever asks how often it was."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.full = False
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def submit(self, run: Submission) -> int:
        self._check()
        return await self._ledger.submit(run)

    async def conclude(self, conclusion: Conclusion) -> None:
        self._check()
        await self._ledger.conclude(conclusion)

    async def cancel(self, run_ids: Sequence[str], finished: float) -> None:
        self._check()
        await self._ledger.cancel(run_ids, finished)

    async def get(self, run_id: str) -> RunRecord | None:
        self._check()
        return await self._ledger.get(run_id)

    def _check(self) -> None:
        if self.full:
            self.refused += 1
            raise StorageFullError("There is no room.")


class Core:
    """What decides about runs, put together as a gateway does."""

    def __init__(
        self, root: Path, ledger: Ledger, registry: Registry, workers: Sequence[FakeWorker], attempts: int, room: int
    ) -> None:
        self.disk, self.queue, self.hub = Disk(ledger), FairQueue(room), Hub()
        folders = UserFolders(*(root / name for name in ("input", "output", "temp", "state")))
        self.messenger = Messenger(self.hub, self._remaining)
        self.metrics, stored = Metrics(), self.disk
        self.ended: list[str] = []
        self.dispatcher = Dispatcher(
            stored,  # type: ignore[arg-type] # as good as one
            self.queue,
            self.messenger,
            folders,
            self.metrics,
            attempts=attempts,
        )
        self.dispatcher.endings.on_end = self.ended.append
        catalogue = NodeCatalogue(registry, ModelCatalogue(layout_under(root / "models")), lambda *_: True)
        self.runs = Runs(
            stored,  # type: ignore[arg-type] # as good as one
            self.queue,
            self.dispatcher,
            self.messenger,
            catalogue,
            folders,
            self.metrics,
        )
        self.workers = workers
        self.worker = self.workers[0]
        self.pool = Pool(self.workers, self.dispatcher, ready=lambda *_: self.dispatcher.dispatch(), first_wait=0.0)

    async def accept(self, user: str = "ann", *, key: str | None = None, value: int = 1, **body: Any) -> str:
        """Have a workflow accepted, and return its run's id."""
        return (await self.runs.accept(Identity(user), {"prompt": workflow(value), **body}, key)).prompt_id

    def hear(self, user: str = "ann", client: str = "canvas") -> Callable[[], list[dict[str, Any]]]:
        """Open a socket that nobody reads, and return what shows what waits for it."""
        socket = Socket(WebSocket({"type": "websocket"}, _nothing, _nothing), user, client)
        self.hub.enter(socket)
        return lambda: [orjson.loads(frame) for frame, _ in socket._frames]

    def _remaining(self, user: str) -> int:
        return self.runs.remaining(user)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let others work until something is so."""
        while not condition():  # noqa: ASYNC110 - what a test waits for has no event of its own
            await asyncio.sleep(0.001)

    async def listing(self, user: str = "ann") -> dict[str, list[str]]:
        """Return the ids of what runs and of what waits of a user."""
        listed = orjson.loads(await self.runs.listing(Identity(user)))
        return {name: [item[1] for item in items] for name, items in listed.items()}

    async def state(self, run_id: str) -> str:
        """Return where a run stands in storage."""
        record = await self.disk._ledger.get(run_id)
        assert record is not None
        return str(record.state)


def workflow(value: int = 1) -> dict[str, Any]:
    return {
        "0": {"class_type": "PrimitiveInt", "inputs": {"value": value}},
        "1": {"class_type": "PreviewAny", "inputs": {"source": ["0", 0]}},
    }


@asynccontextmanager
async def core(
    root: Path, *, workers: int = 1, capacity: int = 1, attempts: int = 2, room: int = 1 << 25
) -> AsyncIterator[Core]:
    """Return a core at work.

    Args:
        root: its folder.
        workers: how many there are.
        capacity: how many runs each has at once.
        attempts: how many may die of a run.
        room: bytes of workflows that are held in memory.

    """
    models = ModelCatalogue(layout_under(root / "models"))
    folders = Folders(root / "input", root / "output", root / "temp")
    registry = build_registry(load_packs(), choice_sources(models, folders))
    (root / "state").mkdir(exist_ok=True)
    ledger = open_ledger("", root / "state")
    idle = [FakeWorker(f"worker-{number}", capacity) for number in range(workers)]
    made = Core(root, ledger, registry, idle, attempts, room)
    try:
        await made.runs.restore()
        made.dispatcher.serve(made.pool)
        await made.pool.start()
        yield made
        made.disk.full = False
        await made.dispatcher.settle()
    finally:
        await made.pool.close(0)
        await ledger.close()


async def _nothing(*_: Any) -> Any:
    """Do nothing: these sockets are never read."""
