"""Heun's method and its extension: averages of the directions along a step."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def heun(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """Average the directions at both ends of a step. Karras et al. (2022), Algorithm 1, https://arxiv.org/abs/2206.00364."""
    del noise
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        d = to_d(x, sigma, denoised)
        if sigma_next > 0:
            guess = x + d * (sigma_next - sigma)
            d = (d + to_d(guess, sigma_next, denoiser(guess, at(sigma_next, x)))) / 2
        x = x + d * (sigma_next - sigma)
    return x


def heunpp2(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Heun++: look up to two levels ahead, and weigh each direction seen there by its level over the first.

    https://github.com/Carzit/sd-webui-sampler-heunpp
    """
    del noise
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        directions, guess, level = [to_d(x, sigma, denoised)], x, sigma
        for ahead in sigmas[i + 1 : i + 3]:
            if ahead == 0:
                break
            guess, level = guess + directions[-1] * (ahead - level), ahead
            directions.append(to_d(guess, ahead, denoiser(guess, at(ahead, x))))
        weights = sigmas[i + 1 : i + len(directions)] / (sigmas[0] * len(directions))
        d = (1 - weights.sum()) * directions[0]
        for weight, direction in zip(weights, directions[1:], strict=True):
            d = d + weight * direction
        x = x + d * (sigma_next - sigma)
    return x
