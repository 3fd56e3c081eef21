from __future__ import annotations

import asyncio

from tests.published import FakeProcesses, hurried, settle

from inhouse.errors import WorkerStartError
from inhouse.server.services.replica_set import ReplicaSet


def test_one_that_dies_is_started_again_at_once_and_then_ever_later() -> None:
    async def work() -> None:
        processes = FakeProcesses()
        replicas = ReplicaSet("x", processes, 1)
        await replicas.start()
        now, begun = asyncio.get_running_loop().time, asyncio.get_running_loop().time()
        waits = []
        for _ in range(4):
            processes.made[-1].die()
            await settle()
            assert replicas.pick() is None
            revived = asyncio.Event()
            replicas.changed = revived.set
            await revived.wait()
            waits.append(round(now() - begun, 3))
            begun = now()
        assert waits == [0.05, 0.1, 0.2, 0.4]
        assert replicas.restarts == 4
        await replicas.close(1)
        assert processes.made[-1].closed

    hurried(work())


def test_starting_is_tried_until_it_works_and_the_reason_is_told_meanwhile() -> None:
    async def work() -> None:
        processes = FakeProcesses(refusals=[None, WorkerStartError("no memory"), WorkerStartError("no memory")])
        replicas = ReplicaSet("x", processes, 1)
        heard: list[str] = []
        replicas.changed = lambda: heard.append(replicas.problem)
        await replicas.start()
        processes.made[0].die()
        await asyncio.sleep(1)
        assert heard == ["", "no memory", "no memory", ""]
        assert len(replicas.alive) == 1
        await replicas.close(1)

    hurried(work())


def test_closing_while_one_is_being_started_again_leaves_none_behind() -> None:
    async def work() -> None:
        processes = FakeProcesses()
        replicas = ReplicaSet("x", processes, 2)
        await replicas.start()
        processes.made[0].die()
        await settle()
        await replicas.close(1)
        await asyncio.sleep(1)
        assert [process.closed for process in processes.made] == [False, True]

    hurried(work())
