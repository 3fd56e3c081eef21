from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.noise_levels import DiscreteLevels, FlowLevels, LogLevels
from inhouse.packs.diffusion.prediction import (
    Consistency,
    Epsilon,
    Flow,
    Preconditioned,
    Prediction,
    Sample,
    Velocity,
    expand,
)

LEVELS = DiscreteLevels.from_betas()
ALL: list[Prediction] = [
    Epsilon(LEVELS),
    Velocity(LEVELS),
    Sample(LEVELS),
    Preconditioned(LogLevels(0.002, 80.0), 0.5),
    Consistency(LEVELS.every(20)),
    Flow(FlowLevels()),
]
SIGMA = torch.tensor([0.3, 0.9])


def latent_and_noise() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 3, 3, generator=generator), torch.randn(2, 4, 3, 3, generator=generator)


def test_a_perfect_network_gives_the_clean_latent() -> None:
    latent, noise = latent_and_noise()
    sigma = expand(SIGMA, latent)
    root = (sigma**2 + 1).sqrt()
    perfect = {
        Epsilon: noise,
        Velocity: (noise - sigma * latent) / root,
        Sample: latent,
        Flow: noise - latent,
    }
    for prediction in ALL:
        if type(prediction) in perfect:
            x = prediction.noise_scaling(SIGMA, noise, latent)
            denoised = prediction.denoised(perfect[type(prediction)], x, SIGMA)
            torch.testing.assert_close(denoised, latent, atol=1e-5, rtol=1e-5)


def test_edm_mixes_what_it_sees_and_what_it_predicts() -> None:
    latent, noise = latent_and_noise()
    edm = Preconditioned(LogLevels(0.002, 80.0), 0.5)
    sigma = torch.tensor(1e-6)
    torch.testing.assert_close(edm.denoised(noise, latent, sigma), latent, atol=1e-4, rtol=1e-4)
    sigma = torch.tensor(1e6)
    torch.testing.assert_close(edm.denoised(noise, latent, sigma), noise * 0.5, atol=1e-4, rtol=1e-4)


def test_a_consistency_model_is_its_noise_prediction_far_from_the_lowest_level() -> None:
    latent, noise = latent_and_noise()
    sigma = torch.tensor([3.0, 10.0])
    x = ALL[4].noise_scaling(sigma, noise, latent)
    torch.testing.assert_close(ALL[4].denoised(noise, x, sigma), latent, atol=1e-2, rtol=0)


@pytest.mark.parametrize("prediction", ALL)
def test_noisy_data_reach_the_network_with_unit_variance(prediction: Prediction) -> None:
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(1, 100_000, generator=generator) * prediction.sigma_data
    noise = torch.randn(1, 100_000, generator=generator)
    for sigma in prediction.sigmas[[0, len(prediction.sigmas) // 3, -1]]:
        shown = prediction.scale_input(prediction.noise_scaling(sigma, noise, latent), sigma)
        assert 0.49 < float(shown.var()) < 1.02  # halfway along a flow it is a half


@pytest.mark.parametrize("prediction", ALL)
def test_noise_scaling_is_undone_where_the_noise_is_gone(prediction: Prediction) -> None:
    latent, noise = latent_and_noise()
    x = prediction.noise_scaling(SIGMA, torch.zeros_like(noise), latent)
    torch.testing.assert_close(prediction.inverse_noise_scaling(SIGMA, x), latent, atol=1e-5, rtol=1e-5)


def test_a_start_from_pure_noise_has_the_variance_of_latent_and_noise() -> None:
    latent, noise = latent_and_noise()
    x = ALL[0].noise_scaling(torch.tensor(3.0), noise, torch.zeros_like(latent), max_denoise=True)
    torch.testing.assert_close(x, noise * math.sqrt(10))


@pytest.mark.parametrize("prediction", ALL)
def test_the_highest_level_is_a_start_from_pure_noise_and_the_middle_is_not(prediction: Prediction) -> None:
    assert prediction.is_max_denoise(prediction.sigma_max * (1 - 1e-6))
    assert prediction.is_max_denoise(prediction.sigma_max * 2)
    assert not prediction.is_max_denoise(float(prediction.sigmas[500 % len(prediction.sigmas)]))


@pytest.mark.parametrize("prediction", ALL)
@given(percent=st.floats(-1, 2))
def test_a_range_from_0_to_1_holds_every_level(prediction: Prediction, percent: float) -> None:
    sigma = prediction.percent_to_sigma(percent)
    if percent <= 0:
        assert sigma == math.inf
    elif percent >= 1:
        assert sigma == 0
    else:
        assert 0 < sigma <= prediction.sigma_max * 1.0001


def test_only_a_flow_fades_the_latent() -> None:
    assert [prediction.alpha(torch.tensor(0.25)).item() for prediction in ALL] == [1, 1, 1, 1, 1, 0.75]


def test_levels_can_be_exchanged() -> None:
    bent = ALL[1].with_levels(DiscreteLevels.from_betas(zero_terminal_snr=True))
    assert isinstance(bent, Velocity)
    assert bent.sigma_max > 4000
    assert torch.equal(bent.log_sigmas, bent.levels.log_sigmas)
    assert bent.timestep(bent.sigma(torch.tensor([10.0]))).tolist() == [10]
