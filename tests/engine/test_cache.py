"""The result store: a budget, and who leaves first."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import engine, link, shown

from inhouse import Workflow, WorkflowNode, node
from inhouse.engine.cache import Cache, Outcome, measure


class Array:
    """Says how large it is, as arrays do."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


def outcome(nbytes: int) -> Outcome:
    return Outcome(((Array(nbytes),),))


def test_the_least_recently_used_leaves_first() -> None:
    cache = Cache(3_000)
    for name in (b"a", b"b"):
        cache.put(name, outcome(1_000))
    assert cache.get(b"a") is not None
    cache.put(b"c", outcome(1_000))
    assert [cache.get(name) is not None for name in (b"a", b"b", b"c")] == [True, False, True]


def test_what_is_larger_than_the_budget_is_not_kept_and_drives_nothing_out() -> None:
    cache = Cache(2_000)
    cache.put(b"small", outcome(500))
    cache.put(b"large", outcome(5_000))
    assert cache.get(b"large") is None
    assert cache.get(b"small") is not None


def test_a_budget_of_nothing_keeps_nothing() -> None:
    cache = Cache(0)
    cache.put(b"a", Outcome(()))
    assert len(cache) == 0


def test_clear_forgets_everything() -> None:
    cache = Cache(10_000)
    cache.put(b"a", outcome(10))
    cache.clear()
    assert (cache.get(b"a"), len(cache), cache.bytes) == (None, 0, 0)


@given(st.integers(0, 5_000), st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2_000)), max_size=40))
def test_the_budget_is_never_exceeded_and_the_count_is_right(budget: int, puts: list[tuple[str, int]]) -> None:
    cache = Cache(budget)
    for name, nbytes in puts:
        cache.put(name.encode(), outcome(nbytes))
        assert cache.bytes <= budget
        assert cache.bytes == sum(size for _, size in cache._entries.values())


def test_threads_may_share_one() -> None:
    cache = Cache(20_000)

    def work(seed: int) -> None:
        for i in range(500):
            cache.put(bytes([(i * seed) % 50]), outcome(i))
            cache.get(bytes([i % 50]))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (3, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.bytes == sum(size for _, size in cache._entries.values()) <= 20_000


class TestMeasure:
    def test_what_has_nbytes_is_believed(self) -> None:
        assert measure(Array(10**9)) >= 10**9

    def test_containers_are_walked_however_deep(self) -> None:
        deep: Any = Array(1_000_000)
        for _ in range(10_000):
            deep = {"inner": [deep]}
        assert measure(deep) >= 1_000_000

    def test_an_object_in_several_places_counts_once_and_circles_end(self) -> None:
        array = Array(1_000_000)
        circle: list[Any] = [array, array]
        circle.append(circle)
        assert 1_000_000 <= measure(circle) < 1_001_000

    def test_fields_of_dataclasses_count(self) -> None:
        @dataclass(frozen=True, slots=True)
        class Holder:
            array: Array
            more: list[Array] = field(default_factory=list)

        assert measure([Holder(Array(1_000), [Array(2_000)])]) >= 3_000

    def test_text_counts_by_its_length(self) -> None:
        assert measure("x" * 1_000_000) >= 1_000_000

    @pytest.mark.parametrize("value", [None, 1, 1.5, True, "", b"", (), [], {}, object()])
    def test_everything_counts_something(self, value: Any) -> None:
        assert measure(value) > 0


def test_a_run_whose_results_do_not_fit_evicts_as_it_goes_and_is_right() -> None:
    @node("Grow")
    def grow(*, value: Any | None = None) -> Any:
        made = Array(1_000)
        made.count = getattr(value, "count", 0) + 1  # type: ignore[attr-defined] # a value of its own
        return made

    @node("Count")
    def count(*, value: Any) -> int:
        return int(value.count)

    nodes = {"0": WorkflowNode("Grow", {})}
    for i in range(1, 20):
        nodes[str(i)] = WorkflowNode("Grow", {"value": link(str(i - 1))})
    nodes["c"] = WorkflowNode("Count", {"value": link("19")})
    nodes["out"] = WorkflowNode("Show", {"value": link("c")})
    with engine(grow, count, cache=Cache(5_000)) as made:
        assert [shown(made.run(Workflow(nodes))) for _ in range(3)] == [[20], [20], [20]]
        assert made.cache.bytes <= 5_000
