"""Multistep consistency sampling."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def lcm(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """Jump to the clean latent, add noise up to the next level, jump again.

    Luo et al. (2023), Latent Consistency Models, Algorithm 3, https://arxiv.org/abs/2310.04378.
    """
    draw = noise.gaussian(x)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        x = denoised
        if sigma_next > 0:
            x = denoiser.prediction.noise_scaling(sigma_next, draw(sigma, sigma_next), x)
    return x
