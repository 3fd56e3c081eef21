from typing import Any

import pytest

from inhouse import Engine, Link, Registry, Workflow, WorkflowNode
from inhouse.packs.text import register_nodes

NODES = {spec.id: spec for spec in register_nodes()}


@pytest.mark.parametrize(
    ("node_id", "inputs", "expected"),
    [
        ("StringConcatenate", {"string_a": "a", "string_b": "b", "delimiter": ", "}, "a, b"),
        ("StringSubstring", {"string": "abcdef", "start": 1, "end": 3}, "bc"),
        ("StringSubstring", {"string": "abcdef", "start": -3, "end": -1}, "de"),
        ("StringLength", {"string": "häh"}, 3),
        ("CaseConverter", {"string": "one TWO", "mode": "UPPERCASE"}, "ONE TWO"),
        ("CaseConverter", {"string": "one TWO", "mode": "lowercase"}, "one two"),
        ("CaseConverter", {"string": "one TWO", "mode": "Capitalize"}, "One two"),
        ("CaseConverter", {"string": "one TWO", "mode": "Title Case"}, "One Two"),
        ("StringTrim", {"string": " a ", "mode": "Both"}, "a"),
        ("StringTrim", {"string": " a ", "mode": "Left"}, "a "),
        ("StringTrim", {"string": " a ", "mode": "Right"}, " a"),
        ("StringReplace", {"string": "aXbX", "find": "X", "replace": "-"}, "a-b-"),
        ("StringContains", {"string": "Hello", "substring": "hell", "case_sensitive": True}, False),
        ("StringContains", {"string": "Hello", "substring": "hell", "case_sensitive": False}, True),
        ("StringCompare", {"string_a": "abc", "string_b": "ab", "mode": "Starts With"}, True),
        ("StringCompare", {"string_a": "abc", "string_b": "BC", "mode": "Ends With"}, False),
        ("StringCompare", {"string_a": "abc", "string_b": "BC", "mode": "Ends With", "case_sensitive": False}, True),
        ("StringCompare", {"string_a": "abc", "string_b": "ABC", "mode": "Equal", "case_sensitive": False}, True),
        ("RegexMatch", {"string": "a1", "regex_pattern": r"\d"}, True),
        ("RegexExtract", {"string": "a1 b2", "regex_pattern": r"([a-z])(\d)", "mode": "First Match"}, "a1"),
        ("RegexExtract", {"string": "a1 b2", "regex_pattern": r"([a-z])(\d)", "mode": "All Matches"}, "a1\nb2"),
        (
            "RegexExtract",
            {"string": "a1 b2", "regex_pattern": r"([a-z])(\d)", "mode": "First Group", "group_index": 2},
            "1",
        ),
        (
            "RegexExtract",
            {"string": "a1 b2", "regex_pattern": r"([a-z])(\d)", "mode": "All Groups", "group_index": 2},
            "1\n2",
        ),
        ("RegexReplace", {"string": "a1 b2", "regex_pattern": r"\d", "replace": "#", "count": 1}, "a# b2"),
        ("RegexReplace", {"string": "aA", "regex_pattern": "a", "replace": "b", "case_insensitive": False}, "bA"),
    ],
)
def test_a_node_gives_what_its_name_says(node_id: str, inputs: dict[str, Any], expected: Any) -> None:
    assert NODES[node_id](**inputs) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        (3, "3"),
        (None, "None"),
        ({"a": [1]}, '{\n    "a": [\n        1\n    ]\n}'),
        ([{1, 2}], "[{1, 2}]"),
    ],
)
def test_anything_can_be_shown(value: Any, shown: str) -> None:
    assert NODES["PreviewAny"](source=value).ui == {"text": (shown,)}


def test_text_runs_through_a_workflow() -> None:
    nodes = {
        "1": WorkflowNode("StringConcatenate", {"string_a": "one", "string_b": "two", "delimiter": " "}),
        "2": WorkflowNode("CaseConverter", {"string": Link("1", 0), "mode": "UPPERCASE"}),
        "3": WorkflowNode("PreviewAny", {"source": Link("2", 0)}),
    }

    with Engine(Registry(NODES.values())) as engine:
        result = engine.run(Workflow(nodes))

    assert result.outputs == {"3": {"text": ("ONE TWO",)}}
