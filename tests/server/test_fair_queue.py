"""Whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inhouse.server.fair_queue import FairQueue, Waiting
from inhouse.storage.records import Submission


def waiting(name: str, user: str = "ann", number: float = 0, priority: int = 0, sequence: int = 0) -> Waiting:
    return Waiting.of(Submission(name, user, number, "{}", priority=priority), sequence)


def filled(*runs: Waiting) -> FairQueue:
    queue = FairQueue()
    for run in runs:
        queue.push(run)
    return queue


def emptied(queue: FairQueue) -> list[str]:
    order = []
    while (run := queue.pop()) is not None:
        order.append(run.run_id)
    return order


def test_one_users_runs_go_by_priority_then_number_then_as_they_came() -> None:
    queue = filled(
        waiting("late", number=2, sequence=1),
        waiting("early", number=1, sequence=2),
        waiting("tie", number=1, sequence=3),
        waiting("urgent", number=9, priority=5, sequence=4),
        waiting("front", number=-7, sequence=5),
    )
    assert emptied(queue) == ["urgent", "front", "early", "tie", "late"]


def test_users_take_turns_however_many_runs_one_has() -> None:
    queue = filled(*(waiting(f"a{n}", "ann", n) for n in range(4)), waiting("b", "bob", 9), waiting("c", "cy", 9))
    assert emptied(queue) == ["a0", "b", "c", "a1", "a2", "a3"]


def test_priority_does_not_take_another_users_turn() -> None:
    queue = filled(waiting("a", "ann"), waiting("b1", "bob", priority=9), waiting("b2", "bob", priority=9))
    assert emptied(queue) == ["a", "b1", "b2"]


def test_a_removed_run_does_not_come_up_and_one_that_returns_keeps_its_place() -> None:
    queue = filled(waiting("x", number=1), waiting("y", number=2), waiting("z", number=3))
    removed = queue.remove("y")
    assert removed is not None
    assert queue.remove("y") is None
    assert "y" not in queue
    first = queue.pop()
    assert first is not None
    queue.push(first.again(1))
    assert emptied(queue) == ["x", "z"]


def test_workflows_beyond_the_budget_are_not_held() -> None:
    queue = FairQueue(max_bytes=10)
    for name in ("x", "y", "z"):
        queue.push(Waiting.of(Submission(name, "ann", 0, "12", "34"), 0))
    held = [queue.find(name) for name in ("x", "y", "z")]
    assert [run is not None and run.submission is not None for run in held] == [True, True, False]
    queue.remove("x")
    queue.push(Waiting.of(Submission("w", "ann", 0, "12", "34"), 0))
    found = queue.find("w")
    assert found is not None
    assert found.submission is not None


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.sampled_from("abc"), st.integers(-3, 3), st.integers(0, 2)),
            st.tuples(st.just("pop")),
            st.tuples(st.just("remove"), st.integers(0, 200)),
        ),
        max_size=200,
    )
)
def test_it_agrees_with_lists_whatever_happens(steps: list[tuple[object, ...]]) -> None:
    queue, model, turns = FairQueue(), {}, []
    for index, step in enumerate(steps):
        match step:
            case ("push", str(user), int(number), int(priority)):
                run = waiting(str(index), user, number, priority, index)
                queue.push(run)
                model[run.run_id] = run
                turns += [user] if user not in turns else []
            case ("remove", int(which)) if model:
                name = list(model)[which % len(model)]
                queue.remove(name)
                del model[name]
            case ("pop",):
                turns = [user for user in turns if any(run.user == user for run in model.values())]
                expected = min((run for run in model.values() if run.user == turns[0]), default=None) if turns else None
                found = queue.pop()
                assert found == expected
                if expected is not None:
                    del model[expected.run_id]
                    turns.append(turns.pop(0))
        turns = [user for user in turns if any(run.user == user for run in model.values())]
        assert len(queue) == len(model)
        assert all(queue.count(user) == sum(run.user == user for run in model.values()) for user in "abc")


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-3, 3), st.booleans(), st.booleans()), max_size=60),
    st.integers(0, 5),
)
def test_a_place_in_the_queue_is_after_so_many_others(runs: list[tuple[str, int, bool, bool]], taken: int) -> None:
    queue = FairQueue()
    for index, (user, number, removed, again) in enumerate(runs):
        queue.push(waiting(str(index), user, number, 0, index))
        if removed and (run := queue.remove(str(index))) is not None and again:
            queue.push(run)
    for _ in range(taken):
        queue.pop()
    told = queue.ahead(None, 100)
    mine = {user: queue.ahead(user, 100) for user in "abcd"}
    soon = queue.ahead(None, 3)
    order = [run.run_id for run in iter(queue.pop, None)]
    assert [(place, run.run_id) for place, run in told] == list(enumerate(order, 1))
    assert soon == told[:3]
    assert mine == {user: [(place, run) for place, run in told if run.user == user] for user in "abcd"}


def of(client: str, name: str, number: float, user: str = "ann") -> Waiting:
    return Waiting.of(Submission(name, user, number, "{}", client_id=client), 0)


def test_a_line_that_is_held_up_lets_others_pass_and_keeps_its_order() -> None:
    queue = filled(of("a", "a1", 1), of("a", "a2", 2), of("b", "b1", 3), of("a", "a3", 4))
    assert names(queue.pop([("ann", "a")])) == "b1"
    assert queue.pop([("ann", "a")]) is None
    assert [run.run_id for _, run in queue.ahead(None, 9)] == ["a1", "a2", "a3"]
    queue.push(of("a", "a0", 0))
    queue.remove("a2")
    assert emptied(queue) == ["a0", "a1", "a3"]


def test_a_user_who_is_held_up_keeps_their_turn() -> None:
    queue = filled(of("a", "a1", 1), of("x", "x1", 1, "bob"), of("x", "x2", 2, "bob"))
    assert names(queue.pop([("ann", "a")])) == "x1"
    assert emptied(queue) == ["a1", "x2"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abc"), st.integers(-3, 3)),
            st.frozensets(st.sampled_from("abc"), max_size=2),
            st.integers(0, 99),
        ),
        max_size=120,
    )
)
def test_what_comes_next_is_the_first_that_may_go(steps: list[tuple[str, int] | frozenset[str] | int]) -> None:
    queue, model = FairQueue(), dict[str, Waiting]()
    for index, step in enumerate(steps):
        if isinstance(step, tuple):
            run = Waiting.of(Submission(str(index), "ann", step[1], "{}", client_id=step[0]), index)
            queue.push(run)
            model[run.run_id] = run
        elif isinstance(step, int):
            if model:
                queue.remove(gone := list(model)[step % len(model)])
                del model[gone]
        else:
            expected = min((run for run in model.values() if run.client_id not in step), default=None)
            assert queue.pop([("ann", client) for client in step]) == expected
            if expected is not None:
                del model[expected.run_id]
        assert [run.run_id for _, run in queue.ahead("ann", 200)] == [run.run_id for run in sorted(model.values())]


def names(run: Waiting | None) -> str:
    return "" if run is None else run.run_id
