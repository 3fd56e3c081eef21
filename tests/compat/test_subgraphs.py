from typing import Any

import pytest

from inhouse import Link, Registry
from inhouse.compat import subgraphs
from inhouse.compat.canvas import read_canvas
from inhouse.errors import WorkflowFormatError


def saved(node_id: int, kind: str, *links: int, **more: Any) -> dict[str, Any]:
    inputs = [{"name": f"in{place}", "type": "X", "link": link} for place, link in enumerate(links)]
    return {"id": node_id, "type": kind, "inputs": inputs, "outputs": [{"name": "X", "type": "X"}], **more}


def subgraph(name: str, *nodes: dict[str, Any], links: list[list[Any]], inputs: int = 1) -> dict[str, Any]:
    return {"id": name, "nodes": list(nodes), "links": links, "inputs": [{"name": f"in{i}"} for i in range(inputs)]}


def canvas(*nodes: dict[str, Any], links: list[list[Any]], inner: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"nodes": list(nodes), "links": links, "definitions": {"subgraphs": list(inner)}}


def test_a_subgraph_may_pass_an_input_straight_to_an_output() -> None:
    inner = subgraph("u", saved(8, "Idle"), links=[[1, -10, 0, -20, 0, "X"]])
    document = canvas(
        saved(1, "A"),
        saved(2, "u", 1),
        saved(3, "B", 2),
        links=[[1, 1, 0, 2, 0, "X"], [2, 2, 0, 3, 0, "X"]],
        inner=(inner,),
    )
    workflow = read_canvas(document, Registry())
    assert list(workflow.nodes) == ["1", "2:8", "3"]
    assert workflow.nodes["3"].inputs == {"in0": Link("1", 0)}


def test_an_instance_of_a_subgraph_has_its_own_widget_values() -> None:
    slot = {"name": "in0", "type": "INT", "link": 9, "widget": {"name": "in0"}}
    inner = subgraph("u", {"id": 5, "type": "A", "inputs": [slot]}, links=[[9, -10, 0, 5, 0, "INT"]])
    promoted = [{"name": "in0", "type": "INT", "link": None, "widget": {"name": "in0"}}]
    instances = [
        {"id": 1, "type": "u", "inputs": promoted, "widgets_values": [7]},
        {"id": 2, "type": "u", "inputs": promoted, "widgets_values": [1], "widgets_values_named": {"in0": 8}},
        {"id": 3, "type": "u", "inputs": [], "widgets_values": [9]},
    ]
    workflow = read_canvas(canvas(*instances, links=[], inner=(inner,)), Registry())
    assert {i: n.inputs["in0"] for i, n in workflow.nodes.items()} == {"1:5": 7, "2:5": 8, "3:5": 9}


def test_a_bypassed_subgraph_drops_its_inside_and_lets_its_input_through() -> None:
    inner = subgraph("u", saved(8, "Deep", 1), links=[[1, -10, 0, 8, 0, "X"], [2, 8, 0, -20, 0, "X"]])
    links = [[1, 1, 0, 2, 0, "X"], [2, 2, 0, 3, 0, "X"]]
    document = canvas(saved(1, "A"), saved(2, "u", 1, mode=4), saved(3, "B", 2), links=links, inner=(inner,))
    workflow = read_canvas(document, Registry())
    assert list(workflow.nodes) == ["1", "3"]
    assert workflow.nodes["3"].inputs == {"in0": Link("1", 0)}


def test_a_long_chain_of_reroutes_is_followed() -> None:
    chain = [saved(n, "Reroute", n) for n in range(2, 3000)]
    links = [[n, n - 1, 0, n, 0, "X"] for n in range(2, 3001)]
    workflow = read_canvas(canvas(saved(1, "A"), *chain, saved(3000, "B", 3000), links=links), Registry())
    assert workflow.nodes["3000"].inputs == {"in0": Link("1", 0)}


def test_reroutes_in_a_circle_are_refused() -> None:
    nodes = (saved(1, "Reroute", 2), saved(2, "Reroute", 1), saved(3, "B", 1))
    links = [[1, 1, 0, 2, 0, "X"], [2, 2, 0, 1, 0, "X"]]
    with pytest.raises(WorkflowFormatError, match="circle"):
        read_canvas(canvas(*nodes, links=links), Registry())


def test_a_subgraph_inside_itself_is_refused() -> None:
    inner = subgraph("u", saved(1, "u"), links=[])
    with pytest.raises(WorkflowFormatError, match="nested deeper"):
        read_canvas(canvas(saved(1, "u"), links=[], inner=(inner,)), Registry())


def test_subgraphs_that_multiply_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subgraphs, "MAX_NODES", 1000)
    layers = [subgraph(f"u{n}", *(saved(i, f"u{n + 1}") for i in range(10)), links=[]) for n in range(20)]
    with pytest.raises(WorkflowFormatError, match="more than 1,000 nodes"):
        read_canvas(canvas(saved(1, "u0"), links=[], inner=tuple(layers)), Registry())
