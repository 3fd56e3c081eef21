from __future__ import annotations

import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, moments, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Step
from inhouse.packs.diffusion.samplers.er_sde import er_sde, noise_scale


def test_the_distribution_of_the_data_is_kept() -> None:
    mean, deviation = moments(er_sde, steps=30)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.01


def test_the_noise_scale_falls_at_least_as_fast_as_the_level() -> None:
    sigmas = torch.logspace(-2, 2, 50)
    assert bool(((noise_scale(sigmas) / sigmas).diff() > 0).all())


def test_the_last_step_goes_to_the_clean_latent() -> None:
    steps: list[Step] = []
    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    end = er_sde(GaussianDenoiser(), noisy(), sigmas, noise=NoiseSource(0), callback=steps.append)
    torch.testing.assert_close(end, steps[-1].denoised)
