from __future__ import annotations

from typing import Any

import numpy as np
from tests.packs.benchmark.conftest import Clock

from inhouse.backends.sessions.base import Feeds, Session
from inhouse.errors import NodeInputError
from inhouse.packs.benchmark.asking import Asker
from inhouse.packs.benchmark.feeds import Questions
from inhouse.packs.benchmark.model import Load


class Doubling(Session):
    def __init__(self, clock: Clock) -> None:
        self.inputs = {"x": (np.dtype(np.float32), ("batch", 2))}
        self.outputs = ("y",)
        self.clock = clock
        self.rows: list[int] = []
        self.failing = False

    def run(self, feeds: Feeds) -> dict[str, Any]:
        self.clock.now += 0.1
        self.rows.append(len(feeds["x"]))
        if self.failing:
            message = "It does not fit."
            raise NodeInputError(message)
        return {"y": feeds["x"] * 2}


def asker(clock: Clock) -> tuple[Asker, list[Doubling]]:
    made: list[Doubling] = []

    def opener() -> Session:
        made.append(Doubling(clock))
        return made[-1]

    found = Asker(opener, Questions(), clock, lambda: clock() * 2)
    found.open()
    return found, made


def test_it_calls_for_as_long_as_it_is_told(clock: Clock) -> None:
    found, made = asker(clock)
    part = found.measure(Load(4), 1.0, 100)
    assert len(part.latencies) in (10, 11)
    assert set(made[0].rows) == {4}
    assert part.cpu is not None
    assert part.cpu == 2 * part.wall


def test_it_calls_once_at_least_and_so_often_at_most(clock: Clock) -> None:
    found, _ = asker(clock)
    assert len(found.measure(Load(1), 0.0, 100).latencies) == 1
    assert len(found.measure(Load(1), 100.0, 3).latencies) == 3


def test_calls_at_once_have_a_session_each(clock: Clock) -> None:
    found, made = asker(clock)
    part = found.measure(Load(1, 3), 0.0, 3)
    assert len(part.latencies) == 3
    assert [len(one.rows) for one in made] == [1, 1, 1]


def test_calls_that_fail_are_counted_by_code(clock: Clock) -> None:
    found, made = asker(clock)
    made[0].failing = True
    part = found.measure(Load(1), 0.0, 1)
    assert (part.latencies, part.errors) == ([], {"node_input_invalid": 1})
