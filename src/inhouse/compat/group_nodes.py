"""Group nodes, the forerunner of subgraphs: a node of type ``workflow>NAME`` with its body in ``extra.groupNodes``.

Here such a node becomes a subgraph of its own: the inputs of its parts that nothing inside feeds are its inputs, in
order; its widgets are those of its parts, one after another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from inhouse.compat.canvas_file import INPUT_NODE, OUTPUT_NODE, CanvasGraph, CanvasLink, parse_graph
from inhouse.compat.widgets import read_widgets, take, widget_inputs
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.compat.canvas_file import CanvasNode, Slot
    from inhouse.engine.registry import Registry

_PREFIXES = ("workflow>", "workflow/")


def group_name(node_type: str) -> str | None:
    """Return the name of the group that a node type stands for; None for other types."""
    return node_type[len(_PREFIXES[0]) :] if node_type.startswith(_PREFIXES) else None


def open_group(body: Mapping[str, Any], instance: CanvasNode, registry: Registry) -> CanvasGraph:
    """Return the subgraph that a group node stands for, its widgets set as the group node's are.

    Raises:
        WorkflowFormatError: the body is malformed.

    """
    graph = parse_graph({"nodes": body.get("nodes")})
    links = {f"inside {place}": _inner_link(item) for place, item in enumerate(body.get("links") or ())}
    fed = {(link.target, link.target_slot): link_id for link_id, link in links.items()}
    values = deque([] if isinstance(instance.values, Mapping) else instance.values)
    open_slots = iter([place for place, slot in enumerate(instance.inputs) if not slot.widget])
    nodes = {}
    for node in graph.nodes.values():
        inputs = []
        for place, slot in enumerate(node.inputs):
            link_id = fed.get((node.id, place), "")
            if not link_id:
                outer = _outer_slot(instance, slot) if slot.widget else next(open_slots, None)
                if outer is not None:
                    link_id = f"in {node.id} {place}"
                    links[link_id] = CanvasLink(INPUT_NODE, outer, node.id, place)
            inputs.append(replace(slot, link=link_id))
        kept = _own_values(node, {item.name for item in inputs if item.link.startswith("inside")}, values, registry)
        nodes[node.id] = replace(node, inputs=tuple(inputs), values=kept)
    outputs = {}
    for number, (node_id, place) in enumerate(_open_outputs(graph, links, body)):
        outputs[number] = f"out {number}"
        links[f"out {number}"] = CanvasLink(node_id, place, OUTPUT_NODE, number)
    return CanvasGraph(nodes, links, tuple(slot.name for slot in instance.inputs), outputs=outputs)


def _inner_link(item: Any) -> CanvasLink:
    match item:
        case [int() | str() as origin, int() as slot, int() | str() as target, int() as target_slot, *_]:
            return CanvasLink(str(origin), slot, str(target), target_slot)
    raise WorkflowFormatError(f"{str(item)[:80]} is no link in a group node.", hint="Export the workflow again.")


def _outer_slot(instance: CanvasNode, slot: Slot) -> int | None:
    """Return the place of the group node's input for a widget of one of its parts, if it is linked."""
    for place, outer in enumerate(instance.inputs):
        if outer.widget and outer.link and (outer.name == slot.name or outer.name.endswith(f" {slot.name}")):
            return place
    return None


def _own_values(
    node: CanvasNode, fed: set[str], values: deque[Any], registry: Registry
) -> list[Any] | Mapping[str, Any]:
    """Return the values of one part's widgets: the next of the group node's, or what the body says."""
    spec = registry.get(node.type)
    if spec is None:
        return [values.popleft() if values else own for own in node.values] if isinstance(node.values, list) else {}
    named: dict[str, Any] = dict(read_widgets(spec, node.values, ()))
    shown = [item for item in widget_inputs(spec) if item.name not in fed]
    for item, after in zip_longest(shown, shown[1:]):
        if values:
            named[item.name] = take(item, values, after)
    return named


def _open_outputs(
    graph: CanvasGraph, links: Mapping[str, CanvasLink], body: Mapping[str, Any]
) -> Iterator[tuple[str, int]]:
    used = {(link.origin, link.slot) for link in links.values()}
    external = {
        (str(item[0]), item[1]) for item in body.get("external") or () if isinstance(item, list) and len(item) > 1
    }
    for node in graph.nodes.values():
        for place in range(len(node.outputs)):
            if (node.id, place) not in used or (node.id, place) in external:
                yield node.id, place
