"""Runs that are over are stored, and then told of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.server.fakes import core, go

from inhouse.server import endings
from inhouse.server.identity import Identity

ANN = Identity("ann")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "_RETRY_SECONDS", 0.001)


def _told(heard: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Return what was told of which run, without how much is left."""
    return [(each["type"], each["data"]["prompt_id"]) for each in heard if each["type"] != "status"]


def test_whoever_waits_for_a_run_of_a_line_waits_for_its_latest(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            await made.accept(client_id="canvas")
            made.worker.begin()
            made.disk.full = True
            made.worker.end()
            storing = made.dispatcher.endings.before(("ann", "canvas"))
            assert storing is not None
            assert made.dispatcher.endings.before(None) is None
            assert made.dispatcher.endings.before(("ann", "another")) is None
            assert len(list(made.dispatcher.endings.of("ann"))) == 1
            made.disk.full = False
            await storing
            await made.until(lambda: made.dispatcher.endings.before(("ann", "canvas")) is None)
            assert list(made.dispatcher.endings.of("ann")) == []

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


def test_who_drains_with_a_full_disk_ends_and_the_run_is_not_lost(tmp_path: Path) -> None:
    async def scene() -> None:
        async with core(tmp_path) as made:
            run_id = await made.accept()
            made.disk.full = True
            made.worker.end()
            made.dispatcher.stop_giving()
            await made.dispatcher.settle()
        async with core(tmp_path) as again:
            await again.until(lambda: again.worker.first == run_id)
            assert again.worker.jobs[0].attempt == 1

    go(scene())
