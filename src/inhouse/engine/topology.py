"""Orders of graphs, found without recursion, so that a chain may be as long as memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

N = TypeVar("N")


def sources_first(
    roots: Iterable[N], sources: Callable[[N], Iterable[N]], on_cycle: Callable[[list[N]], None]
) -> list[N]:
    """Return the roots and all that they need, each node after its sources: O(nodes + links).

    Depth first, so that what belongs together runs together. Each cycle met is handed to ``on_cycle`` as the list of
    its nodes, and its closing link is passed over.
    """
    order: list[N] = []
    finished: dict[N, bool] = {}
    for root in roots:
        if root in finished:
            continue
        finished[root] = False
        path: list[tuple[N, Iterator[N]]] = [(root, iter(sources(root)))]
        while path:
            current, rest = path[-1]
            source = next(rest, None)
            if source is None:
                path.pop()
                finished[current] = True
                order.append(current)
            elif source not in finished:
                finished[source] = False
                path.append((source, iter(sources(source))))
            elif not finished[source]:
                steps = [step for step, _ in path]
                on_cycle(steps[steps.index(source) :])
    return order
