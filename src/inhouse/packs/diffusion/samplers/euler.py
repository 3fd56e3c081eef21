"""Euler's method: one evaluation a step, first order."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Ancestral, Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def euler(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """Follow the probability flow. Karras et al. (2022), Algorithm 2 without churn, https://arxiv.org/abs/2206.00364.

    The deterministic DDIM (Song et al. (2020), https://arxiv.org/abs/2010.02502) is the same in these variables.
    """
    del noise
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        x = x + to_d(x, sigma, denoised) * (sigma_next - sigma)
    return x


def _follow(denoiser: Denoiser, x: Tensor, denoised: Tensor, sigma: Tensor, sigma_down: Tensor) -> Tensor:
    del denoiser
    return x + to_d(x, sigma, denoised) * (sigma_down - sigma)


euler_ancestral = Ancestral(_follow)
"""Euler's method below the next level, then noise up to it."""
