"""CFG++: guidance points at the clean latent, the unconditional prediction at the noise.

Chung et al. (2024), https://arxiv.org/abs/2406.08070: what is added back after a step is the noise that the
unconditional prediction sees, so that guidance does not push the latent off the manifold of noisy ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, ancestral_step, at, ignore
from inhouse.packs.diffusion.samplers.fading import for_fading_signals

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def renoise(x: Tensor, denoised: Tensor, unconditional: Tensor, ratio: Tensor) -> Tensor:
    """Return ``denoised`` under the noise that ``unconditional`` sees in ``x``, at ``ratio`` times its level.

    Chung et al. (2024), Algorithm 2, line 5.
    """
    return denoised + ratio * (x - unconditional)


@for_fading_signals
def euler_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Euler's method (DDIM) under CFG++."""
    del noise
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unconditional = denoiser.pair(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        x = renoise(x, denoised, unconditional, sigma_next / sigma)
    return x


@for_fading_signals
def euler_ancestral_cfg_pp(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    eta: float = 1.0,
) -> Tensor:
    """Ancestral Euler under CFG++; ``eta`` is the share of the noise, 0 to 1."""
    draw = noise.gaussian(x)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unconditional = denoiser.pair(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        sigma_down, sigma_up = ancestral_step(sigma, sigma_next, eta)
        x = renoise(x, denoised, unconditional, sigma_down / sigma)
        if sigma_next > 0:
            x = x + draw(sigma, sigma_next) * sigma_up
    return x


def dpmpp_2m_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """DPM-Solver++(2M) under CFG++: the extrapolation is from the unconditional prediction of the step before.

    Lu et al. (2022), https://arxiv.org/abs/2211.01095, Algorithm 2.
    """
    del noise
    lambdas = -sigmas.log()
    previous = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unconditional = denoiser.pair(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        ratio = sigma_next / sigma
        x = renoise(x, denoised, unconditional, ratio)
        if previous is not None and sigma_next > 0:
            r = (lambdas[i] - lambdas[i - 1]) / (lambdas[i + 1] - lambdas[i])
            x = x + (1 - ratio) / (2 * r) * (denoised - previous)
        previous = unconditional
    return x


def dpmpp_2s_ancestral_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Ancestral DPM-Solver++(2S) under CFG++.

    Lu et al. (2022), https://arxiv.org/abs/2211.01095, Algorithm 1 with r = 1/2.
    """
    draw = noise.gaussian(x)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unconditional = denoiser.pair(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        sigma_down, sigma_up = ancestral_step(sigma, sigma_next)
        if sigma_down == 0:
            x = denoised
        else:
            middle = sigma.log().lerp(sigma_down.log(), 0.5).exp()
            guess = renoise(x, denoised, unconditional, middle / sigma)
            denoised_2, unconditional = denoiser.pair(guess, at(middle, x))
            ratio = sigma_down / sigma
            x = ratio * (x + denoised - unconditional) + (1 - ratio) * denoised_2
        if sigma_next > 0:
            x = x + draw(sigma, sigma_next) * sigma_up
    return x
