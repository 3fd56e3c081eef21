"""Places: who the nodes of a run are, those of the workflow and those that expansions have made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Who a node is.

    Attributes:
        node_id: the node.
        display_id: the node that users see in its place.
        parent_id: the node that expanded into it; None for a node of the workflow.
        real_id: the node of the workflow that it goes back to.

    """

    node_id: str
    display_id: str
    parent_id: str | None
    real_id: str


class Places:
    """The nodes that a run has touched.

    Args:
        document: its workflow in the API format.

    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._known: dict[str, Place] = {}

    def of(self, node_id: str, display_id: str) -> Place:
        """Return who a node is."""
        place = self._known.get(node_id)
        if place is None:
            parent = None if node_id in self._document else self._parent(node_id, display_id)
            real = self._known[parent].real_id if parent in self._known else parent or node_id
            place = self._known[node_id] = Place(node_id, display_id, parent, real)
        return place

    def culprit(self, running: str | None) -> Place:
        """Return the node to name when nobody says which: what runs, else what last did, else the first there is."""
        named = running or next(reversed(self._known), None) or next(iter(self._document), "")
        return self.of(named, named)

    def type_of(self, node_id: str) -> str:
        """Return the class of a node of the workflow; empty if it has no such node."""
        node = self._document.get(node_id)
        return str(node.get("class_type", "")) if isinstance(node, Mapping) else ""

    def with_sources(self, node_ids: Iterable[str]) -> list[str]:
        """Return nodes and all that they come from, in the order of the workflow."""
        found: set[str] = set()
        stack = list(node_ids)
        while stack:
            node_id = stack.pop()
            if node_id not in found:
                found.add(node_id)
                inputs = (self._document.get(node_id) or {}).get("inputs") or {}
                stack += [link[0] for link in inputs.values() if isinstance(link, list) and self._is_link(link)]
        return [*(node_id for node_id in self._document if node_id in found), *sorted(found - self._document.keys())]

    def _parent(self, node_id: str, display_id: str) -> str | None:
        """Return the node that expanded into this one: ids of an expansion begin with their parent's."""
        head = node_id
        while head:
            head = head.rpartition(".")[0]
            if head in self._known or head in self._document:
                return head
        return display_id if display_id != node_id and display_id in self._document else None

    def _is_link(self, value: list[Any]) -> bool:
        return len(value) == 2 and isinstance(value[0], str) and value[0] in self._document
