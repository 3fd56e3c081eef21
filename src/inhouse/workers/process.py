"""A worker that is a process of its own: it may crash, hang or be killed, and the gateway stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.errors import WorkerLostError
from inhouse.workers.base import Worker
from inhouse.workers.life import Life

if TYPE_CHECKING:
    from inhouse.workers.base import Description, Job, Listener
    from inhouse.workers.config import WorkerConfig


class ProcessWorker(Worker):
    """Runs jobs in a process of its own.

    A run that was cancelled and does not end within ``config.grace`` is ended with its process: the listener hears
    that it was interrupted, and then that the worker is lost.

    Args:
        name: unique in a gateway; its log in ``config.state`` is called so.
        config: what it is to be.

    """

    def __init__(self, name: str, config: WorkerConfig) -> None:
        super().__init__(name, config.runs_at_once)
        self.config = config
        self._life: Life | None = None

    async def start(self, listener: Listener) -> Description:
        """Start the process and wait until it is ready; see ``Worker.start``."""
        life = Life(self, self.config, listener)
        description = await life.begin()
        self._life = life
        return description

    def submit(self, job: Job) -> None:
        """Run a job; see ``Worker.submit``."""
        self._living().submit(job)

    def cancel(self, run_id: str) -> None:
        """Stop a run; see ``Worker.cancel``."""
        if self._life is not None:
            self._life.cancel(run_id)

    async def ask(self, question: str, **details: Any) -> Any:
        """Ask something; see ``Worker.ask``."""
        return await self._living().ask(question, details)

    async def close(self, grace: float) -> None:
        """Let running jobs end for ``grace`` seconds, then end the process; the listener hears of no loss."""
        if self._life is not None:
            await self._life.leave(grace)

    def _living(self) -> Life:
        if self._life is None:
            raise WorkerLostError(f"Worker {self.name} was never started.", hint="Start it.")
        return self._life
