"""Gradient estimation: the flow seen as gradient descent on the distance to the data.

Permenter and Yuan (2023), https://arxiv.org/abs/2306.04848, Algorithm 2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

GAMMA = 2.0
"""How far the direction is extrapolated beyond the change since the last step; the paper's choice."""


def gradient_estimation(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Step along gamma * d + (1 - gamma) * previous d; the last step goes to the clean latent."""
    del noise
    previous = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if sigma_next == 0:
            return denoised
        d = to_d(x, sigma, denoised)
        estimate = d if previous is None else GAMMA * d + (1 - GAMMA) * previous
        x = x + estimate * (sigma_next - sigma)
        previous = d
    return x


def gradient_estimation_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """The same under CFG++, Chung et al. (2024), https://arxiv.org/abs/2406.08070."""
    del noise
    previous = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unconditional = denoiser.pair(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if sigma_next == 0:
            return denoised
        d = to_d(x, sigma, unconditional)
        x = denoised + d * sigma_next
        if previous is not None:
            x = x + (GAMMA - 1) * (d - previous) * (sigma_next - sigma)
        previous = d
    return x
