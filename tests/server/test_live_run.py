import json

from inhouse.engine.events import NodeFinished, RunFinished, RunStarted
from inhouse.server.fair_queue import Waiting
from inhouse.server.live_run import LiveRun
from inhouse.storage.records import RunState, Submission

WORKFLOW = {"1": {"class_type": "SaveImage", "inputs": {}}}
RUN = Submission("run", "ann", 3, json.dumps(WORKFLOW), client_id="canvas")
IMAGE = {"filename": "a.png", "subfolder": "", "type": "output"}


def _live() -> LiveRun:
    return LiveRun.begin(Waiting.of(RUN, 1), RUN)


def test_knows_the_classes_of_its_nodes() -> None:
    run = _live()
    assert run.id == "run"
    assert run.node_type("1") == "SaveImage"
    assert run.node_type("1.0.0.2") == ""


def test_what_is_stored_of_its_end_is_what_its_nodes_showed() -> None:
    run = _live()
    run.narrator.hear(RunStarted("run"))
    run.narrator.hear(NodeFinished("1", "1", {"images": [IMAGE]}, 0.0, cached=False))
    run.narrator.hear(RunFinished("run", "success"))
    end = run.conclusion()
    assert (end.run_id, end.state) == ("run", RunState.SUCCESS)
    assert json.loads(end.outputs) == {"1": {"images": [IMAGE]}}
    assert json.loads(end.status)["completed"] is True
    assert [(file.node_id, file.kind, file.filename) for file in end.artifacts] == [("1", "output", "a.png")]


def test_what_nodes_show_is_stored_whatever_it_is() -> None:
    run = _live()
    run.narrator.hear(
        NodeFinished("1", "1", {"text": ["\ud800", 10**30, float("nan"), b"x", {1: 2}]}, 0.0, cached=False)
    )
    run.narrator.hear(RunFinished("run", "success"))
    assert json.loads(run.conclusion().outputs)["1"]["text"][1] is not None


def test_an_interrupted_run_is_cancelled() -> None:
    run = _live()
    run.narrator.hear(RunFinished("run", "interrupted"))
    assert run.conclusion().state is RunState.CANCELLED


def test_what_stands_for_a_run_that_is_being_loaded_has_its_owner_and_place() -> None:
    run = LiveRun.loading(Waiting.of(RUN, 1))
    assert (run.id, run.submission.user, run.given) == ("run", "ann", False)
