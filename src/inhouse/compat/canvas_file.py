"""The canvas format, as the file has it: nodes with slots, links by id, definitions of subgraphs.

Two schemas are about: 0.4 writes links as lists, 1 (and every subgraph) as objects. Both give the same graph here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from inhouse.compat.json_text import is_finite
from inhouse.errors import WorkflowFormatError

INPUT_NODE = "-10"
"""Where links from a subgraph's own inputs start."""
OUTPUT_NODE = "-20"
"""Where links to a subgraph's own outputs end."""
MUTED, BYPASSED = 2, 4


@dataclass(frozen=True, slots=True)
class Slot:
    """An input or output of a node; ``link`` is the id of the link into an input, ``widget`` tells that it has one."""

    name: str
    type: str
    link: str = ""
    widget: bool = False


@dataclass(frozen=True, slots=True)
class CanvasLink:
    """A link from output ``slot`` of ``origin`` to input ``target_slot`` of ``target``."""

    origin: str
    slot: int
    target: str
    target_slot: int


@dataclass(frozen=True, slots=True)
class CanvasNode:
    """A node on a canvas.

    Attributes:
        mode: 0 runs; 2 is muted; 4 is bypassed.
        values: what its widgets hold, by position or by name.

    """

    id: str
    type: str
    title: str
    mode: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    values: list[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CanvasGraph:
    """The nodes and links of a canvas, or of a subgraph.

    Attributes:
        inputs: names of the subgraph's own inputs.
        widgets: those of them that feed a widget inside, in the order in which an instance saves their values.
        outputs: for each output of the subgraph the id of the link that feeds it.

    """

    nodes: Mapping[str, CanvasNode]
    links: Mapping[str, CanvasLink]
    inputs: tuple[str, ...] = ()
    widgets: tuple[str, ...] = ()
    outputs: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class CanvasFile:
    """A canvas file: its graph, subgraphs by id, and the bodies of group nodes by name."""

    graph: CanvasGraph
    subgraphs: Mapping[str, CanvasGraph] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))


def parse_canvas(document: Mapping[str, Any]) -> CanvasFile:
    """Parse a canvas file.

    Raises:
        WorkflowFormatError: a part of it is malformed; the message says which.

    """
    definitions = _mapping(document.get("definitions"))
    subgraphs: dict[str, CanvasGraph] = {}
    for body in _list(definitions.get("subgraphs"), "definitions.subgraphs"):
        part = _expect_mapping(body, "A subgraph")
        subgraphs[str(part.get("id"))] = _parse_subgraph(part)
    groups = _mapping(_mapping(document.get("extra")).get("groupNodes"))
    return CanvasFile(
        parse_graph(document), subgraphs, {str(n): b for n, b in groups.items() if isinstance(b, Mapping)}
    )


def _parse_subgraph(part: Mapping[str, Any]) -> CanvasGraph:
    graph = parse_graph(part)
    slots = _list(part.get("inputs"), "the inputs of a subgraph")
    names = tuple(str(_expect_mapping(slot, "An input of a subgraph").get("name", "")) for slot in slots)
    fed = {link.slot for link in graph.links.values() if link.origin == INPUT_NODE and _ends_in_widget(graph, link)}
    return replace(graph, inputs=names, widgets=tuple(name for place, name in enumerate(names) if place in fed))


def _ends_in_widget(graph: CanvasGraph, link: CanvasLink) -> bool:
    node = graph.nodes.get(link.target)
    return node is not None and 0 <= link.target_slot < len(node.inputs) and node.inputs[link.target_slot].widget


def parse_graph(body: Mapping[str, Any]) -> CanvasGraph:
    """Parse nodes and links; a node without an id gets its place in the list, as in bodies of group nodes.

    Raises:
        WorkflowFormatError: a part of it is malformed.

    """
    nodes: dict[str, CanvasNode] = {}
    for place, item in enumerate(_list(body.get("nodes"), "nodes")):
        node = parse_node(_expect_mapping(item, f"Node {place + 1} in the list"), place)
        if node.id in nodes:
            raise WorkflowFormatError(f"Two nodes have the id {node.id!r}.", hint="Export the workflow again.")
        nodes[node.id] = node
    links = dict(_parse_link(link) for link in _list(body.get("links"), "links") if link is not None)
    outputs = {link.target_slot: link_id for link_id, link in links.items() if link.target == OUTPUT_NODE}
    return CanvasGraph(nodes, links, outputs=outputs)


def parse_node(item: Mapping[str, Any], place: int = 0) -> CanvasNode:
    """Parse one node.

    Raises:
        WorkflowFormatError: it is malformed.

    """
    node_id = _id(item.get("id", place))
    kind, mode, title = item.get("type"), item.get("mode", 0), item.get("title")
    if not isinstance(kind, str):
        raise WorkflowFormatError(f"Node {node_id} does not say what it is.", hint="Export the workflow again.")
    named, values = item.get("widgets_values_named"), item.get("widgets_values")
    chosen = named if isinstance(named, Mapping) else values
    if not is_finite(chosen):
        raise WorkflowFormatError(f"Node {node_id}: a widget holds NaN or Infinity.", hint="Give it a number.")
    return CanvasNode(
        id=node_id,
        type=kind,
        title=title if isinstance(title, str) else "",
        mode=mode if isinstance(mode, int) else 0,
        inputs=_slots(item.get("inputs"), node_id),
        outputs=_slots(item.get("outputs"), node_id),
        values=chosen if isinstance(chosen, list | Mapping) else [],
    )


def _slots(items: Any, node_id: str) -> tuple[Slot, ...]:
    slots = []
    for item in _list(items, f"the slots of node {node_id}"):
        slot = _expect_mapping(item, f"A slot of node {node_id}")
        widget, kind, link = slot.get("widget"), slot.get("type"), slot.get("link")
        name = _mapping(widget).get("name") or slot.get("name") or ""
        shown = "COMBO" if isinstance(kind, list) else "*" if kind in (0, -1, None) else str(kind)
        slots.append(Slot(str(name), shown, "" if link is None else _id(link), bool(widget)))
    return tuple(slots)


def _parse_link(item: Any) -> tuple[str, CanvasLink]:
    match item:
        case [link_id, origin, slot, target, target_slot, *_]:
            pass
        case {
            "id": link_id,
            "origin_id": origin,
            "origin_slot": slot,
            "target_id": target,
            "target_slot": target_slot,
        }:
            pass
        case _:
            raise WorkflowFormatError(f"{str(item)[:80]} is no link.", hint="Export the workflow again.")
    if not isinstance(slot, int) or not isinstance(target_slot, int):
        raise WorkflowFormatError(f"Link {link_id} names a slot that is no number.", hint="Export the workflow again.")
    return _id(link_id), CanvasLink(_id(origin), slot, _id(target), target_slot)


def _id(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | str) and not isinstance(value, bool):
        return str(value)
    raise WorkflowFormatError(f"{str(value)[:40]!r} is no id of a node or link.", hint="Export the workflow again.")


def _list(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Mapping):  # some writers keep lists as {"0": ..., "1": ...}
        return list(value.values())
    if not isinstance(value, list):
        raise WorkflowFormatError(f"In this canvas file, {what} is no list.", hint="Export the workflow again.")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _expect_mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise WorkflowFormatError(f"{what} is {str(value)[:40]!r}.", hint="Export the workflow again.")
    return value
