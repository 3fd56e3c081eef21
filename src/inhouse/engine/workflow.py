"""A workflow: nodes by id, their literal inputs and their links."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Link(NamedTuple):
    """One output of a node: where an input gets its value from."""

    node: str
    slot: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """What stands where a literal or a link should, and is neither; a fault as soon as somebody needs the node.

    Attributes:
        given: what was sent.
        code: of the fault.
        message: what is wrong with it.
        exception: the class of the exception that a reader would have met; empty for none.

    """

    given: Any
    code: str
    message: str
    exception: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowNode:
    """A node as a workflow states it.

    Attributes:
        type: id of the ``NodeSpec``.
        inputs: literals and ``Link``s by input name.
        title: what its author called it.
        display_id: the node that a user sees instead of this one, in an expansion.

    """

    type: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    display_id: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A graph of nodes.

    Attributes:
        nodes: by id, in the order of the file.
        source: the document it was read from, for those who save it beside a result (``prompt``, ``workflow``).

    """

    nodes: Mapping[str, WorkflowNode]
    source: Mapping[str, Any] = field(default_factory=dict)

    def with_inputs(self, changes: Mapping[tuple[str, str], Any]) -> Workflow:
        """Return a copy in which input ``name`` of node ``id`` is ``value``, for each ``(id, name): value``."""
        nodes = dict(self.nodes)
        for (node_id, name), value in changes.items():
            nodes[node_id] = replace(nodes[node_id], inputs={**nodes[node_id].inputs, name: value})
        return replace(self, nodes=nodes)
