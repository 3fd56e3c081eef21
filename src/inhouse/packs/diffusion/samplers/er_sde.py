"""ER-SDE: solvers of reverse-time SDEs with a noise scale of one's choice.

Cui et al. (2023), Elucidating the solution space of extended reverse-time SDE, https://arxiv.org/abs/2309.06169, for
x = x0 + sigma * noise, up to third order by Taylor expansion (Algorithms 1 to 3).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore
from inhouse.packs.diffusion.samplers.fading import for_fading_signals

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

POINTS = 200
"""Points of the rectangle rule for the two integrals, which have no closed form."""


NoiseScale = Callable[["Tensor"], "Tensor"]
"""The paper's phi: the faster it falls with sigma, the more noise a step takes away and adds."""


def noise_scale(sigma: Tensor) -> Tensor:
    """Return phi(sigma) = sigma * (exp(sigma^0.3) + 10): SDE_5 of the paper's appendix A.8."""
    return sigma * ((sigma**0.3).exp() + 10)


def reverse_time(eta: float) -> NoiseScale:
    """Return phi(sigma) = sigma^(1 + eta): the flow at 0, the reverse SDE at 1 (section 3.2)."""
    return lambda sigma: sigma ** (1 + eta)


@for_fading_signals
def er_sde(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    phi: NoiseScale = noise_scale,
    order: int = 3,
) -> Tensor:
    """ER-SDE-Solver of an order (1 to 3); the last step goes to the clean latent."""
    draw = noise.gaussian(x)
    levels = sigmas.double()
    previous, slope_before = None, None
    for i, (sigma, sigma_next) in enumerate(pairwise(levels)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if sigma_next == 0:
            return denoised
        ratio = phi(sigma_next) / phi(sigma)
        x = ratio * x + (1 - ratio) * denoised
        if previous is not None and order > 1:
            first, second = _taylor_weights(phi, sigma, sigma_next)
            slope = (denoised - previous) / (sigma - levels[i - 1])
            x = x + first * slope
            if slope_before is not None and order > 2:
                x = x + second * 2 * (slope - slope_before) / (sigma - levels[i - 2])
            slope_before = slope
        x = x + draw(sigma, sigma_next) * (sigma_next**2 - (sigma * ratio) ** 2).clamp(min=0).sqrt()
        previous = denoised
    return x


def _taylor_weights(phi: NoiseScale, sigma: Tensor, sigma_next: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights of the denoised latent's first and second derivative by sigma."""
    step = sigma_next - sigma
    points = sigma_next - torch.arange(POINTS, dtype=sigma.dtype) / POINTS * step
    scaled = phi(sigma_next) / phi(points) * -step / POINTS
    return step + scaled.sum(), step**2 / 2 + (scaled * (points - sigma)).sum()
