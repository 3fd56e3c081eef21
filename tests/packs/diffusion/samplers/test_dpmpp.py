from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, moments, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.dpmpp import dpmpp_2m, dpmpp_2s_ancestral, dpmpp_sde


def test_dpmpp_2m_is_of_second_order() -> None:
    assert order(dpmpp_2m) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("sampler", [dpmpp_2s_ancestral, dpmpp_sde])
def test_the_stochastic_ones_keep_the_distribution_of_the_data(sampler: Sampler) -> None:
    mean, deviation = moments(sampler, steps=20, count=2000)
    assert abs(mean) < 0.02
    assert abs(deviation) < 0.02


def test_dpmpp_2m_asks_once_a_step() -> None:
    denoiser = GaussianDenoiser()
    dpmpp_2m(denoiser, noisy(1), torch.tensor([8.0, 4.0, 2.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == [8, 4, 2]
