from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, even_in_log, moments, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler, Step
from inhouse.packs.diffusion.samplers.sa_solver import sa_solver, sa_solver_pece

BOTH = [sa_solver, sa_solver_pece]


@pytest.mark.parametrize("sampler", BOTH)
def test_the_distribution_of_the_data_is_kept(sampler: Sampler) -> None:
    mean, deviation = moments(sampler, steps=30)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.01


@pytest.mark.parametrize(("sampler", "evaluations"), [(sa_solver, 1), (sa_solver_pece, 2)])
def test_it_asks_once_a_step_or_twice_after_the_first(sampler: Sampler, evaluations: int) -> None:
    denoiser = GaussianDenoiser()
    sampler(denoiser, noisy(1), torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == [8] + [level for level in (4, 2, 1) for _ in range(evaluations)]


@pytest.mark.parametrize("sampler", BOTH)
def test_noise_is_added_in_the_middle_of_the_process_only(sampler: Sampler) -> None:
    x, high = noisy(), torch.tensor([14.6, 12.0, 10.0, 8.0])
    one, other = (sampler(GaussianDenoiser(), x, high, noise=NoiseSource(seed)) for seed in (0, 1))
    assert torch.equal(one, other)
    one, other = (sampler(GaussianDenoiser(), x, even_in_log(4), noise=NoiseSource(seed)) for seed in (0, 1))
    assert not torch.equal(one, other)


def test_the_last_step_goes_to_the_clean_latent() -> None:
    steps: list[Step] = []
    sigmas = torch.tensor([8.0, 4.0, 2.0, 0.0])
    end = sa_solver(GaussianDenoiser(), noisy(), sigmas, noise=NoiseSource(0), callback=steps.append)
    torch.testing.assert_close(end, steps[-1].denoised)
