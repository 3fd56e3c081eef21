from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler, Step, at
from inhouse.packs.diffusion.samplers.cfg_pp import (
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral_cfg_pp,
    euler_ancestral_cfg_pp,
    euler_cfg_pp,
    renoise,
)
from inhouse.packs.diffusion.samplers.dpmpp import dpmpp_2m
from inhouse.packs.diffusion.samplers.euler import euler, euler_ancestral

PLAIN = [
    (euler_cfg_pp, euler),
    (euler_ancestral_cfg_pp, euler_ancestral),
    (dpmpp_2m_cfg_pp, dpmpp_2m),
]


@pytest.mark.parametrize(("guided", "plain"), PLAIN)
def test_without_guidance_it_is_the_plain_sampler(guided: Sampler, plain: Sampler) -> None:
    x, sigmas = noisy(), torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    one, other = (run(GaussianDenoiser(), x, sigmas, noise=NoiseSource(1)) for run in (guided, plain))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_the_noise_added_back_is_the_one_that_the_unconditional_prediction_sees() -> None:
    x, denoiser = noisy(), GaussianDenoiser(unconditional_mean=-1.0)
    denoised, unconditional = denoiser.pair(x, at(torch.tensor(8.0), x))
    expected = denoised + 0.5 * (x - unconditional)
    torch.testing.assert_close(renoise(x, denoised, unconditional, torch.tensor(0.5)), expected)
    end = euler_cfg_pp(denoiser, x, torch.tensor([8.0, 4.0]), noise=NoiseSource(0))
    torch.testing.assert_close(end, expected)


@pytest.mark.parametrize("sampler", [euler_cfg_pp, euler_ancestral_cfg_pp, dpmpp_2m_cfg_pp, dpmpp_2s_ancestral_cfg_pp])
def test_it_ends_at_the_guided_latent(sampler: Sampler) -> None:
    steps: list[Step] = []
    denoiser = GaussianDenoiser(unconditional_mean=-1.0)
    end = sampler(denoiser, noisy(), torch.tensor([8.0, 4.0, 0.0]), noise=NoiseSource(0), callback=steps.append)
    torch.testing.assert_close(end, steps[-1].denoised)
