"""Workers are killed at random while they work: every run ends once, and no file is there twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.workers.kit import config, job

from inhouse.engine.events import Event, RunFinished
from inhouse.errors import WorkerLostError
from inhouse.workers.base import Description, Job, PackMessage, Worker
from inhouse.workers.pool import Pool
from inhouse.workers.process import ProcessWorker

RUNS = 300
KILLS = 20


class Gateway:
    """Gives jobs to workers, and those of a dead worker to the next one."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.waiting = list(jobs)
        self.held: dict[str, Job] = {}
        self.ended: list[tuple[str, str]] = []
        self.done = asyncio.Event()
        self.total = len(jobs)
        self.pool: Pool

    def ready(self, worker: Worker, _: Description) -> None:
        self.give(worker)

    def give(self, worker: Worker) -> None:
        while self.waiting and worker.free:
            self.held[worker.name] = self.waiting.pop(0)
            worker.submit(self.held[worker.name])

    def happened(self, worker: Worker, run_id: str, events: Sequence[Event]) -> None:
        if isinstance(end := events[-1], RunFinished):
            assert self.held.pop(worker.name).run_id == run_id
            self.ended.append((run_id, end.status))
            if len(self.ended) == self.total:
                self.done.set()
            self.give(worker)

    def told(self, worker: Worker, message: PackMessage) -> None:
        raise AssertionError(f"{worker.name} said {message}")

    def lost(self, worker: Worker, error: WorkerLostError) -> None:
        assert "killed" in str(error)
        if (again := self.held.pop(worker.name, None)) is not None:
            self.waiting.insert(0, replace(again, attempt=again.attempt + 1))


def pictures(root: Path, number: int) -> Job:
    """Return a job that writes three pictures of a colour of its own."""
    return job(
        root,
        ("EmptyImage", {"width": 64, "height": 64, "batch_size": 3, "color": number}),
        ("SaveImage", {"images": ["1", 0], "filename_prefix": "run"}),
        run_id=f"{number}",
        targets=("2",),
    )


@pytest.mark.soak
def test_every_run_ends_once_and_leaves_its_files_once(tmp_path: Path) -> None:
    chance = random.Random(7)

    async def work() -> Gateway:
        gateway = Gateway([pictures(tmp_path, number) for number in range(1, RUNS + 1)])
        workers = [ProcessWorker(f"cpu-{number}", config(tmp_path)) for number in (0, 1)]
        pool = gateway.pool = Pool(workers, gateway, ready=gateway.ready, first_wait=0.001, longest_wait=0.001)
        await pool.start()
        while pool.restarts.total() < KILLS and not gateway.done.is_set():
            await asyncio.sleep(chance.uniform(0, 0.05))
            worker = chance.choice(workers)
            if worker.running:
                os.kill(pool.descriptions[worker.name].pid, signal.SIGKILL)
        await gateway.done.wait()
        await pool.close(10)
        assert pool.restarts.total() >= KILLS
        return gateway

    gateway = asyncio.run(asyncio.wait_for(work(), 600))
    assert sorted(gateway.ended) == sorted((f"{number}", "success") for number in range(1, RUNS + 1))
    files = sorted((tmp_path / "output").iterdir())
    assert not [path for path in files if path.name.startswith(".")], "what was half-written"
    colours = []
    for path in files:
        with Image.open(path) as picture:
            red, green, blue = picture.convert("RGB").getpixel((0, 0))  # type: ignore[misc] # three, as it is RGB
            colours.append(red << 16 | green << 8 | blue)
    assert sorted(colours) == sorted(number for number in range(1, RUNS + 1) for _ in range(3))
