"""Calling: closed and open loops of requests, and what becomes of each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from inhouse.packs.benchmark.model import Slice

Send: TypeAlias = Callable[[], Awaitable[str]]
"""Sends one request; returns an empty text when it was answered well, else the kind of failure."""
Clock: TypeAlias = Callable[[], float]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]


async def closed_loop(send: Send, concurrency: int, seconds: float, most: int, clock: Clock) -> Slice:
    """Let so many callers ask, each as soon as it has its answer; what was begun in time is waited for.

    Args:
        send: sends one request.
        concurrency: callers.
        seconds: how long new requests are begun.
        most: requests, in all; but each caller sends one.
        clock: seconds, rising.

    """
    found, begun = Slice(), clock()
    share = max(1, most // concurrency)

    async def caller() -> None:
        for _ in range(share):
            at = clock()
            note(found, await send(), clock() - at)
            if clock() - begun >= seconds:
                break

    await asyncio.gather(*(caller() for _ in range(concurrency)))
    found.wall = clock() - begun
    return found


async def open_loop(
    send: Send, rate: float, seconds: float, most: int, clock: Clock, sleep: Sleep, seed: int = 0
) -> Slice:
    """Send requests at random moments (a Poisson process), whether or not earlier ones were answered.

    A request's time counts from the moment at which it was to be sent: where the caller itself is late, or the service
    stalls, those who would have come meanwhile wait, too, and their waiting is counted (what is called the avoidance of
    coordinated omission).

    Args:
        send: sends one request.
        rate: requests a second, on average.
        seconds: how long new requests come.
        most: requests, in all.
        clock: seconds, rising.
        sleep: waits so many seconds.
        seed: of the moments.

    """
    found, begun = Slice(), clock()
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    tasks: list[asyncio.Task[None]] = []

    async def one(due: float) -> None:
        kind = await send()
        note(found, kind, clock() - due)

    due = begun + chance.expovariate(rate)
    while (due - begun < seconds or not tasks) and len(tasks) < most:
        if (wait := due - clock()) > 0:
            await sleep(wait)
        tasks.append(asyncio.create_task(one(due)))
        due += chance.expovariate(rate)
    await asyncio.gather(*tasks)
    found.wall = clock() - begun
    return found


def note(found: Slice, kind: str, seconds: float) -> None:
    """Count a request: its time if it was answered well, else its kind of failure."""
    if kind:
        found.errors[kind] = found.errors.get(kind, 0) + 1
    else:
        found.latencies.append(seconds)
