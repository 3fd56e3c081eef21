from typing import Any

import pytest

from inhouse import Link, Registry
from inhouse.compat.canvas import read_canvas
from inhouse.compat.group_nodes import group_name
from inhouse.errors import WorkflowFormatError

SAMPLER_INPUTS = ("model", "positive", "negative", "latent_image")


def body(**more: Any) -> dict[str, Any]:
    """Return a group of an empty latent and a sampler that takes it."""
    slots = [{"name": name, "type": name.upper(), "link": None} for name in SAMPLER_INPUTS]
    latent = {"type": "EmptyLatentImage", "inputs": [], "outputs": [{"name": "LATENT", "type": "LATENT"}], "index": 0}
    sampler = {"type": "KSampler", "inputs": slots, "outputs": [{"name": "LATENT", "type": "LATENT"}], "index": 1}
    return {"nodes": [latent, sampler], "links": [[0, 0, 1, 3, 1, "LATENT"]], **more}


def canvas(group: dict[str, Any], output: int) -> dict[str, Any]:
    instance = {
        "id": 3,
        "type": "workflow>make",
        "inputs": [{"name": name, "type": name.upper(), "link": 1 + n} for n, name in enumerate(SAMPLER_INPUTS[:3])],
        "widgets_values": [64, 96, 2, 42, "fixed", 3, 7.5, "euler", "simple", 0.5],
    }
    source = {"id": 1, "type": "Elsewhere"}
    sink = {"id": 4, "type": "VAEDecode", "inputs": [{"name": "samples", "type": "LATENT", "link": 9}]}
    links = [[1 + n, 1, n, 3, n, "X"] for n in range(3)] + [[9, 3, output, 4, 0, "LATENT"]]
    return {"nodes": [source, instance, sink], "links": links, "extra": {"groupNodes": {"make": group}}}


def test_the_parts_get_the_groups_widgets_and_links(registry: Registry) -> None:
    nodes = read_canvas(canvas(body(), 0), registry).nodes
    assert nodes["3:0"].inputs == {"width": 64, "height": 96, "batch_size": 2}
    assert nodes["3:1"].inputs == {
        "seed": 42,
        "steps": 3,
        "cfg": 7.5,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 0.5,
        "model": Link("1", 0),
        "positive": Link("1", 1),
        "negative": Link("1", 2),
        "latent_image": Link("3:0", 0),
    }
    assert nodes["4"].inputs == {"samples": Link("3:1", 0)}


def test_an_output_used_inside_and_outside_is_an_output_of_the_group(registry: Registry) -> None:
    nodes = read_canvas(canvas(body(external=[[0, 0, "LATENT"]]), 0), registry).nodes
    assert nodes["4"].inputs == {"samples": Link("3:0", 0)}


def test_a_part_nobody_knows_takes_as_many_values_as_it_had() -> None:
    parts = [{"type": "Odd", "widgets_values": [0, 0]}, {"type": "Odd", "widgets_values": [1]}]
    instance = {"id": 1, "type": "workflow>odd", "widgets_values": [5, 6, 7]}
    document = {"nodes": [instance], "links": [], "extra": {"groupNodes": {"odd": {"nodes": parts}}}}
    nodes = read_canvas(document, Registry()).nodes
    assert nodes["1:0"].inputs == {"UNKNOWN": 5, "UNKNOWN_1": 6}
    assert nodes["1:1"].inputs == {"UNKNOWN": 7}


def test_a_widget_of_a_part_may_be_linked_from_outside(registry: Registry) -> None:
    slot = {"name": "width", "type": "INT", "link": None, "widget": {"name": "width"}}
    group = {"nodes": [{"type": "EmptyLatentImage", "inputs": [slot], "widgets_values": [1, 2, 3]}]}
    outer = {**slot, "name": "Empty Latent Image width", "link": 1, "widget": {"name": "Empty Latent Image width"}}
    nodes = [{"id": 1, "type": "Else"}, {"id": 2, "type": "workflow>g", "inputs": [outer], "widgets_values": [4, 5, 6]}]
    document = {"nodes": nodes, "links": [[1, 1, 0, 2, 0, "INT"]], "extra": {"groupNodes": {"g": group}}}
    inputs = read_canvas(document, registry).nodes["2:0"].inputs
    assert inputs == {"width": Link("1", 0), "height": 5, "batch_size": 6}


def test_a_group_without_a_body_is_a_node_nobody_knows(registry: Registry) -> None:
    nodes = read_canvas({"nodes": [{"id": 1, "type": "workflow/gone"}], "links": []}, registry).nodes
    assert nodes["1"].type == "workflow/gone"


def test_a_malformed_body_is_refused(registry: Registry) -> None:
    with pytest.raises(WorkflowFormatError, match="no link in a group node"):
        read_canvas(canvas(body(links=[["a"]]), 0), registry)


def test_both_spellings_name_a_group() -> None:
    assert group_name("workflow>a/b") == group_name("workflow/a/b") == "a/b"
    assert group_name("KSampler") is None
