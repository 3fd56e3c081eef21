"""Tasks: what is done on the side, of which nobody waits for one in particular."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from inhouse.errors import InhouseError

if TYPE_CHECKING:
    from collections.abc import Coroutine

_LOG = logging.getLogger(__name__)


class Tasks:
    """Keeps tasks until they are done; the log hears of those that fail."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done."""
        task = asyncio.ensure_future(work)
        self._open.add(task)
        task.add_done_callback(self._finished)
        return task

    async def settle(self) -> None:
        """Wait until all is done, and what that started, too."""
        while self._open:
            await asyncio.wait(tuple(self._open))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            level = logging.WARNING if isinstance(error, InhouseError) else logging.ERROR
            _LOG.log(level, "The gateway met an error", exc_info=error)
