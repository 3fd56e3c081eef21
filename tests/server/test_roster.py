"""Which runs each worker has."""

from __future__ import annotations

import pytest
from tests.server.fakes import FakeWorker

from inhouse.server.fair_queue import Waiting
from inhouse.server.live_run import LiveRun
from inhouse.server.roster import Roster
from inhouse.storage.records import Submission


def run(name: str, client: str | None = None, *, deaths: int = 0, given: bool = True) -> LiveRun:
    submission = Submission(name, "ann", 0, "{}", client_id=client)
    made = LiveRun.begin(Waiting.of(submission, 0, deaths), submission)
    made.worker = "one" if given else ""
    return made


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker("one", 2)


def entered(*runs: LiveRun) -> Roster:
    roster = Roster()
    for each in runs:
        roster.enter("one", each)
    return roster


def begun(roster: Roster, worker: FakeWorker) -> list[str]:
    found = []
    while (each := roster.next(worker)) is not None:
        each.begun = True
        found.append(each.id)
    return found


def test_of_each_line_one_begins_and_no_more_than_there_is_room_for(worker: FakeWorker) -> None:
    roster = entered(run("a1", "a"), run("a2", "a"), run("b1", "b"), run("c1", "c"))
    assert begun(roster, worker) == ["a1", "b1"]
    roster.leave(roster.get("b1"))
    assert begun(roster, worker) == ["c1"]
    roster.leave(roster.get("a1"))
    assert begun(roster, worker) == ["a2"]


def test_what_is_not_given_yet_does_not_begin_and_takes_room(worker: FakeWorker) -> None:
    roster = entered(run("loading", given=False), run("there"))
    assert begun(roster, worker) == ["there"]
    assert roster.room(worker) == 0


def test_what_is_ahead_takes_no_room(worker: FakeWorker) -> None:
    roster = entered(run("a1", "a"), run("a2", "a"))
    begun(roster, worker)
    assert roster.room(worker) == 1
    assert roster.lines("one") == {("ann", "a")}


def test_beside_one_that_is_to_be_alone_there_is_no_room(worker: FakeWorker) -> None:
    assert entered(run("blamed", deaths=1)).room(worker) == 0


def test_a_run_takes_the_place_of_what_stood_for_it(worker: FakeWorker) -> None:
    stand_in, itself = run("a", given=False), run("a")
    roster = entered(stand_in, itself)
    assert list(roster) == [itself]
    roster.leave(stand_in)
    assert (list(roster), roster.place(itself)) == ([itself], "one")
    roster.leave(itself)
    assert (list(roster), roster.of("one"), roster.get("a"), roster.get(None)) == ([], (), None, None)
    assert roster.room(worker) == 2
