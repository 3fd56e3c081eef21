"""The lane where asynchronous nodes run: one event loop in one thread, started when first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from inhouse.errors import InterruptedRunError, NodeExecutionError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Sequence


class AsyncLane:
    """An event loop in a thread of its own; ``close`` ends both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._running: dict[asyncio.Task[Any], object] = {}

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop, from any thread; it must deal with its own errors."""
        import asyncio

        asyncio.run_coroutine_threadsafe(work, self._running_loop())

    async def gather(self, run: object, works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run coroutines of nodes side by side and return their results; when this ends, all have ended.

        Args:
            run: whose they are; ``cancel`` finds them by it.
            works: the coroutines; the first that fails ends the others.

        Raises:
            InterruptedRunError: they were cancelled.
            NodeExecutionError: one tried to end the program.

        """
        import asyncio

        tasks = [asyncio.ensure_future(_contained(work)) for work in works]
        self._running.update(dict.fromkeys(tasks, run))
        try:
            return await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            if any(task.cancelling() for task in tasks):
                raise InterruptedRunError from None
            raise NodeExecutionError("The node gave up on a task of its own that was cancelled.") from None
        finally:
            for task in tasks:
                self._running.pop(task, None)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def cancel(self, run: object) -> None:
        """Cancel the nodes that now run for a run, each once, from any thread."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._cancel, run)

    def close(self) -> None:
        """Cancel what still runs, stop the loop and wait for its thread."""
        import asyncio

        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._drain(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _cancel(self, run: object) -> None:
        for task, owner in tuple(self._running.items()):
            if owner is run:
                del self._running[task]
                task.cancel()

    async def _drain(self) -> None:
        import asyncio

        for task in tuple(self._running):
            task.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="inhouse-async", daemon=True)
                self._thread.start()
            return self._loop


async def _contained(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:  # either would end the loop, and every run with it
        raise NodeExecutionError(f"The node tried to end the program: {error!r}.") from error
