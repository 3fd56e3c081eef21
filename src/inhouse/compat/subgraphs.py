"""Subgraphs: a canvas with subgraphs in it, laid flat. The node 5 inside of node 8 becomes ``8:5``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.compat.bypass import stand_in
from inhouse.compat.canvas_file import BYPASSED, INPUT_NODE, MUTED
from inhouse.compat.group_nodes import group_name, open_group
from inhouse.engine.workflow import Link
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.compat.canvas_file import CanvasFile, CanvasGraph, CanvasLink, CanvasNode
    from inhouse.engine.registry import Registry

REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
VIRTUAL = frozenset({REROUTE, PRIMITIVE, "Note", "MarkdownNote"})
"""Nodes that exist on a canvas only."""
MAX_NODES = 100_000
"""More come only from a file that is made to burst."""
MAX_DEPTH = 50
"""Subgraphs nested deeper contain themselves."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that a wire brings: from a primitive, or from a widget of a subgraph's instance."""

    value: Any


class Scope:
    """A graph in its place: the canvas itself, or one instance of a subgraph.

    Args:
        file: where the definitions are.
        registry: the nodes there are.
        graph: the nodes and links.
        parent: the scope that the instance stands in.
        instance: the node that stands for this graph there.

    """

    def __init__(
        self,
        file: CanvasFile,
        registry: Registry,
        graph: CanvasGraph,
        parent: Scope | None = None,
        instance: CanvasNode | None = None,
    ) -> None:
        self.graph = graph
        self.parent = parent
        self.instance = instance
        self.prefix: str = f"{parent.prefix}{instance.id}:" if parent and instance else ""
        self.depth: int = parent.depth + 1 if parent else 0
        self._file = file
        self._registry = registry
        self._children: dict[str, Scope | None] = {}

    def child(self, node: CanvasNode) -> Scope | None:
        """Return the scope that a node of this one stands for; None if it is no instance of anything.

        Raises:
            WorkflowFormatError: subgraphs are nested too deep.

        """
        if node.id not in self._children:
            graph = self._definition(node)
            self._children[node.id] = Scope(self._file, self._registry, graph, self, node) if graph else None
        return self._children[node.id]

    def given(self, slot: int) -> str | Literal | None:
        """Return what an input of this subgraph gets: the id of the parent's link, or the instance's own value."""
        if self.instance is None or not 0 <= slot < len(self.graph.inputs):
            return None
        name = self.graph.inputs[slot]
        link = next((item.link for item in self.instance.inputs if item.name == name), "")
        if link:
            return link
        values = self.instance.values
        if not isinstance(values, Mapping):  # an instance does not list all of its widgets among its inputs
            values = dict(zip(self.graph.widgets, values, strict=False))
        return Literal(values[name]) if values.get(name) is not None else None

    def _definition(self, node: CanvasNode) -> CanvasGraph | None:
        name = group_name(node.type)
        body = self._file.groups.get(name) if name is not None else None
        if body is None and node.type not in self._file.subgraphs:
            return None
        if self.depth >= MAX_DEPTH:
            raise WorkflowFormatError(
                f"Subgraphs are nested deeper than {MAX_DEPTH}, at node {self.prefix[:40]}...",
                hint="Probably one contains itself; take it out.",
            )
        return self._file.subgraphs[node.type] if body is None else open_group(body, node, self._registry)


def live_nodes(root: Scope) -> Iterator[tuple[Scope, CanvasNode]]:
    """Yield the nodes that run, in the order of the file, those of a subgraph in its instance's place.

    Raises:
        WorkflowFormatError: subgraphs are nested too deep, or there are more than ``MAX_NODES``.

    """
    met = 0
    stack = [(root, iter(root.graph.nodes.values()))]
    while stack:
        scope, rest = stack[-1]
        node = next(rest, None)
        if node is None:
            stack.pop()
            continue
        met += 1
        if met > MAX_NODES:
            raise WorkflowFormatError(f"The workflow has more than {MAX_NODES:,} nodes.", hint="Split it.")
        if node.mode in (MUTED, BYPASSED) or node.type in VIRTUAL:
            continue
        child = scope.child(node)
        if child is None:
            yield scope, node
        else:
            stack.append((child, iter(child.graph.nodes.values())))


def follow(scope: Scope, link_id: str, wanted: str) -> Link | Literal | None:
    """Return what a link brings in the end, through reroutes, bypassed nodes and the borders of subgraphs.

    A link to a muted node is returned as it is: its node is not in the result. None means that nothing is linked.

    Args:
        scope: where the link is.
        link_id: which it is.
        wanted: the type of the input that it goes into.

    Raises:
        WorkflowFormatError: the links lead in a circle.

    """
    seen: set[tuple[str, str]] = set()
    while link_id:
        if (scope.prefix, link_id) in seen:
            raise WorkflowFormatError(f"Link {link_id} leads in a circle.", hint="Remove one of its reroutes.")
        seen.add((scope.prefix, link_id))
        link = scope.graph.links.get(link_id)
        if link is None:
            return None
        if link.origin == INPUT_NODE:
            given = scope.given(link.slot)
            if scope.parent is None or not isinstance(given, str):
                return None if isinstance(given, str) else given
            scope, link_id = scope.parent, given
            continue
        node = scope.graph.nodes.get(link.origin)
        inner = scope.child(node) if node and node.mode not in (MUTED, BYPASSED) else None
        if inner is not None:
            scope, link_id = inner, inner.graph.outputs.get(link.slot, "")
            continue
        step = _pass_through(scope, node, link, wanted)
        if not isinstance(step, str):
            return step
        link_id = step
    return None


def _pass_through(scope: Scope, node: CanvasNode | None, link: CanvasLink, wanted: str) -> Link | Literal | str | None:
    """Return what a node gives, or the id of the link to go on with."""
    if node is None or node.mode == MUTED:
        return Link(scope.prefix + link.origin, link.slot)
    if node.mode == BYPASSED:
        slot = stand_in(node, link.slot, wanted)
        return slot.link if slot else None
    if node.type == REROUTE:
        return node.inputs[0].link if node.inputs else None
    if node.type == PRIMITIVE:
        values = list(node.values.values()) if isinstance(node.values, Mapping) else node.values
        return Literal(values[0]) if values else None
    return Link(scope.prefix + node.id, link.slot)
