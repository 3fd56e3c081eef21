"""The thread that runs jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.workers.kit import PACKS, job

from inhouse.engine.events import Event, NodeFailed, NodeProgress, Picture, RunFinished
from inhouse.engine.node import NodeSpec
from inhouse.errors import InternalError, WorkflowFormatError
from inhouse.workers.base import Job
from inhouse.workers.runner import Runner
from inhouse.workers.session import Places, Session, open_session

Run = Callable[[Job], list[Event]]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with open_session(Places(tmp_path / "models", tmp_path / "input", tmp_path / "output", PACKS)) as opened:
        yield opened


@pytest.fixture
def run(session: Session, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs a job and returns what was told of it."""
    told: SimpleQueue[tuple[str, Event]] = SimpleQueue()
    runner = Runner(session, tmp_path / "claims", lambda run_id, event: told.put((run_id, event)))

    def ran(given: Job) -> list[Event]:
        runner.submit(given)
        events: list[Event] = []
        while not events or not isinstance(events[-1], RunFinished):
            run_id, event = told.get(timeout=60)
            assert run_id == given.run_id
            events.append(event)
        return events

    yield ran
    assert runner.close(60)


def failures(events: list[Event]) -> list[NodeFailed]:
    return [event for event in events if isinstance(event, NodeFailed)]


def test_a_job_reads_and_writes_its_users_folders_with_its_documents(run: Run, tmp_path: Path) -> None:
    given = job(
        tmp_path,
        ("LoadImage", {"image": "a.png"}),
        ("SaveImage", {"images": ["1", 0], "filename_prefix": "sub/x"}),
        extra='{"extra_pnginfo": {"workflow": {"nodes": []}}, "client_id": "c"}',
        targets=("2",),
    )
    given.folders.input.mkdir()
    Image.new("RGB", (8, 8), "red").save(given.folders.input / "a.png")
    assert run(given)[-1] == RunFinished("run", "success")
    with Image.open(given.folders.output / "sub" / "x_00001_.png") as saved:
        assert json.loads(saved.info["workflow"]) == {"nodes": []}
        assert json.loads(saved.info["prompt"])["1"]["class_type"] == "LoadImage"


def test_a_run_tried_again_writes_over_its_own_files(run: Run, session: Session, tmp_path: Path) -> None:
    nodes = (
        ("EmptyImage", {"width": 8, "height": 8, "batch_size": 2, "color": 0}),
        ("SaveImage", {"images": ["1", 0], "filename_prefix": "ComfyUI"}),
    )
    given = job(tmp_path, *nodes, run_id="again", targets=("2",))
    other = job(tmp_path, *nodes, run_id="other", scope="other", targets=("2",))
    for attempt in (given, other, given):
        session.engine.cache.clear()
        assert failures(run(attempt)) == []
    names = sorted(path.name for path in given.folders.output.iterdir())
    assert names == [f"ComfyUI_{number:05}_.png" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("workflow", ["", "{", "[]", "{}", '{"1": 2}', '"a"', "1" * 5000])
def test_what_is_no_workflow_ends_in_an_error(run: Run, tmp_path: Path, workflow: str) -> None:
    events = run(job(tmp_path, workflow=workflow))
    assert events[-1] == RunFinished("run", "error")
    assert failures(events)


def test_no_number_in_a_workflow_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    events = run(job(tmp_path, workflow='{"1": {"class_type": "Echo", "inputs": {"v": NaN}}}', targets=("1",)))
    assert "finite" in str(failures(events)[0].error)


def test_extra_data_that_is_no_json_says_so(run: Run, tmp_path: Path) -> None:
    [failed] = failures(run(job(tmp_path, ("Echo", "a"), extra="{")))
    assert isinstance(failed.error, WorkflowFormatError)


def test_a_fault_of_our_own_ends_the_run_and_not_the_thread(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr("inhouse.workers.runner.Engine.run", broken)
        [failed] = failures(run(job(tmp_path, ("Echo", "a"))))
        assert isinstance(failed.error, InternalError)
    assert run(job(tmp_path, ("Echo", "a")))[-1] == RunFinished("run", "success")


def test_steps_come_with_pictures_unless_nobody_wants_any(run: Run, session: Session, tmp_path: Path) -> None:
    def steps(*, context: Any) -> tuple[str]:
        context.progress(1, 1, lambda: np.zeros((4, 4, 3), np.uint8))
        return ("",)

    session.registry.add([NodeSpec("Steps", steps, {}, (), output_node=True, context="context")])
    for preview, expected in (("auto", Picture), ("none", type(None))):
        events = run(job(tmp_path, ("Steps", {}), preview=preview, run_id=preview, scope=preview))
        [step] = [event for event in events if isinstance(event, NodeProgress)]
        assert isinstance(step.preview, expected)


def test_packs_see_what_runs_and_for_whom(run: Run, session: Session, tmp_path: Path) -> None:
    seen: list[tuple[str | None, str | None]] = []
    assert session.custom is not None
    host = session.custom.host

    def look() -> tuple[str]:
        seen.append((host.run_id, host.client_id))
        return ("",)

    session.registry.add([NodeSpec("Look", look, {}, (), output_node=True)])
    run(job(tmp_path, ("Look", {}), client_id="canvas"))
    assert seen == [("run", "canvas")]


def test_what_was_submitted_is_run_before_it_ends(session: Session, tmp_path: Path) -> None:
    ended: list[Event] = []
    runner = Runner(session, tmp_path, lambda _, event: ended.append(event))
    for number in range(3):
        runner.submit(job(tmp_path, ("Echo", "a"), run_id=f"{number}"))
    assert runner.close(60)
    assert [event.run_id for event in ended if isinstance(event, RunFinished)] == ["0", "1", "2"]
