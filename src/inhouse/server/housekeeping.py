"""Housekeeping: what has to be done from time to time while a gateway runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.errors import InhouseError, WorkerLostError

if TYPE_CHECKING:
    from inhouse.server.dispatcher import Dispatcher
    from inhouse.server.metrics import Metrics
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.retention import Retention
    from inhouse.workers.pool import Pool

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 5.0
_LEASE_SECONDS = 20.0
_SWEEP_SECONDS = 600.0


@dataclass(slots=True)
class Housekeeping:
    """Asks workers how they are, renews what runs hold, and deletes what is too old.

    Attributes:
        ledger: the runs.
        dispatcher: knows which run.
        pool: the workers.
        metrics: hear how workers are.
        retention: deletes.
        sweepers: delete what else is too old.
        stats: what each worker said last, by name.

    """

    ledger: Ledger
    dispatcher: Dispatcher
    pool: Pool
    metrics: Metrics
    retention: Retention
    sweepers: Sequence[Callable[[], Awaitable[None]]] = ()
    stats: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin, on the running event loop."""
        duties = ((self._look, _LOOK_SECONDS), (self._renew, _LEASE_SECONDS), (self._sweep, _SWEEP_SECONDS))
        self._tasks = [asyncio.create_task(_again(duty, seconds)) for duty, seconds in duties]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        for worker in self.pool.workers:
            if not worker.ready:
                continue
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    stats = await worker.ask("stats")
            except (WorkerLostError, TimeoutError):
                continue
            self.stats[worker.name] = stats
            self.metrics.devices(worker.name, stats.get("devices", ()))
            self.metrics.worker_totals(worker.name, stats.get("counts", {}))

    async def _renew(self) -> None:
        held = [run.id for run in self.dispatcher.live()]
        if held:
            self.ledger.extend(held, time.time() + 3 * _LEASE_SECONDS)

    async def _sweep(self) -> None:
        swept = await self.retention.sweep(time.time())
        if swept.files:
            self.dispatcher.files_deleted()
        if swept.runs:
            _LOG.info("Deleted %d old runs and %d files (%d bytes)", swept.runs, swept.files, swept.bytes)
        for sweep in self.sweepers:
            await sweep()


async def _again(duty: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do a duty now and then; one that fails is done again, too."""
    while True:
        try:
            await duty()
        except InhouseError as error:
            _LOG.warning("Housekeeping: %s", error)
        await asyncio.sleep(seconds)
