"""What tests of workers share: folders, jobs, and an ear for what workers tell."""

from __future__ import annotations

import asyncio
import json
import os
import select
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from inhouse.engine.events import Event, NodeFinished, RunFinished
from inhouse.errors import WorkerLostError
from inhouse.files import Folders
from inhouse.workers.base import Job, PackMessage, Worker
from inhouse.workers.config import WorkerConfig
from inhouse.workers.session import Places

T = TypeVar("T")
PACKS = Path(__file__).parent / "packs"
DEADLINE = 60.0
"""Seconds after which what hangs fails."""


def go(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(work, DEADLINE))


def config(root: Path, **changes: Any) -> WorkerConfig:
    """Return what a worker is to be, with the hostile pack and all folders below one."""
    places = Places(root / "models", root / "input", root / "output", PACKS)
    return replace(WorkerConfig(places, root / "state", warm=False), **changes)


def job(root: Path, *nodes: tuple[str, Any], run_id: str = "run", **changes: Any) -> Job:
    """Return a job of nodes called 1, 2, ..., each a class and its input ``v`` or all its inputs; all are targets."""
    workflow = {
        str(number): {"class_type": kind, "inputs": given if isinstance(given, dict) else {"v": given}}
        for number, (kind, given) in enumerate(nodes, 1)
    }
    folders = Folders(root / "input", root / "output", root / "temp")
    made = Job(run_id, "somebody", json.dumps(workflow), "{}", tuple(workflow), folders)
    return replace(made, **changes)


class Ear:
    """Hears a worker, and waits for what it is to say."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Event]] = []
        self.frames: list[tuple[str, int]] = []
        self.messages: list[PackMessage] = []
        self.losses: list[tuple[Worker, WorkerLostError]] = []
        self.order: list[str] = []
        self._news = asyncio.Event()

    def happened(self, worker: Worker, run_id: str, events: Sequence[Event]) -> None:
        self.heard += [(run_id, event) for event in events]
        self.frames.append((run_id, len(events)))
        if isinstance(events[-1], RunFinished):
            assert run_id not in worker.running, "a worker has done with a run before its listener hears of its end"
            self.order.append(f"{run_id} {events[-1].status}")
        self._news.set()

    def told(self, worker: Worker, message: PackMessage) -> None:  # noqa: ARG002 - the port's signature
        self.messages.append(message)
        self._news.set()

    def lost(self, worker: Worker, error: WorkerLostError) -> None:
        assert not worker.free
        self.losses.append((worker, error))
        self.order.append("lost")
        self._news.set()

    def events(self, run_id: str = "run") -> list[Event]:
        return [event for heard_id, event in self.heard if heard_id == run_id]

    def status(self, run_id: str = "run") -> str:
        """Return how a run ended; empty if it has not."""
        return next((event.status for event in self.events(run_id) if isinstance(event, RunFinished)), "")

    def shown(self, run_id: str = "run") -> list[Any]:
        """Return the texts that a run's nodes showed."""
        finished = [event for event in self.events(run_id) if isinstance(event, NodeFinished)]
        return [event.ui["text"][0] for event in finished if event.ui is not None]

    async def end(self, run_id: str = "run") -> str:
        """Wait for the end of a run and return how it ended."""
        while not (status := self.status(run_id)):
            await self._more()
        return status

    async def loss(self, count: int = 1) -> WorkerLostError:
        """Wait until workers have died so often, and return the last error."""
        while len(self.losses) < count:
            await self._more()
        return self.losses[-1][1]

    async def message(self, count: int = 1) -> None:
        """Wait until packs have said so much."""
        while len(self.messages) < count:
            await self._more()

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()


async def ran(worker: Worker, ear: Ear, given: Job) -> str:
    """Run a job and return how it ended."""
    worker.submit(given)
    return await ear.end(given.run_id)


async def there(path: Path) -> str:
    """Wait for a file that has something in it, and return that."""
    while not (text := _content(path)):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)
    return text


async def ready(worker: Worker) -> None:
    """Wait until a pool has a worker ready."""
    while not worker.ready:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    """Wait for the end of a process of somebody else's; return whether it came."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], DEADLINE)[0])
    finally:
        os.close(handle)


def _content(path: Path) -> str:
    return path.read_text() if path.exists() else ""
