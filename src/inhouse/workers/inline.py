"""A worker in the gateway's own process: for tests, and for who has one user and trusts every node."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from inhouse.compat.prompt_server import PackHost
from inhouse.engine.events import RunFinished
from inhouse.errors import InhouseError, WorkerLostError, WorkerStartError
from inhouse.workers.answers import Answers
from inhouse.workers.base import PackMessage, Worker
from inhouse.workers.messages import Happened, Told
from inhouse.workers.outbox import Outbox
from inhouse.workers.pack_routes import PackRoutes
from inhouse.workers.runner import Runner
from inhouse.workers.session import worker_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.engine.events import Event
    from inhouse.workers.base import Description, Job, Listener
    from inhouse.workers.config import WorkerConfig
    from inhouse.workers.messages import Message

_PARTING = 5.0


class InlineWorker(Worker):
    """Runs jobs in threads.

    It cannot be killed: a node that never ends keeps it busy, and one that crashes takes the gateway along.

    Args:
        name: unique in a gateway.
        config: what it is to be; ``silence``, ``grace``, ``warm`` and ``environment`` mean nothing here.

    """

    def __init__(self, name: str, config: WorkerConfig) -> None:
        super().__init__(name, config.runs_at_once)
        self.config = config
        self._stack = ExitStack()
        self._listener: Listener | None = None
        self._outbox: Outbox | None = None
        self._runner: Runner | None = None
        self._answers: Answers | None = None
        self._routes: PackRoutes | None = None
        self._idle = asyncio.Event()
        self._packs = PackHost()

    async def start(self, listener: Listener) -> Description:
        """Load packs and models' names; see ``Worker.start``."""
        self._listener = listener
        self._outbox = Outbox(asyncio.get_running_loop(), self._deliver)
        config = self.config
        host = self._packs = PackHost(say=self._say, loop=asyncio.get_running_loop())
        session = worker_session(config, host)
        try:
            opened = await asyncio.to_thread(self._stack.enter_context, session)
        except InhouseError as error:
            raise WorkerStartError(f"Worker {self.name} cannot be started: {error}") from error
        self._answers = Answers(opened)
        self._runner = Runner(opened, config.state / "claims", self._tell, at_once=self.capacity)
        self._routes = PackRoutes(opened, self.name, config.state / "sockets")
        description = await self._routes.open(self._answers.describe())
        self.ready = True
        return description

    def submit(self, job: Job) -> None:
        """Run a job; see ``Worker.submit``."""
        if self._runner is None:
            raise WorkerLostError(f"Worker {self.name} is not there.")
        self.running[job.run_id] = None
        self._idle.clear()
        self._runner.submit(job)

    def cancel(self, run_id: str) -> None:
        """Stop a run; see ``Worker.cancel``."""
        if self._runner is not None:
            self._runner.cancel(run_id)

    async def ask(self, question: str, **details: Any) -> Any:
        """Ask something; see ``Worker.ask``."""
        if self._answers is None:
            raise WorkerLostError(f"Worker {self.name} is not there.")
        return await asyncio.to_thread(self._answers.answer, question, details)

    async def close(self, grace: float) -> None:
        """Let running jobs end for ``grace`` seconds, then cancel them; a node that does not stop is left behind."""
        runner, self._runner, self._answers, self.ready = self._runner, None, None, False
        if runner is None:
            return
        if not await self._ended(grace):
            for run_id in tuple(self.running):
                runner.cancel(run_id)
            await self._ended(_PARTING)
        self._listener = None
        if self._routes is not None:
            await self._routes.close()
        if await asyncio.to_thread(runner.close, 0 if self.running else _PARTING):
            await asyncio.to_thread(self._stack.close)

    async def _ended(self, seconds: float) -> bool:
        if not self.running:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _tell(self, run_id: str, event: Event) -> None:
        if self._outbox is not None:
            self._outbox.put(Happened(run_id, (event,)))

    def _say(self, event: str | int, data: Any, client_id: str | None) -> None:
        if self._outbox is not None:
            self._outbox.put(Told(PackMessage(event, data, client_id, self._packs.speaking)))

    def _deliver(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if isinstance(message, Happened):
                if isinstance(message.events[-1], RunFinished):
                    self.running.pop(message.run_id, None)
                    if not self.running:
                        self._idle.set()
                if self._listener is not None:
                    self._listener.happened(self, message.run_id, message.events)
            elif isinstance(message, Told) and self._listener is not None:
                self._listener.told(self, message.message)
