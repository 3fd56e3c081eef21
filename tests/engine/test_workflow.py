"""Workflows as values."""

from __future__ import annotations

import pytest

from inhouse import Link, Workflow, WorkflowNode


def test_changed_inputs_make_another_workflow() -> None:
    flow = Workflow(
        {"a": WorkflowNode("Add", {"x": 1, "y": 2}, title="sum"), "b": WorkflowNode("Add", {})}, {"file": 1}
    )
    other = flow.with_inputs({("a", "x"): 5, ("a", "z"): Link("b", 0), ("b", "x"): 7})
    assert other.nodes["a"] == WorkflowNode("Add", {"x": 5, "y": 2, "z": Link("b", 0)}, title="sum")
    assert other.nodes["b"].inputs == {"x": 7}
    assert other.source == {"file": 1}
    assert flow.nodes["a"].inputs == {"x": 1, "y": 2}
    with pytest.raises(KeyError):
        flow.with_inputs({("gone", "x"): 1})
