import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse import InhouseError, Link, Workflow, WorkflowNode
from inhouse.compat.prompt import read_link, read_prompt, write_prompt
from inhouse.errors import WorkflowFormatError, WorkflowInvalidError

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS | st.text()
JSON = st.recursive(
    SCALARS | st.just(float("nan")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
LITERALS = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=12), SCALARS, max_size=2)
LINKS = st.builds(Link, st.text(max_size=3), st.integers(0, 5))
NODES = st.builds(
    WorkflowNode, st.text(min_size=1), st.dictionaries(st.text(max_size=5), LITERALS | LINKS, max_size=4), st.text()
)


def test_links_literals_lists_and_titles_are_read() -> None:
    workflow = read_prompt(
        {
            "1": {"class_type": "Make", "inputs": {"n": 3, "xs": {"__value__": [1, 2]}}, "_meta": {"title": "Mine"}},
            "2:5": {"class_type": "Use", "inputs": {"x": ["1", 0], "y": [1, 2]}, "is_changed": [float("nan")]},
        }
    )
    assert workflow.nodes["1"] == WorkflowNode("Make", {"n": 3, "xs": [1, 2]}, "Mine")
    assert workflow.nodes["2:5"].inputs == {"x": Link("1", 0), "y": Link("1", 2)}


def test_the_source_keeps_the_prompt_and_what_came_with_it() -> None:
    document = {"1": {"class_type": "Make", "inputs": {"n": 3}, "is_changed": [float("nan")]}}
    workflow = read_prompt(document, {"workflow": {"nodes": []}})
    assert workflow.source == {
        "prompt": {"1": {"class_type": "Make", "inputs": {"n": 3}}},
        "workflow": {"nodes": []},
    }


def test_every_malformed_node_is_named() -> None:
    document: dict[str, Any] = {
        "1": None,
        "2": {"inputs": {}},
        "3": {"class_type": "A", "inputs": []},
        "4": {"class_type": "A", "inputs": {"x": ["1"], "y": float("inf"), "z": ["1", "0"]}},
        "5": {"class_type": ["A"], "inputs": {}},
    }
    with pytest.raises(WorkflowInvalidError) as caught:
        read_prompt(document)
    found = [(fault.node_id, fault.code, fault.input_name) for fault in caught.value.faults]
    assert found == [
        ("1", "malformed_node", ""),
        ("2", "missing_class_type", ""),
        ("3", "malformed_node", ""),
        ("4", "bad_linked_input", "x"),
        ("4", "bad_linked_input", "y"),
        ("4", "bad_linked_input", "z"),
        ("5", "missing_class_type", ""),
    ]


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
def test_what_is_no_mapping_of_nodes_is_refused(document: object) -> None:
    with pytest.raises(WorkflowFormatError):
        read_prompt(document)


@pytest.mark.parametrize(
    "value", [["1", 0, 0], ["1"], [], [True, 0], ["1", True], ["1", 0.5], [None, 0], {"1": 0}, "10"]
)
def test_only_a_node_id_and_a_slot_are_a_link(value: object) -> None:
    assert read_link(value) is None


@given(st.dictionaries(st.text(), NODES, min_size=1, max_size=5))
def test_what_is_written_is_read_back_the_same(nodes: dict[str, WorkflowNode]) -> None:
    written = json.loads(json.dumps(write_prompt(Workflow(nodes))))
    assert read_prompt(written).nodes == nodes


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4) | JSON)
def test_any_json_is_read_or_refused_with_one_of_our_errors(document: Any) -> None:
    with contextlib.suppress(InhouseError):
        workflow = read_prompt(document)
        assert json.loads(json.dumps(workflow.source["prompt"], allow_nan=False)) == write_prompt(workflow)


def test_a_malformed_link_may_be_left_to_whoever_needs_the_node() -> None:
    document = {"1": {"class_type": "A", "inputs": {"x": ["2"]}}}
    with pytest.raises(WorkflowInvalidError):
        read_prompt(document)
    assert write_prompt(read_prompt(document, lenient=True)) == document
