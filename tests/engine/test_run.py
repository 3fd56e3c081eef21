"""What happens to a workflow between the call and the result."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from inhouse import Blocker, Catch, Context, Failure, Lazy, Link, Result, Wire, Workflow, WorkflowNode, node
from inhouse.engine import events as event
from inhouse.engine.cache import Cache
from inhouse.errors import InterruptedRunError, NodeExecutionError, OutOfMemoryError, WorkflowInvalidError
from tests.engine.kit import Ran, engine, events, link, run, shown, values_of, workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.engine.events import Event


def switch_needs(which: bool, **_: Any) -> list[str]:
    return ["yes" if which else "no"]


@node("Switch", needs=switch_needs)
def switch(*, which: bool, yes: Annotated[Any, Lazy()] | None = None, no: Annotated[Any, Lazy()] | None = None) -> Any:
    return yes if which else no


def fallback_needs(body: Any, fallback: Any) -> list[str]:
    return ["fallback"] if isinstance(body, Failure) and fallback is None else []


@node("Try", needs=fallback_needs)
def attempt(*, body: Annotated[Any, Catch()], fallback: Annotated[Any, Lazy()] | None = None) -> Any:
    return (fallback if fallback is not None else body.partial) if isinstance(body, Failure) else body


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

        @node("Peek", needs=lambda: [])
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


class TestLists:
    def test_lists_are_mapped_over_the_longest_and_shorter_ones_repeat_their_last(self) -> None:
        flow = workflow(
            a=("Numbers", {"count": 4}),
            b=("Numbers", {"count": 2}),
            s=("Add", {"a": link("a"), "b": link("b")}),
            out=("Show", {"value": link("s")}),
        )
        assert shown(run([], flow)) == [0, 2, 3, 4]

    def test_an_empty_list_means_no_call_and_an_empty_result(self) -> None:
        ran = Ran()
        flow = workflow(
            a=("Numbers", {"count": 0}), s=("Add", {"a": link("a"), "b": 5}), out=("Show", {"value": link("s")})
        )
        result = run([], flow, ran)
        assert result.status == "success"
        assert ran.ids == ["a"]
        assert result.outputs == {}

    def test_a_node_that_takes_lists_gets_each_input_as_a_list_of_its_own(self) -> None:
        @node("Sum", input_is_list=True)
        def total(*, values: int, start: int) -> int:
            got: Any = values
            got.append(0)  # must not reach what the cache holds
            return sum(got) + sum(start)  # type: ignore[call-overload,no-any-return] # lists, as declared

        flow = workflow(
            a=("Numbers", {"count": 4}),
            s=("Sum", {"values": link("a"), "start": 10}),
            out=("Show", {"value": link("s")}),
        )
        with engine(total) as made:
            assert shown(made.run(flow)) == [16]
            assert made.run(flow, targets=["a"]).values["a"][0] == [0, 1, 2, 3]

    def test_lists_from_mapped_calls_are_joined(self) -> None:
        flow = workflow(
            a=("Numbers", {"count": 4}), b=("Numbers", {"count": link("a")}), out=("Show", {"value": link("b")})
        )
        assert shown(run([], flow)) == [0, 0, 1, 0, 1, 2]

    def test_a_list_output_that_is_no_list_is_named(self) -> None:
        @node("Liar")
        def liar() -> list[int]:
            return "ab"  # type: ignore[return-value] # the lie

        result = run([liar], workflow(a=("Liar", {}), out=("Show", {"value": link("a")})))
        assert "returned a str where it declares a list" in str(result.failures[0].error)


class TestBlockers:
    @pytest.fixture
    def stop(self) -> Any:
        @node("Stop")
        def stop(*, message: str | None = "") -> int:
            return Blocker(message or None)  # type: ignore[return-value] # a blocker may stand for any value

        return stop

    def test_a_silent_blocker_keeps_everything_below_from_running(self, stop: Any) -> None:
        ran, told = Ran(), list[Any]()
        flow = workflow(s=("Stop", {}), a=("Add", {"a": link("s")}), out=("Show", {"value": link("a")}))
        result = run([stop], flow, ran, told.append)
        assert result.status == "success"
        assert ran.ids == []
        assert result.outputs == {}
        assert events(told, event.NodeBlocked) == []

    def test_a_verbose_blocker_is_told_in_each_run_at_its_first_consumer(self, stop: Any) -> None:
        flow = workflow(
            s=("Stop", {"message": "too small"}), a=("Add", {"a": link("s")}), out=("Show", {"value": link("a")})
        )
        with engine(stop) as made:
            for _ in range(2):
                told = list[Any]()
                assert made.run(flow, emit=told.append).status == "success"
                assert events(told, event.NodeBlocked) == [event.NodeBlocked("a", "a", "too small")]

    def test_of_mapped_calls_only_the_blocked_ones_do_not_run(self) -> None:
        @node("Odd")
        def odd(*, value: int) -> int:
            return value if value % 2 else Blocker()  # type: ignore[return-value] # as above

        flow = workflow(
            a=("Numbers", {"count": 4}), o=("Odd", {"value": link("a")}), out=("Show", {"value": link("o")})
        )
        assert shown(run([odd], flow)) == [1, 3]

    def test_a_blocked_node_is_not_asked_what_it_needs(self, stop: Any) -> None:
        asked: list[Any] = []

        @node("Ask", needs=asked.append)
        def ask(*, value: int, more: Annotated[Any, Lazy()] | None = None) -> int:
            return value if more else 0

        flow = workflow(s=("Stop", {}), a=("Ask", {"value": link("s")}), out=("Show", {"value": link("a")}))
        assert run([stop, ask], flow).status == "success"
        assert asked == []


class TestFailures:
    def test_every_failed_node_is_named_and_sound_outputs_finish(self) -> None:
        flow = workflow(
            f=("Fail", {"value": 1}),
            g=("Fail", {"value": 2}),
            both=("Add", {"a": link("f"), "b": link("g")}),
            bad=("Show", {"value": link("both")}),
            a=("Number", {"value": 3}),
            out=("Show", {"value": link("a")}),
        )
        told: list[Any] = []
        result = run([], flow, emit=told.append)
        assert result.status == "error"
        assert shown(result) == [3]
        assert [failure.node_id for failure in result.failures] == ["f", "g"]
        first = result.failures[0].error
        assert isinstance(first, NodeExecutionError)
        assert (first.node_id, str(first)) == ("f", "Node f (Fail) failed: ValueError: no 1")
        assert isinstance(first.__cause__, ValueError)
        assert [(e.node_id, e.caught) for e in events(told, event.NodeFailed)] == [("f", False), ("g", False)]

    def test_a_node_that_exits_the_program_only_fails(self) -> None:
        @node("Exit")
        def leave() -> int:
            raise SystemExit(3)

        result = run([leave], workflow(a=("Exit", {}), out=("Show", {"value": link("a")})))
        assert "SystemExit" in str(result.failures[0].error)

    def test_ctrl_c_reaches_the_caller(self) -> None:
        @node("CtrlC")
        def interrupted() -> int:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run([interrupted], workflow(a=("CtrlC", {}), out=("Show", {"value": link("a")})))

    @pytest.mark.parametrize("returned", [None, (1,), (1, 2, 3), "ab", {"a": 1, "b": 2}])
    def test_a_wrong_number_of_values_is_named(self, returned: Any) -> None:
        @node("Two")
        def two() -> Annotated[Any, tuple]:
            return returned

        spec = two.__class__(two.id, two.function, {}, (two.outputs[0], two.outputs[0]))
        result = run([spec], workflow(a=("Two", {}), out=("Show", {"value": link("a", 1)})))
        assert "Node Two returned" in str(result.failures[0].error)

    def test_a_shown_thing_of_a_strange_shape_fails_its_node_only(self) -> None:
        @node("Strange", output_node=True)
        def strange(*, value: int) -> Result:
            return Result(ui={"value": value})

        flow = workflow(a=("Numbers", {"count": 3}), s=("Strange", {"value": link("a")}), out=("Show", {"value": 1}))
        result = run([strange], flow)
        assert shown(result) == [1]
        assert [failure.node_id for failure in result.failures] == ["s"]

    def test_a_listener_that_fails_reaches_the_caller(self) -> None:
        def emit(told: Any) -> None:
            if isinstance(told, event.NodeFinished):
                raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            run([], workflow(out=("Show", {"value": 1})), emit=emit)


class TestCatching:
    def test_a_failure_is_handed_to_the_node_that_catches_it(self) -> None:
        told: list[Any] = []
        flow = workflow(
            f=("Fail", {}),
            spare=("Number", {"value": 8}),
            t=("Try", {"body": link("f"), "fallback": link("spare")}),
            out=("Show", {"value": link("t")}),
        )
        result = run([attempt], flow, emit=told.append)
        assert (result.status, shown(result), result.failures) == ("success", [8], ())
        assert [(e.node_id, e.caught) for e in events(told, event.NodeFailed)] == [("f", True)]

    def test_the_fallback_is_computed_only_on_failure(self) -> None:
        ran = Ran()
        flow = workflow(
            a=("Number", {"value": 1}),
            spare=("Number", {"value": 8}),
            t=("Try", {"body": link("a"), "fallback": link("spare")}),
            out=("Show", {"value": link("t")}),
        )
        assert shown(run([attempt], flow, ran)) == [1]
        assert "spare" not in ran.ids

    def test_a_failure_in_the_fallback_goes_on(self) -> None:
        flow = workflow(
            f=("Fail", {"value": 1}),
            g=("Fail", {"value": 2}),
            t=("Try", {"body": link("f"), "fallback": link("g")}),
            outer=("Try", {"body": link("t"), "fallback": 5}),
            out=("Show", {"value": link("outer")}),
            bad=("Show", {"value": link("t")}),
        )
        result = run([attempt], flow)
        assert shown(result) == [5]
        assert [failure.node_id for failure in result.failures] == ["g"]

    def test_a_failure_far_above_is_caught_and_what_lies_between_is_skipped(self) -> None:
        ran = Ran()
        flow = workflow(
            f=("Fail", {}),
            a=("Add", {"a": link("f")}),
            b=("Add", {"a": link("a")}),
            t=("Try", {"body": link("b"), "fallback": 5}),
            out=("Show", {"value": link("t")}),
        )
        assert shown(run([attempt], flow, ran)) == [5]
        assert ran.ids == ["f", "out"]

    def test_a_failure_that_one_way_catches_and_another_does_not_is_reported(self) -> None:
        flow = workflow(
            f=("Fail", {}),
            t=("Try", {"body": link("f"), "fallback": 5}),
            out=("Show", {"value": link("t")}),
            bad=("Show", {"value": link("f")}),
        )
        result = run([attempt], flow)
        assert (result.status, shown(result)) == ("error", [5])
        assert [failure.node_id for failure in result.failures] == ["f"]

    def test_out_of_memory_keeps_its_name_and_what_the_node_held_is_gone(self) -> None:
        class Big:
            pass

        held: list[weakref.ref[Big]] = []
        alive: list[bool] = []

        @node("Big")
        def big() -> int:
            tensor = Big()
            held.append(weakref.ref(tensor))
            raise MemoryError

        @node("Catcher")
        def catcher(*, body: Annotated[Any, Catch()]) -> str:
            gc.collect()
            alive.append(held[0]() is not None)
            assert isinstance(body.error, OutOfMemoryError)
            return str(body.error.code)

        flow = workflow(a=("Big", {}), c=("Catcher", {"body": link("a")}), out=("Show", {"value": link("c")}))
        assert shown(run([big, catcher], flow)) == ["out_of_memory"]
        assert alive == [False]

    def test_a_result_made_from_a_failure_is_not_kept_for_the_next_run(self) -> None:
        works: Iterator[bool] = iter([False, True, True])

        @node("Flaky")
        def flaky() -> int:
            if next(works):
                return 1
            raise InterruptedRunError(partial=-1)

        flow = workflow(
            f=("Flaky", {}),
            t=("Try", {"body": link("f")}),
            a=("Add", {"a": link("t")}),
            out=("Show", {"value": link("a")}),
        )
        with engine(flaky, attempt) as made:
            assert [shown(made.run(flow)) for _ in range(3)] == [[-1], [1], [1]]
            assert next(works)


class TestMemory:
    def test_what_nobody_needs_any_more_is_let_go(self) -> None:
        class Big:
            pass

        made_objects: list[weakref.ref[Big]] = []
        alive: list[int] = []

        @node("Make")
        def make(*, before: Annotated[Any, Wire("BIG")] | None = None) -> Annotated[Any, Wire("BIG")]:
            big = Big()
            made_objects.append(weakref.ref(big))
            alive.append(sum(ref() is not None for ref in made_objects))
            return big

        nodes = {"0": WorkflowNode("Make", {})}
        for i in range(1, 10):
            nodes[str(i)] = WorkflowNode("Make", {"before": link(str(i - 1))})
        with engine(make, cache=Cache(0)) as made:
            result = made.run(Workflow(nodes), targets=["9"])
        assert max(alive) == 2
        assert sum(ref() is not None for ref in made_objects) == 1
        assert result.status == "success"

    def test_a_branch_that_was_never_asked_for_holds_nothing(self) -> None:
        class Big:
            pass

        held: list[weakref.ref[Big]] = []
        alive: list[bool] = []

        @node("Make")
        def make() -> Annotated[Any, Wire("BIG")]:
            big = Big()
            held.append(weakref.ref(big))
            return big

        @node("Use")
        def use(*, big: Annotated[Any, Wire("BIG")]) -> bool:
            return big is not None

        @node("Last")
        def last(*, value: Any) -> int:
            alive.append(held[0]() is not None)
            return int(value)

        flow = workflow(
            m=("Make", {}),
            yes=("Use", {"big": link("m")}),
            no=("Use", {"big": link("m")}),
            s=("Switch", {"which": True, "yes": link("yes"), "no": link("no")}),
            l=("Last", {"value": link("s")}),
            out=("Show", {"value": link("l")}),
        )
        with engine(make, use, last, switch, cache=Cache(0)) as made:
            assert shown(made.run(flow)) == [1]
        assert alive == [False]

    def test_a_result_too_large_for_the_cache_still_reaches_every_consumer(self) -> None:
        flow = workflow(
            a=("Number", {"value": 1}),
            b=("Add", {"a": link("a"), "b": link("a")}),
            c=("Add", {"a": link("b"), "b": link("a")}),
            out=("Show", {"value": link("c")}),
        )
        for budget in (0, 100, 300, 500, 1000):
            with engine(cache=Cache(budget)) as made:
                assert [shown(made.run(flow)) for _ in range(3)] == [[3], [3], [3]]


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

    @node("Work")
    def work(*, context: Context) -> int:
        context.progress(1, 2)
        context.progress(2, 2, lambda: "picture")
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
    assert told[4] == event.NodeProgress("w", "w", 2, 2, "picture")
    assert set(result.seconds) == {"w", "out"}
    assert values_of(result, ["out"]) == {"out": []}


def test_a_link_is_a_value_where_an_input_is_any_and_nothing_expands() -> None:
    @node("Deep")
    def deep(*, value: Any) -> Any:
        return [Link("x", 0), value]

    assert shown(
        run([deep], workflow(d=("Deep", {"value": [1, {"a": None}]}), out=("Show", {"value": link("d")})))
    ) == [[Link("x", 0), [1, {"a": None}]]]
