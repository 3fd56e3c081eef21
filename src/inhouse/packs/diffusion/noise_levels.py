"""The noise levels that a network was trained on, and the timesteps that it knows them by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from torch import Tensor

# Stable Diffusion 1 and 2, and SDXL: https://arxiv.org/abs/2112.10752, configs of the official checkpoints.
BETA_START, BETA_END, TIMESTEPS = 0.00085, 0.012, 1000

TERMINAL_ALPHA_CUMPROD = 4.89735e-08
"""Signal power that a zero terminal SNR leaves: a noise level of 4,519, which float32 still computes with."""


def scaled_linear_betas(start: float = BETA_START, end: float = BETA_END, steps: int = TIMESTEPS) -> Tensor:
    """Return the noise added at each timestep, linear in its root; float64, shape (steps,)."""
    return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2


def rescale_zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """Return the signal's powers bent so that next to none is left at the last timestep.

    Lin et al. (2023), Algorithm 1, https://arxiv.org/abs/2305.08891; its zero would be an infinite noise level, so
    `TERMINAL_ALPHA_CUMPROD` stands for it.

    Args:
        alphas_cumprod: the signal's remaining power at each timestep, falling, shape (number of timesteps,).

    """
    root = alphas_cumprod.sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return torch.cat([root[:-1] ** 2, root.new_tensor([TERMINAL_ALPHA_CUMPROD])])


class NoiseLevels(Protocol):
    """Noise levels in rising order and the timesteps that they go by."""

    @property
    def sigmas(self) -> Tensor:
        """Noise levels in rising order, float32, shape (number of timesteps,)."""

    @property
    def log_sigmas(self) -> Tensor:
        """Natural logarithm of ``sigmas``."""

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the timesteps of these noise levels; shape as ``sigma``."""

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the noise levels at these timesteps; shape as ``timestep``."""

    def percent_to_sigma(self, percent: float) -> float:
        """Return the noise level after this share of the timesteps, strictly between 0 and 1."""


@dataclass(frozen=True, eq=False)
class DiscreteLevels:
    """A table of levels, one a timestep, as DDPM trains.

    Attributes:
        sigmas: the table in rising order, float32, shape (rows,).
        log_sigmas: their natural logarithms, float32.
        stride: timesteps between two rows; row i is timestep ``(i + 1) * stride - 1``.

    """

    sigmas: Tensor
    log_sigmas: Tensor
    stride: int = 1

    @classmethod
    def from_betas(cls, betas: Tensor | None = None, *, zero_terminal_snr: bool = False) -> DiscreteLevels:
        """Return the levels of a noise schedule; Stable Diffusion's when ``betas`` is None."""
        betas = scaled_linear_betas() if betas is None else betas.double()
        return cls.from_alphas_cumprod((1 - betas).cumprod(0), zero_terminal_snr=zero_terminal_snr)

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod: Tensor, *, zero_terminal_snr: bool = False) -> DiscreteLevels:
        """Return the levels at which the signal has these powers, falling, shape (rows,)."""
        alphas_cumprod = alphas_cumprod.double()
        if zero_terminal_snr:
            alphas_cumprod = rescale_zero_terminal_snr(alphas_cumprod)
        sigmas = ((1 - alphas_cumprod) / alphas_cumprod).sqrt()
        return cls(sigmas.float(), sigmas.log().float())

    def every(self, stride: int) -> DiscreteLevels:
        """Return the levels that are left of only every ``stride``-th timestep, as distilled models keep."""
        sigmas = self.sigmas[stride - 1 :: stride].clone()
        return DiscreteLevels(sigmas, sigmas.log(), self.stride * stride)

    # Both ways are computed on the CPU: a level halfway between two rows, which even spacing hits, then counts as the
    # same timestep on every device, although its distances differ in no more than the last bit.

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the timestep of the nearest level, by the distance of logarithms."""
        distances = (sigma.cpu().float().log()[..., None] - self.log_sigmas).abs()
        return ((distances.argmin(-1) + 1) * self.stride - 1).to(sigma.device)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Interpolate the logarithms of the two levels around ``timestep``, which is clamped to the table."""
        row = ((timestep.cpu().float() + 1) / self.stride - 1).clamp(0, len(self.sigmas) - 1)
        low, high, weight = self.log_sigmas[row.floor().long()], self.log_sigmas[row.ceil().long()], row.frac()
        return ((1 - weight) * low + weight * high).exp().to(timestep.device)

    def percent_to_sigma(self, percent: float) -> float:
        """Return the level at the timestep ``(1 - percent) * last``."""
        return float(self.sigma(torch.tensor((1 - percent) * (len(self.sigmas) * self.stride - 1))))


@dataclass(frozen=True, eq=False)
class LogLevels:
    """All levels between two, known by a quarter of their logarithm, as EDM trains.

    Karras et al. (2022), Table 1, c_noise: https://arxiv.org/abs/2206.00364.
    """

    lowest: float
    highest: float
    count: int = TIMESTEPS

    @cached_property
    def log_sigmas(self) -> Tensor:
        """Logarithms, evenly spaced."""
        return torch.linspace(math.log(self.lowest), math.log(self.highest), self.count)

    @cached_property
    def sigmas(self) -> Tensor:
        """Levels evenly spaced in their logarithm."""
        return self.log_sigmas.exp()

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return ln(sigma) / 4."""
        return sigma.log() / 4

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return exp(4 * timestep)."""
        return (timestep * 4).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """Interpolate the logarithm."""
        low, high = math.log(self.lowest), math.log(self.highest)
        return math.exp(high + (low - high) * percent)


@dataclass(frozen=True, eq=False)
class AngleLevels(LogLevels):
    """All levels between two, known by the angle between signal and noise, as a share of a right one.

    Salimans and Ho (2022), appendix D, https://arxiv.org/abs/2202.00512.
    """

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return atan(sigma) / (pi / 2)."""
        return sigma.atan() / (math.pi / 2)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return tan(timestep * pi / 2)."""
        return (timestep * math.pi / 2).tan()


@dataclass(frozen=True, eq=False)
class FlowLevels:
    """Levels between 0 and 1 along a straight path, shifted towards noise for large pictures.

    Esser et al. (2024), section 5.3.2, https://arxiv.org/abs/2403.03206.

    Attributes:
        shift: how far; 1 is not at all, Stable Diffusion 3 takes 3.
        multiplier: the timestep of pure noise.

    """

    shift: float = 3.0
    multiplier: float = 1000.0
    count: int = TIMESTEPS

    @cached_property
    def sigmas(self) -> Tensor:
        """Shifted levels of evenly spaced times."""
        return self.sigma(torch.arange(1, self.count + 1) / self.count * self.multiplier)

    @cached_property
    def log_sigmas(self) -> Tensor:
        """Natural logarithm of ``sigmas``."""
        return self.sigmas.log()

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return sigma * multiplier: the network is told the shifted level."""
        return sigma * self.multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the shifted level of an unshifted time."""
        time = timestep / self.multiplier
        return self.shift * time / (1 + (self.shift - 1) * time)

    def percent_to_sigma(self, percent: float) -> float:
        """Return the shifted level of the time ``1 - percent``."""
        time = 1 - percent
        return self.shift * time / (1 + (self.shift - 1) * time)
