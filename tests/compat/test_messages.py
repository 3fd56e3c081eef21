import json
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from inhouse.compat.messages import PlainPreviewMessage, PreviewMessage, ProgressState, TextMessage, json_ready, to_json
from inhouse.engine.events import Picture


@dataclass
class Node:
    node_id: str
    display_id: str
    parent_id: str | None
    real_id: str


def test_text_is_written_once_however_many_hear_it() -> None:
    message = TextMessage("executing", {"node": "1"})
    assert json.loads(message.frame()) == {"type": "executing", "data": {"node": "1"}}
    assert message.frame() is message.frame(with_metadata=True)


@pytest.mark.parametrize(("media_type", "number"), [("image/jpeg", 1), ("image/png", 2)])
def test_a_preview_is_told_in_the_form_that_a_client_knows(media_type: str, number: int) -> None:
    picture = Picture(b"picture", media_type)
    assert PlainPreviewMessage(picture).frame(with_metadata=True) is None
    plain = PlainPreviewMessage(picture).frame(with_metadata=False)
    assert plain == (1).to_bytes(4, "big") + number.to_bytes(4, "big") + b"picture"

    rich = PreviewMessage(picture, {"node_id": "3"})
    assert rich.frame(with_metadata=False) is None
    frame = rich.frame(with_metadata=True) or b""
    size = int.from_bytes(frame[4:8], "big")
    assert frame[:4] == (4).to_bytes(4, "big")
    assert json.loads(frame[8 : 8 + size]) == {"node_id": "3", "image_type": media_type}
    assert frame[8 + size :] == b"picture"


def test_a_state_stays_what_it_was_when_it_was_told() -> None:
    states = ProgressState('r"un')
    first = states.update(Node('1"', "1", None, "1"), 1, 4)
    states.finish(Node('1"', "1", None, "1"))
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


class Mute:
    def __str__(self) -> str:
        raise ValueError("no")


DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "data", [2**70, "\ud800", float("nan"), {1: 2}, {"x": object()}, [(1, 2**64)], {"x": {3}}, Mute(), DEEP, b"x"]
)
def test_json_is_made_of_anything(data: object) -> None:
    assert list(json.loads(to_json({"data": data}))) == ["data"]
    assert orjson.dumps(json_ready({"data": data})).decode() == to_json({"data": data})


def test_what_is_json_already_stays_as_it_is() -> None:
    data = {"images": [{"filename": "a.png"}], "n": [1, 2.5, None, True]}
    assert json_ready(data) is data
    assert json_ready({"x": 2**70, "y": (1, {2: "a"})}) == {"x": str(2**70), "y": [1, {"2": "a"}]}
