import pytest

from inhouse import Link, Workflow, WorkflowNode
from inhouse.compat.dynamic_prompt import Added, DynamicPrompt, NodeNotFoundError

WORKFLOW = Workflow({"1": WorkflowNode("A", {"x": 1}), "2": WorkflowNode("B", {"y": Link("1", 0)})})
ADDED = {
    "2.0.0.1": Added(WorkflowNode("C", {"z": Link("1", 0)}), parent="2", display="2"),
    "2.0.0.1.0.0.1": Added(WorkflowNode("C"), parent="2.0.0.1", display="1"),
}
PROMPT = DynamicPrompt(WORKFLOW, ADDED)


def test_nodes_of_the_workflow_and_of_expansions_are_found() -> None:
    assert PROMPT.get_node("2") == {"class_type": "B", "inputs": {"y": ["1", 0]}}
    assert PROMPT.get_node("2.0.0.1") == {"class_type": "C", "inputs": {"z": ["1", 0]}}
    assert PROMPT.has_node("2.0.0.1")
    assert PROMPT.all_node_ids() == {"1", "2", *ADDED}
    with pytest.raises(NodeNotFoundError):
        PROMPT.get_node("9")


def test_the_original_prompt_is_what_was_sent() -> None:
    assert PROMPT.get_original_prompt().keys() == {"1", "2"}


def test_an_added_node_knows_where_it_comes_from() -> None:
    assert PROMPT.get_parent_node_id("2") is None
    assert PROMPT.get_parent_node_id("2.0.0.1.0.0.1") == "2.0.0.1"
    assert PROMPT.get_real_node_id("2.0.0.1.0.0.1") == "2"
    assert PROMPT.get_display_node_id("2.0.0.1") == "2"
    assert PROMPT.get_display_node_id("2.0.0.1.0.0.1") == "1"
    assert PROMPT.get_display_node_id("1") == "1"
