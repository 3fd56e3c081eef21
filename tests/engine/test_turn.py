"""Of all runs that share a turn, one at a time executes synchronous nodes, and none is left out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.kit import basics, engine, link, shown, workflow

from inhouse import Context, Engine, Registry, node
from inhouse.engine.control import Control
from inhouse.engine.turn import Seat, Turn
from inhouse.errors import InterruptedRunError

DEADLINE = 20


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queued(turn: Turn, count: int) -> None:
    """Wait until so many wait for a turn."""
    pause = threading.Event()
    for _ in range(DEADLINE * 500):
        if len(turn._waiting) == count:
            return
        pause.wait(0.002)
    pytest.fail("They do not wait.")


@contextmanager
def threads(*works: Callable[[], object]) -> Iterator[None]:
    """Run functions in threads of their own, and see to it that all end."""
    started = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in started:
        thread.start()
    yield
    for thread in started:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in started)


class Waiting:
    """Runs that wait for a turn, one behind the other, and note when it is theirs."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.order: list[str] = []

    def taker(self, name: str) -> Callable[[], None]:
        def work() -> None:
            seat = Seat(name, Control())
            assert self.turn.take(seat)
            self.order.append(name)
            self.turn.give(seat)

        return work

    def aside(self, name: str, entered: threading.Event) -> Callable[[], None]:
        def work() -> None:
            seat = Seat(name, Control())
            self.turn.take(seat)
            entered.set()
            queued(self.turn, 1)  # for whom it steps aside
            assert self.turn.step_aside(seat)
            self.order.append(name)
            self.turn.give(seat)

        return work


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["again", "aside", "yield", "give"]), max_size=8), min_size=2, max_size=5))
def test_there_are_never_two_in_it_and_everybody_gets_through(scripts: list[list[str]]) -> None:
    turn = Turn(patience=0.001)
    inside: set[str] = set()
    crowded: list[set[str]] = []

    def enter(name: str) -> None:
        inside.add(name)
        if len(inside) > 1:
            crowded.append(set(inside))

    def run(name: str, script: list[str]) -> None:
        seat = Seat(name, Control())
        assert turn.take(seat)
        for step in script:
            enter(name)
            sum(range(random.Random(name).randrange(3000)))
            inside.discard(name)
            if step == "aside":
                assert turn.step_aside(seat)
            elif step == "yield":
                with turn.yielded():
                    assert turn.mine() is None
            elif step == "give":
                turn.give(seat)
                assert turn.take(seat)
            else:
                assert turn.take(seat)
            assert turn.mine() is seat
        turn.give(seat)

    works = [lambda i=i, script=script: run(str(i), script) for i, script in enumerate(scripts)]
    with threads(*works):
        pass
    assert crowded == []
    assert not turn.wanted
    assert turn.mine() is None


def test_who_waits_longest_is_next() -> None:
    turn = Turn()
    waiting, holder = Waiting(turn), Seat("holder", Control())
    turn.take(holder)
    names = ["one", "two", "three"]
    started = []
    for count, name in enumerate(names, 1):
        thread = threading.Thread(target=waiting.taker(name), daemon=True)
        thread.start()
        started.append(thread)
        queued(turn, count)
    turn.give(holder)
    for thread in started:
        thread.join(DEADLINE)
    assert waiting.order == names


@pytest.mark.parametrize(("passed", "order"), [(0.1, ["newcomer", "aside"]), (0.3, ["aside", "newcomer"])])
def test_who_steps_aside_lets_newcomers_go_first_until_patience_is_over(passed: float, order: list[str]) -> None:
    clock = Clock()
    turn = Turn(patience=0.25, clock=clock)
    waiting, holder, entered = Waiting(turn), Seat("holder", Control()), threading.Event()
    turn.take(holder)
    with threads(waiting.aside("aside", entered)):
        queued(turn, 1)
        with turn.yielded():
            assert entered.wait(DEADLINE)
        queued(turn, 1)
        clock.now += passed
        with threads(waiting.taker("newcomer")):
            queued(turn, 2)
            turn.give(holder)
    assert waiting.order == order


def test_who_is_hurried_waits_like_everybody() -> None:
    clock = Clock()
    turn = Turn(patience=0.25, clock=clock)
    waiting, holder, entered = Waiting(turn), Seat("holder", Control()), threading.Event()
    turn.take(holder)
    with threads(waiting.aside("aside", entered)):
        queued(turn, 1)
        with turn.yielded():
            assert entered.wait(DEADLINE)
        queued(turn, 1)
        turn.hurry(turn._waiting[0])
        with threads(waiting.taker("newcomer")):
            queued(turn, 2)
            turn.give(holder)
    assert waiting.order == ["aside", "newcomer"]


def test_who_goes_on_from_node_to_node_lets_others_in_after_a_while() -> None:
    clock = Clock()
    turn = Turn(clock=clock)
    waiting, seat = Waiting(turn), Seat("long", Control())
    turn.take(seat)
    with threads(waiting.taker("other")):
        queued(turn, 1)
        assert turn.take(seat)
        assert waiting.order == []
        clock.now += 1
        assert turn.take(seat)
        assert waiting.order == ["other"]
        turn.give(seat)


def test_nobody_waits_for_itself() -> None:
    turn = Turn()
    outer, inner = Seat("outer", Control()), Seat("inner", Control())
    assert turn.take(outer)
    assert turn.step_aside(outer)
    assert turn.take(inner)
    turn.give(inner)
    assert turn.mine() is outer
    turn.give(outer)
    assert turn.mine() is None


def test_waiting_ends_when_the_run_is_to_stop() -> None:
    turn = Turn()
    holder, control, got = Seat("holder", Control()), Control(), []
    turn.take(holder)
    with threads(lambda: got.append(turn.take(Seat("waits", control)))):
        queued(turn, 1)
        control.cancel()
    assert got == [False]
    assert not turn.wanted


def test_who_stepped_aside_and_is_to_stop_comes_soon_and_with_the_turn() -> None:
    clock = Clock()
    turn = Turn(patience=1000, clock=clock)
    holder, control, entered = Seat("holder", Control()), Control(), threading.Event()
    told: list[Any] = []

    def work() -> None:
        seat = Seat("stops", control)
        turn.take(seat)
        entered.set()
        queued(turn, 1)
        told.extend([turn.step_aside(seat), turn.mine() is seat])
        turn.give(seat)

    turn.take(holder)
    with threads(work):
        queued(turn, 1)
        with turn.yielded():
            assert entered.wait(DEADLINE)
        control.cancel()
        queued(turn, 1)
        turn.give(holder)
    assert told == [False, True]


def test_a_thread_torn_out_of_its_waiting_leaves_no_place_behind() -> None:
    turn = Turn()
    torn = Seat("torn", Control())
    turn._waiting.append(torn)
    turn.give(torn)
    assert not turn.wanted


def test_whose_turn_it_is_is_told_once_each_time_it_goes_to_another_run() -> None:
    told: list[str] = []
    turn = Turn(on_switch=told.append)
    one, two = Seat("one", Control()), Seat("two", Control())
    for seat in (one, one, two, one):
        turn.take(seat)
        turn.take(seat)
        turn.give(seat)
    assert told == ["one", "two", "one"]


def test_a_thread_without_the_turn_yields_nothing() -> None:
    turn = Turn()
    with turn.yielded():
        assert turn.mine() is None


# -- runs --------------------------------------------------------------------------------------------------------------


def test_two_runs_that_share_a_turn_never_execute_synchronous_nodes_at_once() -> None:
    turn, inside, most = Turn(), [0], [0]

    @node("Busy")
    def busy(*, value: int) -> int:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.001)
        inside[0] -= 1
        return value + 1

    nodes: dict[str, tuple[str, dict[str, Any]]] = {"n0": ("Busy", {"value": 0})}
    nodes |= {f"n{i}": ("Busy", {"value": link(f"n{i - 1}")}) for i in range(1, 12)}
    flow = workflow(**nodes, out=("Show", {"value": link("n11")}))
    got = []

    def go() -> None:
        with Engine(Registry([*basics(), busy]), turn=turn) as made:
            got.append(shown(made.run(flow)))

    with threads(go, go, go):
        pass
    assert got == [[12], [12], [12]]
    assert most == [1]


def test_a_run_that_waits_for_asynchronous_nodes_lets_others_have_the_turn() -> None:
    turn = Turn()
    arrived, go_on = threading.Event(), threading.Event()

    @node("Waits")
    async def waits() -> int:
        import asyncio

        arrived.set()
        await asyncio.to_thread(go_on.wait, DEADLINE)
        return 1

    @node("Frees")
    def frees() -> int:
        go_on.set()
        return 2

    got: dict[str, Any] = {}

    def go(kind: str) -> None:
        with engine(waits, frees, turn=turn) as made:
            got[kind] = shown(made.run(workflow(n=(kind, {}), out=("Show", {"value": link("n")}))))

    with threads(lambda: go("Waits")):
        assert arrived.wait(DEADLINE)
        with threads(lambda: go("Frees")):
            pass
    assert got == {"Waits": [1], "Frees": [2]}


@pytest.mark.parametrize("stop", ["cancel", "interrupt"])
def test_a_run_that_is_stopped_before_its_turn_ends_interrupted(stop: str) -> None:
    turn, control = Turn(), Control()
    events: list[Any] = []
    holder = Seat("holder", Control())
    turn.take(holder)
    got = []

    def go() -> None:
        with engine(turn=turn) as made:
            flow = workflow(n=("Number", {"value": 1}), out=("Show", {"value": link("n")}))
            got.append(made.run(flow, control=control, emit=events.append).status)

    with threads(go):
        queued(turn, 1)
        getattr(control, stop)()
    assert got == ["interrupted"]
    assert [type(event).__name__ for event in events] == ["RunStarted", "RunFinished"]


def test_a_run_that_is_stopped_between_two_of_its_nodes_does_not_run_the_next() -> None:
    clock, control = Clock(), Control()
    turn = Turn(clock=clock)
    ran: list[int] = []

    @node("First")
    def first() -> int:
        clock.now += 1
        queued(turn, 1)
        return 1

    @node("Second")
    def second(*, value: int) -> int:
        ran.append(value)
        return value

    def other() -> None:
        seat = Seat("other", Control())
        turn.take(seat)
        control.cancel()
        queued(turn, 0)  # the run has given up
        turn.give(seat)

    got = []

    def go() -> None:
        flow = workflow(a=("First", {}), b=("Second", {"value": link("a")}), out=("Show", {"value": link("b")}))
        with engine(first, second, turn=turn) as made:
            got.append(made.run(flow, control=control))

    holder = Seat("holder", Control())
    turn.take(holder)
    with threads(go):
        queued(turn, 1)
        with threads(other):
            queued(turn, 2)
            turn.give(holder)
    assert got[0].status == "interrupted"
    assert isinstance(got[0].failures[0].error, InterruptedRunError)
    assert ran == []


def test_a_node_may_be_without_the_turn_while_it_waits_for_another_run() -> None:
    turn, done = Turn(), threading.Event()

    @node("WaitsForOther")
    def waits_for_other(*, context: Context) -> int:
        context.check()
        with turn.yielded():
            assert done.wait(DEADLINE)
        return 1

    @node("Other")
    def other() -> int:
        done.set()
        return 2

    def go(kind: str) -> None:
        with engine(waits_for_other, other, turn=turn) as made:
            made.run(workflow(n=(kind, {}), out=("Show", {"value": link("n")})))

    with threads(lambda: go("WaitsForOther"), lambda: go("Other")):
        pass
    assert done.is_set()
