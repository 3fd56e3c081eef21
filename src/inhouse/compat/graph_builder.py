"""The graph builder with which a custom node writes the graph that it expands into."""

from __future__ import annotations

from typing import Any

from inhouse.compat.calls_in_progress import current_call
from inhouse.compat.prompt import read_link


def is_link(value: object) -> bool:
    """Whether a value is a link: a node's id (text) and a slot."""
    return isinstance(value, list) and read_link(value) is not None and isinstance(value[0], str)


class Node:
    """A node of a graph that is being built."""

    def __init__(self, node_id: str, class_type: str, inputs: dict[str, Any]) -> None:
        self.id = node_id
        self.class_type = class_type
        self.inputs = inputs
        self.override_display_id: str | None = None

    def out(self, index: int) -> list[Any]:
        """Return a link to one of the node's outputs."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Set an input to a value or a link; None removes it."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        """Return what an input is set to, or None."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str) -> None:
        """Let users see another node in place of this one."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """Return the node in the API format."""
        written: dict[str, Any] = {"class_type": self.class_type, "inputs": self.inputs}
        if self.override_display_id is not None:
            written["override_display_id"] = self.override_display_id
        return written


class GraphBuilder:
    """Builds a graph.

    Args:
        prefix: what the ids of its nodes start with; by default unique to this graph of this call of the node.

    """

    def __init__(self, prefix: str | None = None) -> None:
        call = current_call()
        if prefix is None:
            prefix = f"{call.context.graph_prefix}{next(call.graphs)}." if call else ""
        self.prefix = prefix
        self.nodes: dict[str, Node] = {}
        self._count = 0

    def node(self, class_type: str, id: str | None = None, **kwargs: Any) -> Node:  # noqa: A002 - packs name it so
        """Return a new node; where the id was used before, return that node."""
        if id is None:
            self._count += 1
            id = str(self._count)  # noqa: A001 - as above
        node_id = self.prefix + id
        return self.nodes.setdefault(node_id, Node(node_id, class_type, dict(kwargs)))

    def lookup_node(self, id: str) -> Node | None:  # noqa: A002 - packs name it so
        """Return the node that was made under that id."""
        return self.nodes.get(self.prefix + id)

    def remove_node(self, id: str) -> None:  # noqa: A002 - packs name it so
        """Take the node that was made under that id out of the graph."""
        self.nodes.pop(self.prefix + id, None)

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Put a value in place of every link to an output; None removes the inputs."""
        link = [self.prefix + node_id, index]
        for node in self.nodes.values():
            for name in [name for name, value in node.inputs.items() if is_link(value) and value == link]:
                node.set_input(name, new_value)

    def finalize(self) -> dict[str, dict[str, Any]]:
        """Return the graph in the API format."""
        return {node_id: node.serialize() for node_id, node in self.nodes.items()}


def add_graph_prefix(
    graph: dict[str, Any], outputs: tuple[Any, ...], prefix: str
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return a graph and its outputs with ``prefix`` before every node id."""

    def renamed(value: Any) -> Any:
        return [prefix + value[0], value[1]] if is_link(value) else value

    nodes = {
        prefix + node_id: {**node, "inputs": {name: renamed(value) for name, value in node["inputs"].items()}}
        for node_id, node in graph.items()
    }
    return nodes, tuple(map(renamed, outputs))
