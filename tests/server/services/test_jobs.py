"""Jobs: calls that are answered later, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from tests.published import Bench, FakeTargets
from tests.server.fakes import go

from inhouse.errors import InputsError, NodeInputError, OverloadedError, RunNotFoundError
from inhouse.server.services.directory import Services
from inhouse.server.services.jobs import Jobs, described
from inhouse.server.services.native import Envelope
from inhouse.storage.ledger import open_ledger
from inhouse.storage.publishing import publish_artifact
from inhouse.storage.records import RunState
from inhouse.storage.service_jobs import ServiceJobs
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Version

BODY = b'{"inputs": {"texts": ["a"]}}'
ANN = Envelope("minilm", "ann")


@asynccontextmanager
async def opened(folder: Path, targets: FakeTargets) -> AsyncIterator[Jobs]:
    """Give the jobs of a gateway that has one service."""
    bench, store = Bench.at(folder), ServiceStore(folder / "services")
    if not store.names():
        publish_artifact(store, "minilm", bench.artifact(), bench.trust, Version(0, "artifact"))
    services = Services(store, targets, budget=1000)
    ledger = open_ledger("", folder)
    await services.start()
    jobs = Jobs(services, ServiceJobs(ledger))
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop()
        await services.stop()
        await ledger.close()


async def ended(jobs: Jobs, job_id: str) -> dict[str, object]:
    """Return how a job ended, as its events say."""
    last = [piece async for piece in jobs.follow("ann", "minilm", job_id)][-1]
    found: dict[str, object] = orjson.loads(orjson.dumps(last))
    return found


def test_a_job_is_answered_and_only_its_user_sees_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, FakeTargets()) as jobs:
            job = await jobs.accept(BODY, ANN)
            told = await ended(jobs, job.id)
            assert told["status"] == "success"
            assert "outputs" in str(told["result"])
            assert (await jobs.get("ann", "minilm", job.id)).state is RunState.SUCCESS
            for user, service in (("ben", "minilm"), ("ann", "other")):
                with pytest.raises(RunNotFoundError):
                    await jobs.get(user, service, job.id)
                with pytest.raises(RunNotFoundError):
                    await jobs.cancel(user, service, job.id)

    go(work())


def test_what_does_not_fit_is_no_job(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, FakeTargets()) as jobs:
            with pytest.raises(InputsError):
                await jobs.accept(b'{"inputs": {"texts": [5]}}', ANN)

    go(work())


def test_a_job_tells_why_it_failed(tmp_path: Path) -> None:
    async def work() -> None:
        targets = FakeTargets()
        async with opened(tmp_path, targets) as jobs:
            targets.made["minilm", 1].error = NodeInputError("The picture is none.")
            told = await ended(jobs, (await jobs.accept(BODY, ANN)).id)
            assert told["status"] == "error"
            assert "The picture is none." in str(told["error"])

    go(work())


def test_a_job_waits_where_a_service_is_overloaded(tmp_path: Path) -> None:
    async def work() -> None:
        targets = FakeTargets()
        async with opened(tmp_path, targets) as jobs:
            target = targets.made["minilm", 1]
            target.error = OverloadedError("Too much.", seconds=0)
            job = await jobs.accept(BODY, ANN)
            heard = jobs.follow("ann", "minilm", job.id)
            assert (await anext(heard))["status"] == "queued"
            target.error = None
            assert [piece["status"] async for piece in heard] == ["success"]

    go(work())


def test_a_job_is_answered_by_the_next_gateway(tmp_path: Path) -> None:
    async def work() -> None:
        targets = FakeTargets()
        async with opened(tmp_path, targets) as jobs:
            targets.made["minilm", 1].error = OverloadedError("Too much.", seconds=60)
            job = await jobs.accept(BODY, ANN)
        async with opened(tmp_path, FakeTargets()) as jobs:
            assert (await ended(jobs, job.id))["status"] == "success"

    go(work())


def test_a_cancelled_job_stays_so(tmp_path: Path) -> None:
    async def work() -> None:
        targets = FakeTargets()
        async with opened(tmp_path, targets) as jobs:
            targets.made["minilm", 1].error = OverloadedError("Too much.", seconds=60)
            job = await jobs.accept(BODY, ANN)
            assert (await jobs.cancel("ann", "minilm", job.id)).state is RunState.CANCELLED
        async with opened(tmp_path, FakeTargets()) as jobs:
            assert described(await jobs.get("ann", "minilm", job.id))["status"] == "cancelled"
            assert [piece["status"] async for piece in jobs.follow("ann", "minilm", job.id)] == ["cancelled"]

    go(work())
