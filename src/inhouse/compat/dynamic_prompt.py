"""The workflow while it runs: what it was, and the nodes that expansions have added since."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from inhouse.compat.prompt import write_prompt
from inhouse.engine.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.context import Context
    from inhouse.engine.workflow import WorkflowNode

_RUNS = 4
"""Of so many runs the expansions are remembered: they may hold pictures."""


class Added(NamedTuple):
    """A node that an expansion added, and the node that expanded."""

    node: WorkflowNode
    parent: str
    display: str


class Expansions:
    """The nodes that expansions have added, by run and id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, dict[str, Added]] = OrderedDict()

    def add(self, context: Context, nodes: Mapping[str, WorkflowNode]) -> None:
        """Remember what a node expanded into."""
        fresh = {i: Added(n, context.node_id, n.display_id or context.display_id) for i, n in nodes.items()}
        with self._lock:
            self._runs.setdefault(context.run_id, {}).update(fresh)
            while len(self._runs) > _RUNS:
                self._runs.popitem(last=False)

    def of(self, run_id: str) -> Mapping[str, Added]:
        """Return the nodes added in a run so far."""
        with self._lock:
            return self._runs.get(run_id, {})


class NodeNotFoundError(KeyError):
    """There is no node of that id, neither in the workflow nor in an expansion."""


class DynamicPrompt:
    """What a custom node gets for the hidden input ``DYNPROMPT``: nodes by id, in the API format.

    Args:
        workflow: the workflow as it was sent.
        added: what expansions have added.

    """

    def __init__(self, workflow: Workflow, added: Mapping[str, Added]) -> None:
        self._workflow = workflow
        self._added = added

    def get_node(self, node_id: str) -> dict[str, Any]:
        """Return a node in the API format.

        Raises:
            NodeNotFoundError: there is none of that id.

        """
        node = self._added[node_id].node if node_id in self._added else self._workflow.nodes.get(node_id)
        if node is None:
            raise NodeNotFoundError(f"Node {node_id} not found")
        written: dict[str, Any] = write_prompt(Workflow({node_id: node}))[node_id]
        return written

    def has_node(self, node_id: str) -> bool:
        """Whether there is a node of that id."""
        return node_id in self._added or node_id in self._workflow.nodes

    def all_node_ids(self) -> set[str]:
        """Return the ids of all nodes there are by now."""
        return {*self._workflow.nodes, *self._added}

    def get_original_prompt(self) -> dict[str, Any]:
        """Return the workflow as it was sent, in the API format."""
        return write_prompt(self._workflow)

    def get_parent_node_id(self, node_id: str) -> str | None:
        """Return the node that expanded into this one; None for a node of the workflow itself."""
        return self._added[node_id].parent if node_id in self._added else None

    def get_display_node_id(self, node_id: str) -> str:
        """Return the node that a user sees in place of this one."""
        while node_id in self._added and self._added[node_id].display != node_id:
            node_id = self._added[node_id].display
        return node_id

    def get_real_node_id(self, node_id: str) -> str:
        """Return the node of the workflow that this one goes back to."""
        while node_id in self._added:
            node_id = self._added[node_id].parent
        return node_id
