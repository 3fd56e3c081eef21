"""What a denoising network predicts, and the noise levels that it was trained on.

A network sees a scaled noisy latent and a timestep; a sampler sees a latent ``x`` at a noise level ``sigma`` and wants
the clean latent. A `Prediction` is the bridge between the two, in the notation of Karras et al. (2022),
https://arxiv.org/abs/2206.00364, whose Table 1 lists the same functions for other papers.

::

    Prediction          x = alpha(sigma) * x0 + sigma * noise
    ├── Epsilon         the noise (DDPM; Stable Diffusion 1 and 2)
    ├── Velocity        v (progressive distillation; Stable Diffusion 2 at 768 px)
    ├── Sample          the clean latent itself
    │   └── Translation the same, of a picture that is shown as it is
    ├── Preconditioned  the residual of EDM
    ├── Consistency     the noise, with the boundary condition of a latent consistency model
    └── Flow            the straight path's direction (rectified flow; Stable Diffusion 3)

All of them take ``x`` and ``output`` of shape (batch, ...) and ``sigma`` of shape (batch,) or ().
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise_levels import NoiseLevels


def expand(sigma: Tensor, x: Tensor) -> Tensor:
    """Give ``sigma``, of shape (batch,) or (), trailing axes so that it multiplies ``x``."""
    return sigma.reshape(sigma.shape + (1,) * (x.ndim - sigma.ndim)) if sigma.ndim else sigma


@dataclass(frozen=True)
class Prediction(ABC):
    """How a network's output becomes a denoised latent.

    Attributes:
        levels: the noise levels that the network knows.
        sigma_data: standard deviation of the clean latents that the network was trained on.

    """

    levels: NoiseLevels
    sigma_data: float = 1.0

    @property
    def sigmas(self) -> Tensor:
        """Noise levels in rising order, float32, shape (number of timesteps,)."""
        return self.levels.sigmas

    @property
    def log_sigmas(self) -> Tensor:
        """Natural logarithm of ``sigmas``."""
        return self.levels.log_sigmas

    @property
    def sigma_min(self) -> float:
        """The lowest noise level that the network knows."""
        return float(self.levels.sigmas[0])

    @property
    def sigma_max(self) -> float:
        """The highest noise level that the network knows."""
        return float(self.levels.sigmas[-1])

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the timesteps that the network is told at these noise levels; shape as ``sigma``."""
        return self.levels.timestep(sigma)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the noise levels at these timesteps, which may be fractional; shape as ``timestep``."""
        return self.levels.sigma(timestep)

    def percent_to_sigma(self, percent: float) -> float:
        """Return the noise level after this share (0 to 1) of the timesteps, counted from pure noise.

        Infinity at 0 and zero at 1, so that a range from 0 to 1 holds every noise level.
        """
        if percent <= 0:
            return math.inf
        return 0.0 if percent >= 1 else self.levels.percent_to_sigma(percent)

    def is_max_denoise(self, sigma: float) -> bool:
        """Whether sampling from this noise level starts from pure noise, so that no latent shines through."""
        return sigma >= self.sigma_max or math.isclose(sigma, self.sigma_max, rel_tol=1e-5)

    def alpha(self, sigma: Tensor) -> Tensor:
        """Return the share of the clean latent in ``x``: 1 at all levels, as x = x0 + sigma * noise."""
        return torch.ones_like(sigma)

    def level_of(self, ratio: Tensor) -> Tensor:
        """Return the noise level at which noise stands to signal, ``sigma / alpha``, like this."""
        return ratio

    def log_snr(self, sigma: Tensor) -> Tensor:
        """Return lambda, ln(alpha / sigma): half the logarithm of the signal-to-noise ratio."""
        return -sigma.log()

    def level_at(self, log_snr: Tensor) -> Tensor:
        """Return the noise level at which lambda is this."""
        return (-log_snr).exp()

    def scale_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return what the network is shown: ``c_in(sigma) * x``, of unit variance."""
        return x / (expand(sigma, x) ** 2 + self.sigma_data**2).sqrt()

    @abstractmethod
    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean latent that the network's ``output`` for ``x`` at ``sigma`` stands for."""

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent: Tensor, *, max_denoise: bool = False) -> Tensor:
        """Return ``latent`` with ``noise`` (of unit variance) at level ``sigma``.

        With ``max_denoise`` the noise gets the variance of noise and latent together, sigma^2 + 1, which makes up for
        an empty latent: the network never saw pure noise of less. (``scaled noise``, as the samplers of
        https://github.com/Stability-AI/generative-models start.)
        """
        sigma = expand(sigma, noise)
        return latent + noise * ((sigma**2 + 1).sqrt() if max_denoise else sigma)

    def inverse_noise_scaling(self, sigma: Tensor, x: Tensor) -> Tensor:
        """Return the latent that a sampler's result ``x`` at level ``sigma`` stands for outside the sampler."""
        del sigma
        return x

    def with_levels(self, levels: NoiseLevels) -> Prediction:
        """Return the same prediction over other noise levels."""
        return replace(self, levels=levels)


class Epsilon(Prediction):
    """The network predicts the noise. Ho et al. (2020), https://arxiv.org/abs/2006.11239."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return x0 = x - sigma * eps."""
        return x - output * expand(sigma, x)


class Velocity(Prediction):
    """The network predicts v = alpha * noise - sigma * x0. Salimans and Ho (2022), https://arxiv.org/abs/2202.00512."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return x0 = x / (sigma^2 + 1) - v * sigma / sqrt(sigma^2 + 1), generalised to any ``sigma_data``."""
        sigma, data = expand(sigma, x), self.sigma_data
        variance = sigma**2 + data**2
        return x * data**2 / variance - output * sigma * data / variance.sqrt()


class Sample(Prediction):
    """The network predicts the clean latent."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the output as it is."""
        del x, sigma
        return output


class Translation(Sample):
    """The network makes one picture of another in a step: its latent is shown as it is.

    He et al. (2024), Lotus, https://arxiv.org/abs/2409.18124.
    """

    def scale_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return ``x`` as it is."""
        del sigma
        return x


class Preconditioned(Prediction):
    """The network predicts EDM's residual. Karras et al. (2022), Table 1, https://arxiv.org/abs/2206.00364."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return x0 = c_skip * x + c_out * output."""
        sigma, data = expand(sigma, x), self.sigma_data
        variance = sigma**2 + data**2
        return x * data**2 / variance + output * sigma * data / variance.sqrt()


@dataclass(frozen=True)
class Consistency(Prediction):
    """The network predicts the noise, bent towards the identity at the lowest level.

    Luo et al. (2023), Latent Consistency Models, section 4.1, https://arxiv.org/abs/2310.04378.

    Attributes:
        boundary: standard deviation in the boundary condition.
        timestep_scaling: factor on the timestep there.

    """

    boundary: float = 0.5
    timestep_scaling: float = 10.0

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return x0 = c_skip * x + c_out * (x - sigma * eps)."""
        timestep = expand(self.timestep(sigma), x) * self.timestep_scaling
        sigma = expand(sigma, x)
        variance = timestep**2 + self.boundary**2
        # The paper's x is scaled to unit variance; ours is x0 + sigma * noise.
        skipped = x / (sigma**2 + 1).sqrt() * self.boundary**2 / variance
        return skipped + (x - output * sigma) * timestep / variance.sqrt()


class Flow(Prediction):
    """The network predicts the direction noise - x0 of the straight path x = (1 - sigma) * x0 + sigma * noise.

    Liu et al. (2022), https://arxiv.org/abs/2209.03003; Esser et al. (2024), https://arxiv.org/abs/2403.03206.
    """

    def alpha(self, sigma: Tensor) -> Tensor:
        """Return 1 - sigma."""
        return 1 - sigma

    def level_of(self, ratio: Tensor) -> Tensor:
        """Return ratio / (1 + ratio)."""
        return ratio / (1 + ratio)

    def log_snr(self, sigma: Tensor) -> Tensor:
        """Return ln((1 - sigma) / sigma)."""
        return -sigma.logit()

    def level_at(self, log_snr: Tensor) -> Tensor:
        """Return 1 / (1 + exp(lambda))."""
        return (-log_snr).sigmoid()

    def scale_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return ``x`` as it is: the path keeps it near unit variance."""
        del sigma
        return x

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return x0 = x - sigma * direction."""
        return x - output * expand(sigma, x)

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent: Tensor, *, max_denoise: bool = False) -> Tensor:
        """Return the point of the straight path at ``sigma``."""
        del max_denoise
        sigma = expand(sigma, noise)
        return sigma * noise + (1 - sigma) * latent

    def inverse_noise_scaling(self, sigma: Tensor, x: Tensor) -> Tensor:
        """Return x / (1 - sigma)."""
        return x / (1 - expand(sigma, x))
