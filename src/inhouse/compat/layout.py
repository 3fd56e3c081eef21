"""Layout: where nodes stand on a canvas when nobody has placed them. Columns by depth, links run to the right."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING

from inhouse.engine.topology import sources_first
from inhouse.engine.workflow import Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.workflow import Workflow

WIDTH = 315
_COLUMN = 400
_GAP = 60
_HEAD = 30
_ROW = 24


def node_height(rows: int) -> int:
    """Return the height in pixels of a node with so many slots and widgets below one another."""
    return _HEAD + _ROW * max(rows, 1)


def place_nodes(workflow: Workflow, rows: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return for each node its position (x, y) in pixels, in an order in which sources come first.

    A node's column is one right of its rightmost source; in a column, nodes stand as high as their sources do.

    Args:
        workflow: the nodes and their links.
        rows: for each node the number of its rows.

    """
    sources = {
        node_id: [v.node for v in node.inputs.values() if isinstance(v, Link) and v.node in workflow.nodes]
        for node_id, node in workflow.nodes.items()
    }
    columns: dict[int, list[str]] = defaultdict(list)
    depth: dict[str, int] = {}
    for node_id in sources_first(workflow.nodes, sources.__getitem__, lambda _circle: None):
        depth[node_id] = max((depth[source] + 1 for source in sources[node_id] if source in depth), default=0)
        columns[depth[node_id]].append(node_id)
    places: dict[str, tuple[int, int]] = {}
    for column, members in sorted(columns.items()):
        heights = {i: fmean([places[s][1] for s in sources[i] if s in places] or [0.0]) for i in members}
        y = 0
        for node_id in sorted(members, key=heights.__getitem__):
            places[node_id] = (column * _COLUMN, y)
            y += node_height(rows[node_id]) + _GAP
    return places
