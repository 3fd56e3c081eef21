"""What every worker does, whichever process it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.workers.kit import PACKS, Ear, config, go, job, ran, there

from inhouse.engine.events import NodeFailed, NodesCached, NodeStarted, RunFinished, RunStarted
from inhouse.errors import NodeExecutionError, UsageError, WorkerLostError, WorkflowInvalidError
from inhouse.workers.base import Description, Worker
from inhouse.workers.inline import InlineWorker
from inhouse.workers.process import ProcessWorker

KINDS = (InlineWorker, ProcessWorker)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[InlineWorker | ProcessWorker]:
    made: type[InlineWorker | ProcessWorker] = request.param
    return made


@asynccontextmanager
async def started(kind: type[InlineWorker | ProcessWorker], root: Path) -> AsyncIterator[tuple[Worker, Ear]]:
    worker, ear = kind("cpu-0", config(root)), Ear()
    await worker.start(ear)
    try:
        yield worker, ear
    finally:
        await worker.close(0)


def test_it_runs_jobs_and_tells_what_happens(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            assert worker.free
            given = job(tmp_path, ("Echo", "a"), ("Echo", {"v": ["1", 0]}))
            worker.submit(given)
            assert (worker.free, list(worker.running)) == (False, ["run"])
            assert await ear.end() == "success"
            assert worker.free
            assert [type(event) for event in ear.events()[:3]] == [RunStarted, NodesCached, NodeStarted]
            assert ear.shown() == ["a", "a"]
            assert [event for event in ear.events() if isinstance(event, RunFinished)] == [ear.events()[-1]]

    go(work())


def test_jobs_share_results_within_a_scope_only(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            for run_id, scope in (("one", "ann"), ("two", "ann"), ("three", "bob")):
                await ran(worker, ear, job(tmp_path, ("Echo", "a"), run_id=run_id, scope=scope))
            cached = [event.node_ids for _, event in ear.heard if isinstance(event, NodesCached)]
            assert cached == [(), ("1",), ()]

    go(work())


def test_a_node_that_fails_is_told_with_what_it_raised(
    kind: type[InlineWorker | ProcessWorker], tmp_path: Path
) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            assert await ran(worker, ear, job(tmp_path, ("Fail", "way"))) == "error"
            failed = next(event for event in ear.events() if isinstance(event, NodeFailed))
            assert isinstance(failed.error, NodeExecutionError)
            assert failed.error.node_id == "1"
            assert failed.inputs == {"v": ["way"]}
            assert failed.raised is not None
            assert (failed.raised.kind, failed.raised.message) == ("ValueError", "no way")
            assert 'packs/hostile.py", line' in failed.raised.traceback[0]
            assert not any(str(PACKS) in line for line in failed.raised.traceback), (
                "where packs lie is nobody's business"
            )

    go(work())


def test_a_run_that_is_refused_ends_like_any_other(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            assert await ran(worker, ear, job(tmp_path, ("NoSuchNode", ""), ("AlsoNot", ""))) == "error"
            failed = [event for event in ear.events() if isinstance(event, NodeFailed)]
            assert [event.node_id for event in failed] == ["1", "2"]
            assert all(isinstance(event.error, WorkflowInvalidError) for event in failed)
            assert "NoSuchNode" in failed[0].error.message
            assert isinstance(ear.events()[0], RunStarted)
            assert await ran(worker, ear, job(tmp_path, run_id="none", workflow="{nonsense")) == "error"
            assert await ran(worker, ear, job(tmp_path, ("Echo", "still here"), run_id="after")) == "success"

    go(work())


def test_a_cancelled_run_stops_at_its_next_step(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w")), ("Echo", {"v": ["1", 0]})))
            await there(tmp_path / "w.runs")
            worker.cancel("another")
            worker.cancel("run")
            assert await ear.end() == "interrupted"
            assert await ran(worker, ear, job(tmp_path, ("Echo", "next"), run_id="next")) == "success"

    go(work())


def test_a_cancel_that_comes_at_once_is_not_missed(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
            worker.cancel("run")
            assert await ear.end() == "interrupted"

    go(work())


def test_it_answers_questions_while_a_job_runs(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
            await there(tmp_path / "w.runs")
            assert await worker.ask("check", node="Checked", inputs={"v": "good"}) is True
            assert await worker.ask("check", node="Checked", inputs={"v": "bad"}) == "v is bad"
            described = await worker.ask("describe")
            assert isinstance(described, Description)
            assert {"Echo", "Checked"} <= described.packs[0].nodes.keys()
            with pytest.raises(UsageError, match="nonsense"):
                await worker.ask("nonsense")
            (tmp_path / "w.go").touch()
            assert await ear.end() == "success"

    go(work())


def test_what_packs_say_is_passed_on(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        async with started(kind, tmp_path) as (worker, ear):
            await ran(worker, ear, job(tmp_path, ("Say", "hello"), client_id="canvas"))
            await ear.message(2)
            said = [(message.event, message.data, message.client_id) for message in ear.messages]
            assert said == [("hostile.said", {"text": "hello"}, None), ("hostile.to", {"text": "hello"}, "somebody")]

    go(work())


def test_a_description_tells_what_it_is(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        worker = kind("cpu-0", config(tmp_path))
        description = await worker.start(Ear())
        await worker.close(0)
        assert description.devices[0]["name"] == "cpu"
        assert description.devices[0]["vram_total"] >= description.devices[0]["vram_free"] > 0
        assert description.versions["inhouse"]
        assert [(pack.name, pack.problem) for pack in description.packs] == [("hostile", "")]
        assert description.packs[0].checks == {"Checked": ["v"]}

    go(work())


def test_closing_lets_a_running_job_end(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        worker, ear = kind("cpu-0", config(tmp_path)), Ear()
        await worker.start(ear)
        worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
        await there(tmp_path / "w.runs")
        (tmp_path / "w.go").touch()
        await worker.close(60)
        assert ear.order == ["run success"]
        assert not worker.ready

    go(work())


def test_closing_ends_a_job_whose_time_is_up_and_tells_of_no_loss(
    kind: type[InlineWorker | ProcessWorker], tmp_path: Path
) -> None:
    async def work() -> None:
        worker, ear = kind("cpu-0", config(tmp_path)), Ear()
        await worker.start(ear)
        worker.submit(job(tmp_path, ("Wait", str(tmp_path / "w"))))
        await there(tmp_path / "w.runs")
        await worker.close(0)
        assert "lost" not in ear.order
        assert not worker.running
        with pytest.raises(WorkerLostError):
            worker.submit(job(tmp_path, ("Echo", "a")))

    go(work())


def test_it_cannot_be_used_before_it_is_started(kind: type[InlineWorker | ProcessWorker], tmp_path: Path) -> None:
    async def work() -> None:
        worker = kind("cpu-0", config(tmp_path))
        assert not worker.free
        with pytest.raises(WorkerLostError):
            worker.submit(job(tmp_path, ("Echo", "a")))
        with pytest.raises(WorkerLostError):
            await worker.ask("stats")
        worker.cancel("run")
        await worker.close(0)

    go(work())
