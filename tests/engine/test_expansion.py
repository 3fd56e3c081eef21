"""Nodes that return graphs: loops, branches and what can go wrong in them."""

from __future__ import annotations

import gc
import weakref
from typing import Annotated, Any

import pytest
from tests.engine.kit import Ran, engine, events, link, run, shown, workflow

from inhouse import Blocker, Catch, Context, Failure, Link, NodeSpec, Result, Wire, Workflow, WorkflowNode, node
from inhouse.engine import events as event
from inhouse.engine.cache import Cache
from inhouse.engine.node import NodeSpec as Spec
from inhouse.engine.sockets import InputSpec
from inhouse.engine.types import ANY, WireType


@node("Loop")
def loop(*, count: int, value: int, context: Context) -> int:
    """Add one to a value ``count`` times."""
    if count == 0:
        return value
    body, rest = context.graph_prefix + "body", context.graph_prefix + "Loop"
    return Result(  # type: ignore[return-value] # an expansion stands for the value
        (Link(rest, 0),),
        expand={
            body: WorkflowNode("Add", {"a": value, "b": 1}),
            rest: WorkflowNode("Loop", {"count": count - 1, "value": Link(body, 0)}),
        },
    )


def expanding(nodes: dict[str, WorkflowNode], *values: Any, **traits: Any) -> NodeSpec:
    """Declare a node that expands into given nodes, ids behind its prefix."""

    @node("Expand", **traits)
    def expand(*, value: Any | None = None, context: Context) -> Any:
        del value
        prefix = context.graph_prefix
        own = {
            prefix + node_id: WorkflowNode(
                made.type,
                {
                    name: Link(prefix + item.node, item.slot) if isinstance(item, Link) and item.node in nodes else item
                    for name, item in made.inputs.items()
                },
            )
            for node_id, made in nodes.items()
        }
        links = tuple(Link(prefix + v.node, v.slot) if isinstance(v, Link) and v.node in nodes else v for v in values)
        return Result(links, expand=own)

    return expand


OUT = ("Show", {"value": link("e")})


def failures(spec: NodeSpec, *more: NodeSpec) -> list[str]:
    result = run([spec, *more], workflow(e=("Expand", {}), out=OUT))
    assert result.status == "error"
    return [f"{failure.node_id}: {failure.error}" for failure in result.failures]


def test_a_node_runs_as_the_nodes_it_returns() -> None:
    told: list[Any] = []
    flow = workflow(a=("Number", {"value": 2}), e=("Loop", {"count": 3, "value": link("a")}), out=OUT)
    result = run([loop], flow, emit=told.append)
    assert shown(result) == [5]
    inside = [e for e in events(told, event.NodeStarted) if e.node_id not in flow.nodes]
    assert len(inside) == 6
    assert {e.display_id for e in inside} == {"e"}


def test_5000_rounds_of_recursion() -> None:
    with engine(loop) as made:
        flow = workflow(e=("Loop", {"count": 5_000, "value": 0}), out=OUT)
        result = made.run(flow)
        assert shown(result) == [5_000]
        assert max(map(len, result.seconds)) < 200
        assert made.run(flow).cached == ("out",)


def test_a_loop_that_goes_one_round_further_reuses_the_rounds_there_were() -> None:
    @node("Back")
    def back(*, count: int, context: Context) -> int:
        prefix = context.graph_prefix
        if count == 0:
            return 0
        made = {prefix + "b": WorkflowNode("Back", {"count": count - 1})}
        made[prefix + "a"] = WorkflowNode("Add", {"a": Link(prefix + "b", 0), "b": 1})
        return Result((Link(prefix + "a", 0),), expand=made)  # type: ignore[return-value] # as above

    ran = Ran()
    with engine(back, ran=ran) as made:
        made.run(workflow(e=("Back", {"count": 50}), out=OUT))
        ran.ids.clear()
        assert shown(made.run(workflow(e=("Back", {"count": 51}), out=OUT))) == [51]
    assert len(ran.ids) == 2  # one Add and the output


def test_output_nodes_inside_an_expansion_are_run_and_reported_each_time() -> None:
    spec = expanding({"n": WorkflowNode("Number", {"value": 4}), "p": WorkflowNode("Show", {"value": link("n")})}, 1)
    with engine(spec) as made:
        for _ in range(2):
            result = made.run(workflow(e=("Expand", {}), out=OUT), targets=["e"])
            assert result.outputs == {"e.0.p": {"value": [4]}}


def test_an_empty_expansion_may_pass_on_an_outer_node() -> None:
    def raw(name: str) -> InputSpec:
        return InputSpec(name, ANY, raw_link=True)

    def forward(*, value: list[Any], run_it: bool) -> Result:
        return Result((Link(*value) if run_it else 0,), expand={})

    spec = Spec("Raw", forward, {"value": raw("value"), "run_it": InputSpec("run_it", WireType.parse("BOOLEAN"))}, ())
    spec = Spec("Raw", forward, spec.inputs, expanding({}).outputs)
    ran = Ran()
    for run_it in (True, False):
        ran.ids.clear()
        flow = workflow(a=("Number", {"value": 6}), e=("Raw", {"value": link("a"), "run_it": run_it}), out=OUT)
        assert shown(run([spec], flow, ran)) == [6 if run_it else 0]
        assert ran.ids == (["a", "out"] if run_it else ["out"])


def test_an_expansion_may_reach_back_for_a_result_that_was_let_go() -> None:
    def raw(*, value: list[Any], after: int) -> Result:
        del after
        return Result((Link(*value),), expand={})

    inputs = {"value": InputSpec("value", ANY, raw_link=True), "after": InputSpec("after", WireType.parse("INT"))}
    spec = Spec("Raw", raw, inputs, expanding({}).outputs)
    flow = workflow(
        z=("Number", {"value": 1}),
        a=("Add", {"a": link("z"), "b": 1}),
        b=("Add", {"a": link("a"), "b": link("z")}),
        e=("Raw", {"value": link("a"), "after": link("b")}),
        out=OUT,
    )
    with engine(spec, cache=Cache(0)) as made:
        assert shown(made.run(flow)) == [2]


def test_lists_and_literals_leave_an_expansion_in_order() -> None:
    spec = expanding({"n": WorkflowNode("Numbers", {"count": 3})}, link("n"))
    flow = workflow(a=("Numbers", {"count": 2}), e=("Expand", {"value": link("a")}), out=OUT)
    assert shown(run([spec], flow)) == [0, 1, 2, 0, 1, 2]


def test_a_list_may_leave_an_expansion_as_it_is() -> None:
    @node("Listing")
    def listing(*, context: Context) -> list[int]:
        prefix = context.graph_prefix
        expansion = {prefix + "n": WorkflowNode("Numbers", {"count": 2})}
        return Result(([7, 8],), expand=expansion)  # type: ignore[return-value] # as above

    assert shown(run([listing], workflow(e=("Listing", {}), out=OUT))) == [7, 8]


def test_what_was_inside_and_let_go_with_its_objects_is_gone() -> None:
    @node("Use")
    def use(*, value: Any) -> int:
        return len(value)

    def reach(*, after: int, where: str) -> Result:
        del after
        return Result((Link(where, 0),), expand={})

    inputs = {"after": InputSpec("after", WireType.parse("INT")), "where": InputSpec("where", WireType.parse("STRING"))}
    back = Spec("Back", reach, inputs, expanding({}).outputs)
    spec = expanding({"u": WorkflowNode("Use", {"value": {1, 2}})}, link("u"))
    flow = workflow(
        e=("Expand", {}),
        b=("Back", {"after": link("e"), "where": "e.0.u"}),
        out=("Show", {"value": link("b")}),
    )
    with engine(spec, use, back, cache=Cache(0)) as made:
        result = made.run(flow)
    assert len(result.failures) == 1
    assert "'e.0.u', inside an expansion, was let go before" in str(result.failures[0].error)


def test_objects_inside_an_expansion_are_cached_by_their_place() -> None:
    calls: list[int] = []

    class Array(bytearray):
        """Has a buffer, as an array, whose bytes do not tell its shape."""

    @node("Holder")
    def holder(*, seed: int, context: Context) -> Any:
        del seed
        node_id = context.graph_prefix + "u"
        return Result((Link(node_id, 0),), expand={node_id: WorkflowNode("Use", {"value": Array(b"\0" * 4)})})

    @node("Use")
    def use(*, value: Any) -> int:
        calls.append(len(value))
        return len(calls)

    with engine(holder, use, cache=Cache(10_000)) as made:
        one, two = ("Holder", {"seed": 1}), ("Holder", {"seed": 2})
        assert shown(made.run(workflow(e=one, out=OUT))) == [1]
        assert shown(made.run(workflow(e=two, out=OUT))) == [2]
        assert shown(made.run(workflow(e=one, out=OUT))) == [1]


def test_an_object_in_an_expansion_made_from_a_failure_is_not_reused() -> None:
    works = iter([False, True])

    @node("Flaky")
    def flaky() -> int:
        if next(works):
            return 1
        raise ValueError

    @node("Wrap")
    def wrap(*, value: Annotated[Any, Catch()], context: Context) -> Any:
        node_id = context.graph_prefix + "i"
        given = "partial" if isinstance(value, Failure) else "whole"
        return Result((Link(node_id, 0),), expand={node_id: WorkflowNode("Id", {"value": {given}})})

    @node("Id")
    def identity(*, value: Any) -> str:
        return str(next(iter(value)))

    flow = workflow(f=("Flaky", {}), e=("Wrap", {"value": link("f")}), out=OUT)
    with engine(flaky, wrap, identity) as made:
        assert [shown(made.run(flow)) for _ in range(2)] == [["partial"], ["whole"]]


def test_a_blocker_inside_blocks_what_is_outside() -> None:
    @node("Stop")
    def stop() -> int:
        return Blocker("enough")  # type: ignore[return-value] # a blocker may stand for any value

    spec = expanding({"s": WorkflowNode("Stop", {}), "a": WorkflowNode("Add", {"a": link("s")})}, link("a"))
    with engine(spec, stop) as made:
        for _ in range(2):
            told: list[Any] = []
            result = made.run(workflow(e=("Expand", {}), out=OUT), emit=told.append)
            assert (result.status, result.outputs) == ("success", {})
            assert events(told, event.NodeBlocked) == [event.NodeBlocked("e.0.a", "e", "enough")]


def test_a_failure_inside_can_be_caught_outside() -> None:
    @node("Caught")
    def caught(*, body: Annotated[Any, Catch()]) -> str:
        return f"{body.node_id} {body.error.node_id}"

    spec = expanding({"f": WorkflowNode("Fail", {})}, link("f"))
    flow = workflow(e=("Expand", {}), c=("Caught", {"body": link("e")}), out=("Show", {"value": link("c")}))
    result = run([spec, caught], flow)
    assert (result.status, shown(result)) == ("success", ["e.0.f e"])


class TestFaults:
    def test_a_failed_node_inside_is_named_with_the_node_the_user_knows(self) -> None:
        result = run([expanding({"f": WorkflowNode("Fail", {})}, link("f"))], workflow(e=("Expand", {}), out=OUT))
        assert [(f.node_id, f.error.node_id) for f in result.failures] == [("e.0.f", "e")]

    def test_unknown_node(self) -> None:
        assert failures(expanding({"x": WorkflowNode("Numbr", {})}, link("x"))) == [
            "e: Node 'e' expanded into a node 'Numbr', which is not known. Did you mean Number or Numbers?"
        ]

    def test_link_to_nothing(self) -> None:
        inside = expanding({"x": WorkflowNode("Add", {"a": Link("lost", 0)})}, link("x"))
        assert failures(inside) == [
            "e: The expansion of node 'e' links node 'e.0.x', input 'a' to node 'lost', which is not there."
        ]
        assert failures(expanding({}, Link("lost", 0))) == [
            "e: The expansion of node 'e' links its result to node 'lost', which is not there."
        ]

    @pytest.mark.parametrize("slot", [-1, 1, 7])
    def test_link_to_an_output_that_is_not_there(self, slot: int) -> None:
        number = {"n": WorkflowNode("Number", {})}
        assert "which has 1, counted from 0" in failures(expanding(number, Link("n", slot)))[0]
        inside = {**number, "a": WorkflowNode("Add", {"a": Link("n", slot)})}
        assert "which has 1, counted from 0" in failures(expanding(inside, link("a")))[0]

    def test_circle_inside(self) -> None:
        inside = {"a": WorkflowNode("Add", {"a": link("b")}), "b": WorkflowNode("Add", {"a": link("a")})}
        assert "in a circle: " in failures(expanding(inside, link("a")))[0]

    def test_circle_through_the_outside(self) -> None:
        message = "e: Node 'e' expanded into nodes that wait for its own result. "
        message += "Link the expansion to what comes before the node only."
        assert failures(expanding({}, Link("e", 0))) == [message]
        assert failures(expanding({"a": WorkflowNode("Add", {"a": Link("e", 0)})}, link("a"))) == [message]

    def test_ids_that_are_taken(self) -> None:
        @node("Fixed")
        def fixed(*, value: int) -> Any:
            return Result((Link("same", 0),), expand={"same": WorkflowNode("Number", {"value": value})})

        flow = workflow(
            a=("Fixed", {"value": 1}),
            b=("Fixed", {"value": 2}),
            out=("Show", {"value": link("a")}),
            other=("Show", {"value": link("b")}),
        )
        result = run([fixed], flow)
        assert result.outputs == {"out": {"value": [1]}}
        assert "there is one already. Start the ids" in str(result.failures[0].error)
        flow = workflow(
            n=("Numbers", {"count": 2}), a=("Fixed", {"value": link("n")}), out=("Show", {"value": link("a")})
        )
        assert "Two calls of node 'a'" in str(run([fixed], flow).failures[0].error)

    def test_a_missing_input_fails_the_inner_node(self) -> None:
        assert "missing" in failures(expanding({"s": WorkflowNode("Split", {})}, link("s")))[0]

    def test_the_wrong_number_of_results(self) -> None:
        assert failures(expanding({}, 1, 2)) == ["e: Node Expand returned 2 values and declares 1."]


def test_what_a_finished_round_held_is_let_go() -> None:
    class Big:
        pass

    held: list[weakref.ref[Big]] = []
    most: list[int] = []

    @node("Make")
    def make(*, before: Annotated[Any, Wire("BIG")] | None = None) -> Annotated[Any, Wire("BIG")]:
        del before
        big = Big()
        held.append(weakref.ref(big))
        gc.collect()
        most.append(sum(ref() is not None for ref in held))
        return big

    @node("Rounds")
    def rounds(*, count: int, big: Annotated[Any, Wire("BIG")], context: Context) -> Annotated[Any, Wire("BIG")]:
        if count == 0:
            return big
        body, rest = context.graph_prefix + "m", context.graph_prefix + "r"
        expansion = {
            body: WorkflowNode("Make", {"before": big}),
            rest: WorkflowNode("Rounds", {"count": count - 1, "big": Link(body, 0)}),
        }
        return Result((Link(rest, 0),), expand=expansion)

    flow = workflow(m=("Make", {}), e=("Rounds", {"count": 20, "big": link("m")}), out=OUT)
    gc.freeze()  # what the suite holds besides is not looked through in every round
    try:
        with engine(make, rounds, cache=Cache(0)) as made:
            assert made.run(flow).status == "success"
    finally:
        gc.unfreeze()
    assert len(held) == 21
    assert max(most) <= 4


def test_the_document_order_of_an_expansion_does_not_matter() -> None:
    inside = {"c": WorkflowNode("Add", {"a": link("b"), "b": 1}), "b": WorkflowNode("Number", {"value": 1})}
    spec = expanding(inside, link("c"))
    assert shown(run([spec], Workflow({"e": WorkflowNode("Expand", {}), "out": WorkflowNode(*OUT)}))) == [2]
