"""Cache keys: equal work has equal keys, and nothing else has."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import Ran, engine, link, shown, workflow

from inhouse import Context, Workflow, WorkflowNode, node
from inhouse.engine.keys import is_plain, node_key
from inhouse.engine.workflow import Link


@node("Any")
def anything(*, a: Any | None = None, b: Any | None = None) -> Any:
    return a, b


def key(inputs: dict[str, Any], keys: dict[str, bytes | None] | None = None) -> bytes | None:
    return node_key(anything, inputs, keys or {})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
LITERALS = st.recursive(
    SCALARS | st.sampled_from([0, 0.0, -0.0, False, 1, 1.0, True, "", "1", b"1", "True"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Whether two literals are the same to a node: equal, of equal types, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (
            math.isnan(one) == math.isnan(other) if math.isnan(one) or math.isnan(other) else repr(one) == repr(other)
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


@given(LITERALS, LITERALS)
def test_keys_are_equal_where_literals_are_the_same(one: Any, other: Any) -> None:
    assert key({"a": one}) is not None
    assert (key({"a": one}) == key({"a": other})) == same(one, other)


@given(LITERALS)
def test_the_same_literal_at_another_input_is_another_key(value: Any) -> None:
    assert len({key({"a": value}), key({"b": value}), key({"a": value, "b": value}), key({})}) == 4


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 3), st.integers(0, 3))
def test_a_link_counts_by_what_is_behind_it(one: bytes, other: bytes, slot: int, other_slot: int) -> None:
    first = key({"a": Link("x", slot)}, {"x": one})
    second = key({"a": Link("renamed", other_slot)}, {"renamed": other})
    assert (first == second) == ((one, slot) == (other, other_slot))
    assert first != key({"a": [one, slot]})


def test_the_order_of_inputs_in_a_file_means_nothing() -> None:
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})


def test_nothing_below_an_unkeyed_node_has_a_key() -> None:
    assert key({"a": Link("x", 0)}, {"x": None}) is None


def test_objects_have_no_key_even_if_they_have_bytes() -> None:
    for value in (
        object(),
        bytearray(b"1"),
        memoryview(b"1"),
        {1, 2},
        [object()],
        {"a": {1}},
        Link,
        {"k": (1, [set()])},
    ):
        assert key({"a": value}) is None
        assert not is_plain(value)


def test_deep_and_circular_literals_do_not_break_the_engine() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    circle: list[Any] = []
    circle.append(circle)
    for value in (deep, circle):
        assert key({"a": value}) is None
    del deep, circle


def counted(spec_traits: dict[str, Any], flows: list[Workflow]) -> int:
    """Return how often the node C runs over several runs of one engine."""
    calls: list[int] = []

    @node("C", **spec_traits)
    def count(*, value: Any | None = None, name: str | None = "") -> int:
        del value, name
        calls.append(1)
        return len(calls)

    with engine(count) as made:
        for flow in flows:
            assert made.run(flow).status == "success"
    return len(calls)


def flow(value: Any = None, node_id: str = "c") -> Workflow:
    return Workflow(
        {
            node_id: WorkflowNode("C", {"value": value} if value is not None else {}),
            "out": WorkflowNode("Show", {"value": link(node_id)}),
        }
    )


class TestFingerprints:
    def test_a_fingerprint_that_stays_keeps_the_result(self) -> None:
        assert counted({"fingerprint": lambda: "v1"}, [flow(), flow()]) == 1

    def test_a_fingerprint_that_changes_runs_the_node_again(self) -> None:
        versions = iter(range(10))
        assert counted({"fingerprint": lambda: next(versions)}, [flow(), flow(), flow()]) == 3

    def test_none_nan_and_an_exception_mean_always(self) -> None:
        def broken() -> None:
            raise OSError

        for fingerprint in (lambda: None, lambda: math.nan, broken):
            assert counted({"fingerprint": fingerprint}, [flow(), flow()]) == 2

    def test_a_fingerprint_that_is_no_plain_data_means_always(self) -> None:
        assert counted({"fingerprint": lambda: {1, 2}}, [flow(), flow()]) == 2

    def test_it_sees_literals_and_the_values_of_links(self) -> None:
        seen: list[Any] = []

        def fingerprint(value: Any) -> Any:
            seen.append(value)
            return value

        linked = Workflow({**flow(link("n")).nodes, "n": WorkflowNode("Number", {"value": 5})})
        assert counted({"fingerprint": fingerprint}, [flow(7), linked, linked, flow(7)]) == 2
        assert seen == [7, 5, 5, 7]

    def test_it_sees_each_call_of_a_mapped_node(self) -> None:
        files = {0: "a", 1: "b", 2: "c"}
        mapped = Workflow({**flow(link("n")).nodes, "n": WorkflowNode("Numbers", {"count": 3})})

        def fingerprint(value: Any) -> Any:
            return files[value]

        calls: list[int] = []

        @node("C", fingerprint=fingerprint)
        def read(*, value: int) -> str:
            calls.append(value)
            return files[value]

        with engine(read) as made:
            made.run(mapped)
            assert shown(made.run(mapped)) == ["a", "b", "c"]
            files[2] = "new"
            assert shown(made.run(mapped)) == ["a", "b", "new"]
        assert len(calls) == 6

    def test_consumers_of_a_late_key_are_found_in_the_cache_too(self) -> None:
        ran = Ran()

        @node("C", fingerprint=lambda value: value)
        def late(*, value: int) -> int:
            return value

        both = workflow(
            n=("Number", {"value": 5}),
            c=("C", {"value": link("n")}),
            a=("Add", {"a": link("c"), "b": 1}),
            out=("Show", {"value": link("a")}),
        )
        with engine(late, ran=ran) as made:
            made.run(both)
            ran.ids.clear()
            result = made.run(both)
        assert (shown(result), ran.ids) == ([6], [])
        assert set(result.cached) == {"n", "c", "a", "out"}

    def test_it_may_have_the_context(self) -> None:
        def fingerprint(context: Context) -> str:
            return context.node_id

        assert counted({"fingerprint": fingerprint}, [flow(), flow(), flow(None, "other")]) == 2


def test_a_node_may_be_keyed_by_its_id_or_not_cached_at_all() -> None:
    assert counted({}, [flow(), flow(None, "other")]) == 1
    assert counted({"keyed_by_id": True}, [flow(), flow(None, "other"), flow()]) == 2
    assert counted({"cacheable": False}, [flow(), flow()]) == 2
