"""Adams-Bashforth methods: one evaluation a step, up to fourth order from the directions of the last four.

Hairer, Norsett and Wanner (1993), Solving Ordinary Differential Equations I, sections III.1 and III.5.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from numpy.polynomial import Polynomial

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

ORDER = 4

Coefficients = Callable[[list[float], int, int], list[float]]
"""From the levels, the step's number and the order: the weights of the last directions, newest first."""


def lms(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    order: int = ORDER,
) -> Tensor:
    """Integrate the polynomial in sigma through the last ``order`` directions: linear multistep of k-diffusion.

    https://github.com/crowsonkb/k-diffusion
    """
    return _adams(denoiser, x, sigmas, noise, callback, _exact, to_clean=False, order=order)


def ipndm(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """Improved pseudo numerical method: coefficients for steps of one size, whatever the steps.

    Zhang and Chen (2022), appendix B (iPNDM), https://arxiv.org/abs/2204.13902. The last step goes to the clean latent.
    """
    return _adams(denoiser, x, sigmas, noise, callback, _even_steps, to_clean=True)


def ipndm_v(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Improved pseudo numerical method for steps of different sizes, as in https://github.com/zju-pi/diff-sampler.

    The last step goes to the clean latent.
    """
    return _adams(denoiser, x, sigmas, noise, callback, _uneven_steps, to_clean=True)


def _adams(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    callback: Callback,
    coefficients: Coefficients,
    *,
    to_clean: bool,
    order: int = ORDER,
) -> Tensor:
    del noise
    levels, directions = sigmas.tolist(), deque["Tensor"](maxlen=order)
    for i, sigma in enumerate(sigmas[:-1]):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if to_clean and levels[i + 1] == 0:
            return denoised
        directions.appendleft(to_d(x, sigma, denoised))
        for weight, d in zip(coefficients(levels, i, len(directions)), directions, strict=True):
            x = x + weight * d
    return x


def lagrange(nodes: list[float]) -> list[Polynomial]:
    """Return for each node the polynomial that is 1 there and 0 at the others."""
    return [
        math.prod((Polynomial([-other, 1]) / (node - other) for other in nodes if other != node), start=Polynomial([1]))
        for node in nodes
    ]


def _exact(levels: list[float], i: int, order: int) -> list[float]:
    known = levels[i + 1 - order : i + 1][::-1]
    return [float(p.integ(lbnd=levels[i])(levels[i + 1])) for p in lagrange(known)]


def _even_steps(levels: list[float], i: int, order: int) -> list[float]:
    table = ([1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24])
    return [weight * (levels[i + 1] - levels[i]) for weight in table[order - 1]]


def _uneven_steps(levels: list[float], i: int, order: int) -> list[float]:
    h, h1, h2, h3 = (levels[max(i + 1 - k, 0)] - levels[max(i - k, 0)] for k in range(4))
    weights = [1.0]
    if order > 1:
        weights = [1 + h / (2 * h1), -h / (2 * h1)]
    if order > 2:
        a = (1 - h**2 / (3 * h1 * (h1 + h2))) / 2
        weights = [weights[0] + a, weights[1] - (1 + h1 / h2) * a, a * h1 / h2]
    if order > 3:
        b = (1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))
        b *= h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
        q = h1 * (h1 + h2) / (h2 * (h2 + h3))
        added = (b, -(1 + h1 / h2 + q) * b, (h1 / h2 + q * (1 + h2 / h3)) * b, -q * h1 / h2 * b)
        weights = [old + new for old, new in zip([*weights, 0.0], added, strict=True)]
    return [weight * h for weight in weights]
