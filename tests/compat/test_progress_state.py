import json
from typing import Any

from inhouse.compat.messages import Message
from inhouse.compat.node_places import Place
from inhouse.compat.progress_state import FULL_STATE, ProgressState


def _nodes(message: Message) -> Any:
    told = json.loads(str(message.frame(with_metadata=True)))
    assert told["type"] == "progress_state"
    return told["data"]["nodes"]


def test_a_state_stays_what_it_was_when_it_was_told() -> None:
    states = ProgressState('r"un')
    first = states.update(Place('1"', "1", None, "1"), 1, 4)
    states.finish(Place('1"', "1", None, "1"))
    data = json.loads(first.frame(with_metadata=True) or "")["data"]
    assert data["prompt_id"] == 'r"un'
    assert data["nodes"] == {
        '1"': {
            "value": 1,
            "max": 4,
            "state": "running",
            "node_id": '1"',
            "prompt_id": 'r"un',
            "display_node_id": "1",
            "parent_node_id": None,
            "real_node_id": "1",
        }
    }


def test_every_node_touched_so_far_is_told() -> None:
    states = ProgressState("R")
    states.update(Place("1", "1", None, "1"), 2, 4)
    states.finish(Place("1", "1", None, "1"))
    told = _nodes(states.update(Place("1.0.0.2", "1", "1", "1"), 0.0, 1.0))
    assert {node_id: (node["value"], node["max"], node["state"]) for node_id, node in told.items()} == {
        "1": (4, 4, "finished"),
        "1.0.0.2": (0.0, 1.0, "running"),
    }
    assert states.finished == {"1"}
    assert [node["node_id"] for node in states.running] == ["1.0.0.2"]


def test_of_many_nodes_only_what_runs_and_what_changed_is_told() -> None:
    states = ProgressState("R")
    sizes = []
    for number in range(FULL_STATE + 20):
        place = Place(str(number), str(number), None, str(number))
        for message in (states.update(place, 0.0, 1.0), states.finish(place)):
            told = _nodes(message)
            assert str(number) in told
            sizes.append(len(told))
    assert sizes[2 * FULL_STATE - 1] == FULL_STATE
    assert set(sizes[2 * FULL_STATE :]) == {1}


def test_what_was_cached_is_told_as_done() -> None:
    assert _nodes(ProgressState("R").finish(Place("1", "1", None, "1"), cached=True))["1"]["value"] == 1
