"""A worker serves the routes of its packs, where its gateway finds them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.workers.kit import Ear, config, go, job, ready

from inhouse.workers.base import Description
from inhouse.workers.inline import InlineWorker
from inhouse.workers.pool import Pool
from inhouse.workers.process import ProcessWorker
from inhouse.workers.session import Places


async def get(description: Description, path: str) -> Any:
    """Ask a worker's pack for something."""
    assert description.routes is not None
    connector = aiohttp.UnixConnector(str(description.routes))
    async with (
        aiohttp.ClientSession("http://worker", connector=connector) as session,
        session.get(path) as response,
    ):
        return await response.json()


@pytest.mark.parametrize("kind", [InlineWorker, ProcessWorker])
def test_they_are_served_while_it_lives(tmp_path: Path, kind: type[InlineWorker | ProcessWorker]) -> None:
    async def work() -> None:
        worker = kind("cpu-0", config(tmp_path))
        description = await worker.start(Ear())
        assert ("GET", "/hostile/{}") in description.endpoints
        assert description.routes == tmp_path / "state" / "sockets" / "cpu-0.sock"
        assert await get(description, "/hostile/you") == {"hello": "you"}
        await worker.close(5)
        assert not description.routes.exists()

    go(work())


def test_a_state_folder_too_deep_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    async def work() -> None:
        deep = tmp_path / ("x" * 100)
        worker = InlineWorker("cpu-0", config(tmp_path, state=deep))
        description = await worker.start(Ear())
        assert await get(description, "/hostile/you") == {"hello": "you"}
        await worker.close(5)

    go(work())


def test_started_again_it_serves_again(tmp_path: Path) -> None:
    async def work() -> None:
        ear = Ear()
        pool = Pool([ProcessWorker("cpu-0", config(tmp_path))], ear, first_wait=0.001)
        await pool.start()
        [worker] = pool.free()
        worker.submit(job(tmp_path, ("Exit", "1")))
        await ear.loss()
        await ready(worker)
        assert await get(pool.descriptions["cpu-0"], "/hostile/again") == {"hello": "again"}
        await pool.close(5)

    go(work())


def test_a_route_that_holds_up_its_loop_is_no_reason_to_kill_the_worker(tmp_path: Path) -> None:
    async def work() -> None:
        worker, ear = ProcessWorker("cpu-0", config(tmp_path, silence=0.2)), Ear()
        description = await worker.start(ear)
        asked = asyncio.create_task(get(description, f"/hostile/slow?wait={tmp_path / 'go'}"))
        while not (tmp_path / "go.runs").exists():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.5)  # more than twice the silence that is allowed
        assert ear.losses == []
        (tmp_path / "go").touch()
        assert await asked == {"hello": "slow"}
        await worker.close(5)

    go(work())


def test_without_packs_or_without_routes_nothing_is_served(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "nodes").mkdir()
        for places in (Places(tmp_path), Places(tmp_path, custom_nodes=tmp_path / "nodes")):
            worker = InlineWorker("cpu-0", config(tmp_path, places=places))
            description = await worker.start(Ear())
            assert (description.routes, list(description.endpoints)) == (None, [])
            await worker.close(5)
        assert not (tmp_path / "state" / "sockets").exists()

    go(work())


def test_a_place_where_no_socket_can_be_is_told_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        (tmp_path / "state").write_text("a file")
        worker = InlineWorker("cpu-0", config(tmp_path))
        description = await worker.start(Ear())
        assert description.routes is None
        await worker.close(5)

    go(work())
    assert "not served" in caplog.text
