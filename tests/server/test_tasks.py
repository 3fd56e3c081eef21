"""What is done on the side."""

from __future__ import annotations

import asyncio
import logging

import pytest

from inhouse.errors import StorageError
from inhouse.server.tasks import Tasks


def test_settling_waits_for_what_is_done_and_for_what_that_started() -> None:
    done: list[str] = []

    async def scene() -> None:
        tasks = Tasks()

        async def second() -> None:
            await asyncio.sleep(0)
            done.append("second")

        async def first() -> None:
            await asyncio.sleep(0)
            tasks.start(second())
            done.append("first")

        tasks.start(first())
        await tasks.settle()

    asyncio.run(scene())
    assert done == ["first", "second"]


@pytest.mark.parametrize(("error", "level"), [(StorageError("Full."), logging.WARNING), (KeyError("x"), logging.ERROR)])
def test_the_log_hears_of_what_fails(error: Exception, level: int, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async def failing() -> None:
            raise error

        tasks = Tasks()
        tasks.start(failing())
        await tasks.settle()
        await asyncio.sleep(0)

    asyncio.run(scene())
    assert [record.levelno for record in caplog.records if record.name == "inhouse.server.tasks"] == [level]
