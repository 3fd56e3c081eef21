"""What a node may ask of the engine that runs it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.kit import engine, events, link, run, shown, workflow

from inhouse import Context, Link, Result, WorkflowNode, node
from inhouse.engine import events as event
from inhouse.engine.context import Shared
from inhouse.engine.control import Control
from inhouse.errors import InterruptedRunError, SharedAccessError


def context(told: list[Any] | None = None, control: Control | None = None) -> Context:
    return Context(
        run_id="r",
        node_id="n",
        display_id="d",
        workflow=workflow(),
        shared=Shared({}, frozenset(), frozenset(), "n"),
        graph_prefix="n.0.",
        _control=control or Control(),
        _emit=(told if told is not None else []).append,
    )


def test_it_says_where_the_node_stands() -> None:
    seen: list[Any] = []

    @node("Where")
    def where(*, value: int, context: Context) -> int:
        seen.append((context.run_id, context.node_id, context.display_id, context.graph_prefix, context.workflow))
        return value

    flow = workflow(n=("Numbers", {"count": 2}), w=("Where", {"value": link("n")}), out=("Show", {"value": link("w")}))
    with engine(where) as made:
        made.run(flow, run_id="r")
    assert seen == [("r", "w", "w", "w.0.", flow), ("r", "w", "w", "w.1.", flow)]


def test_the_parameter_may_have_any_name_and_is_no_input() -> None:
    @node("Named")
    def named(*, value: int, ctx: Context) -> int:
        return value + len(ctx.node_id)

    assert list(named.inputs) == ["value"]
    assert shown(run([named], workflow(n=("Named", {"value": 1}), out=("Show", {"value": link("n")})))) == [2]


class TestProgress:
    def test_it_is_told_with_the_node_that_the_user_knows(self) -> None:
        told: list[Any] = []
        context(told).progress(3, 20)
        assert told == [event.NodeProgress("n", "d", 3, 20, None)]

    def test_a_preview_is_made_only_when_somebody_looks(self) -> None:
        made: list[int] = []

        def preview() -> str:
            made.append(1)
            return "picture"

        told: list[Any] = []
        context(told).progress(1, 2, preview)
        assert made == []
        assert told[0].preview() == "picture"
        assert made == [1]

    def test_it_is_an_occasion_to_stop_after_the_step_was_told(self) -> None:
        told: list[Any] = []
        control = Control()
        control.interrupt()
        asked = context(told, control)
        with pytest.raises(InterruptedRunError):
            asked.progress(1, 2)
        assert len(told) == 1
        asked.check()

    def test_inside_an_expansion_both_ids_are_told(self) -> None:
        @node("Step")
        def step(*, context: Context) -> int:
            context.progress(1, 1)
            return 1

        @node("Expand")
        def expand(*, context: Context) -> Any:
            node_id = context.graph_prefix + "s"
            return Result((Link(node_id, 0),), expand={node_id: WorkflowNode("Step", {})})

        told: list[Any] = []
        run([step, expand], workflow(e=("Expand", {}), out=("Show", {"value": link("e")})), emit=told.append)
        assert events(told, event.NodeProgress) == [event.NodeProgress("e.0.s", "e", 1, 1, None)]


class TestShared:
    def test_reads_and_writes_are_the_declared_ones(self) -> None:
        shared = Shared({"a": 1, "b": 2}, frozenset({"a"}), frozenset({"c"}), "n")
        assert shared["a"] == 1
        shared["c"] = 3
        assert (shared["c"], shared.written) == (3, {"c": 3})
        for name in ("b", "z"):
            with pytest.raises(SharedAccessError) as caught:
                _ = shared[name]
            assert caught.value.node_id == "n"
        with pytest.raises(SharedAccessError):
            shared["a"] = 2

    def test_a_declared_name_that_nobody_wrote_is_missing_like_a_key(self) -> None:
        shared = Shared({}, frozenset({"a"}), frozenset(), "n")
        assert "a" not in shared
        assert shared.get("a", 5) == 5
        with pytest.raises(KeyError):
            _ = shared["a"]
