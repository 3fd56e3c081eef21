from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests import postgresql

from inhouse.errors import RunConflictError, StorageError, StorageFullError, StorageOwnedError
from inhouse.storage.ledger import Ledger, open_ledger
from inhouse.storage.records import Artifact, Conclusion, RunState, Submission

pytestmark = pytest.mark.anyio


def submission(run_id: str, **more: str) -> Submission:
    return Submission(run_id, "ada", 0, '{"1":{}}', **more)  # type: ignore[arg-type]


def conclusion(run_id: str) -> Conclusion:
    return Conclusion(run_id, RunState.SUCCESS, 20.0, artifacts=(Artifact("9", "output", "", f"{run_id}.png"),) * 2)


async def ids(ledger: Ledger) -> list[str]:
    return [run.submission.id for run in await ledger.open_runs()]


async def test_all_kinds_of_writes_go_together_in_one_transaction(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch that fails is done one by one, which nobody would notice but for the time and the log."""
    runs = [str(index) for index in range(60)]
    begun = 0
    attempt = ledger._writer._attempt

    def counted(writes: list[object]) -> object:
        nonlocal begun
        begun += 1
        return attempt(writes)  # type: ignore[arg-type]

    ledger._writer._attempt = counted  # type: ignore[assignment, method-assign]
    with caplog.at_level(logging.WARNING):
        await asyncio.gather(*(ledger.submit(submission(run_id)) for run_id in runs))
        for run_id in runs[:50]:
            ledger.lease(run_id, "w", 1, 10.0, 40.0)
        ledger.extend(runs[:50], 70.0)
        ledger.requeue(runs[49])
        await asyncio.gather(
            ledger.cancel(runs[50:], 20.0),
            ledger.hide("ada", runs),
            ledger.hide(None, None),
            *(ledger.conclude(conclusion(run_id)) for run_id in runs[:40]),
        )
        await ledger.delete(runs[:10])
    assert caplog.text == ""
    assert begun < 40
    counts = await ledger.counts()
    assert counts[RunState.SUCCESS] == 30
    assert counts[RunState.RUNNING] == 9
    assert counts[RunState.QUEUED] == 1
    assert counts[RunState.CANCELLED] == 10
    assert len(await ledger.artifacts("20")) == 2


async def test_one_bad_write_of_many_fails_alone(ledger: Ledger) -> None:
    await ledger.submit(submission("taken"))
    names = ["a", "b", "taken", "c", "c", "d"]
    answers = await asyncio.gather(*(ledger.submit(submission(name)) for name in names), return_exceptions=True)
    assert [isinstance(answer, RunConflictError) for answer in answers] == [False, False, True, False, True, False]
    assert await ids(ledger) == ["taken", "a", "b", "c", "d"]


async def test_a_caller_that_stops_waiting_stops_nobody(ledger: Ledger) -> None:
    task = asyncio.create_task(ledger.submit(submission("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.submit(submission("b"))
    assert await ids(ledger) == ["a", "b"]


async def test_a_fault_of_ours_is_told_and_the_next_write_works(ledger: Ledger) -> None:
    with pytest.raises(StorageError):
        await ledger._writer.write(object())  # type: ignore[arg-type]
    await ledger.submit(submission("a"))


async def test_closing_writes_what_waits_and_refuses_what_comes_later(url: str, tmp_path: Path) -> None:
    ledger = open_ledger(url, tmp_path)
    waiting = [asyncio.create_task(ledger.submit(submission(str(index)))) for index in range(50)]
    await asyncio.sleep(0)
    ledger.lease("0", "w", 1, 10.0, 40.0)
    await ledger.close()
    assert await asyncio.gather(*waiting) == list(range(1, 51))
    with pytest.raises(StorageError, match="closed"):
        await ledger.submit(submission("late"))
    again = open_ledger(url, tmp_path)
    assert (await again.counts())[RunState.RUNNING] == 1
    assert (await again.counts())[RunState.QUEUED] == 49
    await again.close()


# -- a full disk ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Ledger]:
    """Return a ledger that some ten long workflows fill."""
    ledger = open_ledger("", tmp_path)
    limit(ledger, 40)
    yield ledger
    await ledger.close()


def limit(ledger: Ledger, pages: int) -> None:
    ledger._writer._let_go()  # it waits for something to write, and takes the connection again then
    with ledger._database.writer.connect() as connection:
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))


async def fill(ledger: Ledger) -> list[str]:
    """Submit until there is no room, many at a time; return what was accepted."""
    accepted: list[str] = []
    while True:
        names = [str(len(accepted) + index) for index in range(4)]
        long = "1" * 9000
        answers = await asyncio.gather(
            *(ledger.submit(submission(name, extra=long)) for name in names), return_exceptions=True
        )
        good = [name for name, answer in zip(names, answers, strict=True) if isinstance(answer, int)]
        accepted += good
        if len(good) < len(names):
            assert all(isinstance(answer, int | StorageFullError) for answer in answers)
            return accepted


async def test_a_full_disk_refuses_and_loses_nothing(small: Ledger) -> None:
    accepted = await fill(small)
    assert len(accepted) > 3
    with pytest.raises(StorageFullError, match="nothing was lost"):
        await small.submit(submission("too much", extra="1" * 9000))
    assert await ids(small) == accepted
    limit(small, 10_000)
    await small.submit(submission("later", extra="1" * 9000))
    assert await ids(small) == [*accepted, "later"]


async def test_what_nobody_waits_for_is_written_once_there_is_room(small: Ledger) -> None:
    accepted = await fill(small)
    worker = "w" * 20_000  # so that a lease needs room as well
    small.lease(accepted[0], worker, 1, 10.0, 40.0)
    small.lease(accepted[1], worker, 2, 10.0, 40.0)
    small.extend(accepted, 70.0)
    assert (await small.counts())[RunState.RUNNING] == 0
    with pytest.raises(StorageFullError):
        await small.conclude(Conclusion(accepted[0], RunState.SUCCESS, 20.0, outputs="1" * 90_000))
    limit(small, 10_000)
    await small.conclude(Conclusion(accepted[0], RunState.SUCCESS, 20.0, outputs="1" * 90_000))
    one, two = await small.get(accepted[0]), await small.get(accepted[1])
    assert one is not None
    assert two is not None
    assert (one.state, one.attempts, one.started) == (RunState.SUCCESS, 1, 10.0)
    assert (two.state, two.attempts, two.worker) == (RunState.RUNNING, 2, worker)


# -- a server that goes away ----------------------------------------------------------------------------------------


@pytest.fixture
async def remote(postgres: postgresql.Server, tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = open_ledger(postgres.make_database()[1], tmp_path)
    yield ledger
    await ledger.close()


def disconnect(postgres: postgresql.Server) -> None:
    """End all connections; each has ended, and let go of what it held, when this returns."""
    postgres.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname LIKE 'test%'")


async def test_a_lost_connection_is_made_again_before_anybody_notices(
    remote: Ledger, postgres: postgresql.Server
) -> None:
    await remote.submit(submission("a"))
    disconnect(postgres)
    answers = await asyncio.gather(*(remote.submit(submission(name)) for name in "bcd"))
    assert answers == sorted(answers)
    disconnect(postgres)
    assert await ids(remote) == ["a", "b", "c", "d"]


async def test_a_server_that_is_down_fails_all_at_once_and_is_found_again(
    remote: Ledger, postgres: postgresql.Server
) -> None:
    name = remote._database.writer.url.database
    await remote.submit(submission("a"))
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    disconnect(postgres)
    remote.lease("a", "w", 1, 10.0, 40.0)
    answers = await asyncio.gather(*(remote.submit(submission(name)) for name in "bcd"), return_exceptions=True)
    assert all(type(answer) is StorageError for answer in answers)
    with pytest.raises(StorageError):
        await remote.get("a")
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await remote.submit(submission("e"))
    assert await ids(remote) == ["a", "e"]
    assert (await remote.counts())[RunState.RUNNING] == 1


async def test_a_commit_that_was_not_heard_of_is_no_conflict(remote: Ledger) -> None:
    """The connection breaks after the server has committed and before it says so."""
    attempt = remote._writer._attempt

    def deaf(writes: list[object]) -> object:
        remote._writer._attempt = attempt  # type: ignore[method-assign]
        attempt(writes)  # type: ignore[arg-type]
        remote._writer._let_go()
        remote._database.writer.dispose()
        error = StorageError("The connection broke.")
        error.__cause__ = OperationalError("COMMIT", {}, Exception(), connection_invalidated=True)
        return error

    remote._writer._attempt = deaf  # type: ignore[assignment, method-assign]
    await remote.submit(submission("a"))
    await remote.conclude(conclusion("a"))
    assert len(await remote.artifacts("a")) == 2
    with pytest.raises(RunConflictError):
        await remote.submit(submission("a"))


async def test_who_lost_the_database_to_another_gateway_writes_no_more(
    remote: Ledger, postgres: postgresql.Server, tmp_path: Path
) -> None:
    await remote.submit(submission("a"))
    url = remote._database.writer.url.render_as_string(hide_password=False)
    disconnect(postgres)
    other = open_ledger(url, tmp_path)
    with pytest.raises(StorageOwnedError):
        await remote.submit(submission("b"))
    remote.lease("a", "w", 1, 10.0, 40.0)
    assert (await other.counts())[RunState.RUNNING] == 0
    await other.close()
