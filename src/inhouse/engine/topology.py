"""Orders of graphs, found without recursion, so that a chain may be as long as memory."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

N = TypeVar("N")


def sources_first(
    roots: Iterable[N], sources: Callable[[N], Iterable[N]], on_cycle: Callable[[list[N]], None]
) -> list[N]:
    """Return the roots and all that they need, each node after its sources: O(nodes + links).

    ``sources`` is called once a node. Depth first, so that what belongs together runs together. Each cycle met is
    handed to ``on_cycle`` as the list of its nodes, and its closing link is passed over.
    """
    order: list[N] = []
    depth: dict[N, int] = {}  # on the way down its place on the path, then -1
    for root in roots:
        if root in depth:
            continue
        depth[root] = 0
        path = [root]
        pending = [list(sources(root))[::-1]]
        while path:
            rest = pending[-1]
            if not rest:
                pending.pop()
                done = path.pop()
                depth[done] = -1
                order.append(done)
                continue
            source = rest.pop()
            met = depth.get(source)
            if met is None:
                depth[source] = len(path)
                path.append(source)
                pending.append(list(sources(source))[::-1])
            elif met >= 0:
                on_cycle(path[met:])
    return order


def as_listed(nodes: Iterable[N], sources: Callable[[N], Iterable[N]]) -> list[N]:
    """Return all nodes, each after its sources, and otherwise in the order given; those of a cycle are left out.

    ``sources`` names only nodes that are given.
    """
    listed = list(nodes)
    place = {node: position for position, node in enumerate(listed)}
    waits = {node: set(sources(node)) for node in listed}
    consumers: dict[N, list[N]] = {node: [] for node in listed}
    for node, needed in waits.items():
        for source in needed:
            consumers[source].append(node)
    left = {node: len(needed) for node, needed in waits.items()}
    ready = [place[node] for node in listed if not left[node]]
    order: list[N] = []
    while ready:
        node = listed[heapq.heappop(ready)]
        order.append(node)
        for consumer in consumers[node]:
            left[consumer] -= 1
            if not left[consumer]:
                heapq.heappush(ready, place[consumer])
    return order
