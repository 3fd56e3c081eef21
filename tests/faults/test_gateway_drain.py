"""A gateway that is told to end while it works."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from tests.gateway import Gateway, eventually, is_dead, loop, sink


def test_what_runs_ends_what_waits_goes_on_after_the_restart(tmp_path: Path, probes: Path) -> None:
    with Gateway(tmp_path, "--custom-nodes", probes) as gateway:
        ear = gateway.listen("canvas")
        running = gateway.submit(loop(1), client_id="canvas")
        waiting = [gateway.submit(sink(number)) for number in range(3)]
        ear.until("progress")
        workers = gateway.worker_pids()
        assert gateway.terminate() == 0
        assert all(is_dead(pid) for pid in workers)
        gateway.start()
        ended = gateway.history(running)
        assert ended["status"]["status_str"] == "success"
        assert [gateway.over(run_id) for run_id in waiting] == ["completed"] * 3
        starts = [message for message in ended["status"]["messages"] if message[0] == "execution_start"]
        assert len(starts) == 1
        assert gateway.terminate() == 0
        assert "Traceback" not in gateway.log()


def test_what_does_not_end_in_time_runs_again_after_the_restart(tmp_path: Path, probes: Path) -> None:
    settings = {"INHOUSE_WORKERS__GRACE_SECONDS": "0.2"}
    with Gateway(tmp_path, "--custom-nodes", probes, settings=settings) as gateway:
        ear = gateway.listen("canvas")
        run_id = gateway.submit(loop(1.5), client_id="canvas")
        ear.until("progress")
        assert gateway.terminate() == 0
        gateway.start()
        assert gateway.over(run_id) == "completed"


def test_a_worker_that_dies_takes_nothing_with_it(tmp_path: Path, probes: Path) -> None:
    with Gateway(tmp_path, "--custom-nodes", probes) as gateway:
        ear = gateway.listen("canvas")
        run_id = gateway.submit(loop(1), client_id="canvas")
        ear.until("progress")
        (worker,) = gateway.worker_pids()
        os.kill(worker, signal.SIGSEGV)
        ear.until("execution_start", prompt_id=run_id)
        ear.until("execution_success", prompt_id=run_id)
        assert gateway.over(run_id) == "completed"


def test_a_run_that_kills_its_workers_fails_and_the_next_one_runs(tmp_path: Path, probes: Path) -> None:
    with Gateway(tmp_path, "--custom-nodes", probes) as gateway:
        ear = gateway.listen("canvas")
        deadly = gateway.submit(loop(30), client_id="canvas")
        for _ in range(2):
            ear.until("progress", prompt_id=deadly)
            (worker,) = gateway.worker_pids()
            os.kill(worker, signal.SIGKILL)
            eventually(partial(is_dead, worker))
        error = ear.until("execution_error", prompt_id=deadly)
        assert "worker" in error["data"]["exception_message"].lower()
        assert gateway.over(deadly) == "failed"
        assert gateway.over(gateway.submit(sink(1))) == "completed"
