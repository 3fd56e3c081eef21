from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.server.fakes import Core, core, go

from inhouse.engine.events import RunFinished
from inhouse.errors import WorkerEndedError, WorkerLostError
from inhouse.server import dispatcher, endings
from inhouse.server.identity import Identity
from inhouse.workers.base import PackMessage

ANN = Identity("ann")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(endings, "_RETRY_SECONDS", 0.001)


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
            await made.until(lambda: made.worker.first == second)
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
            await made.until(lambda: made.worker.first == second)
            assert made.worker.jobs[-1].attempt == 1
            assert await made.state(first) == "cancelled"

    go(scene())


def test_a_run_is_not_blamed_for_a_worker_that_died_while_its_workflow_was_loaded(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, attempts=1, room=0) as made:
            run_id = await made.accept(prompt_id="chosen")
            made.worker.die()
            await made.until(lambda: made.worker.first == run_id)
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
            await made.until(lambda: made.worker.first == second)
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
            await made.until(lambda: made.worker.first == following)

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
            await made.until(lambda: made.worker.first == run_id)

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
            await again.until(lambda: again.worker.first == second)
            assert again.worker.jobs[0].attempt == 1

    go(scene())


def test_the_last_words_of_a_run_that_was_given_up_are_not_heard(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            heard = made.hear()
            run_id = await made.accept(client_id="canvas")
            made.dispatcher.happened(made.worker, "another", [RunFinished("another", "success")])
            assert _told(heard()) == []
            assert made.worker.first == run_id

    go(scene())


def test_runs_of_two_workers_go_side_by_side(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, workers=2) as made:
            first, second = await made.accept(), await made.accept()
            assert [worker.first for worker in made.workers] == [first, second]
            third = await made.accept()
            made.workers[1].end()
            assert made.workers[1].first == third
            await made.dispatcher.settle()
            assert await made.state(second) == "success"

    go(scene())


def test_pictures_of_steps_are_made_where_somebody_listens(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            await made.accept()
            made.hear()
            made.worker.end()
            await made.accept()
            assert [job.preview for job in made.worker.jobs] == ["none", "auto"]

    go(scene())


# -- several runs at once ----------------------------------------------------------------------------------------------


def test_runs_of_two_clients_go_side_by_side_and_those_of_one_in_their_order(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            first, second = [await made.accept(client_id="canvas") for _ in range(2)]
            other = await made.accept(client_id="another")
            assert list(made.worker.running) == [first, other]
            assert await made.listing() == {"queue_running": [first, other], "queue_pending": [second]}
            made.worker.end(run_id=other)
            assert (await made.listing())["queue_pending"] == [second]
            made.worker.end(run_id=first)
            assert (await made.listing())["queue_pending"] == []
            assert list(made.worker.running) == [second]

    go(scene())


def test_runs_that_no_client_hears_of_go_side_by_side(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            runs = [await made.accept() for _ in range(3)]
            assert list(made.worker.running) == runs[:2]

    go(scene())


def test_two_users_clients_may_be_called_alike(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            runs = [await made.accept(user, client_id="canvas") for user in ("ann", "bob")]
            assert list(made.worker.running) == runs

    go(scene())


def test_the_worker_with_least_to_do_is_given_the_next_run(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, workers=2, capacity=2) as made:
            runs = [await made.accept() for _ in range(4)]
            assert [list(worker.running) for worker in made.workers] == [[runs[0], runs[2]], [runs[1], runs[3]]]

    go(scene())


def test_nothing_is_given_ahead_while_a_run_may_take_long(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            await made.accept()
            made.worker.end()
            other = {"1": {"class_type": "PreviewAny", "inputs": {"source": "a"}}}
            running = (await made.runs.accept(ANN, {"prompt": other})).prompt_id
            waiting, front = await made.accept(), await made.accept(front=True)
            assert list(made.worker.running) == [running]
            for run_id in (running, front, waiting):
                assert made.worker.first == run_id
                made.worker.end()

    go(scene())


async def _two_running_and_one_ahead(made: Core) -> tuple[str, str, str]:
    """Have a worker whose runs are short be given one more than it can begin."""
    await made.accept(client_id="quick")
    made.worker.end()
    first, second, ahead = [await made.accept(client_id=client) for client in "abc"]
    assert list(made.worker.running) == [first, second, ahead]
    return first, second, ahead


def test_a_run_that_is_given_ahead_waits_for_whoever_asks(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            first, second, ahead = await _two_running_and_one_ahead(made)
            last = await made.accept(client_id="d")
            assert last not in made.worker.running, "one ahead is enough"
            listed = await made.listing()
            assert listed["queue_running"][-2:] == [first, second]
            assert listed["queue_pending"] == [ahead, last]
            assert made.runs.remaining("ann") == 4
            made.runs.interrupt(ANN, ahead)
            assert made.worker.cancelled == []
            made.runs.interrupt(ANN)
            assert made.worker.cancelled == [first, second]

    go(scene())


def test_a_run_that_is_given_ahead_is_taken_back_like_one_that_waits(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            heard = made.hear(client="c")
            first, second, ahead = await _two_running_and_one_ahead(made)
            assert await made.runs.cancel(ANN, [ahead]) == [ahead]
            assert made.worker.cancelled == [ahead]
            assert (await made.listing())["queue_pending"] == []
            made.worker.end("interrupted", ahead)
            for run_id in (first, second):
                made.worker.end(run_id=run_id)
            await made.dispatcher.settle()
            assert [await made.state(run_id) for run_id in (first, second, ahead)] == [
                "success",
                "success",
                "cancelled",
            ]
            assert _told(heard()) == []

    go(scene())


def test_who_drains_begins_nothing_that_was_given_ahead(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            first, second, ahead = await _two_running_and_one_ahead(made)
            made.dispatcher.stop_giving()
            assert made.worker.cancelled == [ahead]
            for run_id in (first, second):
                made.worker.end(run_id=run_id)
            await made.dispatcher.settle()
            assert [await made.state(run_id) for run_id in (first, second, ahead)] == ["success", "success", "queued"]

    go(scene())


def test_a_worker_that_dies_costs_those_that_ran_and_each_is_then_tried_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            first, second, ahead = await _two_running_and_one_ahead(made)
            made.worker.die()
            tries = len(made.worker.jobs)
            order = []
            for _ in range(3):
                await made.until(lambda: made.worker.running)
                order.append(list(made.worker.running))
                made.worker.end()
            await made.dispatcher.settle()
            assert order == [[first], [second], [ahead]]
            assert [(job.run_id, job.attempt) for job in made.worker.jobs[tries:]] == [
                (first, 2),
                (second, 2),
                (ahead, 1),
            ]
            assert await made.state(ahead) == "success"

    go(scene())


def test_a_run_that_kills_its_workers_fails_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            deadly, innocent = [await made.accept(client_id=client) for client in "ab"]
            made.worker.die()
            await made.until(lambda: made.worker.first == deadly)
            made.worker.die()
            await made.until(lambda: made.worker.first == innocent)
            made.worker.end()
            await made.dispatcher.settle()
            assert [await made.state(run_id) for run_id in (deadly, innocent)] == ["error", "success"]

    go(scene())


def test_a_run_that_is_to_be_alone_waits_for_others_to_end(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, workers=2, capacity=2) as made:
            one, two = made.workers
            blamed, long = [await made.accept(client_id=client) for client in "ab"]
            two.ready = True
            one.ready = False
            one.running.clear()
            made.dispatcher.lost(one, WorkerLostError("It was killed."))
            later = await made.accept(client_id="c")
            assert list(two.running) == [long], "the one to be alone comes first"
            assert (await made.listing())["queue_pending"] == [blamed, later]
            two.end()
            assert list(two.running) == [blamed]

    go(scene())


def test_what_ran_beside_a_run_that_did_not_stop_is_not_blamed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2, attempts=1) as made:
            stubborn, beside = [await made.accept(client_id=client) for client in "ab"]
            await made.runs.cancel(ANN, [stubborn])
            made.worker.ready = False
            made.worker.end("interrupted", stubborn)
            made.worker.die(WorkerEndedError("It did not stop a run."))
            await made.until(lambda: made.worker.first == beside)
            assert made.worker.jobs[-1].attempt == 1
            made.worker.end()
            await made.dispatcher.settle()
            assert [await made.state(run_id) for run_id in (stubborn, beside)] == ["cancelled", "success"]

    go(scene())


def test_what_a_pack_says_in_a_run_is_heard_by_its_user_only(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path, capacity=2) as made:
            ann, bob = made.hear("ann", "a"), made.hear("bob", "b")
            runs = [await made.accept(user) for user in ("ann", "bob")]
            for run_id, client in ((runs[0], None), (None, None), (None, "b")):
                made.worker.say(PackMessage("said", {}, client, run_id))

            def told(heard: Callable[[], list[dict[str, Any]]]) -> int:
                return sum(each["type"] == "said" for each in heard())

            assert (told(ann), told(bob)) == (1, 1)

    go(scene())
