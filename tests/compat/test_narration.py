import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
import pytest
from tests import wire

from inhouse.compat.admission import admit, read_body
from inhouse.compat.messages import Message
from inhouse.compat.narration import Narrator
from inhouse.compat.prompt import read_prompt
from inhouse.engine.control import Control
from inhouse.engine.events import (
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Picture,
    Raised,
    RunFinished,
    RunStarted,
)
from inhouse.errors import InterruptedRunError, NodeExecutionError, OutOfMemoryError, WorkerLostError
from inhouse.workers.session import Session

BETTER = {
    "exec_async_node_error/0": "an asynchronous node that fails is told with its inputs, as any other is",
    "exec_dynamic_cycle/0": "kept as a success there; the circle is seen before anything of it runs, and named",
    "exec_empty_list/0": "a crash there; no element means no call",
    "exec_numbers_coerced/1": 'there the text "false" is true',
}
"""Where our runs go otherwise than ComfyUI's, and why."""
PICTURE = Picture(b"\xff\xd8picture", "image/jpeg")

# -- what ComfyUI said of an event, we say of it too -------------------------------------------------------------------


def _events(entries: Sequence[dict[str, Any]], run_id: str) -> Iterator[Event]:
    """Yield the events behind what a client heard."""
    shown: dict[str, Any] = {}
    finished: set[str] = set()
    places: dict[str, Any] = {}
    for place, entry in enumerate(entries):
        kind, data = (entry["json"]["type"], entry["json"]["data"]) if "json" in entry else ("", {})
        match kind:
            case "execution_start":
                yield RunStarted(run_id)
            case "execution_cached":
                yield NodesCached(tuple(data["nodes"]))
            case "executing":
                yield NodeStarted(data["node"], data["display_node"])
            case "executed":
                shown[data["node"]] = data["output"]
            case "progress":
                beside = entries[place - 1 : place + 2]
                picture = PICTURE if any("binary" in other for other in beside) else None
                display = places[data["node"]]["display_node_id"]
                yield NodeProgress(data["node"], display, data["value"], data["max"], picture)
            case "progress_state":
                places = data["nodes"]
                done = {node_id for node_id, node in places.items() if node["state"] == "finished"}
                for node_id in done - finished:
                    cached = isinstance(places[node_id]["value"], int) and places[node_id]["max"] == 1
                    display = places[node_id]["display_node_id"]
                    yield NodeFinished(node_id, display, shown.get(node_id), 0.0, cached=cached)
                finished = done
            case _:
                yield from _end(kind, data, run_id)


def _end(kind: str, data: dict[str, Any], run_id: str) -> Iterator[Event]:
    node_id = data.get("node_id", "")
    if kind == "execution_success":
        yield RunFinished(run_id, "success")
    elif kind == "execution_interrupted":
        yield NodeFailed(node_id, node_id, InterruptedRunError(), caught=False)
        yield RunFinished(run_id, "interrupted")
    elif kind == "execution_error" and data["exception_type"] == "ExecutionBlocked":
        yield NodeBlocked(node_id, node_id, data["exception_message"].removeprefix("Execution Blocked: "))
    elif kind == "execution_error":
        raised = Raised(data["exception_type"], data["exception_message"].rstrip("\n"))
        error = NodeExecutionError("failed", node_id=node_id)
        yield NodeFailed(node_id, node_id, error, caught=False, inputs=dict(data["current_inputs"]), raised=raised)
        yield RunFinished(run_id, "error")


def _told(messages: Sequence[Message], *, with_metadata: bool) -> list[Any]:
    """Return what a client hears, in the form of the captures."""
    frames = [message.frame(with_metadata=with_metadata) for message in messages]
    return [json.loads(frame) if isinstance(frame, str) else _read(frame) for frame in frames if frame is not None]


def _read(frame: bytes) -> dict[str, Any]:
    """Return a binary message as the captures tell it."""
    kind, number = int.from_bytes(frame[:4], "big"), int.from_bytes(frame[4:8], "big")
    if kind == 1:
        assert frame[8:] == PICTURE.data
        return {"type": kind, "image_format": number}
    assert frame[8 + number :] == PICTURE.data
    return {"type": kind, "metadata": json.loads(frame[8 : 8 + number])}


def _seen(entry: dict[str, Any]) -> Any:
    if "json" in entry:
        return entry["json"]
    return {key: entry["binary"][key] for key in ("type", "image_format", "metadata") if key in entry["binary"]}


def _runs(prefixes: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield the runs that a client heard of from beginning to end."""
    for name in (name for prefix in prefixes for name in wire.names(prefix)):
        found = wire.capture(name)
        for place, (_, answer) in enumerate(wire.prompts(found)):
            heard = wire.heard(found, answer.get("body", {}).get("prompt_id", ""))
            kinds = [entry["json"]["type"] for entry in heard if "json" in entry]
            if kinds[:1] == ["execution_start"] and kinds[-1].startswith("execution_"):
                yield name, place


def _is_folded(name: str) -> bool:
    """Whether a capture leaves out steps of several nodes at once, which cannot be guessed."""
    return name.startswith("exec_async_parallel")


@pytest.mark.parametrize(
    ("name", "place"),
    [run for run in _runs(["exec_", "interrupt_", "ws_two", "history_", "val_", "queue_"]) if not _is_folded(run[0])],
)
def test_says_what_comfyui_says_in_the_same_order(name: str, place: int) -> None:
    found = wire.capture(name)
    raw, answer = list(wire.prompts(found))[place]
    run_id = answer["body"]["prompt_id"]
    heard = [entry for entry in wire.heard(found, run_id) if entry.get("binary", {}).get("type") != 3]
    narrator = Narrator(run_id, "A", json.loads(raw)["prompt"])
    with_metadata = any(entry.get("binary", {}).get("type") == 4 for entry in heard)
    messages = [message for event in _events(heard, run_id) for message in narrator.hear(event)]
    told = _told(messages, with_metadata=with_metadata)
    wanted = [_seen(entry) for entry in heard if "omitted" not in entry]
    if name == "exec_dynamic_cycle":
        last = wanted[-1]["data"]
        assert last["current_inputs"] == []
        last.update(current_inputs={}, exception_message=last["exception_message"] + "\n")
    assert wire.settled(told) == wire.settled(wanted)


# -- what ComfyUI's runs come to, ours come to as well -----------------------------------------------------------------


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Return what runs the probes."""
    with wire.open_probes(tmp_path_factory.mktemp("wire")) as session:
        yield session


@pytest.fixture
def narrate(session: Session) -> Callable[..., tuple[Narrator, list[Any]]]:
    """Return a function that runs a prompt, and tells what was told of it."""

    def run(body: dict[str, Any], run_id: str = "R", **options: Any) -> tuple[Narrator, list[Any]]:
        admission = admit(body, session.registry)
        narrator = Narrator(run_id, admission.client_id, admission.document)
        messages: list[Message] = []
        workflow = read_prompt(admission.document, admission.extra.get("extra_pnginfo"))
        session.engine.run(
            workflow,
            targets=admission.targets,
            emit=lambda event: messages.extend(narrator.hear(event)),
            run_id=run_id,
            **options,
        )
        return narrator, _told(messages, with_metadata=True)

    return run


def _story(messages: Sequence[Any]) -> dict[str, list[Any]]:
    """Return what was told of each node, and of the whole; which of two independent nodes comes first is open."""
    story: dict[str, list[Any]] = defaultdict(list)
    known: dict[str, Any] = {}
    for message in messages:
        kind, data = message.get("type"), message.get("data", {})
        if kind == "progress_state":
            for node_id, node in data["nodes"].items():
                if known.get(node_id) != node and not _is_time(node["max"]):
                    story[node_id].append(node)
            known = data["nodes"]
        elif kind == "progress" and _is_time(data["max"]):
            continue
        elif kind in ("progress", "executing", "executed") and (kind, data) not in story[data["node"]]:
            story[data["node"]].append((kind, data))  # a node that waits for a lazy input is announced twice there
        elif kind not in ("progress", "executing", "executed"):
            story[""].append((kind, data))
    return story


def _is_time(total: float) -> bool:
    """Whether a node reports how long it has slept, which is never the same."""
    return total != int(total)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        run
        for run in _runs(["exec_"])
        if not run[0].startswith(("exec_txt2img", "exec_text", "exec_fully", "exec_part"))
    ],
)
def test_runs_come_to_what_they_come_to_there(
    name: str, place: int, narrate: Callable[..., tuple[Narrator, list[Any]]], session: Session
) -> None:
    session.engine.cache.clear()
    found = wire.capture(name)
    raw, answer = list(wire.prompts(found))[place]
    run_id = answer["body"]["prompt_id"]
    narrator, told = narrate(read_body(raw), run_id)
    wanted = [_seen(entry) for entry in wire.heard(found, run_id) if "json" in entry]
    ours, theirs = _plain(_story(told)), _plain(_story(wanted))
    entry = wire.history_entries(found).get(run_id)
    if entry is not None:
        ended = narrator.conclusion()
        ours["history"] = _plain([ended.outputs, ended.history_status, ended.meta])
        theirs["history"] = _plain([entry["outputs"], entry["status"], entry["meta"]])
    if f"{name}/{place}" in BETTER:
        assert ours != theirs, "no longer different: take it off the list"
    else:
        assert ours == theirs


def _plain(data: Any) -> Any:
    """Return data as JSON has it, without what differs from run to run."""
    return wire.settled(json.loads(json.dumps(data)))


def test_what_is_cached_is_told_at_once(narrate: Callable[..., tuple[Narrator, list[Any]]], session: Session) -> None:
    session.engine.cache.clear()
    for name in ("exec_success", "exec_fully_cached", "exec_partially_cached"):
        found = wire.capture(name)
        ((raw, answer),) = wire.prompts(found)
        run_id = answer["body"]["prompt_id"]
        narrator, told = narrate(read_body(raw), run_id)
        assert wire.settled(told) == wire.settled([_seen(entry) for entry in wire.heard(found, run_id)])
        entry = wire.history_entries(found)[run_id]
        assert _plain(narrator.conclusion().outputs) == entry["outputs"]


def test_an_interrupted_node_is_told_and_kept_as_an_error(narrate: Callable[..., tuple[Narrator, list[Any]]]) -> None:
    control = Control()
    control.cancel()
    body = {"prompt": {"1": {"class_type": "ProbeLoop", "inputs": {"seconds": 60.0, "tag": "x"}}}, "client_id": "A"}
    narrator, told = narrate(body, control=control)
    assert told[-1]["type"] == "execution_interrupted"
    assert (told[-1]["data"]["node_id"], told[-1]["data"]["node_type"]) == ("1", "ProbeLoop")
    ended = narrator.conclusion()
    assert ended.status == "interrupted"
    assert (ended.history_status["status_str"], ended.history_status["completed"]) == ("error", False)


# -- what ComfyUI cannot show ------------------------------------------------------------------------------------------

CHAIN = {
    "1": {"class_type": "Loader", "inputs": {}},
    "2": {"class_type": "Sampler", "inputs": {"model": ["1", 0]}},
    "3": {"class_type": "Save", "inputs": {"images": ["2", 0]}},
}


def _hear(narrator: Narrator, *events: Event) -> list[Any]:
    return _told([message for event in events for message in narrator.hear(event)], with_metadata=True)


def test_without_a_client_all_hear_of_progress_and_nothing_else() -> None:
    narrator = Narrator("R", None, CHAIN)
    events: list[Event] = [
        RunStarted("R"),
        NodesCached(()),
        NodeStarted("1", "1"),
        NodeProgress("1", "1", 1, 2, PICTURE),
        NodeFinished("1", "1", {"text": ["x"]}, 0.1),
        RunFinished("R", "interrupted"),
    ]
    messages = [message for event in events for message in narrator.hear(event)]
    public = _told([m for m in messages if m.to_all_without_client], with_metadata=False)
    kinds = ["progress_state", "progress_state", "progress", 1, "progress_state", "execution_interrupted"]
    assert [message["type"] for message in public] == kinds


def test_a_slow_client_may_miss_steps_and_pictures_only() -> None:
    narrator = Narrator("R", "A", CHAIN)
    assert not any(message.droppable for message in narrator.hear(NodeStarted("1", "1")))
    assert all(message.droppable for message in narrator.hear(NodeProgress("1", "1", 1, 2, PICTURE)))
    assert not any(message.droppable for message in narrator.hear(NodeFinished("1", "1", None, 0.1)))


def test_an_error_comes_last_though_other_outputs_were_made_after_it() -> None:
    narrator = Narrator("R", "A", CHAIN)
    failed = NodeFailed("1", "1", OutOfMemoryError("No memory.", hint="Use a smaller picture."), caught=False)
    told = _hear(
        narrator,
        RunStarted("R"),
        NodesCached(()),
        NodeStarted("1", "1"),
        failed,
        NodeStarted("2", "2"),
        NodeFinished("2", "2", {"text": ["x"]}, 0.1),
        RunFinished("R", "error"),
    )
    assert [message["type"] for message in told if message["type"].startswith("execution_e")] == ["execution_error"]
    last = told[-1]["data"]
    assert (last["node_id"], last["node_type"], last["executed"]) == ("1", "Loader", ["2"])
    assert last["exception_message"] == "No memory. Use a smaller picture.\n"
    assert narrator.conclusion().outputs == {"2": {"text": ["x"]}}


def test_the_node_of_the_workflow_is_blamed_for_what_it_expanded_into() -> None:
    narrator = Narrator("R", "A", CHAIN)
    raised = Raised("ValueError", "no", ('  File "x.py", line 1, in go\n',))
    failed = NodeFailed("2.0.0.1.0.0.7", "2", NodeExecutionError("no"), caught=False, raised=raised)
    told = _hear(
        narrator, NodeStarted("2", "2"), NodeStarted("2.0.0.1", "2"), NodeStarted("2.0.0.1.0.0.7", "2"), failed
    )
    state = told[-2]["data"]["nodes"]["2.0.0.1.0.0.7"]
    assert (state["parent_node_id"], state["real_node_id"], state["display_node_id"]) == ("2.0.0.1", "2", "2")
    (last,) = _hear(narrator, RunFinished("R", "error"))
    assert (last["data"]["node_id"], last["data"]["node_type"]) == ("2", "Sampler")
    assert last["data"]["traceback"] == list(raised.traceback)


def test_what_another_node_handles_is_no_error() -> None:
    narrator = Narrator("R", "A", CHAIN)
    caught = NodeFailed("1", "1", NodeExecutionError("no"), caught=True)
    told = _hear(narrator, NodeStarted("1", "1"), caught, RunFinished("R", "success"))
    assert told[-2]["data"]["nodes"]["1"]["state"] == "finished"
    assert told[-1]["type"] == "execution_success"


def test_a_worker_that_dies_is_told_of_as_an_error_of_the_node_that_ran() -> None:
    narrator = Narrator("R", "A", CHAIN)
    _hear(narrator, RunStarted("R"), NodesCached(()), NodeStarted("1", "1"))
    assert narrator.running == "1"
    (message,) = narrator.lost(WorkerLostError("Worker cpu-0 was killed.", hint="It ran out of memory."))
    told = json.loads(str(message.frame(with_metadata=True)))["data"]
    assert (told["node_id"], told["exception_type"]) == ("1", "WorkerLostError")
    assert told["exception_message"] == "Worker cpu-0 was killed. It ran out of memory.\n"
    assert narrator.conclusion().status == "error"
    assert [kind for kind, _ in narrator.conclusion().history_status["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_error",
    ]


def test_of_several_failures_the_first_is_told_but_for_a_stop() -> None:
    narrator = Narrator("R", "A", CHAIN)
    _hear(narrator, NodeFailed("1", "1", NodeExecutionError("first"), caught=False))
    _hear(narrator, NodeFailed("2", "2", NodeExecutionError("second"), caught=False))
    (message,) = narrator.lost(WorkerLostError("gone"))
    assert json.loads(str(message.frame(with_metadata=True)))["data"]["exception_message"] == "first\n"
    narrator = Narrator("R", "A", CHAIN)
    _hear(narrator, NodeFailed("1", "1", NodeExecutionError("first"), caught=False))
    _hear(narrator, NodeFailed("2", "2", InterruptedRunError(), caught=False))
    assert _hear(narrator, RunFinished("R", "interrupted"))[0]["data"]["node_id"] == "2"


def test_what_was_caught_is_to_blame_if_an_output_asked_for_it_otherwise() -> None:
    narrator = Narrator("R", "A", CHAIN)
    _hear(narrator, NodeFailed("1", "1", NodeExecutionError("no"), caught=True))
    (error,) = _hear(narrator, RunFinished("R", "error"))
    assert (error["data"]["node_id"], error["data"]["exception_message"]) == ("1", "no\n")


def test_says_how_far_a_run_is() -> None:
    narrator = Narrator("R", "A", CHAIN)
    assert (narrator.done, narrator.progress) == (0, [])
    _hear(narrator, NodesCached(("1",)), NodeStarted("2", "2"), NodeProgress("2", "2", 3, 20))
    assert narrator.done == 1
    assert [(node["node_id"], node["value"], node["max"]) for node in narrator.progress] == [("2", 3, 20)]
    _hear(narrator, NodeFinished("2", "2", None, 0.1))
    assert (narrator.done, narrator.progress) == (2, [])


def test_a_run_that_ends_before_its_first_node_names_a_node_all_the_same() -> None:
    (message,) = Narrator("R", "A", {}).hear(RunFinished("R", "interrupted"))
    assert json.loads(str(message.frame(with_metadata=True)))["data"]["node_id"] == ""
    (message,) = Narrator("R", "A", CHAIN).hear(RunFinished("R", "error"))
    assert json.loads(str(message.frame(with_metadata=True)))["data"]["node_id"] == "1"


def test_results_found_late_in_the_cache_are_kept_with_the_others() -> None:
    narrator = Narrator("R", "A", CHAIN)
    told = _hear(narrator, NodesCached(()), NodesCached(("2",)), NodesCached(("1",)))
    assert [message["data"]["nodes"] for message in told] == [[], ["1", "2"]]
    ((_, kept),) = narrator.conclusion().history_status["messages"]
    assert kept["nodes"] == ["1", "2"]


def test_files_that_nodes_show_are_the_artifacts_of_a_run() -> None:
    narrator = Narrator("R", "A", CHAIN)
    images = [
        {"filename": "a.png", "subfolder": "x", "type": "output"},
        {"filename": "b.png", "type": "temp"},
        {"filename": "c.png", "subfolder": "", "type": "input"},
        {"filename": 5, "type": "output"},
        "no file",
    ]
    narrator.hear(NodeFinished("3", "3", {"images": images, "animated": (True,), "text": "x"}, 0.1))
    ended = narrator.conclusion()
    assert ended.artifacts == (("3", "output", "x", "a.png"), ("3", "temp", "", "b.png"))


@pytest.mark.parametrize(("value", "told"), [(float("nan"), 0), (float("inf"), 0), (True, 1), ("x", 0), (None, 0)])
def test_steps_that_are_no_numbers_do_not_spoil_a_message(value: Any, told: float) -> None:
    state, progress = _hear(Narrator("R", "A", CHAIN), NodeProgress("1", "1", value, 3))
    assert state["data"]["nodes"]["1"]["value"] == told
    assert progress["data"]["value"] == told
    (state, _) = _hear(Narrator("R", "A", CHAIN), NodeProgress("1", "1", 3, value))
    assert state["data"]["nodes"]["1"]["max"] == told


def test_what_nodes_show_and_say_can_always_be_stored() -> None:
    narrator = Narrator("R", "A", CHAIN)
    odd = [object(), 2**70, "\ud800", float("nan")]
    (executed, _) = narrator.hear(NodeFinished("1", "1", {"text": odd}, 0.1))
    failed = NodeFailed("2", "2", NodeExecutionError("\ud800"), caught=False, inputs={"seed": [2**70]})
    (error,) = [*narrator.hear(failed), *narrator.hear(RunFinished("R", "error"))]
    ended = narrator.conclusion()
    assert orjson.dumps([ended.outputs, ended.history_status, ended.meta])
    assert "object object" in str(executed.frame(with_metadata=True))
    assert json.loads(str(error.frame(with_metadata=True)))["data"]["current_inputs"] == {"seed": [str(2**70)]}
