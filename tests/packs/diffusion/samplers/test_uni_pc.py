from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, error, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.dpmpp import dpmpp_2m
from inhouse.packs.diffusion.samplers.euler import euler
from inhouse.packs.diffusion.samplers.uni_pc import uni_pc, uni_pc_bh2

BOTH = [uni_pc, uni_pc_bh2]


@pytest.mark.parametrize("sampler", BOTH)
def test_the_lower_orders_of_its_ends_leave_the_second(sampler: Sampler) -> None:
    assert order(sampler) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("sampler", BOTH)
def test_it_asks_once_a_step(sampler: Sampler) -> None:
    denoiser = GaussianDenoiser()
    sampler(denoiser, noisy(1), torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == pytest.approx([8, 4, 2, 1])


def test_the_corrector_helps() -> None:
    assert error(uni_pc, 16) < error(dpmpp_2m, 16) * 4
    assert error(uni_pc, 16) < error(euler, 16) / 4
