"""Changing a workflow from the command line."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse import Choices, Link, NodeSpec, Registry, Workflow, WorkflowNode, node
from inhouse.cli.changes import Changes, find_node
from inhouse.errors import ChangeError


@node("Encode")
def encode(*, text: str, weight: float = 1.0, mode: Annotated[str, Choices(("1", "2"))] = "1") -> str:
    """Encode."""
    return f"{text}{weight}{mode}"


@node("Sampler", output_node=True)
def sampler(*, prompt: str, seed: int = 0, batch_size: int = 1, extra: Any = None) -> str:
    """Sample."""
    return f"{prompt}{seed}{batch_size}{extra}"


NODES: list[NodeSpec] = [encode, sampler]
REGISTRY = Registry(NODES)
WORKFLOW = Workflow(
    {
        "1": WorkflowNode("Encode", {"text": "a"}, "Prompt"),
        "2": WorkflowNode("Encode", {"text": "b"}, "Negative"),
        "3": WorkflowNode("Sampler", {"prompt": Link("1", 0), "seed": 5, "batch_size": 1}, "v1.5"),
        "4": WorkflowNode("Sampler", {"prompt": Link("2", 0), "seed": Link("9", 0)}),
        "5": WorkflowNode("Unknown", {"noise_seed": 1}),
    },
    {"prompt": {"old": {}}, "workflow": {"nodes": []}, "author": "somebody"},
)


def changed(*assignments: str) -> dict[str, dict[str, Any]]:
    after = Changes(assignments).apply(WORKFLOW, REGISTRY)
    return {node_id: dict(made.inputs) for node_id, made in after.nodes.items()}


@pytest.mark.parametrize("name", ["1", "Prompt", "prompt", "encode#1", "Encode#1"])
def test_a_node_is_named_by_id_title_or_numbered_class(name: str) -> None:
    assert changed(f"{name}.text=apple")["1"]["text"] == "apple"


def test_a_class_names_its_only_node() -> None:
    assert find_node(WORKFLOW, "unknown") == "5"


def test_a_title_may_have_dots() -> None:
    assert changed("v1.5.seed=9")["3"]["seed"] == 9


def test_an_id_wins_over_a_title() -> None:
    workflow = Workflow({"a": WorkflowNode("X", {}, "b"), "b": WorkflowNode("X", {}, "a")})
    assert find_node(workflow, "a") == "a"


def test_a_name_that_fits_several_nodes_is_refused_with_all_of_them() -> None:
    with pytest.raises(ChangeError, match=r"several nodes: 1 \(Encode\), 2 \(Encode\).*class#n"):
        changed("Encode.text=x")


@pytest.mark.parametrize("name", ["Encode#0", "Encode#3", "Encode#99999999999", "nobody", ""])
def test_an_unknown_node_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(ChangeError, match=r"There is no node .* There are: 1 \(Prompt\), 2 \(Negative\)"):
        changed(f"{name}.text=x")


def test_a_misspelt_node_gets_a_suggestion() -> None:
    with pytest.raises(ChangeError, match="Did you mean 'Negative'"):
        changed("negativ.text=x")


def test_a_misspelt_input_gets_a_suggestion_and_the_list() -> None:
    with pytest.raises(ChangeError, match=r"no input 'txt'. Did you mean 'text'\? It has: text, weight, mode"):
        changed("1.txt=x")


def test_a_node_that_nobody_knows_has_the_inputs_it_has() -> None:
    assert changed("5.noise_seed=3")["5"]["noise_seed"] == 3
    with pytest.raises(ChangeError, match="It has: noise_seed"):
        changed("5.seed=3")


@pytest.mark.parametrize("text", ["1.text", "text=x", "=x", ".=", ""])
def test_what_is_no_change_is_refused(text: str) -> None:
    with pytest.raises(ChangeError):
        changed(text)


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("1.weight=0.5", 0.5),
        ("1.weight=abc", "abc"),
        ("1.weight=NaN", "NaN"),
        ("1.text=5", "5"),
        ("1.text=true", "true"),
        ("1.text=", ""),
        ("1.text=a=b", "a=b"),
        ("1.text=一个红苹果", "一个红苹果"),
        ("1.mode=2", "2"),
        ("3.extra=[1, 2]", [1, 2]),
        ("3.extra=null", None),
        ("3.extra=plain", "plain"),
    ],
)
def test_a_value_is_json_where_the_input_takes_no_text(assignment: str, value: object) -> None:
    node_id, _, rest = assignment.partition(".")
    assert changed(assignment)[node_id][rest.partition("=")[0]] == value


def test_a_bottomless_value_is_text() -> None:
    deep = "[" * 100_000
    assert changed(f"3.extra={deep}")["3"]["extra"] == deep


@given(st.text())
def test_text_arrives_as_it_was_written(text: str) -> None:
    assert changed(f"1.text={text}")["1"]["text"] == text


def test_the_last_assignment_wins() -> None:
    assert changed("1.text=a", "Prompt.text=b")["1"]["text"] == "b"


def test_a_literal_takes_the_place_of_a_link() -> None:
    assert changed("3.prompt=direct")["3"]["prompt"] == "direct"


def test_a_seed_goes_to_every_literal_seed_and_no_linked_one() -> None:
    after = Changes(seed=7).apply(WORKFLOW, REGISTRY)
    assert after.nodes["3"].inputs["seed"] == 7
    assert after.nodes["4"].inputs["seed"] == Link("9", 0)
    assert after.nodes["5"].inputs["noise_seed"] == 7


def test_an_assignment_wins_over_the_seed() -> None:
    assert Changes(("3.seed=1",), seed=7).apply(WORKFLOW, REGISTRY).nodes["3"].inputs["seed"] == 1


def test_a_batch_size_is_set_where_it_stands() -> None:
    after = Changes(batch=4).apply(WORKFLOW, REGISTRY)
    assert [made.inputs.get("batch_size") for made in after.nodes.values()] == [None, None, 4, None, None]


@pytest.mark.parametrize(("changes", "option"), [(Changes(seed=1), "--seed"), (Changes(batch=2), "--batch")])
def test_a_change_without_effect_is_refused(changes: Changes, option: str) -> None:
    with pytest.raises(ChangeError, match=option):
        changes.apply(Workflow({"1": WorkflowNode("Encode", {"text": "a"})}), REGISTRY)


def test_the_source_tells_what_runs_and_drops_the_canvas_that_tells_otherwise() -> None:
    source = Changes(seed=7).apply(WORKFLOW, REGISTRY).source
    assert source["prompt"]["3"]["inputs"] == {"prompt": ["1", 0], "seed": 7, "batch_size": 1}
    assert "workflow" not in source
    assert source["author"] == "somebody"


def test_no_change_leaves_the_workflow_as_it_is() -> None:
    assert Changes().apply(WORKFLOW, REGISTRY) is WORKFLOW
