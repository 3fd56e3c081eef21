"""The pack desk: asks a worker on behalf of threads that check workflows and describe nodes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from inhouse.errors import InhouseError, WorkerLostError
from inhouse.server.endpoints import Endpoints
from inhouse.workers.base import Description, PackDescription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from inhouse.workers.base import Worker
    from inhouse.workers.pool import Pool

_LOG = logging.getLogger(__name__)
_SECONDS = 10.0


class PackDesk:
    """Asks the first worker that is ready. ``check`` and ``renew`` block, and are for other threads than the loop's."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._routes: dict[str, tuple[Path, Endpoints]] = {}
        self._changing: set[str] = set()

    def open(self, pool: Pool) -> None:
        """Begin to ask the workers of a pool, on the running event loop."""
        self._pool, self._loop = pool, asyncio.get_running_loop()

    def introduce(self, worker: Worker, description: Description) -> None:
        """Remember where the routes of a worker's packs are served, and whether they change requests."""
        self._routes.pop(worker.name, None)
        self._changing.discard(worker.name)
        if description.changes_prompts:
            self._changing.add(worker.name)
        if description.routes is not None:
            self._routes[worker.name] = (description.routes, Endpoints(description.endpoints))

    def served(self) -> tuple[Path, Endpoints] | None:
        """Return on which socket routes of custom packs are served now, and which; None where none are."""
        worker = self._worker()
        return self._routes.get(worker.name) if worker is not None else None

    async def changed(self, body: Any) -> Any:
        """Return the body of a request to run a workflow as packs change it; where none can be asked, as it is."""
        worker = (
            next((w for w in self._pool.workers if w.ready and w.name in self._changing), None) if self._pool else None
        )
        if worker is None:
            return body
        try:
            async with asyncio.timeout(_SECONDS):
                return await worker.ask("on_prompt", body=body)
        except (InhouseError, TimeoutError) as error:
            _LOG.warning("Custom packs could not look at a request to run a workflow: %s", error)
            return body

    def on_loop(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a function called on the event loop, from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def check(self, node: str, inputs: Mapping[str, Any]) -> bool | str:
        """Return what a node's own check says of literal inputs: True, or what is wrong.

        Raises:
            WorkerLostError: there is no worker to ask.

        """
        answer: bool | str = self._ask("check", node=node, inputs=dict(inputs))
        return answer

    def renew(self) -> Sequence[PackDescription]:
        """Return the packs as a worker describes them now.

        Raises:
            WorkerLostError: there is no worker to ask.

        """
        answer = self._ask("describe")
        return (
            answer.packs if isinstance(answer, Description) else [PackDescription(**pack) for pack in answer["packs"]]
        )

    def _ask(self, question: str, **details: Any) -> Any:
        worker = self._worker()
        if worker is None or self._loop is None:
            raise WorkerLostError("There is no worker to ask.", hint="One is being started; try again.")
        asked = asyncio.run_coroutine_threadsafe(worker.ask(question, **details), self._loop)
        try:
            return asked.result(_SECONDS)
        except TimeoutError:
            asked.cancel()
            raise WorkerLostError(f"Worker {worker.name} does not answer.", hint="Try again.") from None

    def _worker(self) -> Worker | None:
        return next((worker for worker in self._pool.workers if worker.ready), None) if self._pool else None
