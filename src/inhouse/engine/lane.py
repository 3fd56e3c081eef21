"""The lane where asynchronous nodes run: one event loop in one thread, started when first needed."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine


class AsyncLane:
    """An event loop in a thread of its own; ``close`` ends both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[str, set[asyncio.Task[Any]]] = defaultdict(set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop, from any thread."""
        import asyncio

        asyncio.run_coroutine_threadsafe(work, self._running_loop())

    def task(self, run_id: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a node's own coroutine as a task that ``cancel`` reaches; only from the loop's thread."""
        import asyncio

        task = asyncio.get_running_loop().create_task(work)
        self._tasks[run_id].add(task)
        task.add_done_callback(self._tasks[run_id].discard)
        return task

    def cancel(self, run_id: str) -> None:
        """Cancel what still runs for a run, from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, run_id)

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _cancel(self, run_id: str) -> None:
        for task in tuple(self._tasks.get(run_id, ())):
            task.cancel()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="inhouse-async", daemon=True)
                self._thread.start()
            return self._loop
