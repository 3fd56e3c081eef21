from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, moments, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.seeds import seeds_2, seeds_3


@pytest.mark.parametrize("sampler", [seeds_2, seeds_3])
def test_the_distribution_of_the_data_is_kept(sampler: Sampler) -> None:
    mean, deviation = moments(sampler, steps=30)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.01


@pytest.mark.parametrize(("sampler", "stages"), [(seeds_2, 2), (seeds_3, 3)])
def test_it_asks_at_even_fractions_of_the_step_in_the_logarithm(sampler: Sampler, stages: int) -> None:
    denoiser = GaussianDenoiser()
    sampler(denoiser, noisy(1), torch.tensor([8.0, 1.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == pytest.approx([8 ** (1 - i / stages) for i in range(stages)] + [1])
