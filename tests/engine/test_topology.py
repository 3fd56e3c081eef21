"""Orders of graphs of any depth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inhouse.engine.topology import as_listed, sources_first

GRAPHS = st.integers(1, 10).flatmap(
    lambda size: st.dictionaries(st.integers(0, size - 1), st.lists(st.integers(0, size - 1), max_size=3))
)


def reach(graph: dict[int, list[int]], roots: list[int]) -> set[int]:
    found: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += graph.get(node, [])
    return found


@given(GRAPHS, st.lists(st.integers(0, 9), max_size=4))
def test_sources_come_first_and_every_cycle_is_met(graph: dict[int, list[int]], roots: list[int]) -> None:
    cycles: list[list[int]] = []
    order = sources_first(roots, lambda node: graph.get(node, []), cycles.append)
    place = {node: position for position, node in enumerate(order)}
    assert sorted(order) == sorted(reach(graph, roots))
    late = [(n, s) for n in order for s in graph.get(n, []) if place[s] >= place[n]]
    assert bool(late) == bool(cycles)
    for cycle in cycles:
        assert all(after in graph[node] for node, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


@given(GRAPHS)
def test_as_listed_keeps_the_given_order_where_it_may(graph: dict[int, list[int]]) -> None:
    nodes = sorted(reach(graph, list(graph)))
    order = as_listed(nodes, lambda node: graph.get(node, []))
    done: set[int] = set()
    for node in order:  # each is the first in the list of those that could come
        could = [n for n in nodes if n not in done and done.issuperset(graph.get(n, []))]
        assert node == could[0]
        done.add(node)
    assert not [n for n in nodes if n not in done and done.issuperset(graph.get(n, []))]


def test_a_chain_of_100000() -> None:
    order = sources_first([100_000], lambda node: [node - 1] if node else [], lambda _: None)
    assert order == list(range(100_001))
