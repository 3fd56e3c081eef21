from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import HIGH, GaussianDenoiser, error, even_in_log, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler, at
from inhouse.packs.diffusion.samplers.dpm import Controller, StepSize, dpm_adaptive, dpm_fast


def test_dpm_fast_asks_as_often_as_there_are_steps() -> None:
    for steps in range(2, 10):
        denoiser = GaussianDenoiser()
        dpm_fast(denoiser, noisy(1), even_in_log(steps), noise=NoiseSource(0))
        assert len(denoiser.asked) == steps


def test_dpm_fast_converges_to_the_flow() -> None:
    assert order(dpm_fast) > 1.7


def test_dpm_adaptive_is_as_exact_as_it_promises_however_many_steps_there_are() -> None:
    assert error(dpm_adaptive, 2) == error(dpm_adaptive, 40) < 0.05 * HIGH


def test_dpm_adaptive_takes_a_step_back_when_it_was_too_large() -> None:
    controller = Controller(StepSize(h=1.0), order=3)
    assert not controller.accepts(100.0)
    assert controller.h < 0.5
    assert controller.accepts(0.01)


@pytest.mark.parametrize("sampler", [dpm_fast, dpm_adaptive])
def test_only_the_ends_of_the_schedule_count(sampler: Sampler) -> None:
    x = noisy()
    one, other = (
        sampler(GaussianDenoiser(), x, torch.tensor([HIGH, middle, 0.4, 0.0]), noise=NoiseSource(0))
        for middle in (2.0, 1.0)
    )
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("sampler", [dpm_fast, dpm_adaptive])
def test_a_single_step_goes_to_the_clean_latent(sampler: Sampler) -> None:
    x, denoiser = noisy(), GaussianDenoiser()
    end = sampler(denoiser, x, torch.tensor([HIGH, 0.0]), noise=NoiseSource(0))
    torch.testing.assert_close(end, denoiser(x, at(torch.tensor(HIGH), x)))
