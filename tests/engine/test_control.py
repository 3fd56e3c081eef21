"""Stopping a run from outside, as far as synchronous nodes are concerned."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Any

import pytest
from tests.engine.kit import Ran, engine, link, shown, workflow

from inhouse import Catch, Context, NodeSpec, Result, WorkflowNode, node
from inhouse.engine.control import Control
from inhouse.errors import InterruptedRunError


@pytest.fixture
def control() -> Control:
    return Control()


@pytest.fixture
def sampler(control: Control) -> NodeSpec:
    """A node that is asked to stop while it works, and notices at its next step."""

    @node("Sample")
    def sample(*, stop: str, context: Context) -> int:
        for step in range(10):
            if step == 4:
                getattr(control, stop or "take")()
            try:
                context.progress(step, 10)
            except InterruptedRunError as error:
                error.partial = step
                raise
        return 10

    return sample


@node("Caught")
def caught(*, body: Annotated[Any, Catch()]) -> Any:
    return getattr(body, "partial", body)


FLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "a": ("Sample", {"stop": "interrupt"}),
    "c": ("Caught", {"body": link("a")}),
}


def test_an_interrupt_hands_the_partial_result_to_a_node_that_catches_and_the_run_goes_on(
    control: Control, sampler: NodeSpec
) -> None:
    flow = workflow(
        **FLOW,
        more=("Sample", {"stop": ""}),
        s=("Add", {"a": link("c"), "b": link("more")}),
        out=("Show", {"value": link("s")}),
    )
    with engine(sampler, caught) as made:
        result = made.run(flow, control=control)
    assert (result.status, shown(result)) == ("success", [14])


def test_an_interrupt_that_nobody_catches_ends_the_run(control: Control, sampler: NodeSpec) -> None:
    ran = Ran()
    flow = workflow(a=FLOW["a"], x=("Show", {"value": link("a")}), n=("Number", {}), out=("Show", {"value": link("n")}))
    with engine(sampler, ran=ran) as made:
        result = made.run(flow, control=control)
    assert (result.status, ran.ids) == ("interrupted", [])
    assert [(f.node_id, f.partial) for f in result.failures] == [("a", 4)]


def test_nobody_catches_a_cancel(control: Control, sampler: NodeSpec) -> None:
    flow = workflow(a=("Sample", {"stop": "cancel"}), c=FLOW["c"], out=("Show", {"value": link("c")}))
    with engine(sampler, caught) as made:
        result = made.run(flow, control=control)
    assert (result.status, result.outputs) == ("interrupted", {})


def test_an_interrupt_stops_the_next_node_where_the_running_one_never_asks(control: Control) -> None:
    @node("Deaf")
    def deaf() -> int:
        control.interrupt()
        return 1

    ran = Ran()
    with engine(deaf, ran=ran) as made:
        result = made.run(
            workflow(d=("Deaf", {}), a=("Add", {"a": link("d")}), out=("Show", {"value": link("a")})), control=control
        )
    assert (result.status, ran.ids) == ("interrupted", [])
    assert [failure.node_id for failure in result.failures] == ["a"]


def test_a_run_cancelled_before_it_begins_runs_nothing(control: Control) -> None:
    control.cancel()
    ran = Ran()
    with engine(ran=ran) as made:
        result = made.run(workflow(out=("Show", {"value": 1})), control=control)
    assert (result.status, ran.ids) == ("interrupted", [])


def test_a_cancel_after_the_last_node_changes_nothing(control: Control) -> None:
    @node("Late", output_node=True)
    def late() -> Result:
        control.cancel()
        return Result(ui={"value": [1]})

    with engine(late) as made:
        assert made.run(workflow(out=("Late", {})), control=control).status == "success"


def test_a_cancelled_run_leaves_what_it_finished_in_the_cache(control: Control) -> None:
    @node("Stop")
    def stop(*, value: int) -> int:
        control.cancel()
        return value

    ran = Ran()
    flow = workflow(a=("Number", {"value": 5}), s=("Stop", {"value": link("a")}), out=("Show", {"value": link("s")}))
    with engine(stop, ran=ran) as made:
        assert made.run(flow, control=control).status == "interrupted"
        assert shown(made.run(flow)) == [5]
    assert ran.count("a") == 1


def test_an_interrupt_inside_an_expansion_is_caught_outside(control: Control, sampler: NodeSpec) -> None:
    from inhouse import Link

    @node("Expand")
    def expand(*, context: Context) -> Any:
        node_id = context.graph_prefix + "s"
        return Result((Link(node_id, 0),), expand={node_id: WorkflowNode("Sample", {"stop": "interrupt"})})

    flow = workflow(e=("Expand", {}), c=("Caught", {"body": link("e")}), out=("Show", {"value": link("c")}))
    with engine(sampler, caught, expand) as made:
        assert shown(made.run(flow, control=control)) == [4]


def test_an_interrupt_is_used_up_by_one_of_many_that_ask(control: Control) -> None:
    stopped: list[bool] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        stopped.append(control.take())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    control.interrupt()
    control.interrupt()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(stopped) == 1
    assert not control.requested


def test_a_signal_handler_may_stop_a_run_at_any_moment(control: Control) -> None:
    def handler(*_: object) -> None:
        control.interrupt()

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        for _ in range(200):
            signal.raise_signal(signal.SIGUSR1)
            with pytest.raises(InterruptedRunError):
                control.check()
            control.check()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_check_raises_for_good_once_cancelled(control: Control) -> None:
    control.check()
    control.cancel()
    for _ in range(2):
        with pytest.raises(InterruptedRunError):
            control.check()
    assert control.cancelled
