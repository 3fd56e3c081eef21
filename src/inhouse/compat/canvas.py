"""The canvas format: what ComfyUI's frontend saves, turned into what it would send, and back.

Read, widgets come first in a node's inputs, then links. Reroutes, primitives and notes vanish, as do muted nodes;
bypassed ones let their input through; subgraphs and group nodes are laid flat. Links to what vanished are removed,
so that validation names the input that lacks one. A node that nobody knows keeps its type and its values.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, TypeGuard

from inhouse.compat import dynamic_prompts
from inhouse.compat.canvas_file import parse_canvas
from inhouse.compat.json_text import finite
from inhouse.compat.layout import WIDTH, node_height, place_nodes
from inhouse.compat.object_info import type_name
from inhouse.compat.prompt import with_source
from inhouse.compat.subgraphs import Scope, follow, live_nodes
from inhouse.compat.widgets import default, ordered, read_widgets, widget_inputs, write_widgets
from inhouse.engine.types import WILDCARD
from inhouse.engine.workflow import Link, Workflow, WorkflowNode
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from inhouse.compat.canvas_file import CanvasNode
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_CANVAS_KEYS = frozenset({"links", "last_node_id", "version", "state"})


def is_canvas(document: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a document has the form of a canvas file."""
    if not isinstance(document, Mapping) or "class_type" in document:
        return False
    return isinstance(document.get("nodes"), list) and not document.keys().isdisjoint(_CANVAS_KEYS)


def read_canvas(document: Mapping[str, Any], registry: Registry, *, seed: int = 0) -> Workflow:
    """Read a workflow in the canvas format, schema 0.4 or 1.

    Args:
        document: as parsed from JSON; kept in the workflow's ``source``.
        registry: the nodes there are.
        seed: decides between the options of dynamic prompts.

    Raises:
        WorkflowFormatError: a part of it is malformed, a subgraph contains itself, or no node of it runs.

    """
    file = parse_canvas(document)
    reader = _Reader(registry, random.Random(seed))  # noqa: S311 - it chooses words, and must be repeatable
    nodes = {s.prefix + n.id: reader.read(s, n) for s, n in live_nodes(Scope(file, registry, file.graph))}
    if not nodes:
        raise WorkflowFormatError("No node of the canvas runs.", hint="Add some, or take them off mute.")
    for node_id, node in nodes.items():
        inputs = {n: v for n, v in node.inputs.items() if v.__class__ is not Link or v.node in nodes}
        nodes[node_id] = WorkflowNode(node.type, inputs, node.title)
    return with_source(nodes, {"workflow": finite(document)})


class _Reader:
    """Reads the inputs of one node after another."""

    def __init__(self, registry: Registry, random_source: random.Random) -> None:
        self.registry = registry
        self.random = random_source

    def read(self, scope: Scope, node: CanvasNode) -> WorkflowNode:
        spec = self.registry.get(node.type)
        inputs = _unknown_values(node) if spec is None else self.widgets(spec, node)
        for slot in node.inputs:
            if slot.link:
                found = follow(scope, slot.link, slot.type)
                if found is not None:
                    inputs[slot.name] = found if isinstance(found, Link) else found.value
        if spec is not None:
            self.resolve_prompts(spec, inputs)
        return WorkflowNode(node.type, inputs, node.title or (spec.display_name or spec.id if spec else ""))

    def widgets(self, spec: NodeSpec, node: CanvasNode) -> dict[str, Any]:
        also = [slot.name for slot in node.inputs if slot.widget]
        saved = read_widgets(spec, node.values, also)
        shown = widget_inputs(spec, also)
        values = {item.name: saved.pop(item.name, default(item, self.registry)) for item in shown}
        return {name: value for name, value in {**values, **saved}.items() if value is not None}

    def resolve_prompts(self, spec: NodeSpec, inputs: dict[str, Any]) -> None:
        for name, item in spec.inputs.items():
            if item.options.get("dynamicPrompts") and isinstance(inputs.get(name), str):
                inputs[name] = dynamic_prompts.resolve(inputs[name], self.random)


def _unknown_values(node: CanvasNode) -> dict[str, Any]:
    if isinstance(node.values, Mapping):
        return dict(node.values)
    return {f"UNKNOWN_{place}" if place else "UNKNOWN": value for place, value in enumerate(node.values)}


def write_canvas(workflow: Workflow, registry: Registry) -> dict[str, Any]:
    """Write a workflow in the canvas format (schema 0.4), laid out anew.

    Nodes keep their ids where these are numbers; others (``8:5``, inside of a subgraph) get new ones. Text for
    dynamic prompts is escaped, so that it is read back as it was; a ``//`` comment in it cannot be.

    Args:
        workflow: what to write; its ``source`` is not looked at.
        registry: the nodes there are; the slots of unknown nodes are made up from their links.

    """
    return _Writer(workflow, registry).document()


class _Writer:
    """Writes one workflow."""

    def __init__(self, workflow: Workflow, registry: Registry) -> None:
        self.workflow = workflow
        self.registry = registry
        self.ids = _numbers(workflow)
        self.links: list[list[Any]] = []
        self.leaving: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))

    def document(self) -> dict[str, Any]:
        inputs = {node_id: self.inputs(node_id, node) for node_id, node in self.workflow.nodes.items()}
        outputs = {node_id: self.outputs(node_id, node) for node_id, node in self.workflow.nodes.items()}
        widgets = {node_id: self.widgets(node) for node_id, node in self.workflow.nodes.items()}
        rows = {i: max(len(inputs[i]), len(outputs[i])) + len(widgets[i]) for i in inputs}
        places = place_nodes(self.workflow, rows)
        order = {node_id: place for place, node_id in enumerate(places)}
        nodes = [
            {
                "id": self.ids[node_id],
                "type": node.type,
                "pos": list(places[node_id]),
                "size": [WIDTH, node_height(rows[node_id])],
                "flags": {},
                "order": order[node_id],
                "mode": 0,
                "inputs": inputs[node_id],
                "outputs": outputs[node_id],
                "properties": {"Node name for S&R": node.type},
                "widgets_values": list(widgets[node_id].values()),
                "widgets_values_named": widgets[node_id],
                **self.title(node),
            }
            for node_id, node in self.workflow.nodes.items()
        ]
        return {
            "last_node_id": max(self.ids.values(), default=0),
            "last_link_id": len(self.links),
            "nodes": nodes,
            "links": self.links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }

    def inputs(self, node_id: str, node: WorkflowNode) -> list[dict[str, Any]]:
        spec = self.registry.get(node.type)
        declared = ordered(spec) if spec else []
        names = [item.name for item in declared if not item.is_widget]
        names += [item.name for item in declared if item.is_widget]
        names += [name for name, value in node.inputs.items() if isinstance(value, Link) and name not in names]
        slots = []
        for place, name in enumerate(names):
            item = spec.inputs.get(name) if spec else None
            slot: dict[str, Any] = {"name": name, "type": type_name(item.type) if item else WILDCARD, "link": None}
            if item and item.is_widget:
                slot["widget"] = {"name": name}
            value = node.inputs.get(name)
            if isinstance(value, Link) and value.node in self.ids:
                slot["link"] = self.link(value, node_id, place)
            slots.append(slot)
        return slots

    def link(self, source: Link, node_id: str, place: int) -> int:
        spec = self.registry.get(self.workflow.nodes[source.node].type)
        kind = type_name(spec.outputs[source.slot].type) if spec and source.slot < len(spec.outputs) else WILDCARD
        number = len(self.links) + 1
        self.links.append([number, self.ids[source.node], source.slot, self.ids[node_id], place, kind])
        self.leaving[source.node][source.slot].append(number)
        return number

    def outputs(self, node_id: str, node: WorkflowNode) -> list[dict[str, Any]]:
        spec = self.registry.get(node.type)
        known = [(output.name, type_name(output.type)) for output in spec.outputs] if spec else []
        leaving = self.leaving[node_id]
        known += [(WILDCARD, WILDCARD)] * (max(leaving, default=-1) + 1 - len(known))
        return [
            {"name": name, "type": kind, "links": leaving.get(slot), "slot_index": slot}
            for slot, (name, kind) in enumerate(known)
        ]

    def widgets(self, node: WorkflowNode) -> dict[str, Any]:
        literals = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
        spec = self.registry.get(node.type)
        if spec is None:
            return literals
        for name, value in literals.items():
            if name in spec.inputs and spec.inputs[name].options.get("dynamicPrompts") and isinstance(value, str):
                literals[name] = dynamic_prompts.escape(value)
        return {
            **write_widgets(spec, literals, self.registry),
            **{n: v for n, v in literals.items() if n in spec.inputs},
        }

    def title(self, node: WorkflowNode) -> dict[str, str]:
        spec = self.registry.get(node.type)
        shown = (spec.display_name or spec.id) if spec else ""
        return {"title": node.title} if node.title and node.title != shown else {}


def _numbers(workflow: Workflow) -> dict[str, int]:
    """Return a number for each node: its id if that is one, else the next free one."""
    numbers = {node_id: int(node_id) for node_id in workflow.nodes if _NUMBER.fullmatch(node_id)}
    fresh = count(max(numbers.values(), default=0) + 1)
    return {node_id: numbers[node_id] if node_id in numbers else next(fresh) for node_id in workflow.nodes}
