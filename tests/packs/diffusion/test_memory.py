from __future__ import annotations

import logging

import pytest
import torch

from inhouse.errors import OutOfMemoryError
from inhouse.packs.diffusion.memory import back_off, is_out_of_memory, memory_border


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory"),
        OutOfMemoryError("full"),
    ],
)
def test_every_runtimes_shortage_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_a_shortage_becomes_our_error_and_keeps_its_cause() -> None:
    with pytest.raises(OutOfMemoryError, match="does not suffice for decoding") as caught, memory_border("decoding"):
        torch.empty(2**58)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_border("decoding"):
        raise RuntimeError("shapes do not match")


def test_backing_off_needs_no_accelerator_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "inhouse.packs.diffusion"):
        back_off()
    assert [getattr(record, "counts", None) for record in caplog.records] == ["oom_backoffs"]
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_an_accelerators_cache_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: emptied.append(True))
    back_off()
    assert emptied == [True]
