from __future__ import annotations

from typing import Annotated, Any

import pytest

from inhouse import Choices, Link, Range, Registry, Widget, Wire, Workflow, WorkflowNode, node
from inhouse.compat.service_fields import fields_of_workflow
from inhouse.errors import UsageError
from inhouse.models.signature import Field

Image = Annotated[Any, Wire("IMAGE")]


@node("Draw")
def draw(
    *,
    text: Annotated[str, Widget({"tooltip": "What to draw."})] = "",
    steps: Annotated[int, Range(1, 100)] = 20,
    seed: Annotated[int, Range(0, 2**64)] = 0,
    strength: Annotated[float, Range(0.0, 1.0)] = 1.0,
    sampler: Annotated[str, Choices(("euler", "ddim"))] = "euler",
    model: Annotated[str, Choices("models/checkpoints")],
    file: Annotated[str, Choices("input/images"), Widget({"image_upload": True})] = "",
) -> Image:
    """Draw."""


@node("Save", output_node=True)
def save(*, images: Image, prefix: str = "x") -> None:
    """Save."""


@node("ServiceInput")
def service_input(*, name: str, kind: str, value: str = "") -> Annotated[Any, Wire("*")]:
    """Give it."""


@node("ServiceOutput", output_node=True)
def service_output(*, value: Annotated[Any, Wire("*")], name: str) -> None:
    """Take it."""


REGISTRY = Registry([draw, save, service_input, service_output])
FLOW = Workflow(
    {
        "1": WorkflowNode("Draw", {"text": "a cat", "steps": 4, "model": "sd.safetensors", "file": "a.png"}),
        "2": WorkflowNode("Save", {"images": Link("1", 0)}),
    }
)


def test_exposed_inputs_are_as_their_nodes_declare_them_and_default_to_what_the_workflow_has() -> None:
    places = ["1.text=prompt", "1.steps", "1.seed", "1.strength", "1.sampler", "1.model", "1.file=image"]
    found = fields_of_workflow(FLOW, REGISTRY, places)
    assert found.fields_in == (
        Field("prompt", "text", "What to draw.", rows=False, required=False, default="a cat"),
        Field("steps", "integer", rows=False, required=False, default=4, minimum=1, maximum=100),
        Field("seed", "integer", rows=False, required=False, default=0, minimum=0),
        Field("strength", "number", rows=False, required=False, default=1.0, minimum=0.0, maximum=1.0),
        Field("sampler", "choice", rows=False, required=False, default="euler", choices=("euler", "ddim")),
        Field("model", "text", rows=False, required=False, default="sd.safetensors"),
        Field("image", "image", rows=False, required=False),
    )
    assert found.fields_out == (Field("images", "image"),)
    assert found.bindings["prompt"] == "1.text"
    assert found.bindings["images"] == "2"


def test_nodes_on_the_canvas_say_it_too() -> None:
    flow = Workflow(
        {
            "5": WorkflowNode("ServiceInput", {"name": "prompt", "kind": "text", "value": ""}),
            **FLOW.nodes,
            "6": WorkflowNode("ServiceOutput", {"value": Link("1", 0), "name": "picture"}),
        }
    )
    found = fields_of_workflow(flow, REGISTRY)
    assert found.fields_in == (Field("prompt", "text", rows=False),)
    assert found.fields_out == (Field("picture", "image"),)
    assert found.bindings == {"prompt": "5.value", "picture": "6"}


def test_two_outputs_without_a_name_are_told_apart() -> None:
    flow = Workflow({**FLOW.nodes, "3": WorkflowNode("Save", {"images": Link("1", 0)})})
    assert [field.name for field in fields_of_workflow(flow, REGISTRY).fields_out] == ["images", "images2"]
    assert fields_of_workflow(flow, REGISTRY, outputs=["3=last"]).bindings == {"last": "3"}


@pytest.mark.parametrize(
    ("expose", "outputs", "said"),
    [
        (["9.text"], [], "no node '9'"),
        (["1.nothing"], [], "has no input 'nothing'"),
        (["2.images"], [], "is linked"),
        (["1.text=x", "1.steps=x"], [], "Two fields have the name 'x'"),
        ([], ["7"], "no node '7'"),
    ],
)
def test_what_is_not_there_is_named(expose: list[str], outputs: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        fields_of_workflow(FLOW, REGISTRY, expose, outputs)
