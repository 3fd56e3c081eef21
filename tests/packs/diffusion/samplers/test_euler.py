from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import HIGH, GaussianDenoiser, moments, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import at
from inhouse.packs.diffusion.samplers.euler import euler, euler_ancestral


def test_euler_is_of_first_order() -> None:
    assert order(euler) == pytest.approx(1, abs=0.1)


def test_ancestral_euler_keeps_the_distribution_of_the_data() -> None:
    mean, deviation = moments(euler_ancestral)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.03


def test_the_last_step_goes_to_the_clean_latent() -> None:
    x, denoiser = noisy(), GaussianDenoiser()
    for sampler in (euler, euler_ancestral):
        end = sampler(denoiser, x, torch.tensor([HIGH, 0.0]), noise=NoiseSource(0))
        torch.testing.assert_close(end, denoiser(x, at(torch.tensor(HIGH), x)))
