"""SEEDS: exponential integrators of the reverse SDE, whose noise inside a step is that of one path.

Gonzalez et al. (2023), https://arxiv.org/abs/2305.14267, predicting the denoised latent, with alpha = 1,
lambda = -ln(sigma) and eta = 1, so that the linear part decays by exp(-2 h).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore
from inhouse.packs.diffusion.samplers.fading import for_fading_signals

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSampler, NoiseSource


@for_fading_signals
def seeds_2(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """SEEDS-2 with the inner stage at half the step."""
    return _seeds(denoiser, x, sigmas, noise, callback, (1 / 2,))


@for_fading_signals
def seeds_3(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """SEEDS-3 with the inner stages at a third and two thirds of the step."""
    return _seeds(denoiser, x, sigmas, noise, callback, (1 / 3, 2 / 3))


def _seeds(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    callback: Callback,
    stages: tuple[float, ...],
) -> Tensor:
    draw = noise.gaussian(x)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if sigma_next == 0:
            return denoised
        h = (sigma / sigma_next).log()
        levels = [sigma * (-r * h).exp() for r in stages] + [sigma_next]
        noises = _path(sigma, levels, draw)
        inner, r_inner = denoised, 0.0
        for r, level, path in zip((*stages, 1.0), levels, noises, strict=True):
            decay = 2 * r * h
            start = (-decay).exp() * x - (-decay).expm1() * denoised + path
            if r_inner:
                start = start + _weight(decay, r, r_inner, len(stages)) * (inner - denoised)
            if r < 1:
                inner, r_inner = denoiser(start, at(level, x)), r
        x = start
    return x


def _weight(decay: Tensor, r: float, r_inner: float, order: int) -> Tensor:
    """Return the weight of what the inner evaluation adds: the midpoint rule in SEEDS-2, a slope's in SEEDS-3."""
    if order == 1:
        return -(-decay).expm1() / (2 * r_inner)
    return (1 + (-decay).expm1() / decay) * (r / r_inner)


def _path(sigma: Tensor, levels: list[Tensor], draw: NoiseSampler) -> list[Tensor]:
    """Return the noise gathered from ``sigma`` down to each of the levels: each holds the faded one before it."""
    path: list[Tensor] = []
    for above, level in zip([sigma, *levels], levels, strict=False):
        fade = (level / above) ** 2
        fresh = draw(above, level) * level * (1 - fade).sqrt()
        path.append(fade * path[-1] + fresh if path else fresh)
    return path
