"""What several runs ask at once is answered once; each gets its own answer, or its own error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.backends.runs import Runs

from inhouse.backends.meeting import Meeting
from inhouse.engine.turn import Turn
from inhouse.errors import InterruptedRunError, NodeInputError

Answer = Callable[[Sequence[int]], Sequence[int]]


class Doubling:
    """Doubles numbers; notes which were asked about together."""

    def __init__(self, refuses: frozenset[int] = frozenset()) -> None:
        self.groups: list[list[int]] = []
        self._refuses = refuses

    def __call__(self, questions: Sequence[int]) -> list[int]:
        self.groups.append(list(questions))
        if self._refuses & set(questions):
            raise NodeInputError("No.")
        return [2 * question for question in questions]


def asking(meeting: Meeting, answer: Answer, *questions: int, key: str = "key") -> Callable[[], list[int]]:
    return lambda: [meeting.ask(key, question, answer) for question in questions]


def test_who_has_no_turn_and_who_is_alone_is_answered_at_once() -> None:
    answer, runs = Doubling(), Runs()
    assert Meeting(Turn()).ask("key", 3, answer) == 6
    assert runs.together(one=asking(Meeting(runs.turn), answer, 1, 2)) == {"one": [2, 4]}
    assert answer.groups == [[3], [1], [2]]


def test_those_who_meet_are_answered_together() -> None:
    answer, runs = Doubling(), Runs()
    meeting = Meeting(runs.turn)
    got = runs.together(**{name: asking(meeting, answer, i, 10 + i, 20 + i) for i, name in enumerate("abc")})
    assert got == {name: [2 * i, 20 + 2 * i, 40 + 2 * i] for i, name in enumerate("abc")}
    assert [sorted(group) for group in answer.groups] == [[0, 1, 2], [10, 11, 12], [20, 21, 22]]


def test_other_keys_are_answered_apart() -> None:
    answer, runs = Doubling(), Runs()
    meeting = Meeting(runs.turn)
    got = runs.together(
        a=asking(meeting, answer, 1, key="one"),
        b=asking(meeting, answer, 2, key="other"),
        c=asking(meeting, answer, 3, key="one"),
    )
    assert got == {"a": [2], "b": [4], "c": [6]}
    assert sorted(map(sorted, answer.groups)) == [[1, 3], [2]]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("kl")), min_size=2, max_size=5))
def test_however_often_each_asks_all_get_their_answers_in_their_order(scripts: list[tuple[int, str]]) -> None:
    answer, runs = Doubling(), Runs()
    meeting = Meeting(runs.turn)
    works = {str(i): asking(meeting, answer, *range(n), key=key) for i, (n, key) in enumerate(scripts)}
    got = runs.together(**works)
    assert got == {str(i): [2 * q for q in range(n)] for i, (n, _) in enumerate(scripts)}
    assert sum(map(len, answer.groups)) == sum(n for n, _ in scripts)
    assert not meeting._places


def test_only_those_at_fault_fail() -> None:
    answer, runs = Doubling(refuses=frozenset({2})), Runs()
    meeting = Meeting(runs.turn)
    got = runs.together(a=asking(meeting, answer, 1), b=asking(meeting, answer, 2), c=asking(meeting, answer, 3))
    assert (got["a"], got["c"]) == ([2], [6])
    assert isinstance(got["b"], NodeInputError)
    assert sorted(map(sorted, answer.groups)) == [[1], [1, 2, 3], [2], [3]]


def test_a_run_that_is_to_stop_leaves_and_the_others_go_on() -> None:
    answer, runs = Doubling(), Runs()
    meeting = Meeting(runs.turn)

    def stopping() -> list[int]:
        runs.controls["stops"].cancel()
        return asking(meeting, answer, 1, key="other")()

    got = runs.together(a=asking(meeting, answer, 2, 4), stops=stopping, c=asking(meeting, answer, 3, 5))
    assert isinstance(got["stops"], InterruptedRunError)
    assert (got["a"], got["c"]) == ([4, 8], [6, 10])
    assert not meeting._places


@pytest.mark.parametrize("stops", ["one", "all"])
def test_who_is_stopped_while_it_answers_leaves_the_rest_to_another(stops: str) -> None:
    """It is the code that it runs that notices, as a pack's patch may."""
    runs, groups = Runs(), []
    meeting = Meeting(runs.turn)
    stopped: list[int] = []

    def answer(questions: Sequence[int]) -> list[int]:
        groups.append(sorted(questions))
        if not stopped or stops == "all":
            stopped.append(1)
            raise InterruptedRunError
        return [2 * question for question in questions]

    got = runs.together(**{str(i): asking(meeting, answer, i) for i in range(3)})
    interrupted = [name for name, one in got.items() if isinstance(one, InterruptedRunError)]
    if stops == "one":
        assert len(interrupted) == 1
        assert [got[name] for name in got if name not in interrupted] == [
            [2 * int(name)] for name in got if name not in interrupted
        ]
        assert [len(group) for group in groups] == [3, 2]
    else:
        assert len(interrupted) == 3
    assert not meeting._places


def test_an_interrupt_that_somebody_else_used_up_stops_nobody() -> None:
    answer, runs = Doubling(), Runs()
    meeting = Meeting(runs.turn)

    def interrupted() -> list[int]:
        control = runs.controls["a"]
        step_aside = runs.turn.step_aside

        def noticed(seat: object) -> bool:
            runs.turn.step_aside = step_aside  # type: ignore[method-assign]
            step_aside(seat)  # type: ignore[arg-type]
            control.take()
            return False

        runs.turn.step_aside = noticed  # type: ignore[method-assign]
        return asking(meeting, answer, 1)()

    assert runs.together(a=interrupted, b=asking(meeting, answer, 2)) == {"a": [2], "b": [4]}
