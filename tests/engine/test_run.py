"""What happens to a workflow between the call and the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from tests.engine.kit import Ran, engine, link, run, shown, switch, values_of, workflow

from inhouse import Context, Lazy, Link, Workflow, WorkflowNode, node
from inhouse.engine import events as event
from inhouse.errors import WorkflowInvalidError

if TYPE_CHECKING:
    from inhouse.engine.events import Event


def test_only_what_the_outputs_need_runs() -> None:
    ran = Ran()
    flow = workflow(
        a=("Number", {"value": 2}),
        unused=("Number", {"value": 3}),
        sum=("Add", {"a": link("a"), "b": link("a")}),
        out=("Show", {"value": link("sum")}),
    )
    assert shown(run([], flow, ran)) == [4]
    assert ran.ids == ["a", "sum", "out"]


def test_partial_targets_run_nothing_else() -> None:
    ran = Ran()
    flow = workflow(
        a=("Number", {"value": 2}),
        b=("Add", {"a": link("a"), "b": 5}),
        out=("Show", {"value": link("b")}),
        other=("Show", {"value": link("a")}),
    )
    with engine(ran=ran) as made:
        result = made.run(flow, targets=["b"])
    assert result.values["b"][0] == (7,)
    assert ran.ids == ["a", "b"]
    assert result.outputs == {}


def test_a_node_takes_the_slot_it_is_linked_to() -> None:
    flow = workflow(p=("Split", {"value": 7}), out=("Show", {"value": link("p", 1)}))
    assert shown(run([], flow)) == [8]


def test_a_cached_source_does_not_keep_a_new_consumer_waiting() -> None:
    ran = Ran()
    with engine(ran=ran) as made:
        made.run(workflow(a=("Number", {"value": 2}), out=("Show", {"value": link("a")})))
        result = made.run(
            workflow(a=("Number", {"value": 2}), b=("Add", {"a": link("a")}), out=("Show", {"value": link("b")}))
        )
    assert shown(result) == [2]
    assert result.status == "success"
    assert ran.ids == ["a", "out", "b", "out"]
    assert result.cached == ("a",)


def test_a_cached_output_is_shown_again() -> None:
    told: list[Event] = []
    flow = workflow(a=("Number", {"value": 2}), out=("Show", {"value": link("a")}))
    with engine() as made:
        made.run(flow)
        result = made.run(flow, emit=told.append)
    assert shown(result) == [2]
    assert told == [
        event.RunStarted(result.run_id),
        event.NodesCached(("out",)),
        event.NodeFinished("out", "out", {"value": [2]}, 0.0, cached=True),
        event.RunFinished(result.run_id, "success"),
    ]


class TestLazyInputs:
    def test_only_the_branch_asked_for_runs(self) -> None:
        ran = Ran()
        flow = workflow(
            y=("Number", {"value": 1}),
            n=("Fail", {}),
            s=("Switch", {"which": True, "yes": link("y"), "no": link("n")}),
            out=("Show", {"value": link("s")}),
        )
        assert shown(run([switch], flow, ran)) == [1]
        assert ran.ids == ["y", "out"]

    def test_a_branch_not_asked_for_may_fail_elsewhere(self) -> None:
        flow = workflow(
            n=("Fail", {}),
            other=("Show", {"value": link("n")}),
            y=("Number", {"value": 1}),
            s=("Switch", {"which": True, "yes": link("y"), "no": link("n")}),
            out=("Show", {"value": link("s")}),
        )
        result = run([switch], flow)
        assert shown(result) == [1]
        assert [failure.node_id for failure in result.failures] == ["n"]

    def test_an_input_not_asked_for_is_none_even_if_it_was_computed(self) -> None:
        seen: list[Any] = []

        @node("Peek", needs=list)
        def peek(*, value: Annotated[Any, Lazy()] | None = 0) -> int:
            seen.append(value)
            return 0

        flow = workflow(
            a=("Number", {"value": 5}),
            first=("Show", {"value": link("a")}),
            p=("Peek", {"value": link("a")}),
            out=("Show", {"value": link("p")}),
        )
        run([peek], flow)
        assert seen == [None]

    def test_needs_may_ask_step_by_step(self) -> None:
        def needs(a: Any, b: Any, c: Any) -> list[str]:
            return ["a"] if a is None else ["b"] if b is None else ["c"] if c is None else []

        @node("Steps", needs=needs)
        def steps(
            *,
            a: Annotated[Any, Lazy()] | None = None,
            b: Annotated[Any, Lazy()] | None = None,
            c: Annotated[Any, Lazy()] | None = None,
        ) -> int:
            return sum([a or 0, b or 0, c or 0])

        ran = Ran()
        flow = workflow(
            a=("Number", {"value": 1}),
            b=("Number", {"value": 2}),
            c=("Number", {"value": 4}),
            s=("Steps", {"c": link("c"), "b": link("b"), "a": link("a")}),
            out=("Show", {"value": link("s")}),
        )
        with engine(steps, ran=ran) as made:
            assert shown(made.run(flow)) == [7]
            assert ran.ids == ["a", "b", "c", "out"]
            made.cache.clear()
            made.run(flow, targets=["a", "b", "c"])
            assert shown(made.run(flow)) == [7]  # every input asked for is in the cache

    def test_a_chain_of_lazy_nodes_of_which_all_is_cached_but_the_end(self) -> None:
        nodes = {"0": WorkflowNode("Number", {"value": 3})}
        for i in range(1, 200):
            nodes[str(i)] = WorkflowNode("Switch", {"which": True, "yes": link(str(i - 1))})
        ran = Ran()
        with engine(switch, ran=ran) as made:
            made.run(Workflow(nodes), targets=["199"])
            nodes["out"] = WorkflowNode("Show", {"value": link("199")})
            result = made.run(Workflow(nodes))
        assert shown(result) == [3]
        assert ran.ids == ["0", "out"]

    def test_a_lazy_input_that_fails_fails_its_node(self) -> None:
        flow = workflow(
            n=("Fail", {}), s=("Switch", {"which": False, "no": link("n")}), out=("Show", {"value": link("s")})
        )
        result = run([switch], flow)
        assert result.status == "error"
        assert [failure.node_id for failure in result.failures] == ["n"]

    def test_a_fault_in_needs_is_the_nodes(self) -> None:
        def needs() -> list[str]:
            raise KeyError("lost")

        @node("Broken", needs=needs)
        def broken(*, value: Annotated[Any, Lazy()] | None = None) -> int:
            return 0 if value is None else 1

        result = run([broken], workflow(b=("Broken", {}), out=("Show", {"value": link("b")})))
        assert [(f.node_id, f.error.code) for f in result.failures] == [("b", "node_failed")]

    def test_without_needs_a_lazy_input_is_computed_like_any_other(self) -> None:
        @node("Plain")
        def plain(*, value: Annotated[int, Lazy()]) -> int:
            return value + 1

        flow = workflow(
            a=("Number", {"value": 1}), p=("Plain", {"value": link("a")}), out=("Show", {"value": link("p")})
        )
        assert shown(run([plain], flow)) == [2]


def test_a_chain_of_20000_nodes() -> None:
    nodes = {"0": WorkflowNode("Number", {"value": 0})}
    for i in range(1, 20_000):
        nodes[str(i)] = WorkflowNode("Add", {"a": link(str(i - 1)), "b": 1})
    nodes["out"] = WorkflowNode("Show", {"value": link("19999")})
    with engine() as made:
        assert shown(made.run(Workflow(nodes))) == [19_999]
        assert len(made.run(Workflow(nodes)).cached) == 1


def test_a_fan_of_20000_nodes_of_which_every_tenth_fails() -> None:
    nodes: dict[str, WorkflowNode] = {"src": WorkflowNode("Number", {"value": 1})}
    for i in range(20_000):
        kind = ("Fail", "value") if i % 10 == 0 else ("Show", "value")
        nodes[f"n{i}"] = WorkflowNode(kind[0], {kind[1]: link("src")})
        if kind[0] == "Fail":
            nodes[f"o{i}"] = WorkflowNode("Show", {"value": link(f"n{i}")})
    with engine() as made:
        result = made.run(Workflow(nodes))
    assert len(result.failures) == 2_000
    assert len(result.outputs) == 18_000


def test_a_workflow_with_faults_does_not_run_unless_the_sound_part_is_asked_for() -> None:
    ran = Ran()
    flow = workflow(
        a=("Number", {"value": 1}),
        good=("Show", {"value": link("a")}),
        bad=("Show", {}),
        worse=("Show", {"value": link("lost")}),
        unknown=("Nothing", {"value": link("a")}),
        below=("Show", {"value": link("unknown")}),
    )
    with engine(ran=ran) as made:
        with pytest.raises(WorkflowInvalidError) as caught:
            made.run(flow)
        assert ran.ids == []
        assert len(caught.value.faults) == 3
        assert made.run(flow, skip_faulty=True).outputs == {"good": {"value": [1]}}


def test_the_order_of_events_of_a_run() -> None:
    told: list[Any] = []

    def preview() -> str:
        return "picture"

    @node("Work")
    def work(*, context: Context) -> int:
        context.progress(1, 2)
        context.progress(2, 2, preview)
        return 1

    flow = workflow(w=("Work", {}), out=("Show", {"value": link("w")}))
    with engine(work) as made:
        result = made.run(flow, emit=told.append, run_id="r")
    kinds = [type(item).__name__ for item in told]
    assert kinds == [
        "RunStarted",
        "NodesCached",
        "NodeStarted",
        "NodeProgress",
        "NodeProgress",
        "NodeFinished",
        "NodeStarted",
        "NodeFinished",
        "RunFinished",
    ]
    assert told[3] == event.NodeProgress("w", "w", 1, 2, None)
    assert told[4] == event.NodeProgress("w", "w", 2, 2, preview)
    assert set(result.seconds) == {"w", "out"}
    assert values_of(result, ["out"]) == {"out": []}


def test_a_link_is_a_value_where_an_input_is_any_and_nothing_expands() -> None:
    @node("Deep")
    def deep(*, value: Any) -> Any:
        return [Link("x", 0), value]

    assert shown(
        run([deep], workflow(d=("Deep", {"value": [1, {"a": None}]}), out=("Show", {"value": link("d")})))
    ) == [[Link("x", 0), [1, {"a": None}]]]
