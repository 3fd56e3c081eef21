from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.published import FakeTarget, hurried, settle

from inhouse.errors import ModelTooLargeError, ModelUnsupportedError, OverloadedError, ServiceError
from inhouse.server.services.memory import Memory
from inhouse.server.services.slots import Slot
from inhouse.storage.services import Version


def slots(*sizes: int) -> list[Slot]:
    made = []
    for number, size in enumerate(sizes, 1):
        version = Version(number, "artifact")
        made.append(Slot("minilm", version, FakeTarget("minilm", version, Path(), size=size)))
    return made


def fake(slot: Slot) -> FakeTarget:
    assert isinstance(slot.target, FakeTarget)
    return slot.target


def test_what_nobody_called_for_longest_makes_room() -> None:
    async def work() -> None:
        one, two, three = all_of = slots(40, 40, 40)
        memory = Memory(100, lambda: all_of)
        await memory.load(one)
        await asyncio.sleep(1)
        await memory.load(two)
        await asyncio.sleep(1)
        one.used = asyncio.get_running_loop().time()
        await memory.load(three)
        assert [slot.ready for slot in all_of] == [True, False, True]
        assert memory.taken == 80

    hurried(work())


def test_what_has_calls_on_their_way_stays_and_the_others_are_told_to_come_again() -> None:
    async def work() -> None:
        one, two = all_of = slots(60, 60)
        memory = Memory(100, lambda: all_of)
        await memory.load(one)
        one.calls = 1
        with pytest.raises(OverloadedError, match="needs 0 MB: 0 of 0 MB are in use"):
            await memory.ensure(two)
        one.calls = 0
        await memory.ensure(two)
        assert (one.ready, two.ready) == (False, True)

    hurried(work())


def test_what_would_not_fit_by_itself_is_refused_before_it_is_loaded() -> None:
    async def work() -> None:
        (one,) = all_of = slots(200)
        memory = Memory(100, lambda: all_of)
        with pytest.raises(ModelTooLargeError):
            await memory.load(one)
        assert fake(one).loads == 0

    hurried(work())


def test_two_that_are_loaded_at_once_do_not_get_the_same_room() -> None:
    async def work() -> None:
        one, two = all_of = slots(60, 60)
        fake(one).loading.clear()
        memory = Memory(100, lambda: all_of)
        first = asyncio.create_task(memory.load(one))
        await settle()
        with pytest.raises(OverloadedError):
            await memory.load(two)
        fake(one).loading.set()
        await first

    hurried(work())


def test_callers_wait_for_the_same_loading_and_one_who_hangs_up_leaves_it_to_the_others() -> None:
    async def work() -> None:
        (one,) = all_of = slots(10)
        fake(one).loading.clear()
        memory = Memory(100, lambda: all_of)
        callers = [asyncio.create_task(memory.ensure(one)) for _ in range(3)]
        await settle()
        callers[0].cancel()
        await settle()
        fake(one).loading.set()
        await asyncio.gather(*callers[1:])
        assert fake(one).loads == 1

    hurried(work())


def test_what_cannot_be_loaded_is_tried_again_after_a_while() -> None:
    async def work() -> None:
        (one,) = all_of = slots(10)
        fake(one).refusal = ModelUnsupportedError("odd")
        memory = Memory(100, lambda: all_of)
        for _ in range(3):
            with pytest.raises(ServiceError, match="log says why"):
                await memory.ensure(one)
        assert (fake(one).loads, one.problem) == (1, "odd")
        fake(one).refusal = None
        await asyncio.sleep(1)
        await memory.ensure(one)
        assert (one.ready, one.problem) == (True, "")

    hurried(work())
