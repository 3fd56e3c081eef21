"""A denoiser whose every answer is known: the data are normally distributed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.prediction import Epsilon, Prediction, expand

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.samplers.base import Sampler

MEAN, DEVIATION = 0.7, 0.5
HIGH, LOW = 8.0, 0.4


def stable_diffusion() -> Prediction:
    return Epsilon(DiscreteLevels.from_betas())


@dataclass(frozen=True)
class GaussianDenoiser:
    """Denoises data of mean 0.7 and standard deviation 0.5; notes the noise levels that it was asked at."""

    unconditional_mean: float = MEAN
    prediction: Prediction = field(default_factory=stable_diffusion)
    asked: list[float] = field(default_factory=list)

    def _denoised(self, x: Tensor, sigma: Tensor, mean: float) -> Tensor:
        variance = expand(sigma, x).to(x) ** 2
        return (DEVIATION**2 * x + variance * mean) / (DEVIATION**2 + variance)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        assert sigma.shape == (len(x),)
        assert sigma.dtype == torch.float32
        self.asked.append(float(sigma[0]))
        return self._denoised(x, sigma, MEAN)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self._denoised(x, sigma, self.unconditional_mean)


def exact(x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Follow the probability flow, which keeps each sample at its quantile."""
    scale = math.sqrt((DEVIATION**2 + sigma_next**2) / (DEVIATION**2 + sigma**2))
    return MEAN + (x - MEAN) * scale


def even_in_log(steps: int, high: float = HIGH, low: float = LOW) -> Tensor:
    return torch.linspace(math.log(high), math.log(low), steps + 1, dtype=torch.float64).exp()


def noisy(count: int = 64, sigma: float = HIGH, seed: int = 1) -> Tensor:
    """Draw samples of the data at a noise level: (count, 1, 2, 2), float64."""
    generator = torch.Generator().manual_seed(seed)
    spread = math.sqrt(DEVIATION**2 + sigma**2)
    return MEAN + spread * torch.randn(count, 1, 2, 2, generator=generator, dtype=torch.float64)


def error(sampler: Sampler, steps: int) -> float:
    """Return the largest error of a sampler against the exact flow."""
    x = noisy()
    result = sampler(GaussianDenoiser(), x, even_in_log(steps), noise=NoiseSource(0))
    return float((result - exact(x, HIGH, LOW)).abs().max())


def order(sampler: Sampler, steps: int = 24) -> float:
    """Return the order of convergence: how many times the error halves when the steps do."""
    return math.log2(error(sampler, steps) / error(sampler, 2 * steps))


def moments(sampler: Sampler, steps: int = 60, count: int = 20_000) -> tuple[float, float]:
    """Return the mean and the standard deviation of what a sampler makes, less what the data have at its last level."""
    x = noisy(count)
    result = sampler(GaussianDenoiser(), x, even_in_log(steps), noise=NoiseSource(3))
    return float(result.mean() - MEAN), float(result.std() / math.sqrt(DEVIATION**2 + LOW**2) - 1)
