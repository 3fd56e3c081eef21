"""What a run hands on to its nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import basics, workflow

from inhouse import Registry
from inhouse.engine.cache import Cache
from inhouse.engine.control import Control
from inhouse.engine.lane import AsyncLane
from inhouse.engine.surroundings import Surroundings
from inhouse.engine.task import Task
from inhouse.engine.turn import Seat, Turn

AROUND = Surroundings(
    workflow=workflow(),
    registry=Registry(),
    cache=Cache(0),
    lane=AsyncLane(),
    turn=Turn(),
    seat=Seat("r", Control()),
    services={},
    control=Control(),
    emit=lambda _: None,
    run_id="r",
    shared={},
)


def prefix(node_id: str, call: int = 0) -> str:
    return AROUND.context(Task(node_id, basics()[0], {}, 0), call).graph_prefix


@given(st.text(), st.text(), st.integers(0, 99), st.integers(0, 99))
def test_prefixes_are_unique_to_a_node_and_a_call(one: str, other: str, call: int, other_call: int) -> None:
    assert (prefix(one, call) == prefix(other, other_call)) == ((one, call) == (other, other_call))


def test_prefixes_begin_like_the_id_and_stay_short_however_deep_the_expansion() -> None:
    assert prefix("7", 2) == "7.2."
    node_id = "7"
    for _ in range(1_000):
        node_id = prefix(node_id) + "Loop"
    assert len(node_id) < 100
    assert node_id.startswith("7.0.Loop.0.")
