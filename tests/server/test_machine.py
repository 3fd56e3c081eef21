from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from inhouse.server import machine
from inhouse.server.machine import memory, system_stats


def test_memory_is_known() -> None:
    total, free = memory()
    assert total > free > 0


def test_memory_is_known_without_the_kernels_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    assert memory()[0] > 0


def test_what_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(machine, "version", absent)
    assert system_stats([], {})["system"]["required_frontend_version"] == ""
