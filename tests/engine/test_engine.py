"""The engine as a whole: the same result whatever the cache holds, and whoever else runs."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.kit import attempt, basics, engine, link, run, shown, workflow

from inhouse import Context, Engine, Lazy, Link, Registry, Workflow, WorkflowNode, node
from inhouse.engine.cache import Cache
from inhouse.engine.control import Control
from inhouse.engine.events import RunFinished
from inhouse.errors import NodeExecutionError, WorkflowInvalidError


@node("Pick", needs=lambda which: ["one"] if which % 2 else ["two"])
def pick(*, which: int, one: Annotated[int, Lazy()] | None = None, two: Annotated[int, Lazy()] | None = None) -> int:
    return (one or 0) + 1 if which % 2 else (two or 0) + 2


@node("Later")
async def later(*, a: int | None = 0, b: int | None = 0) -> int:
    return (a or 0) * 3 + (b or 0)


@node("Odd", fingerprint=lambda a: a % 2)
def odd(*, a: int) -> int:
    return a % 2


@node("Tree")
def tree(*, a: int, context: Context) -> Any:
    from inhouse import Result

    prefix = context.graph_prefix
    inside = {
        prefix + "x": WorkflowNode("Add", {"a": a, "b": 1}),
        prefix + "y": WorkflowNode("Later", {"a": Link(prefix + "x", 0), "b": a}),
    }
    return Result((Link(prefix + "y", 0),), expand=inside)


SPECS = [*basics(), pick, later, odd, tree, attempt]
LITERALS = st.integers(0, 3)


@st.composite
def graphs(draw: st.DrawFn) -> Workflow:
    """Draw a graph of up to a dozen nodes in which many do the same work."""
    nodes: dict[str, WorkflowNode] = {}
    names = {"Number": ["value"], "Add": ["a", "b"], "Later": ["a", "b"], "Odd": ["a"], "Tree": ["a"]}
    names |= {"Pick": ["which", "one", "two"], "Split": ["value"], "Fail": ["value"], "Try": ["body", "fallback"]}
    for i in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(sorted(names)))
        inputs: dict[str, Any] = {}
        for name in names[kind]:
            source = draw(st.none() | st.integers(0, i - 1)) if i else None
            if source is None:
                inputs[name] = draw(LITERALS)
            else:
                slot = draw(st.integers(0, 1)) if nodes[str(source)].type == "Split" else 0
                inputs[name] = Link(str(source), slot)
        nodes[str(i)] = WorkflowNode(kind, inputs)
    order = draw(st.permutations(sorted(nodes)))
    return Workflow({node_id: nodes[node_id] for node_id in order})


class BrokenError(Exception):
    """What a Fail node raises, in plain evaluation."""


def evaluate(flow: Workflow, value: Any) -> int:
    """Evaluate a value of a graph by recursion, with no engine.

    Raises:
        BrokenError: it needs a node that fails.

    """
    if not isinstance(value, Link):
        return int(value)
    made = flow.nodes[value.node]

    def given(name: str) -> int:
        return evaluate(flow, made.inputs[name])

    def tried() -> int:
        try:
            return given("body")
        except BrokenError:
            return given("fallback")

    def broken() -> int:
        given("value")
        raise BrokenError

    rules: dict[str, Any] = {
        "Number": lambda: given("value"),
        "Add": lambda: given("a") + given("b"),
        "Later": lambda: given("a") * 3 + given("b"),
        "Odd": lambda: given("a") % 2,
        "Tree": lambda: (given("a") + 1) * 3 + given("a"),
        "Split": lambda: given("value") + value.slot,
        "Try": tried,
        "Fail": broken,
        "Pick": lambda: given("one") + 1 if given("which") % 2 else given("two") + 2,
    }
    return int(rules[made.type]())


@settings(max_examples=150, deadline=None)
@given(st.lists(graphs(), min_size=1, max_size=3), st.sampled_from([0, 700, 10**6]), st.data())
def test_the_result_is_that_of_plain_evaluation_whatever_the_cache_holds(
    flows: list[Workflow], budget: int, data: st.DataObject
) -> None:
    with Engine(Registry(SPECS), cache=Cache(budget)) as made:
        for flow in [*flows, *flows]:
            targets = data.draw(st.lists(st.sampled_from(sorted(flow.nodes)), min_size=1, unique=True))
            result = made.run(flow, targets=targets)
            expected = {target: outcome(flow, target) for target in targets}
            got = {target: [list(slot) for slot in slots] for target, slots in result.values.items()}
            assert got == {target: slots for target, slots in expected.items() if slots is not None}
            assert result.status == ("error" if None in expected.values() else "success")
            assert bool(result.failures) == (result.status == "error")


def outcome(flow: Workflow, target: str) -> list[list[int]] | None:
    """Return the slots of a node, or None where it cannot be computed."""
    try:
        return [[evaluate(flow, Link(target, slot))] for slot in range(2 if flow.nodes[target].type == "Split" else 1)]
    except BrokenError:
        return None


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 20), st.sampled_from(["cancel", "interrupt"]), st.sampled_from([0, 10**6]))
def test_a_run_stopped_at_any_moment_ends_and_leaves_nothing_wrong_behind(
    flow: Workflow, moment: int, stop: str, budget: int
) -> None:
    control, told = Control(), list[Any]()

    def emit(event: Any) -> None:
        told.append(event)
        if len(told) == moment:
            getattr(control, stop)()

    targets = sorted(flow.nodes)
    expected = {target: outcome(flow, target) for target in targets}
    with Engine(Registry(SPECS), cache=Cache(budget)) as made:
        stopped = made.run(flow, targets=targets, emit=emit, control=control)
        assert isinstance(told[-1], RunFinished)
        again = made.run(flow, targets=targets)
    got = {target: [list(slot) for slot in slots] for target, slots in again.values.items()}
    assert got == {target: slots for target, slots in expected.items() if slots is not None}
    if stopped.status == "interrupted":
        assert moment
    elif stop == "cancel":  # then nothing was caught, and all that is there is right
        assert all([list(slot) for slot in slots] == expected[target] for target, slots in stopped.values.items())


def test_two_engines_in_two_threads_do_not_know_of_each_other() -> None:
    meet = threading.Barrier(2, timeout=20)
    got: dict[str, Any] = {}

    def go(name: str) -> None:
        @node("Meet")
        def meeting() -> str:
            meet.wait()
            return name

        with engine(meeting) as made:
            got[name] = shown(made.run(workflow(m=("Meet", {}), out=("Show", {"value": link("m")}))))

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert got == {"one": ["one"], "two": ["two"]}


def test_threads_may_share_one_engine() -> None:
    got: list[Any] = []
    with Engine(Registry(SPECS)) as made:

        def go(start: int) -> None:
            nodes = {"0": WorkflowNode("Number", {"value": start})}
            for i in range(1, 100):
                kind = "Later" if i % 10 == 0 else "Add"
                nodes[str(i)] = WorkflowNode(kind, {"a": link(str(i - 1)), "b": 0})
            got.append((start, made.run(Workflow(nodes), targets=["99"]).values["99"][0][0]))

        threads = [threading.Thread(target=go, args=(i % 3,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(got) == sorted((i % 3, (i % 3) * 3**9) for i in range(6))


def test_a_node_may_run_a_workflow_of_its_own_on_the_same_engine() -> None:
    made = engine()

    @node("Inner")
    def inner() -> int:
        result = made.run(workflow(out=("Show", {"value": 4})))
        return int(shown(result)[0])

    made.registry.add([inner])
    assert shown(made.run(workflow(i=("Inner", {}), out=("Show", {"value": link("i")})))) == [4]


def test_services_are_handed_out_by_type_and_a_missing_one_is_named() -> None:
    class Clock:
        now = 5

    @node("Now")
    def now(*, context: Context) -> int:
        return context.service(Clock).now

    flow = workflow(n=("Now", {}), out=("Show", {"value": link("n")}))
    with engine(now, services={Clock: Clock()}) as made:
        assert shown(made.run(flow)) == [5]
    result = run([now], flow)
    assert isinstance(result.failures[0].error, NodeExecutionError)
    assert "needs a Clock, and this engine was built without one" in str(result.failures[0].error)


def test_nothing_runs_when_anything_is_wrong() -> None:
    with engine() as made, pytest.raises(WorkflowInvalidError) as caught:
        made.run(workflow(out=("Show", {}), b=("Add", {"a": "x"})))
    assert [fault.code for fault in caught.value.faults] == ["required_input_missing"]


def test_an_empty_workflow_and_an_unknown_target_are_faults() -> None:
    with engine() as made:
        assert [fault.code for fault in made.validate(Workflow({})).faults] == ["no_outputs"]
        assert [fault.code for fault in made.validate(Workflow({}), ["x"]).faults] == ["unknown_target"]


def test_a_closed_engine_may_be_closed_again_and_used_again() -> None:
    with Engine(Registry(SPECS)) as made:
        made.close()
        flow = workflow(a=("Later", {"a": 1}), out=("Show", {"value": link("a")}))
        assert shown(made.run(flow)) == [3]
        made.close()
        assert shown(made.run(flow)) == [3]


def test_each_run_has_a_name() -> None:
    with engine() as made:
        flow = workflow(out=("Show", {"value": 1}))
        assert made.run(flow, run_id="mine").run_id == "mine"
        assert made.run(flow).run_id != made.run(flow).run_id
