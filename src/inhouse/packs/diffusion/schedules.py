"""Noise schedules: the levels that a sampler steps through, from the highest down to zero.

Each takes the prediction whose noise levels it spreads over the steps, and the number of steps, and returns sigmas in
falling order that end in 0: float32, on the CPU, shape (steps + 1,) (``ddim_uniform`` may hold one step more).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion import curves
from inhouse.packs.diffusion.curves import append_zero

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.prediction import Prediction

Schedule = Callable[["Prediction", int], "Tensor"]


def _timestep_ends(prediction: Prediction) -> tuple[float, float]:
    ends = prediction.timestep(torch.tensor([prediction.sigma_max, prediction.sigma_min]))
    return float(ends[0]), float(ends[1])


def normal(prediction: Prediction, steps: int) -> Tensor:
    """Spread evenly over the timesteps, both ends included."""
    return append_zero(prediction.sigma(torch.linspace(*_timestep_ends(prediction), steps)))


def sgm_uniform(prediction: Prediction, steps: int) -> Tensor:
    """Spread evenly over the timesteps, the last step going from above the lowest level to zero."""
    return append_zero(prediction.sigma(torch.linspace(*_timestep_ends(prediction), steps + 1)[:-1]))


def karras(prediction: Prediction, steps: int) -> Tensor:
    """Spread over all levels as `curves.karras` does."""
    return curves.karras(steps, prediction.sigma_max, prediction.sigma_min)


def exponential(prediction: Prediction, steps: int) -> Tensor:
    """Spread evenly in the logarithm of sigma."""
    return curves.exponential(steps, prediction.sigma_max, prediction.sigma_min)


def simple(prediction: Prediction, steps: int) -> Tensor:
    """Take every (number of levels / steps)-th level, counted from the highest."""
    count = len(prediction.sigmas)
    return append_zero(prediction.sigmas[[count - 1 - int(i * count / steps) for i in range(steps)]])


def ddim_uniform(prediction: Prediction, steps: int) -> Tensor:
    """Take every floor(levels / steps)-th level, counted from the second lowest.

    Song et al. (2020), appendix D.2 (linear selection), https://arxiv.org/abs/2010.02502. The last stride may leave
    room for one level more than ``steps``.
    """
    stride = max(len(prediction.sigmas) // steps, 1)
    return append_zero(prediction.sigmas[1::stride].flip(0))


def beta(prediction: Prediction, steps: int, a: float = 0.6, b: float = 0.6) -> Tensor:
    """Take the levels at quantiles of a beta distribution; equal ones count once.

    Lee et al. (2024), Beta Sampling is All You Need, https://arxiv.org/abs/2407.12173.
    """
    import numpy as np
    from scipy import stats

    quantiles = stats.beta.ppf(1 - np.linspace(0, 1, steps, endpoint=False), a, b)
    rows = np.rint(quantiles * (len(prediction.sigmas) - 1)).astype(int)
    return append_zero(prediction.sigmas[list(dict.fromkeys(rows.tolist()))])


def linear_quadratic(prediction: Prediction, steps: int, threshold: float = 0.025) -> Tensor:
    """Fall linearly by ``threshold`` during the first half, then quadratically to zero, with no kink between.

    Polyak et al. (2024), Movie Gen, section 3.4.2, https://arxiv.org/abs/2410.13720.
    """
    linear = max(steps // 2, 1)
    quadratic = steps - linear
    i = torch.arange(steps + 1, dtype=torch.float64)
    slope = threshold / linear
    curve = (1 - threshold - slope * quadratic) / quadratic**2 if quadratic else 0.0
    fallen = torch.where(i < linear, slope * i, threshold + slope * (i - linear) + curve * (i - linear) ** 2)
    fallen[-1] = 1
    return (1 - fallen).float() * prediction.sigma_max


def kl_optimal(prediction: Prediction, steps: int) -> Tensor:
    """Spread evenly in arctan(sigma), which minimises a bound of the KL divergence.

    Sabour et al. (2024), Align Your Steps, section 3.1, https://arxiv.org/abs/2404.14507.
    """
    high, low = math.atan(prediction.sigma_max), math.atan(prediction.sigma_min)
    ramp = torch.arange(steps) / max(steps - 1, 1)
    return append_zero((ramp * low + (1 - ramp) * high).tan())


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "simple": simple,
        "sgm_uniform": sgm_uniform,
        "karras": karras,
        "exponential": exponential,
        "ddim_uniform": ddim_uniform,
        "beta": beta,
        "normal": normal,
        "linear_quadratic": linear_quadratic,
        "kl_optimal": kl_optimal,
    }
)

# These evaluate the denoiser between two levels, and gain nothing from a last step as short as the schedules end with.
DISCARD_PENULTIMATE_SIGMA = frozenset({"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})


def without_penultimate_sigma(schedule: Schedule) -> Schedule:
    """Return ``schedule`` made for one step more, of which the last two become one."""

    def shortened(prediction: Prediction, steps: int) -> Tensor:
        sigmas = schedule(prediction, steps + 1)
        return torch.cat([sigmas[:-2], sigmas[-1:]])

    return shortened


def partial_sigmas(schedule: Schedule, prediction: Prediction, steps: int, denoise: float = 1.0) -> Tensor:
    """Return the last ``steps`` steps of a schedule so long that they are the share ``denoise`` (0 to 1) of it.

    Empty when ``denoise`` is 0: there is nothing to sample.
    """
    if denoise <= 0:
        return torch.empty(0)
    if denoise > 0.9999:
        return schedule(prediction, steps)
    return schedule(prediction, int(steps / denoise))[-(steps + 1) :]


def sampler_sigmas(sampler: str, schedule: str, prediction: Prediction, steps: int, *, denoise: float = 1.0) -> Tensor:
    """Return the sigmas that a sampler steps through under a schedule, both by name.

    Raises:
        KeyError: no schedule goes by that name.

    """
    spread = SCHEDULES[schedule]
    if sampler in DISCARD_PENULTIMATE_SIGMA:
        spread = without_penultimate_sigma(spread)
    return partial_sigmas(spread, prediction, steps, denoise)
