"""Compiled networks are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from inhouse.packs.diffusion.beside import put_beside
from inhouse.packs.diffusion.engines.files import EngineFiles, default_folder, identity


def filled(size: int, made: list[Path]) -> object:
    def fill(folder: Path) -> None:
        made.append(folder)
        (folder / "model").write_bytes(bytes(size))

    return fill


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    made: list[Path] = []
    files = EngineFiles(tmp_path)
    place = files.made("a", filled(10, made))  # type: ignore[arg-type]
    assert files.made("a", filled(10, made)) == place  # type: ignore[arg-type]
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    def failing(folder: Path) -> None:
        (folder / "half").write_bytes(b"")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        EngineFiles(tmp_path).made("a", failing)
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    files = EngineFiles(tmp_path, keep_bytes=25)
    for age, name in enumerate("abc"):
        place = files.made(name, filled(10, []))  # type: ignore[arg-type]
        os.utime(place, (1000 + age, 1000 + age))
        if name == "b":
            files.made("a", filled(10, []))  # type: ignore[arg-type]
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c"}


def test_a_weight_or_an_option_that_differs_makes_another_name() -> None:
    network = nn.Linear(2, 2)
    first = identity(network, 1)
    assert identity(network, 1) == first
    assert identity(network, 2) != first
    with torch.no_grad():
        network.weight[0, 0] += 1
    assert identity(network, 1) != first
    assert identity(network.bfloat16(), 1) != first


def test_a_lora_beside_the_weights_makes_another_name() -> None:
    network = nn.Linear(64, 64)
    first = identity(network)
    put_beside(network, torch.ones(64, 1), torch.ones(1, 64))
    assert identity(network) != first


def test_the_users_cache_is_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "inhouse" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification says to ignore
    assert default_folder().is_relative_to(Path.home())
