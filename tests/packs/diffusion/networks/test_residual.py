from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.fakes import place

from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.residual import Downsample, ResidualBlock, Step, Upsample, timestep_embedding
from inhouse.packs.diffusion.patches import UNPATCHED


def step(size: tuple[int, int] | None = None) -> Step:
    return Step(torch.zeros(1, 8), place("input", 1), sdpa, UNPATCHED, size)


def test_timestep_zero_is_all_cosines() -> None:
    assert timestep_embedding(torch.tensor([0]), 6).tolist() == [[1, 1, 1, 0, 0, 0]]


def test_the_first_frequency_is_one_and_the_last_is_near_a_ten_thousandth() -> None:
    embedding = timestep_embedding(torch.tensor([2.5]), 640)[0]
    assert embedding[0] == pytest.approx(torch.cos(torch.tensor(2.5)).item())
    assert embedding[320] == pytest.approx(torch.sin(torch.tensor(2.5)).item())
    assert embedding[-1] == pytest.approx(2.5e-4, rel=0.05)


def test_odd_sizes_survive_the_way_down_and_up() -> None:
    x = torch.randn(1, 32, 9, 5)
    down = Downsample(32)(x, step())
    assert down.shape == (1, 32, 5, 3)
    assert Upsample(32)(down, step((9, 5))).shape == x.shape
    assert Upsample(32)(down, step()).shape == (1, 32, 10, 6)


def test_a_block_changes_channels_only() -> None:
    assert ResidualBlock(32, 64, 8)(torch.randn(1, 32, 3, 3), step()).shape == (1, 64, 3, 3)
