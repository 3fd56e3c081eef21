"""Awaiting from where nothing can: custom packs may write ``async`` where this program asks at once."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def awaited(value: Any) -> Any:
    """Return what a coroutine returns, run in a thread of its own, as this one may have a loop running.

    What is no coroutine is returned as it is; what a coroutine raises is raised.
    """
    if not inspect.iscoroutine(value):
        return value
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, value).result()
