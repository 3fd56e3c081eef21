from __future__ import annotations

import pytest

from inhouse.backends.fake import FakeMemory
from inhouse.backends.memory import is_out_of_memory


def test_a_budget_is_taken_from_and_given_back() -> None:
    memory = FakeMemory(100)("cuda:7")
    mark = memory.mark()
    assert mark == 0
    with memory.taking(60), memory.taking(30):
        assert memory.free() == 10
    assert memory.free() == 100
    assert memory.most_since(mark) == 90


def test_more_than_the_budget_is_refused_as_torch_does() -> None:
    memory = FakeMemory(100)
    with memory.taking(60), pytest.raises(RuntimeError) as caught, memory.taking(60):
        pytest.fail("It was taken.")
    assert is_out_of_memory(caught.value)
    assert memory.refusals == 1
    assert memory.used == 0


def test_a_device_may_tell_nothing() -> None:
    memory = FakeMemory(100, measured=False)
    assert memory.free() is None
    assert memory.mark() is None
