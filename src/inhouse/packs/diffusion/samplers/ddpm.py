"""Ancestral sampling: the reverse of the process that the network was trained on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def ddpm(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """Draw from the posterior of each level given the one above. Ho et al. (2020), Algorithm 2.

    https://arxiv.org/abs/2006.11239; its x_t is x / sqrt(1 + sigma^2), its alpha-bar 1 / (1 + sigma^2).
    """
    draw = noise.gaussian(x)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        alpha_bar, alpha_bar_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        alpha = alpha_bar / alpha_bar_next
        eps = to_d(x, sigma, denoised)
        mean = (x * alpha_bar.sqrt() - (1 - alpha) / (1 - alpha_bar).sqrt() * eps) / alpha.sqrt()
        if sigma_next > 0:
            deviation = ((1 - alpha) * (1 - alpha_bar_next) / (1 - alpha_bar)).sqrt()
            mean = mean + draw(sigma, sigma_next) * deviation
        x = mean / alpha_bar_next.sqrt()
    return x
