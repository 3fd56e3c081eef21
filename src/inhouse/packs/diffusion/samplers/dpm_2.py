"""DPM-Solver-2: two evaluations a step, second order, the second one halfway in the logarithm of sigma."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Ancestral, Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def _midpoint_step(denoiser: Denoiser, x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Return ``x`` at ``sigma_next``, with the direction found halfway. To zero there is no halfway: Euler's step."""
    d = to_d(x, sigma, denoised)
    if sigma_next == 0:
        return x - d * sigma
    middle = sigma.log().lerp(sigma_next.log(), 0.5).exp()
    guess = x + d * (middle - sigma)
    return x + to_d(guess, middle, denoiser(guess, at(middle, x))) * (sigma_next - sigma)


def dpm_2(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """Lu et al. (2022), DPM-Solver, Algorithm 1 (r1 = 1/2) in sigma, https://arxiv.org/abs/2206.00927."""
    del noise
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        x = _midpoint_step(denoiser, x, denoised, sigma, sigma_next)
    return x


dpm_2_ancestral = Ancestral(_midpoint_step)
"""The same below the next level, then noise up to it."""
