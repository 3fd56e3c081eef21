import asyncio
from typing import Any

import pytest

from inhouse.compat.awaiting import awaited


async def _answer(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def test_waits_for_what_has_to_be_waited_for_only() -> None:
    assert awaited(_answer(5)) == 5
    assert awaited(5) == 5


def test_works_where_a_loop_runs_already() -> None:
    async def inside() -> Any:
        return awaited(_answer(5))

    assert asyncio.run(inside()) == 5


def test_raises_what_is_raised() -> None:
    with pytest.raises(ValueError, match="no"):
        awaited(_answer(ValueError("no")))
