"""How often a node is called, and with what: lists, and blockers among them."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from tests.engine.kit import Ran, engine, events, link, run, shown, workflow

from inhouse import Blocker, Lazy, node
from inhouse.engine import events as event


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
