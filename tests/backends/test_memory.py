from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

import pytest
import torch

from inhouse.backends.fake import FakeMemory
from inhouse.backends.memory import (
    AcceleratorMemory,
    HostMemory,
    is_out_of_memory,
    memory_border,
    memory_of,
    said,
)
from inhouse.errors import OutOfMemoryError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="read off Linux' files")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("could not create a primitive"),
        OutOfMemoryError("full"),
    ],
)
def test_every_runtimes_shortage_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_other_errors_are_no_shortage() -> None:
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_a_shortage_becomes_our_error_and_keeps_its_cause() -> None:
    with pytest.raises(OutOfMemoryError, match="does not suffice for decoding") as caught, memory_border("decoding"):
        torch.empty(2**58)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has", "2.15 GB"),
        ("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0;", "21 MB"),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096000 bytes. Error", "4.1 MB"),
    ],
)
def test_a_shortage_says_how_much_was_asked_for_and_there(message: str, asked: str) -> None:
    with pytest.raises(OutOfMemoryError) as caught, memory_border("decoding", FakeMemory(999)):
        raise RuntimeError(message)
    assert f"decoding: {asked} more were asked for and 999 bytes are free." in str(caught.value)


def test_a_shortage_that_tells_nothing_is_told_without_figures() -> None:
    with pytest.raises(OutOfMemoryError, match=r"for decoding\. "), memory_border("decoding"):
        raise MemoryError


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_border("decoding"):
        raise RuntimeError("shapes do not match")


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1234, "1.23 kB"), (5e6, "5 MB"), (123e9, "123 GB")]
)
def test_bytes_are_said_as_people_write_them(count: float, words: str) -> None:
    assert said(count) == words


@LINUX
def test_what_is_free_is_within_the_machine_and_within_a_limit_of_the_process() -> None:
    import resource

    free = HostMemory().free()
    assert free is not None
    assert free > 2**20
    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**28, before[1]))
        limited = HostMemory().free()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert limited is not None
    assert limited <= 2**28


@LINUX
def test_the_most_that_was_used_is_measured_though_it_was_given_back() -> None:
    memory = HostMemory()
    mark = memory.mark()
    assert mark is not None
    torch.ones(2**24)  # 64 MB, for a moment
    assert memory.most_since(mark) > 2**25


def test_what_only_a_cycle_holds_is_released() -> None:
    class Held:
        pass

    gc.disable()
    try:
        held = Held()
        held.itself = held  # type: ignore[attr-defined]
        seen = weakref.ref(held)
        del held
        HostMemory().release()
        assert seen() is None
    finally:
        gc.enable()


def test_each_device_has_its_memory() -> None:
    assert isinstance(memory_of("cpu"), HostMemory)
    assert isinstance(memory_of("cuda:0"), AcceleratorMemory)


def test_an_accelerator_that_tells_nothing_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    memory_of("mps").release()
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: emptied.append(True))
    memory = memory_of("mps")
    assert memory.free() is None
    assert memory.mark() is None
    memory.release()
    assert emptied == [True]


def test_a_graphics_cards_memory_counts_what_torch_keeps_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"memory_reserved": 70, "memory_allocated": 50, "max_memory_allocated": 90}
    for name, figure in figures.items():
        monkeypatch.setattr(torch.cuda, name, lambda _, figure=figure: figure)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100, 1000))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    memory = memory_of("cuda:0")
    assert memory.free() == 120
    mark = memory.mark()
    assert mark == 50
    assert memory.most_since(mark) == 40
