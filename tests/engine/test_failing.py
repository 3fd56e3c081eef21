"""What becomes of a node that fails, and of those that wait for it."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from tests.engine.kit import Ran, attempt, engine, events, link, run, shown, workflow

from inhouse import Catch, Result, Wire, node
from inhouse.engine import events as event
from inhouse.engine.cache import Cache
from inhouse.errors import InterruptedRunError, NodeExecutionError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        failed = events(told, event.NodeFailed)
        assert [(e.node_id, e.caught) for e in failed] == [("f", False), ("g", False)]
        raised = failed[0].raised
        assert (raised.kind, raised.message) == ("ValueError", "no 1")
        assert len(raised.traceback) == 1, "the engine's own frames say nothing"
        assert raised.traceback[0].startswith('  File "tests/engine/kit.py", line ')

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

    def test_a_fallback_on_what_failed_itself_is_no_way_out(self) -> None:
        flow = workflow(
            f=("Fail", {}),
            t=("Try", {"body": link("f"), "fallback": link("f")}),
            out=("Show", {"value": link("t")}),
        )
        result = run([attempt], flow)
        assert result.status == "error"
        assert [failure.node_id for failure in result.failures] == ["f"]

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

    def test_a_failure_that_somebody_keeps_does_not_keep_what_the_node_was_given(self) -> None:
        class Big:
            pass

        held: list[weakref.ref[Big]] = []

        @node("Make")
        def make() -> Annotated[Any, Wire("BIG")]:
            big = Big()
            held.append(weakref.ref(big))
            return big

        @node("Break")
        def fail(*, big: Annotated[Any, Wire("BIG")], listed: int) -> int:
            assert big
            raise RuntimeError(listed)

        @node("BreakLater")
        async def fail_later(*, big: Annotated[Any, Wire("BIG")], listed: int) -> int:
            assert big
            raise RuntimeError(listed)

        for kind in ("Break", "BreakLater"):
            held.clear()
            flow = workflow(
                m=("Make", {}), b=(kind, {"big": link("m"), "listed": 1}), out=("Show", {"value": link("b")})
            )
            with engine(make, fail, fail_later, cache=Cache(0)) as made:
                result = made.run(flow)
            gc.collect()
            assert result.failures
            assert held[0]() is None

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
