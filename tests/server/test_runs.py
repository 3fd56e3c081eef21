import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.server.fakes import Core, core, go, workflow

from inhouse.compat.refusals import RefusedError
from inhouse.errors import ForbiddenError, RunConflictError, RunNotFoundError, StorageFullError
from inhouse.server.identity import Identity
from inhouse.storage.records import RunState

ANN, BEN, ADMIN = Identity("ann"), Identity("ben"), Identity("root", admin=True)


async def _order(made: Core) -> list[str]:
    """Let all that waits run, and return it in the order in which it did."""
    while made.runs.remaining("ann") + made.runs.remaining("ben"):
        await made.until(lambda: made.worker.running)
        made.worker.end()
        await made.dispatcher.settle()
    return [job.run_id for job in made.worker.jobs]


# -- accepting ---------------------------------------------------------------------------------------------------------


def test_what_is_accepted_is_stored_before_it_is_answered(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            made.dispatcher.stop_giving()
            run_id = await made.accept(client_id="canvas", extra_data={"extra_pnginfo": {"x": 1}})
            assert await made.state(run_id) == "queued"
            record = await made.runs.record(ANN, run_id)
            assert record.submission.targets == ("1",)
            assert record.submission.extra == '{"extra_pnginfo":{"x":1},"client_id":"canvas"}'

    go(scene())


def test_what_cannot_be_stored_is_not_accepted_and_does_not_run(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            made.disk.full = True
            with pytest.raises(StorageFullError):
                await made.accept(prompt_id="chosen")
            assert (made.worker.jobs, made.runs.remaining("ann")) == ([], 0)

    go(scene())


def test_of_a_short_run_its_end_says_who_had_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            heard = made.hear()
            run_id = await made.accept(client_id="canvas")
            made.worker.begin()
            made.worker.end()
            await made.until(lambda: {"execution_start", "execution_success"} <= {m["type"] for m in heard()})
            record = await made.disk.get(run_id)
            assert record is not None
            assert (record.state, record.attempts, record.worker) == ("success", 1, made.worker.name)
            assert record.started is not None

    go(scene())


def test_a_faulty_workflow_is_refused_and_takes_no_number(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            with pytest.raises(RefusedError):
                await made.runs.accept(ANN, {"prompt": {"1": {"class_type": "Nonsense", "inputs": {}}}})
            accepted = await made.runs.accept(ANN, {"prompt": workflow()})
            assert accepted.number == 0

    go(scene())


def test_a_node_that_changes_what_all_see_is_run_for_admins_only(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            made.dispatcher.stop_giving()
            plain = {"role": "live", "share": 0.05, "replicas": 1, "max_delay_ms": 2.0, "note": ""}
            given = {"artifact": "minilm", "name": "embed", **plain}
            publish = {"1": {"class_type": "PublishService", "inputs": given}}
            with pytest.raises(ForbiddenError, match="Only an admin may run PublishService"):
                await made.runs.accept(ANN, {"prompt": publish})
            assert (await made.runs.accept(ADMIN, {"prompt": publish})).prompt_id

    go(scene())


def test_an_id_that_was_used_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            await made.accept(prompt_id="mine")
            for user in ("ann", "ben"):
                with pytest.raises(RunConflictError):
                    await made.accept(user, prompt_id="mine")
            assert len(made.worker.jobs) == 1

    go(scene())


# -- idempotency -------------------------------------------------------------------------------------------------------


def test_the_same_request_under_one_key_runs_once_however_often_and_soon_it_comes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            first = await asyncio.gather(*(made.accept(key="k") for _ in range(5)))
            made.worker.end()
            assert {*first, await made.accept(key="k")} == {first[0]}
            assert len(made.worker.jobs) == 1
        async with core(tmp_path) as again:
            assert await again.accept(key="k") == first[0]

    go(scene())


def test_another_request_under_a_used_key_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            both = await asyncio.gather(made.accept(key="k"), made.accept(key="k", value=2), return_exceptions=True)
            assert [type(each) for each in both] == [str, RunConflictError]

    go(scene())


def test_keys_are_each_users_own(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            assert await made.accept("ann", key="k") != await made.accept("ben", key="k", value=2)

    go(scene())


def test_a_key_whose_request_was_not_accepted_is_free(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            made.disk.full = True
            with pytest.raises(StorageFullError):
                await made.accept(key="k")
            made.disk.full = False
            assert await made.state(await made.accept(key="k"))

    go(scene())


# -- order -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bodies", "order"),
    [
        ([{}, {}, {"front": True}], [0, 3, 1, 2]),
        ([{"number": 5}, {"number": -5}, {"number": 0.5}], [0, 2, 3, 1]),
        ([{}, {"priority": 1}, {"priority": 9}], [0, 3, 2, 1]),
        ([{"priority": -1}, {"front": True}], [0, 2, 1]),
    ],
)
def test_runs_of_one_user_go_by_priority_then_number(
    tmp_path: Path, bodies: list[dict[str, Any]], order: list[int]
) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            ids = [await made.accept(), *[await made.accept(**body) for body in bodies]]
            assert await _order(made) == [ids[place] for place in order]

    go(scene())


def test_users_take_turns(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            ann = [await made.accept("ann", priority=9) for _ in range(4)]
            ben = [await made.accept("ben") for _ in range(2)]
            assert await _order(made) == [ann[0], ann[1], ben[0], ann[2], ben[1], ann[3]]

    go(scene())


def test_what_waited_waits_again_in_its_order_after_a_restart(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            first = [await made.accept() for _ in range(3)]
            made.dispatcher.stop_giving()
        async with core(tmp_path) as again:
            late = await again.runs.accept(ANN, {"prompt": workflow()})
            assert late.number >= 3
            await again.until(lambda: again.worker.running)
            for _ in range(3):
                again.worker.end()
                await again.until(lambda: again.worker.running)
            again.worker.end()
            assert [job.run_id for job in again.worker.jobs] == [*first, late.prompt_id]

    go(scene())


# -- stopping ----------------------------------------------------------------------------------------------------------


def test_each_cancels_what_is_theirs_and_an_admin_all(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            running, waiting = await made.accept(), await made.accept()
            both = [running, waiting]
            assert await made.runs.cancel(BEN, both) == []
            await made.runs.clear(BEN)
            made.runs.interrupt(BEN)
            made.runs.interrupt(BEN, running)
            assert (made.worker.cancelled, made.runs.remaining("ann")) == ([], 2)
            assert await made.runs.cancel(ADMIN, [*both, "unknown"]) == [waiting, running]
            assert made.worker.cancelled == [running]
            assert await made.state(waiting) == "cancelled"

    go(scene())


def test_clearing_leaves_what_runs(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            running, waiting = await made.accept(), await made.accept()
            await made.runs.clear(ANN)
            assert (made.worker.first, made.worker.cancelled) == (running, [])
            assert await made.state(waiting) == "cancelled"
            assert made.runs.remaining("ann") == 1

    go(scene())


def test_a_run_whose_cancelling_cannot_be_stored_still_waits(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            _, waiting = await made.accept(), await made.accept()
            made.disk.full = True
            with pytest.raises(StorageFullError):
                await made.runs.cancel(ANN, [waiting])
            made.disk.full = False
            made.worker.end()
            await made.until(lambda: made.worker.first == waiting)

    go(scene())


# -- telling -----------------------------------------------------------------------------------------------------------


def test_each_sees_their_own_runs_and_an_admin_finds_any(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            ann, ben = await made.accept("ann"), await made.accept("ben")
            assert await made.runs.find(BEN, ann) is None
            with pytest.raises(RunNotFoundError):
                await made.runs.record(BEN, ann)
            assert (await made.runs.record(ADMIN, ann)).submission.id == ann
            assert await made.runs.find(ANN, "a\0b") is None
            assert await made.listing("ann") == {"queue_running": [ann], "queue_pending": []}
            assert await made.listing("ben") == {"queue_running": [], "queue_pending": [ben]}
            made.worker.end()
            made.worker.end()
            await made.dispatcher.settle()
            assert [record.submission.id for record in await made.runs.history(BEN, None, None)] == [ben]
            page, total = await made.runs.page(ANN, [RunState.SUCCESS], 10, 0)
            assert ([record.submission.id for record in page], total) == ([ann], 1)
            await made.runs.forget(BEN, [ann])
            assert len(await made.runs.history(ANN, None, None)) == 1

    go(scene())


def test_knows_which_node_runs_for_a_client(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            await made.accept(client_id="canvas")
            assert made.runs.running_node("ann", "canvas") is None
            made.worker.begin()
            assert made.runs.running_node("ann", "canvas") == "1"
            assert made.runs.running_node("ben", "canvas") is None
            assert made.runs.running_node("ann", "other") is None

    go(scene())
