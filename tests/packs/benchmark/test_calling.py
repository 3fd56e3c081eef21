from __future__ import annotations

import asyncio

import pytest
from tests.packs.benchmark.conftest import Clock

from inhouse.packs.benchmark.calling import closed_loop, open_loop
from inhouse.packs.benchmark.model import Slice


class World:
    """Time that passes as soon as everybody waits; a service that takes one request after another."""

    def __init__(self, seconds: float) -> None:
        self.clock = Clock()
        self.seconds = seconds
        self.free = 0.0
        self.sent = 0
        self.stall: tuple[float, float] = (0.0, 0.0)
        self.waiting: list[float] = []

    async def until(self, moment: float) -> None:
        """Wait; whoever waits for the earliest moment of all moves the clock to it."""
        self.waiting.append(moment)
        while self.clock.now < moment:
            await asyncio.sleep(0)
            if min(self.waiting) >= moment:
                self.clock.now = max(self.clock.now, moment)
        self.waiting.remove(moment)

    async def sleep(self, seconds: float) -> None:
        await self.until(self.clock.now + seconds)

    async def send(self) -> str:
        self.sent += 1
        begun, end = self.stall
        start = max(self.clock.now, self.free)
        if begun <= start < end:
            start = end
        self.free = start + self.seconds
        await self.until(self.free)
        return ""


def run_open(world: World, rate: float, seconds: float) -> Slice:
    return asyncio.run(open_loop(world.send, rate, seconds, 10_000, world.clock, world.sleep, seed=1))


def run_closed(world: World, concurrency: int, seconds: float) -> Slice:
    return asyncio.run(closed_loop(world.send, concurrency, seconds, 10_000, world.clock))


def test_a_closed_loop_asks_again_as_soon_as_it_is_answered() -> None:
    found = run_closed(World(0.1), 1, 2.0)
    assert len(found.latencies) in (20, 21)
    assert max(found.latencies) == pytest.approx(0.1)


def test_callers_of_a_closed_loop_wait_for_one_another() -> None:
    found = run_closed(World(0.1), 4, 2.0)
    assert sorted(found.latencies)[len(found.latencies) // 2] == pytest.approx(0.4)


def test_requests_of_an_open_loop_come_at_their_rate_whatever_the_service_does() -> None:
    world = World(0.001)
    found = run_open(world, 50, 20.0)
    assert 850 < len(found.latencies) < 1150


def test_an_open_loop_counts_the_waiting_that_a_stall_causes() -> None:
    world = World(0.001)
    world.stall = (5.0, 7.0)
    found = run_open(world, 50, 20.0)
    late = [seconds for seconds in found.latencies if seconds > 0.5]
    assert 50 < len(late) < 110  # all that came in a second and a half of the stall, not the one that met it
    assert max(found.latencies) == pytest.approx(2.0, abs=0.3)


def test_failures_are_counted_by_kind_and_have_no_time() -> None:
    kinds = iter(["", "429", "429", "timeout"] * 100)

    async def send() -> str:
        return next(kinds)

    found = asyncio.run(closed_loop(send, 1, 1.0, 8, Clock()))
    assert (len(found.latencies), found.errors) == (2, {"429": 4, "timeout": 2})
