import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse import Choices, Link, Registry, Wire, Workflow, WorkflowNode, node
from inhouse.compat.canvas import is_canvas, read_canvas, write_canvas
from inhouse.compat.document import read_workflow
from inhouse.compat.prompt import write_prompt
from inhouse.errors import WorkflowFormatError

PAIRS = sorted(path.stem for path in (Path(__file__).parent / "data" / "canvas").glob("*.json"))
Pair = Callable[[str], dict[str, Any]]
Api = dict[str, dict[str, Any]]


def renamed(api: Api, ids: Mapping[str, str]) -> Api:
    """Return a workflow in the API format with other node ids."""

    def value(given: Any) -> Any:
        return [ids.get(given[0], given[0]), given[1]] if isinstance(given, list) else given

    return {ids.get(i, i): {**n, "inputs": {name: value(v) for name, v in n["inputs"].items()}} for i, n in api.items()}


def expected(name: str, api: Api) -> Api:
    """Return what we make of a pair's canvas where that is not to the letter what the frontend made of it."""
    if name in ("11_group_node", "12_group_node_slash"):
        return renamed(api, {"7:5": "3:0", "7:6": "3:1"})  # the newer frontend makes up ids, the older one keeps 3
    if name.startswith("14_unknown_node_type"):  # we say which node is missing, and keep all of its values
        return {**api, "1": {"class_type": "NotInstalledNode", "inputs": {"UNKNOWN": 1, "UNKNOWN_1": "x"}}}
    if name in ("09_dynamic_prompt_and_text_fe127", "13_old_converted_widget_fe127"):
        # the older frontend sends the text area in which PreviewAny shows its result
        return {i: {**n, "inputs": {k: v for k, v in n["inputs"].items() if k != "preview"}} for i, n in api.items()}
    if name == "08_bypassed_and_muted_subgraphs_fe127":  # the older frontend runs what is inside of a muted subgraph
        kept = {i: n for i, n in api.items() if ":" not in i}
        return {**kept, "11": {**api["11"], "inputs": {}}}
    return api


@pytest.mark.parametrize("name", PAIRS)
def test_a_canvas_becomes_what_the_frontend_sends(name: str, pair: Pair, registry: Registry) -> None:
    found = pair(name)
    ours = write_prompt(read_canvas(found["canvas"], registry))
    wanted = expected(name, found["api"])
    assert ours == wanted
    assert {i: list(n["inputs"]) for i, n in ours.items()} == {i: list(n["inputs"]) for i, n in wanted.items()}


@pytest.mark.parametrize("name", PAIRS)
def test_a_workflow_survives_the_way_to_a_canvas_and_back(name: str, pair: Pair, registry: Registry) -> None:
    workflow = read_canvas(pair(name)["canvas"], registry)
    canvas = json.loads(json.dumps(write_canvas(workflow, registry)))
    assert is_canvas(canvas)
    again = read_workflow(json.dumps(canvas).encode(), registry)
    ids = dict(zip(workflow.nodes, again.nodes, strict=True))
    assert all(new == old or ":" in old for old, new in ids.items())
    assert write_prompt(again) == renamed(write_prompt(workflow), ids)
    assert write_canvas(again, registry) == canvas


def test_nodes_on_a_written_canvas_do_not_overlap_and_links_run_right(pair: Pair, registry: Registry) -> None:
    canvas = write_canvas(read_canvas(pair("06_nested_subgraph_two_instances")["canvas"], registry), registry)
    boxes = {n["id"]: (*n["pos"], n["pos"][0] + n["size"][0], n["pos"][1] + n["size"][1]) for n in canvas["nodes"]}
    for one, a in boxes.items():
        for other, b in boxes.items():
            assert one == other or a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    assert all(boxes[origin][2] < boxes[target][0] for _, origin, _, target, _, _ in canvas["links"])
    assert canvas["last_node_id"] == max(boxes)


def test_widget_values_are_written_in_the_order_the_frontend_saves(pair: Pair, registry: Registry) -> None:
    found = pair("01_txt2img")
    written = write_canvas(read_canvas(found["canvas"], registry), registry)
    saved = {n["id"]: n.get("widgets_values") or [] for n in found["canvas"]["nodes"]}
    assert {n["id"]: n["widgets_values"] for n in written["nodes"]} == saved


def test_a_seed_decides_between_the_options_of_dynamic_prompts(registry: Registry) -> None:
    text = "{a|b|c|d|e|f|g|h}" * 8
    canvas = {"nodes": [{"id": 1, "type": "CLIPTextEncode", "widgets_values": [text]}], "links": []}
    first, again, other = (read_canvas(canvas, registry, seed=seed).nodes["1"].inputs["text"] for seed in (1, 1, 2))
    assert first == again != other
    assert set(first) <= set("abcdefgh")


def test_braces_in_text_survive_but_comments_cannot(registry: Registry) -> None:
    for text in ("{a|b}", r"\{", "a|b", "{", "\\"):
        workflow = Workflow({"1": WorkflowNode("CLIPTextEncode", {"text": text})})
        assert read_canvas(write_canvas(workflow, registry), registry).nodes["1"].inputs["text"] == text


def test_widgets_newer_than_the_file_take_their_defaults(registry: Registry) -> None:
    canvas = {"nodes": [{"id": 1, "type": "EmptyLatentImage", "widgets_values": [64]}], "links": []}
    assert read_canvas(canvas, registry).nodes["1"].inputs == {"width": 64, "height": 512, "batch_size": 1}


def test_values_by_name_win_over_their_places(registry: Registry) -> None:
    saved = {"id": 1, "type": "EmptyLatentImage", "widgets_values": [1, 2, 3], "widgets_values_named": {"height": 8}}
    inputs = read_canvas({"nodes": [saved], "links": []}, registry).nodes["1"].inputs
    assert inputs == {"width": 512, "height": 8, "batch_size": 1}


def test_a_widget_linked_to_a_muted_node_is_missing_and_not_silently_its_old_value(registry: Registry) -> None:
    nodes = [
        {"id": 1, "type": "PrimitiveInt", "mode": 2, "widgets_values": [9]},
        {
            "id": 2,
            "type": "EmptyLatentImage",
            "widgets_values": [1, 2, 3],
            "inputs": [{"name": "width", "type": "INT", "link": 5, "widget": {"name": "width"}}],
        },
    ]
    workflow = read_canvas({"nodes": nodes, "links": [[5, 1, 0, 2, 0, "INT"]]}, registry)
    assert workflow.nodes == {
        "2": WorkflowNode("EmptyLatentImage", {"height": 2, "batch_size": 3}, "Empty Latent Image")
    }


def test_list_values_become_literals_not_links() -> None:
    @node("Points")
    def points(*, text: str = "") -> None:
        """Take a list that a widget of a third party gives."""

    canvas = {"nodes": [{"id": 1, "type": "Points", "widgets_values": [["1", 0]]}], "links": []}
    workflow = read_canvas(canvas, Registry([points]))
    assert workflow.nodes["1"].inputs == {"text": ["1", 0]}
    assert write_prompt(workflow)["1"]["inputs"] == {"text": {"__value__": ["1", 0]}}


def test_a_node_nobody_knows_keeps_type_values_and_links_both_ways() -> None:
    unknown = WorkflowNode("Else", {"x": 1, "image": Link("1", 2)}, "Mine")
    workflow = Workflow({"1": WorkflowNode("Some"), "2": unknown})
    assert read_canvas(write_canvas(workflow, Registry()), Registry()).nodes == workflow.nodes


def test_ids_that_are_no_plain_numbers_get_numbers_of_their_own() -> None:
    nodes = {node_id: WorkflowNode("A") for node_id in ("7", "07", "8:5", "9" * 5000, "0", "-1")}
    ids = [node["id"] for node in write_canvas(Workflow(nodes), Registry())["nodes"]]
    assert ids == [7, 8, 9, 10, 0, 11]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": [3]}, "Node 1 in the list is '3'"),
        ({"nodes": [{"id": 1}]}, "Node 1 does not say what it is"),
        ({"nodes": [{"id": [], "type": "A"}]}, "no id"),
        ({"nodes": [{"id": 1, "type": "A"}, {"id": "1", "type": "A"}]}, "Two nodes have the id '1'"),
        ({"nodes": [{"id": 1, "type": "A", "inputs": [1]}]}, "A slot of node 1"),
        ({"links": [[1, 2]]}, "is no link"),
        ({"links": [[1, 1, "0", 2, 0, "X"]]}, "no number"),
        ({"definitions": {"subgraphs": [1]}}, "A subgraph is '1'"),
    ],
)
def test_a_malformed_part_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkflowFormatError, match=message):
        read_canvas({"nodes": [{"id": 1, "type": "A"}], "links": [], **change}, Registry())


@node("Paint")
def paint(
    *,
    seed: int = 0,
    word: str = "",
    mode: Annotated[str, Choices(("a", "fixed"))] = "a",
    share: float = 0.5,
    on: bool = False,
    source: Annotated[object, Wire("X")] = None,
    more: Annotated[object | None, Wire("X")] = None,
) -> Annotated[object, Wire("X")]:
    """Have a widget of every kind, and links."""
    return source, more, seed, word, mode, share, on


PAINTED = st.fixed_dictionaries(
    {
        "seed": st.integers(),
        "word": st.text() | st.sampled_from(["fixed", "randomize"]),
        "mode": st.sampled_from(["a", "fixed"]),
        "share": st.floats(allow_nan=False, allow_infinity=False),
        "on": st.booleans(),
    },
    optional={name: st.builds(Link, st.integers(1, 4).map(str), st.just(0)) for name in ("source", "more")},
)
WORKFLOWS = st.lists(st.builds(WorkflowNode, st.just("Paint"), PAINTED), min_size=4, max_size=4)


@given(made=WORKFLOWS, named=st.booleans())
def test_any_workflow_survives_the_way_to_a_canvas_and_back(*, made: list[WorkflowNode], named: bool) -> None:
    registry = Registry([paint])
    nodes = {str(number): item for number, item in enumerate(made, 1)}
    canvas = write_canvas(Workflow(nodes), registry)
    if not named:
        for saved in canvas["nodes"]:
            del saved["widgets_values_named"]
    again = read_canvas(json.loads(json.dumps(canvas)), registry).nodes
    assert {i: dict(item.inputs) for i, item in again.items()} == {i: dict(item.inputs) for i, item in nodes.items()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def slots(*, linked: bool) -> st.SearchStrategy[Any]:
    fields = {"name": st.sampled_from(["a", "b"]), "type": st.sampled_from(["X", "Y", "*", 0]), "widget": JSON}
    return st.lists(st.fixed_dictionaries(fields | ({"link": st.integers(0, 4)} if linked else {})), max_size=2)


SAVED = st.fixed_dictionaries(
    {
        "id": st.integers(1, 4),
        "type": st.sampled_from(["A", "Reroute", "PrimitiveNode", "Note", "inner", "workflow>group"]),
        "mode": st.sampled_from([0, 2, 4]),
        "inputs": slots(linked=True),
        "outputs": slots(linked=False),
        "widgets_values": JSON,
    }
)
SAVED_LINKS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(0, 1), st.integers(1, 4), st.integers(0, 1)).map(
        lambda link: [*link, "X"]
    ),
    max_size=5,
)
GRAPHS = st.fixed_dictionaries(
    {"nodes": st.lists(SAVED, max_size=4, unique_by=lambda n: n["id"]) | JSON, "links": SAVED_LINKS | JSON}
)
FILES = st.builds(
    lambda graph, inner, group: {
        **graph,
        "definitions": {"subgraphs": [{**inner, "id": "inner", "inputs": [{"name": "a"}]}]},
        "extra": {"groupNodes": {"group": group}},
    },
    GRAPHS,
    GRAPHS,
    GRAPHS,
)


@given(FILES)
def test_any_canvas_is_read_or_refused(document: dict[str, Any]) -> None:
    with contextlib.suppress(WorkflowFormatError):
        workflow = read_canvas(document, Registry())
        ids = set(workflow.nodes)
        assert all(v.node in ids for n in workflow.nodes.values() for v in n.inputs.values() if isinstance(v, Link))
        assert write_canvas(workflow, Registry())["nodes"]
