"""The thread that runs jobs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.workers.kit import PACKS, job

from inhouse.engine.context import Context
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


# -- several at once ---------------------------------------------------------------------------------------------------


class Told:
    """Keeps what is told of which run, and when the last of it was."""

    def __init__(self) -> None:
        self.order: list[tuple[str, str]] = []
        self._news = threading.Condition()

    def __call__(self, run_id: str, event: Event) -> None:
        with self._news:
            self.order.append((run_id, type(event).__name__))
            self._news.notify_all()

    def ended(self, *run_ids: str) -> bool:
        """Wait for ends."""
        with self._news:
            return self._news.wait_for(lambda: all((each, "RunFinished") in self.order for each in run_ids), 60)

    def spans(self, *run_ids: str) -> list[tuple[int, int]]:
        """Return where each run began and ended among all that was told."""
        return [tuple(self.order.index((each, kind)) for kind in ("RunStarted", "RunFinished")) for each in run_ids]  # type: ignore[misc] # two of them


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def several(session: Session, tmp_path: Path, told: Told) -> Iterator[Runner]:
    runner = Runner(session, tmp_path / "claims", told, at_once=2)
    yield runner
    assert runner.close(60)


def test_jobs_of_two_clients_are_on_their_way_at_once(
    several: Runner, told: Told, session: Session, tmp_path: Path
) -> None:
    both, turn = threading.Barrier(2), session.engine.turn

    def meet() -> tuple[str]:
        with turn.yielded():
            both.wait(60)
        return ("",)

    session.registry.add([NodeSpec("Meet", meet, {}, (), output_node=True)])
    for pair in ("ab", "cd", "ef"):  # the later ones find threads that have nothing to do
        for client in pair:
            several.submit(job(tmp_path, ("Meet", {}), run_id=client, client_id=client, scope=client))
        assert told.ended(*pair)
        (_, first_end), (second_start, _) = sorted(told.spans(*pair))
        assert second_start < first_end


def test_jobs_of_one_client_run_in_their_order_and_let_others_pass(several: Runner, told: Told, tmp_path: Path) -> None:
    runs = [(f"{client}{number}", client) for number in range(4) for client in "ab"]
    for run_id, client in runs:
        several.submit(job(tmp_path, ("Echo", "a"), run_id=run_id, client_id=client))
    assert told.ended(*(run_id for run_id, _ in runs))
    for client in "ab":
        spans = told.spans(*(run_id for run_id, theirs in runs if theirs == client))
        assert all(end < start for (_, end), (start, _) in pairwise(spans))


def test_one_that_has_not_begun_is_taken_back_without_a_word(
    several: Runner, told: Told, session: Session, tmp_path: Path
) -> None:
    go = threading.Event()

    def hold() -> tuple[str]:
        assert go.wait(60)
        return ("",)

    session.registry.add([NodeSpec("Hold", hold, {}, (), output_node=True)])
    for run_id in ("first", "second"):
        several.submit(job(tmp_path, ("Hold", {}), run_id=run_id, client_id="canvas"))
    several.cancel("second")
    assert told.order[-1] == ("second", "RunFinished")
    go.set()
    assert told.ended("first")
    assert ("second", "RunStarted") not in told.order


def test_packs_see_the_run_whose_nodes_are_executed(
    several: Runner, told: Told, session: Session, tmp_path: Path
) -> None:
    assert session.custom is not None
    host, both, turn = session.custom.host, threading.Barrier(2), session.engine.turn
    seen: list[tuple[str, str | None, str | None]] = []

    def look(*, context: Context) -> tuple[str]:
        for _ in range(3):
            seen.append((context.run_id, host.run_id, host.client_id))
            with turn.yielded():
                both.wait(60)
        return ("",)

    session.registry.add([NodeSpec("Look", look, {}, (), output_node=True, context="context")])
    for client in "ab":
        several.submit(job(tmp_path, ("Look", {}), run_id=f"of {client}", client_id=client, scope=client))
    assert told.ended("of a", "of b")
    assert set(seen) == {("of a", "of a", "a"), ("of b", "of b", "b")}
    assert (host.run_id, host.client_id) == (None, None)
