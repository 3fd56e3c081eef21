from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.published import call

from inhouse.errors import DeadlineError, OverloadedError
from inhouse.server.services.batcher import Batcher, Job


def job(number: int, *, rows: int = 1, came: float = 0.0, **traits: Any) -> Job:
    future: asyncio.Future[Any] = asyncio.Future(loop=_Loop())  # type: ignore[arg-type] # nobody waits for it
    deadline = traits.pop("deadline", float("inf"))
    return Job(number, call(rows=rows, deadline=deadline), came, future, **traits)


class _Loop:
    def get_debug(self) -> bool:
        return False


def filled(*jobs: Job, most: int = 4) -> Batcher:
    batcher = Batcher(most, 0.002, 100)
    for one in jobs:
        batcher.put(one)
    return batcher


def ids(jobs: list[Job]) -> list[int]:
    return [one.id for one in jobs]


def test_a_full_batch_goes_at_once_and_a_smaller_one_not_to_a_busy_process() -> None:
    batcher = filled(job(1, came=5.0), job(2, came=5.001))
    assert batcher.due(running=2) == float("inf")
    assert batcher.due(running=3) == float("inf")
    batcher.put(job(3, rows=2))
    assert batcher.due(running=3) == 0


def test_a_call_that_fits_no_more_waits_for_the_next_batch_and_order_is_kept() -> None:
    batcher = filled(job(1, rows=3), job(2, rows=2), job(3))
    assert ids(batcher.take(1.0)) == [1]
    assert ids(batcher.take(1.0)) == [2, 3]
    assert batcher.rows == 0


def test_a_call_with_more_rows_than_a_batch_goes_by_itself() -> None:
    batcher = filled(job(1, rows=9), job(2))
    assert [ids(batcher.take(0)), ids(batcher.take(0))] == [[1], [2]]


def test_after_an_answer_as_many_are_waited_for_as_were_answered() -> None:
    batcher = filled(job(1, came=10.0))
    assert batcher.due() == 0
    batcher.computed(2, 0.01, now=10.0)
    assert batcher.due() == 10.002
    batcher.put(job(2))
    assert batcher.due() == 10.002
    batcher.put(job(3))
    assert batcher.due() == 0


def test_those_who_do_not_call_again_are_soon_no_longer_waited_for() -> None:
    batcher, waits = filled(), 0
    for number in range(50):
        batcher.computed(2, 0.01, now=1.0)
        batcher.put(job(number, came=1.0))
        waits += batcher.due() > 1.0
        batcher.take(1.002)
    assert waits < 15


def test_what_could_not_be_begun_in_time_is_refused_and_told_when_to_come_again() -> None:
    batcher = filled(job(1), job(2), job(3), job(4))
    batcher.computed(4, 0.4, now=0.0)
    with pytest.raises(OverloadedError) as refused:
        batcher.admit(call(deadline=0.3), 0.0, 0, 1)
    assert refused.value.seconds == pytest.approx(0.1)
    batcher.admit(call(deadline=0.3), 0.0, 0, 2)
    with pytest.raises(OverloadedError):
        batcher.admit(call(deadline=0.3), 0.0, 4, 2)
    assert batcher.tally.shed == 2


def test_more_than_may_wait_are_refused() -> None:
    batcher = Batcher(4, 0.002, 3)
    batcher.admit(call(rows=4), 0.0, 0, 1)
    batcher.put(job(1, rows=3))
    with pytest.raises(OverloadedError, match="3 rows wait already"):
        batcher.admit(call(), 0.0, 0, 1)


def test_a_call_whose_time_is_over_is_not_let_in() -> None:
    with pytest.raises(DeadlineError):
        filled().admit(call(deadline=1.0), 2.0, 0, 1)


def test_those_whose_time_is_over_are_taken_out() -> None:
    batcher = filled(job(1, deadline=1.0), job(2, deadline=3.0), job(3))
    assert batcher.next_deadline() == 1.0
    assert ids(batcher.expire(1.0)) == [1]
    assert batcher.next_deadline() == 3.0
    assert (len(batcher), batcher.rows) == (2, 2)


def test_what_is_put_back_comes_first_and_suspects_go_alone() -> None:
    batcher = filled(job(3))
    assert batcher.put_back([job(1, tries=1), job(2, tries=1)]) == []
    assert batcher.first_alone
    assert [ids(batcher.take(0)) for _ in range(3)] == [[1], [2], [3]]


def test_what_ended_two_processes_is_given_up() -> None:
    batcher = filled()
    lost, kept = job(1, tries=2, deaths=2), job(2, tries=0, deaths=1)
    assert batcher.put_back([lost, kept]) == [lost]
    assert ids(batcher.take(0)) == [2]
