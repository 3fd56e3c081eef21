"""Events of one run that stand together go together."""

from __future__ import annotations

from inhouse.engine.events import NodeStarted, RunFinished, RunStarted
from inhouse.workers.joining import joined
from inhouse.workers.messages import Beat, Happened

A, B, C = RunStarted("a"), NodeStarted("1", "1"), RunFinished("a", "success")


def test_neighbours_of_one_run_become_one_message_and_the_order_stays() -> None:
    assert joined([Happened("a", (A,)), Happened("a", (B, C)), Beat(), Happened("a", (A,)), Happened("b", (B,))]) == [
        Happened("a", (A, B, C)),
        Beat(),
        Happened("a", (A,)),
        Happened("b", (B,)),
    ]


def test_nothing_is_nothing() -> None:
    assert joined([]) == []
