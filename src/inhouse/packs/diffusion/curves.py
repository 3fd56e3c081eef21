"""Noise schedules between two levels of one's choice, which ask no model.

Each returns sigmas in falling order that end in 0: float32, on the CPU, shape (steps + 1,). ``high`` and ``low`` are
the first level and the last one before 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-30
"""What stands for a level of 0 where a logarithm is taken."""


_LEAST_RHO = 0.25
"""Below it levels would leave the range of float32."""


def append_zero(sigmas: Tensor) -> Tensor:
    """Return ``sigmas`` with the end of all noise behind them."""
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def karras(steps: int, high: float, low: float, rho: float = 7.0) -> Tensor:
    """Spread evenly in sigma^(1 / rho). Karras et al. (2022), equation 5, https://arxiv.org/abs/2206.00364."""
    root = 1 / max(rho, _LEAST_RHO)
    first, last = high**root, low**root
    return append_zero((first + torch.linspace(0, 1, steps) * (last - first)) ** (1 / root))


def exponential(steps: int, high: float, low: float) -> Tensor:
    """Spread evenly in the logarithm of sigma."""
    return append_zero(torch.linspace(_log(high), _log(low), steps).exp())


def polyexponential(steps: int, high: float, low: float, rho: float = 1.0) -> Tensor:
    """Spread over the logarithm of sigma by a power ``rho`` of the steps: https://github.com/crowsonkb/k-diffusion."""
    ramp = torch.linspace(1, 0, steps) ** rho
    return append_zero((ramp * (_log(high) - _log(low)) + _log(low)).exp())


def laplace(steps: int, high: float, low: float, mu: float = 0.0, beta: float = 0.5) -> Tensor:
    """Take the quantiles of a Laplace distribution of ln(sigma), cut to ``low`` and ``high``.

    Hang et al. (2024), Improved Noise Schedule for Diffusion Training, https://arxiv.org/abs/2407.03297.

    Args:
        steps: 1 or more.
        high: the highest level.
        low: the lowest one above 0.
        mu: the logarithm about which levels are dense.
        beta: how far they spread from it.

    """
    above_half = 0.5 - torch.linspace(0, 1, steps, dtype=torch.float64)
    tails = torch.log((1 - 2 * above_half.abs()).clamp(min=1e-5))
    return append_zero((mu - beta * above_half.sign() * tails).exp().clamp(low, high).float())


def variance_preserving(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 0.001) -> Tensor:
    """Take the levels of a continuous variance-preserving process at even times from 1 to ``eps_s``.

    Song et al. (2021), https://arxiv.org/abs/2011.13456, appendix C; in sigma: Karras et al. (2022), Table 1.
    """
    t = torch.linspace(1, eps_s, steps)
    return append_zero((beta_d * t**2 / 2 + beta_min * t).expm1().sqrt())


def through(points: list[float], steps: int) -> Tensor:
    """Return levels for any number of steps that follow a given schedule, interpolated in the logarithm.

    Args:
        points: the given levels, falling, the last one above 0; 0 takes its place at the end.
        steps: 1 or more.

    """
    import numpy as np

    places, wanted = np.linspace(0, 1, len(points)), np.linspace(0, 1, steps + 1)
    sigmas = torch.from_numpy(np.exp(np.interp(wanted, places, np.log(points)))).float()
    sigmas[-1] = 0
    return sigmas


def _log(level: float) -> float:
    return math.log(max(level, _LEAST))
