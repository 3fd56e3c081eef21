from typing import Any

import pytest

from inhouse import Blocker, Link, WorkflowNode
from inhouse.compat.dynamic_prompt import Expansions
from inhouse.compat.graph_builder import GraphBuilder
from inhouse.compat.io_nodes import NodeOutput
from inhouse.compat.node_result import read_result
from inhouse.engine.node import Result
from inhouse.engine.sockets import OutputSpec
from inhouse.engine.types import WireType
from inhouse.errors import NodeExecutionError

INT = WireType.parse("INT")
ONE = (OutputSpec("a", INT),)
TWO = (*ONE, OutputSpec("b", INT, is_list=True))


def read(returned: Any, outputs: tuple[OutputSpec, ...] = ONE) -> Result:
    return read_result(returned, outputs, Expansions())


@pytest.mark.parametrize(
    ("returned", "outputs", "values"),
    [
        ((1,), ONE, (1,)),
        ([1], ONE, (1,)),
        (1, ONE, (1,)),
        ((1, 2, 3), ONE, (1,)),
        ((), (), ()),
        (None, (), ()),
        (None, TWO, (None, [])),
        ({}, TWO, (None, [])),
        (Blocker("no"), TWO, (Blocker("no"), Blocker("no"))),
        ((1, Blocker()), TWO, (1, Blocker())),
        ({"result": (["1", 0],)}, ONE, (["1", 0],)),
        (NodeOutput(1, [2]), TWO, (1, [2])),
        (NodeOutput(), ONE, (None,)),
        (NodeOutput(block_execution="no"), ONE, (Blocker("no"),)),
    ],
)
def test_every_form_of_values_is_read(returned: Any, outputs: tuple[OutputSpec, ...], values: tuple[Any, ...]) -> None:
    assert read(returned, outputs) == Result(values)


def test_what_is_shown_is_kept() -> None:
    assert read({"ui": {"text": ["x"]}}, ()) == Result((), {"text": ["x"]})
    assert read(NodeOutput(1, ui={"text": ["x"]})) == Result((1,), {"text": ["x"]})


def test_in_an_expansion_links_are_links_and_wrapped_lists_are_lists() -> None:
    graph = {
        "p.1": {"class_type": "A", "inputs": {"x": ["3", 1], "y": {"__value__": ["3", 1]}, "z": object}},
        "p.2": {"class_type": "B", "inputs": {}, "override_display_id": "5"},
    }
    result = read({"result": (["p.1", 0], [["a", 0]]), "expand": graph}, TWO)
    assert result.values == (Link("p.1", 0), [["a", 0]])
    assert result.expand == {
        "p.1": WorkflowNode("A", {"x": Link("3", 1), "y": ["3", 1], "z": object}),
        "p.2": WorkflowNode("B", display_id="5"),
    }


def test_a_graph_builder_may_be_returned_unfinished() -> None:
    graph = GraphBuilder("p.")
    graph.node("A", x=1)
    assert read({"result": (1,), "expand": graph}).expand == {"p.1": WorkflowNode("A", {"x": 1})}


@pytest.mark.parametrize("graph", [[], {"1": None}, {"1": {"class_type": "A"}}, {"1": {"inputs": {}}}, 5])
def test_what_is_no_graph_is_refused(graph: Any) -> None:
    with pytest.raises(NodeExecutionError, match="no graph"):
        read({"result": (1,), "expand": graph})
