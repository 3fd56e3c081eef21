"""DEIS: the direction is a polynomial in the time of a variance preserving process.

Zhang and Chen (2022), https://arxiv.org/abs/2204.13902, equation 15 (tAB-DEIS), second order polynomials.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.packs.diffusion.samplers.adams import lagrange
from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

ORDER = 3
SIGMA_MIN, SIGMA_MAX, TIME_MIN = 0.002, 80.0, 0.001
"""The process whose time is meant: linear beta with these levels at these ends, as in Karras et al. (2022)."""


def deis(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """tAB-DEIS; the last step goes to the clean latent."""
    del noise
    levels, directions = sigmas.tolist(), deque["Tensor"](maxlen=ORDER)
    for i, sigma in enumerate(sigmas[:-1]):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if levels[i + 1] == 0:
            return denoised
        directions.appendleft(to_d(x, sigma, denoised))
        known = levels[i + 1 - len(directions) : i + 1][::-1]
        for weight, d in zip(_coefficients(known, levels[i + 1]), directions, strict=True):
            x = x + weight * d
    return x


def vp_time(sigma: float | np.ndarray[Any, Any]) -> Any:
    """Return the time at which a variance preserving process with linear beta has this noise level.

    Song et al. (2020), https://arxiv.org/abs/2011.13456, inverted as in Karras et al. (2022), Table 1.
    """
    low, high = math.log1p(SIGMA_MIN**2), math.log1p(SIGMA_MAX**2)
    beta_d = 2 * (low / TIME_MIN - high) / (TIME_MIN - 1)
    beta_min = high - beta_d / 2
    return (np.sqrt(beta_min**2 + 2 * beta_d * np.log1p(np.square(sigma))) - beta_min) / beta_d


def _coefficients(known: list[float], end: float) -> list[float]:
    """Integrate the polynomials in time through the known levels over sigma, from the newest to ``end``."""
    points, weights = np.polynomial.legendre.leggauss(32)
    half = (end - known[0]) / 2
    times = vp_time(known[0] + half * (points + 1))
    return [float((basis(times) * weights).sum() * half) for basis in lagrange([float(vp_time(s)) for s in known])]
