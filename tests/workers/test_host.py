"""Inside a worker's process: it does not outlive its gateway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workers.kit import Ear, config, go, gone, job, there

from inhouse.workers.process import ProcessWorker

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("node", ["Wait", "Deaf", "Frozen"])
def test_a_gateway_that_is_killed_takes_its_workers_along(tmp_path: Path, node: str) -> None:
    command = [sys.executable, "-m", "tests.workers.gateway", str(tmp_path), node]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}, cwd=ROOT
    ) as gateway:
        assert gateway.stdout is not None
        worker = int(gateway.stdout.readline())
        gateway.kill()
    assert gone(worker)


def test_the_end_of_the_pipe_is_the_end_of_the_process(tmp_path: Path) -> None:
    """As it is where no kernel tells a process that its parent died."""

    async def work() -> None:
        worker, ear = ProcessWorker("cpu-0", config(tmp_path)), Ear()
        await worker.start(ear)
        worker.submit(job(tmp_path, ("Deaf", str(tmp_path / "d"))))
        pid = int(await there(tmp_path / "d.runs"))
        life = worker._life
        assert life is not None
        assert life._pipe is not None
        life._pipe.abort()
        assert await asyncio.to_thread(gone, pid)
        assert "exit code 0" in str(await ear.loss())

    go(work())


def test_a_worker_that_is_left_ends_by_itself(tmp_path: Path) -> None:
    async def work() -> None:
        worker, ear = ProcessWorker("cpu-0", config(tmp_path, warm=True)), Ear()
        pid = (await worker.start(ear)).pid
        await worker.close(0)
        assert await asyncio.to_thread(gone, pid)
        assert ear.losses == []

    go(work())
