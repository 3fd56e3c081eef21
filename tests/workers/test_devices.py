"""What there is to compute on."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inhouse.workers import devices
from inhouse.workers.devices import main_memory, versions


def test_without_torch_there_is_the_processor_with_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    [found] = devices.devices()
    assert (found["name"], found["type"], found["index"]) == ("cpu", "cpu", None)
    assert found["vram_total"] == found["torch_vram_total"] >= found["vram_free"] > 0
    assert "torch" not in sys.modules


def test_a_graphics_card_counts_what_torch_keeps_for_itself_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 1,
        mem_get_info=lambda _: (3_000, 8_000),
        memory_stats=lambda _: {"reserved_bytes.all.current": 2_000, "active_bytes.all.current": 500},
        get_device_name=lambda _: "Some Card",
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    [found] = devices.devices()
    assert found == {
        "name": "cuda:0 Some Card",
        "type": "cuda",
        "index": 0,
        "vram_total": 8_000,
        "vram_free": 4_500,
        "torch_vram_total": 2_000,
        "torch_vram_free": 1_500,
    }


@pytest.mark.parametrize(("limit", "used", "expected"), [("1000", "400", (1000, 600)), ("1000", "2000", (1000, 0))])
def test_a_containers_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, used: str, expected: tuple[int, int]
) -> None:
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(used)
    assert main_memory() == expected


def test_no_limit_is_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    total, _ = main_memory()
    (tmp_path / "memory.max").write_text("max\n")
    assert main_memory()[0] == total > 1000


def test_versions_are_told_without_loading_anything() -> None:
    found: Any = versions()
    assert found["inhouse"]
