from __future__ import annotations

import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, even_in_log, moments, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.ddpm import ddpm
from inhouse.packs.diffusion.samplers.euler import euler_ancestral


def test_the_distribution_of_the_data_is_kept() -> None:
    mean, deviation = moments(ddpm)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.03


def test_in_other_variables_it_is_the_ancestral_step_of_euler() -> None:
    x, sigmas = noisy(), even_in_log(5)
    one, other = (run(GaussianDenoiser(), x, sigmas, noise=NoiseSource(1)) for run in (ddpm, euler_ancestral))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
