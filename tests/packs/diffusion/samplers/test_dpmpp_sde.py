from __future__ import annotations

import pytest
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, even_in_log, moments, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.dpmpp_sde import dpmpp_2m_sde, dpmpp_2m_sde_heun, dpmpp_3m_sde

SDE = [dpmpp_2m_sde, dpmpp_2m_sde_heun, dpmpp_3m_sde]


@pytest.mark.parametrize("sampler", SDE)
def test_the_distribution_of_the_data_is_kept(sampler: Sampler) -> None:
    mean, deviation = moments(sampler, steps=20, count=2000)
    assert abs(mean) < 0.02
    assert abs(deviation) < 0.02


@pytest.mark.parametrize("sampler", SDE)
def test_more_steps_follow_the_same_path_of_noise(sampler: Sampler) -> None:
    x = noisy()
    coarse, fine, finest = (
        sampler(GaussianDenoiser(), x, even_in_log(steps), noise=NoiseSource(5)) for steps in (16, 64, 256)
    )
    assert float((fine - finest).std()) < float((coarse - finest).std()) < 0.5 * float(finest.std())
