from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.server.fakes import core, go

from inhouse.engine.events import RunFinished
from inhouse.server import dispatcher
from inhouse.server.identity import Identity

ANN = Identity("ann")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "_RETRY_SECONDS", 0.001)


def _told(heard: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Return what was told of which run, without how much is left."""
    return [(each["type"], each["data"]["prompt_id"]) for each in heard if each["type"] != "status"]


# -- a worker's death --------------------------------------------------------------------------------------------------


def test_a_run_whose_worker_dies_is_tried_again_and_keeps_its_place(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            first, second = await made.accept(), await made.accept()
            made.worker.die()
            await made.until(lambda: made.worker.running)
            assert [job.run_id for job in made.worker.jobs] == [first, first]
            assert [job.attempt for job in made.worker.jobs] == [1, 2]
            made.worker.end()
            await made.until(lambda: made.worker.running == second)
            assert made.worker.jobs[-1].attempt == 1
            await made.dispatcher.settle()
            assert await made.state(first) == "success"

    go(scene())


def test_a_run_that_costs_too_many_workers_fails_and_says_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, attempts=2) as made:
            heard = made.hear()
            run_id = await made.accept(client_id="canvas")
            for _ in range(2):
                await made.until(lambda: made.worker.running)
                made.worker.die()
            await made.until(lambda: ("executing", run_id) in _told(heard()))
            assert len(made.worker.jobs) == 2
            assert await made.state(run_id) == "error"
            error = next(each["data"] for each in heard() if each["type"] == "execution_error")
            assert "killed" in error["exception_message"]

    go(scene())


def test_the_death_of_a_worker_is_not_held_against_a_run_that_it_did_not_have_yet(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, attempts=1) as made:
            first, second = await made.accept(), await made.accept()
            made.worker.ready = False  # it was ended for not stopping: first the end of its run is told, then its own
            made.worker.end("interrupted")
            assert made.queue.find(second) is not None
            made.worker.die()
            await made.until(lambda: made.worker.running == second)
            assert made.worker.jobs[-1].attempt == 1
            assert await made.state(first) == "cancelled"

    go(scene())


def test_a_run_is_not_blamed_for_a_worker_that_died_while_its_workflow_was_loaded(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, attempts=1, room=0) as made:
            run_id = await made.accept(prompt_id="chosen")
            made.worker.die()
            await made.until(lambda: made.worker.running == run_id)
            assert [job.attempt for job in made.worker.jobs] == [1]

    go(scene())


def test_a_worker_that_is_gone_when_a_run_is_given_costs_the_run_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, attempts=1) as made:
            first = await made.accept()
            second = await made.accept()
            made.worker.doomed = True
            made.worker.end()
            assert made.queue.find(second) is not None
            made.worker.die()
            await made.until(lambda: made.worker.running == second)
            assert [(job.run_id, job.attempt) for job in made.worker.jobs] == [(first, 1), (second, 1)]

    go(scene())


def test_cancelled_runs_are_not_tried_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            run_id = await made.accept()
            made.runs.interrupt(ANN)
            assert made.worker.cancelled == [run_id]
            made.worker.die()
            await made.dispatcher.settle()
            assert await made.state(run_id) == "cancelled"
            assert len(made.worker.jobs) == 1

    go(scene())


# -- workflows left in storage -----------------------------------------------------------------------------------------


def test_a_run_cancelled_while_it_is_loaded_is_cancelled_in_storage_too(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, room=0) as made:
            run_id = await made.accept(prompt_id="chosen")
            assert await made.runs.cancel(ANN, [run_id]) == [run_id]
            await made.dispatcher.settle()
            assert await made.state(run_id) == "cancelled"
            assert made.worker.jobs == []
            following = await made.accept()
            await made.until(lambda: made.worker.running == following)

    go(scene())


def test_a_run_that_cannot_be_loaded_just_now_keeps_its_turn(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, room=0) as made:
            made.worker.ready = False
            run_id = await made.accept(prompt_id="chosen")
            made.disk.full = made.worker.ready = True
            made.dispatcher.dispatch()
            await made.until(lambda: made.disk.refused > 2)
            made.disk.full = False
            await made.until(lambda: made.worker.running == run_id)

    go(scene())


def test_what_is_loaded_is_shown_as_waiting_with_its_workflow(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, room=0) as made:
            run_id = await made.accept(prompt_id="chosen")
            assert (await made.listing())["queue_pending"] == [run_id]

    go(scene())


# -- one end before the next start -------------------------------------------------------------------------------------


def test_clients_hear_of_a_run_only_when_the_one_before_is_stored(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            heard = made.hear()
            first, second = [await made.accept(client_id="canvas") for _ in range(2)]
            made.worker.begin()
            made.disk.full = True
            made.worker.end()
            made.worker.begin()  # the second: its worker has it already
            await made.until(lambda: made.disk.refused)
            assert second not in [run_id for _, run_id in _told(heard())]
            assert (await made.listing())["queue_running"] == [first, second]
            assert await made.state(first) != "success"
            made.disk.full = False
            await made.until(lambda: ("executing", second) in _told(heard()))  # without another word of the worker
            told = _told(heard())
            assert told.index(("execution_success", first)) < told.index(("execution_start", second))

    go(scene())


@pytest.mark.parametrize("ended", [True, False])
def test_a_worker_may_die_before_anything_was_told_of_its_run(tmp_path: Path, *, ended: bool) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            heard = made.hear()
            first, second = [await made.accept(client_id="canvas") for _ in range(2)]
            made.disk.full = True
            made.worker.begin()
            made.worker.end()
            made.worker.begin()
            if ended:
                made.worker.end()
            made.worker.die()
            made.disk.full = False
            if not ended:
                await made.until(lambda: len(made.worker.jobs) == 3)
                made.worker.begin()
                made.worker.end()
            await made.until(lambda: made.runs.remaining("ann") == 0)
            await made.dispatcher.settle()
            assert [await made.state(run_id) for run_id in (first, second)] == ["success", "success"]
            assert len(made.worker.jobs) == (2 if ended else 3)
            assert _told(heard()).count(("execution_start", second)) == 1
            assert made.worker.free

    go(scene())


def test_storage_that_is_full_keeps_results_until_there_is_room(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            heard = made.hear()
            run_id = await made.accept(client_id="canvas")
            made.worker.begin()
            made.disk.full = True
            made.worker.end()
            await made.until(lambda: made.disk.refused > 2)
            assert ("execution_success", run_id) not in _told(heard())
            made.disk.full = False
            await made.until(lambda: ("execution_success", run_id) in _told(heard()))
            record = await made.runs.record(ANN, run_id)
            assert record.conclusion is not None
            assert "text" in record.conclusion.outputs

    go(scene())


# -- the end -----------------------------------------------------------------------------------------------------------


def test_who_drains_gives_out_nothing_more_and_stores_what_ends(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            first, second = await made.accept(), await made.accept()
            made.dispatcher.stop_giving()
            made.worker.end()
            await made.dispatcher.settle()
            assert await made.state(first) == "success"
            assert await made.state(second) == "queued"
        async with core(tmp_path) as again:
            await again.until(lambda: again.worker.running == second)
            assert again.worker.jobs[0].attempt == 1

    go(scene())


def test_who_drains_with_a_full_disk_ends_and_the_run_is_not_lost(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            run_id = await made.accept()
            made.disk.full = True
            made.worker.end()
            made.dispatcher.stop_giving()
            await made.dispatcher.settle()
        async with core(tmp_path) as again:
            await again.until(lambda: again.worker.running == run_id)
            assert again.worker.jobs[0].attempt == 1

    go(scene())


def test_the_last_words_of_a_run_that_was_given_up_are_not_heard(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            heard = made.hear()
            run_id = await made.accept(client_id="canvas")
            made.dispatcher.happened(made.worker, "another", [RunFinished("another", "success")])
            assert _told(heard()) == []
            assert made.worker.running == run_id

    go(scene())


def test_runs_of_two_workers_go_side_by_side(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, workers=2) as made:
            first, second = await made.accept(), await made.accept()
            assert [worker.running for worker in made.workers] == [first, second]
            third = await made.accept()
            made.workers[1].end()
            assert made.workers[1].running == third
            await made.dispatcher.settle()
            assert await made.state(second) == "success"

    go(scene())
