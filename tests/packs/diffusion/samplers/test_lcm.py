from __future__ import annotations

import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow
from inhouse.packs.diffusion.samplers.base import Step
from inhouse.packs.diffusion.samplers.lcm import lcm


def test_each_step_jumps_to_the_clean_latent_and_adds_fresh_noise() -> None:
    x, denoiser, noise = noisy(), GaussianDenoiser(), NoiseSource(4)
    steps: list[Step] = []
    end = lcm(denoiser, x, torch.tensor([8.0, 4.0, 0.0]), noise=noise, callback=steps.append)
    fresh = noise.gaussian(x)(torch.tensor(8.0), torch.tensor(4.0))
    torch.testing.assert_close(steps[1].x, steps[0].denoised + 4 * fresh)
    torch.testing.assert_close(end, steps[1].denoised)


def test_a_flow_adds_noise_along_its_straight_path() -> None:
    x, noise = noisy(), NoiseSource(4)
    steps: list[Step] = []
    denoiser = GaussianDenoiser(prediction=Flow(FlowLevels()))
    lcm(denoiser, x, torch.tensor([1.0, 0.6, 0.0]), noise=noise, callback=steps.append)
    fresh = noise.gaussian(x)(torch.tensor(1.0), torch.tensor(0.6))
    torch.testing.assert_close(steps[1].x, 0.4 * steps[0].denoised + 0.6 * fresh)
