from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.published import FakeProcesses, call, hurried, settle

from inhouse.errors import DeadlineError, NodeInputError, ServiceError, WorkerStartError
from inhouse.server.services.base import Answer
from inhouse.server.services.batcher import Batcher
from inhouse.server.services.replica_set import ReplicaSet
from inhouse.server.services.scheduler import Scheduler


class Desk:
    """A scheduler of fake processes."""

    def __init__(self, processes: FakeProcesses, count: int = 1, most: int = 4) -> None:
        self.processes = processes
        self.replicas = ReplicaSet("Version 1 of 'x'", processes, count)
        self.scheduler = Scheduler(1, Batcher(most, 0.002, 1000), self.replicas)
        self.replicas.changed = self.scheduler.changed

    def send(self, count: int = 1, **traits: Any) -> list[asyncio.Task[Answer]]:
        return [asyncio.create_task(self.scheduler.call(call(**traits))) for _ in range(count)]


@asynccontextmanager
async def desk(processes: FakeProcesses | None = None, **traits: int) -> AsyncIterator[Desk]:
    made = Desk(processes or FakeProcesses(), **traits)
    await made.replicas.start()
    try:
        yield made
    finally:
        await made.scheduler.drain(1)
        await made.replicas.close(1)


def test_calls_that_come_together_are_computed_together_and_each_gets_its_own() -> None:
    async def work() -> None:
        async with desk() as one:
            first, second = one.send(inputs={"texts": ["a"]}), one.send(inputs={"texts": ["b"]})
            await settle()
            process = one.processes.made[0]
            assert process.rows == [2]
            process.finish()
            assert (await first[0]).outputs == {"embeddings": b"['a']"}
            assert (await second[0]).outputs == {"embeddings": b"['b']"}

    hurried(work())


def test_an_idle_process_gets_what_there_is_and_a_busy_one_a_full_batch() -> None:
    async def work() -> None:
        async with desk() as one:
            one.send()
            await settle()
            process = one.processes.made[0]
            assert process.rows == [1]
            one.send(2)
            await settle()
            assert process.rows == [1]
            await asyncio.sleep(0.0021)
            assert process.rows == [1]
            waiting = one.send(9)
            await asyncio.sleep(0.01)
            assert process.rows == [1, 4]
            for _ in range(4):
                process.finish()
                await settle()
                await asyncio.sleep(0.01)
            assert process.rows == [1, 4, 4, 3]
            assert all(task.done() for task in waiting)

    hurried(work())


def test_a_full_batch_does_not_wait() -> None:
    async def work() -> None:
        async with desk() as one:
            one.send()
            await settle()
            one.send(4)
            await settle()
            process = one.processes.made[0]
            assert process.rows == [1, 4]
            process.finish()
            process.finish()

    hurried(work())


def test_calls_past_their_deadline_are_told_in_time_and_never_computed() -> None:
    async def work() -> None:
        async with desk() as one:
            one.send(4)
            await settle()
            one.send(4)
            await settle()
            (late,) = one.send(deadline=asyncio.get_running_loop().time() + 0.05)
            with pytest.raises(DeadlineError):
                await late
            assert asyncio.get_running_loop().time() < 0.06
            process = one.processes.made[0]
            process.finish()
            process.finish()
            await settle()
            assert process.rows == [4, 4]

    hurried(work())


def test_callers_who_hang_up_are_dropped() -> None:
    async def work() -> None:
        async with desk() as one:
            one.send(4)
            await settle()
            one.send(4)
            await settle()
            (left,) = one.send()
            await settle()
            left.cancel()
            await settle()
            assert one.scheduler.batcher.rows == 0
            process = one.processes.made[0]
            process.finish()
            process.finish()

    hurried(work())


def test_one_bad_call_does_not_fail_those_computed_with_it() -> None:
    async def work() -> None:
        async with desk() as one:
            good, bad = one.send(), one.send(inputs={"texts": ["odd"]})
            await settle()
            one.processes.made[0].finish()
            assert (await good[0]).version == 1
            with pytest.raises(NodeInputError, match="odd"):
                await bad[0]

    hurried(work())


def test_a_killed_process_costs_no_call() -> None:
    async def work() -> None:
        async with desk() as one:
            running = one.send(4)
            await settle()
            next_ones = one.send(4)
            await settle()
            one.processes.made[0].die()
            one.processes.answering = True
            await asyncio.sleep(0.1)
            answers = await asyncio.gather(*running, *next_ones)
            assert len(answers) == 8
            assert one.processes.made[1].rows == [4, 1, 1, 1, 1]
            assert one.replicas.restarts == 1

    hurried(work())


def test_other_processes_take_over_at_once() -> None:
    async def work() -> None:
        async with desk(count=2) as one:
            sent = one.send(4)
            await settle()
            first, second = one.processes.made
            dead, other = (first, second) if first.batches else (second, first)
            other.answering = True
            dead.die()
            await settle()
            assert len(await asyncio.gather(*sent)) == 4
            assert other.rows == [1, 1, 1, 1]

    hurried(work())


def test_a_call_that_ends_two_processes_fails_by_itself() -> None:
    async def work() -> None:
        async with desk() as one:
            deadly, innocent = one.send(), one.send()
            await settle()
            one.processes.made[0].die()
            await asyncio.sleep(0.1)
            second = one.processes.made[1]
            assert second.rows == [1]
            second.die()
            one.processes.answering = True
            with pytest.raises(ServiceError, match="so did the next one"):
                await deadly[0]
            assert (await innocent[0]).version == 1

    hurried(work())


def test_a_process_that_cannot_be_started_again_fails_those_who_wait() -> None:
    async def work() -> None:
        processes = FakeProcesses()
        async with desk(processes) as one:
            sent = one.send()
            await settle()
            processes.refusals = [WorkerStartError("no memory"), None]
            processes.made[0].die()
            with pytest.raises(ServiceError, match="cannot be started again"):
                await sent[0]
            with pytest.raises(ServiceError):
                await one.scheduler.call(call())
            processes.answering = True
            await asyncio.sleep(1)
            assert (await one.scheduler.call(call())).version == 1

    hurried(work())


def test_a_stream_has_a_process_for_itself_and_gives_it_back_when_it_is_closed() -> None:
    async def work() -> None:
        async with desk(FakeProcesses(answering=True)) as one:
            pieces = one.scheduler.stream(call())
            assert await anext(pieces) == {"number": 0}
            (waiting,) = one.send()
            await settle()
            assert not waiting.done()
            await pieces.aclose()  # type: ignore[attr-defined] # it is a generator
            assert (await waiting).version == 1
            assert one.processes.made[0].halted == 1

    hurried(work())


def test_draining_waits_for_calls_and_tells_those_that_take_too_long() -> None:
    async def work() -> None:
        async with desk() as one:
            sent = one.send()
            await settle()
            draining = asyncio.create_task(one.scheduler.drain(10))
            await settle()
            assert not draining.done()
            one.processes.made[0].finish()
            await draining
            assert (await sent[0]).version == 1
        async with desk() as one:
            sent = one.send()
            await settle()
            await one.scheduler.drain(10)
            await one.replicas.close(0)
            with pytest.raises(ServiceError, match="unloaded before"):
                await sent[0]

    hurried(work())
