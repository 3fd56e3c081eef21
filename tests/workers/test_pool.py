"""A pool keeps its workers alive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.workers.kit import Ear, config, go, job, ready

from inhouse.errors import WorkerLostError, WorkerStartError
from inhouse.workers.base import Description, Job, Listener, Worker
from inhouse.workers.pool import Backoff, Pool
from inhouse.workers.process import ProcessWorker


class Puppet(Worker):
    """A worker that does as the test says."""

    def __init__(self, name: str, failures: int = 0) -> None:
        super().__init__(name)
        self.failures = failures
        self.starts = 0
        self.closed: float | None = None
        self.listener: Listener

    async def start(self, listener: Listener) -> Description:
        self.starts += 1
        self.listener = listener
        if self.starts <= self.failures:
            raise WorkerStartError(f"{self.name} fails.")
        self.ready = True
        return Description(self.starts)

    def submit(self, job: Job) -> None:
        self.running[job.run_id] = None

    def cancel(self, run_id: str) -> None:
        """Do nothing."""

    async def ask(self, question: str, **details: Any) -> Any:
        """Know nothing."""

    async def close(self, grace: float) -> None:
        self.closed, self.ready = grace, False

    def die(self) -> None:
        self.ready = False
        self.running.clear()
        self.listener.lost(self, WorkerLostError(f"{self.name} died."))


def test_free_are_those_that_are_ready_and_have_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        one, two, three = Puppet("one"), Puppet("two"), Puppet("three", failures=99)
        pool = Pool([one, two, three], Ear(), first_wait=60)
        await pool.start()
        assert pool.free() == [one, two]
        one.submit(job(tmp_path))
        assert pool.free() == [two]
        assert pool.problems.keys() == {"three"}
        await pool.close(7)
        assert [worker.closed for worker in (one, two, three)] == [7, 7, 7]

    go(work())


def test_one_that_dies_is_told_of_and_started_again() -> None:
    async def work() -> None:
        worker, ear, said = Puppet("one"), Ear(), list[tuple[str, int]]()
        pool = Pool([worker], ear, ready=lambda worker, it: said.append((worker.name, it.pid)), first_wait=0.001)
        await pool.start()
        for _ in range(3):
            worker.die()
            assert pool.free() == []
            await ready(worker)
        assert said == [("one", 1), ("one", 2), ("one", 3), ("one", 4)]
        assert (pool.restarts["one"], len(ear.losses), pool.descriptions["one"].pid) == (3, 3, 4)
        await pool.close(0)

    go(work())


def test_one_that_cannot_be_started_is_tried_until_it_can() -> None:
    async def work() -> None:
        sound, sick = Puppet("sound"), Puppet("sick", failures=3)
        pool = Pool([sound, sick], Ear(), first_wait=0.001)
        await pool.start()
        await ready(sick)
        assert sick.starts == 4
        assert pool.problems == {}
        await pool.close(0)

    go(work())


def test_waits_double_up_to_the_longest_and_a_long_life_forgives() -> None:
    backoff = Backoff(first=1, longest=5)
    assert [backoff.after(life) for life in (0, 0, 1, 2, 3600, 0)] == [1, 2, 4, 5, 0, 1]


def test_if_none_can_be_started_the_first_reason_is_raised_and_all_are_tried_again() -> None:
    async def work() -> None:
        one, two = Puppet("one", failures=2), Puppet("two", failures=9)
        pool = Pool([one, two], Ear(), first_wait=0.001)
        with pytest.raises(WorkerStartError, match="one fails"):
            await pool.start()
        await ready(one)
        await pool.close(0)

    go(work())


def test_a_pool_of_none_is_a_pool() -> None:
    async def work() -> None:
        pool = Pool([], Ear())
        await pool.start()
        assert pool.free() == []
        await pool.close(0)

    go(work())


def test_a_real_process_comes_back_after_each_death(tmp_path: Path) -> None:
    async def work() -> None:
        ear = Ear()
        pool = Pool([ProcessWorker("cpu-0", config(tmp_path))], ear, first_wait=0.001)
        await pool.start()
        [worker] = pool.free()
        for death in (1, 2):
            worker.submit(job(tmp_path, ("Exit", "1"), run_id=f"death {death}"))
            await ear.loss(death)
            await ready(worker)
        worker.submit(job(tmp_path, ("Echo", "alive")))
        assert await ear.end() == "success"
        await pool.close(5)

    go(work())
