"""Jobs of services as the database keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.server.fakes import go

from inhouse.storage.ledger import open_ledger
from inhouse.storage.records import RunState
from inhouse.storage.service_jobs import ServiceJob, ServiceJobs

JOB = ServiceJob("j1", "ann", "minilm", 2, 5.0, '{"inputs": {}}')


def test_a_job_is_there_for_the_next_gateway_until_it_has_ended(url: str, tmp_path: Path) -> None:
    async def first() -> None:
        ledger = open_ledger(url, tmp_path)
        await ServiceJobs(ledger).add(JOB)
        await ServiceJobs(ledger).add(replace(JOB, id="j0", version=None, created=4.0))
        await ledger.close()

    async def second() -> None:
        ledger = open_ledger(url, tmp_path)
        jobs = ServiceJobs(ledger)
        assert await jobs.open_jobs() == [replace(JOB, id="j0", version=None, created=4.0), JOB]
        await jobs.end("j1", RunState.SUCCESS, 9.0, '{"outputs": {}}')
        await jobs.end("j1", RunState.CANCELLED, 10.0, None)
        ended = replace(JOB, state=RunState.SUCCESS, finished=9.0, result='{"outputs": {}}')
        assert await jobs.get("j1") == ended
        assert [job.id for job in await jobs.open_jobs()] == ["j0"]
        assert await jobs.get("j2") is None
        assert await jobs.get("\0") is None
        await ledger.close()

    go(first())
    go(second())


def test_what_ended_long_ago_is_forgotten(url: str, tmp_path: Path) -> None:
    async def work() -> None:
        ledger = open_ledger(url, tmp_path)
        jobs = ServiceJobs(ledger)
        for name in ("old", "new", "open"):
            await jobs.add(replace(JOB, id=name))
        await jobs.end("old", RunState.SUCCESS, 9.0, "{}")
        await jobs.end("new", RunState.ERROR, 11.0, "{}")
        await jobs.sweep(10.0)
        assert [await jobs.get(name) is None for name in ("old", "new", "open")] == [True, False, False]
        await ledger.close()

    go(work())
