"""A worker's process dies in every way there is, and the gateway's side says so."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.workers.kit import Ear, config, go, gone, job, ran, there

from inhouse.engine.events import NodeFailed, NodeStarted
from inhouse.errors import OutOfMemoryError, WorkerEndedError, WorkerLostError, WorkerStartError
from inhouse.workers.process import ProcessWorker
from inhouse.workers.session import Places


@asynccontextmanager
async def started(root: Path, **changes: Any) -> AsyncIterator[tuple[ProcessWorker, Ear, int]]:
    """Yield a worker, who hears it, and its process."""
    worker, ear = ProcessWorker("cpu-0", config(root, **changes)), Ear()
    pid = (await worker.start(ear)).pid
    try:
        yield worker, ear, pid
    finally:
        await worker.close(0)


def log(root: Path) -> str:
    return (root / "state" / "logs" / "cpu-0.log").read_text()


def oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


class TestDeaths:
    def test_killed_in_a_run(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, pid):
                worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
                await there(tmp_path / "w.runs")
                os.kill(pid, signal.SIGKILL)
                assert "memory ran out" in str(await ear.loss())
                assert not worker.ready
                assert not worker.running
                assert ear.status() == "", "who was killed from outside did not end its run"
                assert any(isinstance(event, NodeStarted) for event in ear.events())
                with pytest.raises(WorkerLostError):
                    worker.submit(job(tmp_path, ("Echo", "a")))

        go(work())

    @pytest.mark.parametrize(
        ("node", "given", "told"),
        [("Exit", "3", "exit code 3"), ("Exit", "0", "exit code 0"), ("Segfault", "", "SIGSEGV")],
    )
    def test_a_node_ends_its_process(self, tmp_path: Path, node: str, given: str, told: str) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                worker.submit(job(tmp_path, (node, given)))
                assert told in str(await ear.loss())

        go(work())
        if node == "Segfault":
            assert "hostile.py" in log(tmp_path), "the log says where it crashed"

    def test_what_was_told_before_comes_before_the_death(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                await ran(worker, ear, job(tmp_path, ("Echo", "a"), run_id="first"))
                worker.submit(job(tmp_path, ("Exit", "1"), run_id="second"))
                await ear.loss()
                assert ear.order == ["first success", "lost"]

        go(work())

    def test_a_run_is_over_before_the_next_of_its_client_kills(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path, runs_at_once=2) as (worker, ear, _):
                for number in range(5):
                    worker.submit(job(tmp_path, ("Echo", "a"), run_id=f"{number}", client_id="canvas"))
                worker.submit(job(tmp_path, ("Segfault", ""), run_id="deadly", client_id="canvas"))
                await ear.loss()
                assert ear.order == [*(f"{number} success" for number in range(5)), "lost"]

        go(work())

    def test_what_ran_beside_one_that_did_not_stop_is_told_apart(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path, runs_at_once=2, grace=0.1) as (worker, ear, _):
                worker.submit(job(tmp_path, ("Deaf", str(tmp_path / "d")), run_id="deaf", client_id="a"))
                await there(tmp_path / "d.runs")
                worker.submit(job(tmp_path, ("Echo", "a"), run_id="beside", client_id="b"))
                worker.cancel("deaf")
                assert isinstance(await ear.loss(), WorkerEndedError)
                assert ear.order == ["deaf interrupted", "lost"]

        go(work())

    def test_started_again_it_works_again(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, pid):
                worker.submit(job(tmp_path, ("Exit", "1"), run_id="first"))
                await ear.loss()
                assert (await worker.start(ear)).pid != pid
                assert await ran(worker, ear, job(tmp_path, ("Echo", "a"), run_id="second")) == "success"
                assert len(ear.losses) == 1

        go(work())

    def test_questions_that_wait_are_told(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, pid):
                os.kill(pid, signal.SIGSTOP)
                asked = asyncio.create_task(worker.ask("stats"))
                await asyncio.sleep(0)
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(WorkerLostError):
                    await asked
                await ear.loss()

        go(work())

    def test_what_it_started_dies_with_it(self, tmp_path: Path) -> None:
        """A process that inherited the pipe would else keep it open, and the death unnoticed."""

        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                worker.submit(job(tmp_path, ("Parent", str(tmp_path / "p"))))
                child = int(await there(tmp_path / "p.child"))
                assert "exit code 1" in str(await ear.loss())
                assert await asyncio.to_thread(gone, child)

        go(work())


class TestStops:
    def test_a_node_that_swallows_the_stop_is_killed_when_its_grace_is_over(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path, grace=0.05) as (worker, ear, _):
                worker.submit(job(tmp_path, ("Deaf", str(tmp_path / "d"))))
                await there(tmp_path / "d.runs")
                worker.cancel("run")
                worker.cancel("run")
                assert "did not stop" in str(await ear.loss())
                assert ear.order == ["run interrupted", "lost"], "it was what its user wanted, and is not tried again"

        go(work())

    def test_one_that_stops_in_time_keeps_its_process(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path, grace=0.2) as (worker, ear, _):
                worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
                await there(tmp_path / "w.runs")
                worker.cancel("run")
                assert await ear.end() == "interrupted"
                await asyncio.sleep(0.3)  # longer than the grace
                assert await ran(worker, ear, job(tmp_path, ("Echo", "a"), run_id="next")) == "success"
                assert ear.losses == []

        go(work())

    @pytest.mark.parametrize("node", ["Frozen", "stopped"])
    def test_a_process_that_gives_no_sign_of_life_is_killed(self, tmp_path: Path, node: str) -> None:
        async def work() -> None:
            async with started(tmp_path, silence=0.5) as (worker, ear, pid):
                if node == "stopped":
                    os.kill(pid, signal.SIGSTOP)
                else:
                    worker.submit(job(tmp_path, (node, str(tmp_path / "f"))))
                    await there(tmp_path / "f.runs")
                assert "no sign of life" in str(await ear.loss())

        go(work())

    def test_one_that_computes_for_long_is_not(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path, silence=0.5) as (worker, ear, _):
                worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
                await asyncio.sleep(1)  # twice the silence that is allowed
                (tmp_path / "w.go").touch()
                assert await ear.end() == "success"

        go(work())


class TestStart:
    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        async def work() -> None:
            places = Places(tmp_path, custom_nodes=tmp_path / "nowhere")
            worker = ProcessWorker("cpu-0", config(tmp_path, places=places))
            with pytest.raises(WorkerStartError, match="nowhere"):
                await worker.start(Ear())
            assert not worker.ready
            await worker.close(0)

        go(work())

    @pytest.mark.parametrize(
        ("pack", "told"),
        [
            ("import os, sys\nprint('about to end', file=sys.stderr)\nos._exit(4)", "about to end"),
            ("import ctypes\nctypes.string_at(0)", "Segmentation fault"),
        ],
    )
    def test_a_pack_that_ends_the_process_is_told_with_the_last_lines_of_the_log(
        self, tmp_path: Path, pack: str, told: str
    ) -> None:
        async def work() -> None:
            (tmp_path / "nodes").mkdir()
            (tmp_path / "nodes" / "bad.py").write_text(pack)
            ear = Ear()
            worker = ProcessWorker("cpu-0", config(tmp_path, places=Places(tmp_path, custom_nodes=tmp_path / "nodes")))
            with pytest.raises(WorkerStartError, match=told):
                await worker.start(ear)
            assert ear.losses == []

        go(work())

    def test_one_that_takes_too_long_is_ended(self, tmp_path: Path) -> None:
        async def work() -> None:
            (tmp_path / "nodes").mkdir()
            (tmp_path / "nodes" / "slow.py").write_text("import signal\nsignal.pause()")
            places = Places(tmp_path, custom_nodes=tmp_path / "nodes")
            worker = ProcessWorker("cpu-0", config(tmp_path, places=places, start_seconds=0.5))
            with pytest.raises(WorkerStartError, match="not ready"):
                await worker.start(Ear())

        go(work())

    def test_a_start_that_is_given_up_leaves_no_process(self, tmp_path: Path) -> None:
        async def work() -> None:
            (tmp_path / "nodes").mkdir()
            (tmp_path / "nodes" / "slow.py").write_text(
                f"import os, pathlib, signal\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
                "signal.pause()"
            )
            places = Places(tmp_path, custom_nodes=tmp_path / "nodes")
            starting = asyncio.create_task(ProcessWorker("cpu-0", config(tmp_path, places=places)).start(Ear()))
            pid = int(await there(tmp_path / "pid"))
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            assert await asyncio.to_thread(gone, pid)

        go(work())


class TestSurroundings:
    def test_a_request_to_end_that_goes_to_all_processes_lets_a_run_end(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, pid):
                worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
                await there(tmp_path / "w.runs")
                for number in (signal.SIGTERM, signal.SIGINT):
                    os.kill(pid, number)
                (tmp_path / "w.go").touch()
                await worker.close(60)
                assert ear.order == ["run success"]

        go(work())

    def test_what_nodes_print_is_in_the_log_and_not_in_the_pipe(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                assert await ran(worker, ear, job(tmp_path, ("Greet", "me"))) == "success"
                assert {"printed me", "written me", "complained me"} <= set(log(tmp_path).splitlines())

        go(work())

    def test_nodes_see_the_variables_that_their_worker_was_given_and_not_our_settings(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INHOUSE_STORAGE__URL", "postgresql://me:secret@there")
        monkeypatch.setenv("ANOTHERS_VARIABLE", "kept")

        async def work() -> None:
            async with started(tmp_path, environment={"CUDA_VISIBLE_DEVICES": "1"}) as (worker, ear, _):
                names = ("INHOUSE_STORAGE__URL", "ANOTHERS_VARIABLE", "CUDA_VISIBLE_DEVICES")
                await ran(worker, ear, job(tmp_path, *(("Secret", name) for name in names)))
                assert sorted(ear.shown()) == ["1", "kept", "nothing"]

        go(work())

    def test_memory_that_there_is_not_fails_the_node_only(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                assert await ran(worker, ear, job(tmp_path, ("Greedy", ""))) == "error"
                failed = next(event for event in ear.events() if isinstance(event, NodeFailed))
                assert isinstance(failed.error, OutOfMemoryError)
                assert await ran(worker, ear, job(tmp_path, ("Echo", "a"), run_id="next")) == "success"

        go(work())

    def test_the_kernel_takes_the_worker_before_the_gateway(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (_, _, pid):
                assert oom_score(pid) > oom_score(os.getpid())

        go(work())

    def test_what_a_node_shows_may_be_anything(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                assert await ran(worker, ear, job(tmp_path, ("Odd", ""))) == "success"
                [shown] = ear.shown()
                assert (shown["big"], shown["half"], shown["set"]) == (2**70, "\ud800", [1])

        go(work())

    def test_a_fast_runs_events_come_in_few_pieces(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with started(tmp_path) as (worker, ear, _):
                for number in range(20):
                    given = job(tmp_path, ("Echo", f"{number}"), ("Echo", {"v": ["1", 0]}), run_id=f"{number}")
                    assert await ran(worker, ear, given) == "success"
                events = sum(size for _, size in ear.frames)
                assert events == 20 * 7
                assert len(ear.frames) < events / 2

        go(work())
