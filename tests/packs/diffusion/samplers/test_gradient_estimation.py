from __future__ import annotations

import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Step
from inhouse.packs.diffusion.samplers.gradient_estimation import gradient_estimation, gradient_estimation_cfg_pp


def test_it_converges_to_the_flow() -> None:
    assert order(gradient_estimation) > 0.7


def test_the_direction_is_extrapolated_beyond_its_last_change() -> None:
    steps: list[Step] = []
    sigmas = torch.tensor([8.0, 4.0, 2.0])
    end = gradient_estimation(GaussianDenoiser(), noisy(), sigmas, noise=NoiseSource(0), callback=steps.append)
    first, second = ((step.x - step.denoised) / step.sigma for step in steps)
    torch.testing.assert_close(end, steps[1].x + (2 * second - first) * (2 - 4))


def test_without_guidance_cfg_pp_changes_nothing() -> None:
    x, sigmas = noisy(), torch.tensor([8.0, 4.0, 2.0, 0.0])
    one, other = (
        run(GaussianDenoiser(), x, sigmas, noise=NoiseSource(0))
        for run in (gradient_estimation, gradient_estimation_cfg_pp)
    )
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
