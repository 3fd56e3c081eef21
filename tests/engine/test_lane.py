"""Asynchronous nodes: side by side, beside a synchronous one, failing, cancelled."""

from __future__ import annotations

import asyncio
import threading
from typing import Annotated, Any

import pytest
from tests.engine.kit import engine, events, link, run, shown, workflow

from inhouse import Catch, Context, Engine, Lazy, NodeSpec, Result, Workflow, WorkflowNode, node
from inhouse.engine import events as event
from inhouse.engine.control import Control
from inhouse.errors import InterruptedRunError

PATIENCE = 20
"""Seconds after which a test that would wait for ever fails."""


class Meeting:
    """A place where a number of coroutines wait for each other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.there = 0
        self.full: asyncio.Event | None = None

    async def attend(self) -> None:
        self.full = self.full or asyncio.Event()
        self.there += 1
        if self.there >= self.size:
            self.full.set()
        await asyncio.wait_for(self.full.wait(), PATIENCE)


def meeting_node(meeting: Meeting, **traits: Any) -> NodeSpec:
    @node("Meet", **traits)
    async def meet(*, value: int) -> int:
        await meeting.attend()
        return value * 10

    return meet


def test_independent_asynchronous_nodes_run_side_by_side() -> None:
    spec = meeting_node(Meeting(3))
    flow = workflow(
        a=("Meet", {"value": 1}),
        b=("Meet", {"value": 2}),
        c=("Meet", {"value": 3}),
        ab=("Add", {"a": link("a"), "b": link("b")}),
        sum=("Add", {"a": link("ab"), "b": link("c")}),
        out=("Show", {"value": link("sum")}),
    )
    assert shown(run([spec], flow)) == [60]


def test_the_calls_of_a_mapped_node_run_side_by_side_and_keep_their_order() -> None:
    spec = meeting_node(Meeting(4))
    flow = workflow(n=("Numbers", {"count": 4}), a=("Meet", {"value": link("n")}), out=("Show", {"value": link("a")}))
    assert shown(run([spec], flow)) == [0, 10, 20, 30]


def test_an_asynchronous_node_runs_beside_a_synchronous_one() -> None:
    arrived, left = threading.Event(), threading.Event()

    @node("Sync")
    def sync() -> bool:
        arrived.set()
        return left.wait(PATIENCE)

    @node("Async")
    async def beside() -> bool:
        met = await asyncio.to_thread(arrived.wait, PATIENCE)
        left.set()
        return met

    flow = workflow(
        s=("Sync", {}), a=("Async", {}), out=("Show", {"value": link("s")}), also=("Show", {"value": link("a")})
    )
    result = run([sync, beside], flow)
    assert (shown(result), shown(result, "also")) == ([True], [True])


def test_an_asynchronous_node_whose_source_is_ready_does_not_wait_for_the_thread() -> None:
    left = threading.Event()

    @node("Sync")
    def sync(*, value: Any | None = None) -> bool:
        del value
        return left.wait(PATIENCE)

    @node("Async")
    async def beside(*, value: Any | None = None) -> bool:
        if value:
            left.set()
        return True

    flow = workflow(
        first=("Async", {}),
        second=("Async", {"value": link("first")}),
        s=("Sync", {}),
        out=("Show", {"value": link("s")}),
        also=("Show", {"value": link("second")}),
    )
    assert shown(run([sync, beside], flow)) == [True]


def test_what_is_cached_is_told_before_any_node_starts() -> None:
    told: list[Any] = []
    spec = meeting_node(Meeting(1))
    run([spec], workflow(a=("Meet", {"value": 1}), out=("Show", {"value": link("a")})), emit=told.append)
    assert [type(item) for item in told[:3]] == [event.RunStarted, event.NodesCached, event.NodeStarted]


def test_a_failing_call_ends_its_brothers_before_the_node_has_failed() -> None:
    ended: list[int] = []

    @node("Mixed")
    async def mixed(*, value: int) -> int:
        if value == 2:
            raise ValueError("two")
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            ended.append(value)
        return value

    flow = workflow(n=("Numbers", {"count": 4}), a=("Mixed", {"value": link("n")}), out=("Show", {"value": link("a")}))
    result = run([mixed], flow)
    assert [str(failure.error) for failure in result.failures] == ["Node a (Mixed) failed: ValueError: two"]
    assert sorted(ended) == [0, 1, 3]


def test_an_asynchronous_node_may_expand_be_lazy_and_block() -> None:
    @node("Grow")
    async def grow(*, value: int, context: Context) -> Any:
        from inhouse import Link

        node_id = context.graph_prefix + "a"
        return Result((Link(node_id, 0),), expand={node_id: WorkflowNode("Add", {"a": value, "b": 1})})

    @node("Choose", needs=lambda which: ["yes"] if which else [])
    async def choose(*, which: bool, yes: Annotated[Any, Lazy()] | None = None) -> Any:
        await asyncio.sleep(0)
        return yes if which else 0

    flow = workflow(
        n=("Numbers", {"count": 3}),
        g=("Grow", {"value": link("n")}),
        c=("Choose", {"which": True, "yes": link("g")}),
        out=("Show", {"value": link("c")}),
    )
    assert shown(run([grow, choose], flow)) == [1, 2, 3]


def test_asynchronous_results_are_cached() -> None:
    meeting = Meeting(1)
    flow = workflow(a=("Meet", {"value": 1}), out=("Show", {"value": link("a")}))
    with engine(meeting_node(meeting)) as made:
        assert [shown(made.run(flow)) for _ in range(2)] == [[10], [10]]
    assert meeting.there == 1


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_an_asynchronous_node_cannot_end_the_loop(end: type[BaseException]) -> None:
    @node("End")
    async def leave() -> int:
        raise end

    with engine(leave, meeting_node(Meeting(1))) as made:
        result = made.run(workflow(a=("End", {}), out=("Show", {"value": link("a")})))
        assert result.status == "error"
        assert [failure.node_id for failure in result.failures] == ["a"]
        assert shown(made.run(workflow(a=("Meet", {"value": 1}), out=("Show", {"value": link("a")})))) == [10]


def test_a_listener_that_fails_in_the_loop_reaches_the_caller() -> None:
    def emit(told: Any) -> None:
        if isinstance(told, event.NodeFinished) and told.node_id == "a":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(
            [meeting_node(Meeting(1))],
            workflow(a=("Meet", {"value": 1}), out=("Show", {"value": link("a")})),
            emit=emit,
        )


class TestStopping:
    @pytest.fixture
    def control(self) -> Control:
        return Control()

    @pytest.fixture
    def waiting(self, control: Control) -> NodeSpec:
        @node("Wait")
        async def wait(*, stop: str) -> int:
            (control.cancel if stop == "cancel" else control.interrupt)()
            await asyncio.sleep(PATIENCE)
            return 1

        return wait

    @pytest.mark.parametrize("stop", ["cancel", "interrupt"])
    def test_a_node_that_waits_is_stopped(self, control: Control, waiting: NodeSpec, stop: str) -> None:
        told: list[Any] = []
        flow = workflow(a=("Wait", {"stop": stop}), b=("Add", {"a": link("a")}), out=("Show", {"value": link("b")}))
        with engine(waiting) as made:
            result = made.run(flow, control=control, emit=told.append)
            assert (result.status, result.outputs) == ("interrupted", {})
            assert [(f.node_id, f.error.code) for f in result.failures] == [("a", "interrupted")]
            assert events(told, event.RunFinished) == [event.RunFinished(result.run_id, "interrupted")]
            assert shown(made.run(workflow(out=("Show", {"value": 1})))) == [1]

    def test_an_interrupt_is_caught_and_a_cancel_is_not(self, control: Control, waiting: NodeSpec) -> None:
        @node("Caught")
        def caught(*, body: Annotated[Any, Catch()]) -> str:
            return str(body.error.code)

        for stop, status in (("interrupt", "success"), ("cancel", "interrupted")):
            flow = workflow(
                a=("Wait", {"stop": stop}), c=("Caught", {"body": link("a")}), out=("Show", {"value": link("c")})
            )
            with engine(waiting, caught) as made:
                result = made.run(flow, control=control)
            assert result.status == status
            assert bool(result.outputs) == (status == "success")

    def test_a_node_may_hand_over_what_it_has_when_cancelled(self, control: Control) -> None:
        @node("Partial")
        async def partial() -> int:
            control.interrupt()
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                raise InterruptedRunError(partial=7) from None
            return 1

        @node("Caught")
        def caught(*, body: Annotated[Any, Catch()]) -> int:
            return int(body.partial)

        flow = workflow(a=("Partial", {}), c=("Caught", {"body": link("a")}), out=("Show", {"value": link("c")}))
        with engine(partial, caught) as made:
            assert shown(made.run(flow, control=control)) == [7]

    def test_closing_the_engine_stops_what_runs_in_it(self) -> None:
        began = threading.Event()
        statuses: list[str] = []

        @node("Forever")
        async def forever() -> int:
            began.set()
            await asyncio.sleep(PATIENCE)
            return 1

        made = engine(forever)

        def go() -> None:
            statuses.append(made.run(workflow(a=("Forever", {}), out=("Show", {"value": link("a")}))).status)

        thread = threading.Thread(target=go)
        thread.start()
        assert began.wait(PATIENCE)
        made.close()
        thread.join(PATIENCE)
        assert statuses == ["interrupted"]

    def test_two_runs_of_one_name_do_not_stop_each_other(self, control: Control, waiting: NodeSpec) -> None:
        began, go_on = threading.Event(), threading.Event()
        statuses: list[str] = []

        @node("Other")
        async def other() -> bool:
            began.set()
            return await asyncio.to_thread(go_on.wait, PATIENCE)

        made = engine(waiting, other)

        def go() -> None:
            flow = workflow(a=("Other", {}), out=("Show", {"value": link("a")}))
            statuses.append(made.run(flow, run_id="same").status)

        thread = threading.Thread(target=go)
        thread.start()
        assert began.wait(PATIENCE)
        flow = workflow(a=("Wait", {"stop": "cancel"}), out=("Show", {"value": link("a")}))
        statuses.append(made.run(flow, run_id="same", control=control).status)
        go_on.set()
        thread.join(PATIENCE)
        made.close()
        assert statuses == ["interrupted", "success"]


def test_nothing_is_left_in_the_lane_after_a_run() -> None:
    spec = meeting_node(Meeting(1))
    with engine(spec) as made:
        for i in range(3):
            made.run(workflow(a=("Meet", {"value": i}), out=("Show", {"value": link("a")})))
        assert made._lane._running == {}


def test_no_thread_is_started_without_asynchronous_nodes() -> None:
    before = threading.active_count()
    with engine() as made:
        made.run(workflow(out=("Show", {"value": 1})))
        assert threading.active_count() == before


def test_a_thousand_asynchronous_nodes_at_once() -> None:
    nodes = {f"a{i}": WorkflowNode("Meet", {"value": i}) for i in range(1_000)}
    nodes |= {f"o{i}": WorkflowNode("Show", {"value": link(f"a{i}")}) for i in range(1_000)}
    with Engine(engine(meeting_node(Meeting(1_000))).registry) as made:
        assert len(made.run(Workflow(nodes)).outputs) == 1_000
