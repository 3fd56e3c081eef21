"""What every sampler takes and gives: the seam between solvers and runtimes.

A sampler integrates from noise to a clean latent by asking a denoiser at one level after another; see Karras et al.
(2022), https://arxiv.org/abs/2206.00364, in whose notation ``x`` is the noisy latent, ``sigma`` its noise level and
``d`` the direction of the probability flow, ``dx / dsigma = (x - denoised) / sigma``.

Levels are tensors of shape () on the CPU in float32: their arithmetic is the same on every device, and reading one
stops no accelerator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource
    from inhouse.packs.diffusion.prediction import Prediction


class Denoiser(Protocol):
    """A model under its conditioning and guidance, as samplers see it."""

    @property
    def prediction(self) -> Prediction:
        """The model's noise levels, and how it mixes signal and noise."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean latent expected behind ``x`` (batch, ...) at ``sigma`` (batch,); shape as ``x``."""

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same, and the one that the unconditional prediction alone expects, for CFG++."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a sampler reports after it asked the denoiser at the start of a step.

    Attributes:
        index: number of the step, from 0.
        sigma: noise level of ``x``.
        x: the noisy latent.
        denoised: the clean latent expected behind it, fit for a preview.

    """

    index: int
    sigma: float
    x: Tensor
    denoised: Tensor


Callback = Callable[[Step], None]
"""Called once a step; raising an exception in it stops the sampler."""


def ignore(step: Step) -> None:
    """Do nothing with a step."""


class Sampler(Protocol):
    """A solver of the reverse process."""

    def __call__(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
    ) -> Tensor:
        """Return ``x``, of shape (batch, ...), brought from the level ``sigmas[0]`` down to ``sigmas[-1]``.

        Args:
            denoiser: the model.
            x: the noisy latent at the level ``sigmas[0]``.
            sigmas: noise levels in falling order, float32 on the CPU, shape (steps + 1,). With fewer than two there
                is no step, and ``x`` comes back as it is.
            noise: where stochastic samplers take their noise from.
            callback: told of every step.

        """


def at(sigma: Tensor, x: Tensor) -> Tensor:
    """Return ``sigma`` for each sample of ``x``: float32 on its device, shape (batch,)."""
    return torch.full((x.shape[0],), float(sigma), dtype=torch.float32, device=x.device)


def to_d(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """Return the direction of the probability flow: Karras et al. (2022), equation 3."""
    return (x - denoised) / sigma


def ancestral_step(sigma: Tensor, sigma_next: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """Split a step into a deterministic one to ``sigma_down`` and fresh noise of ``sigma_up``.

    The variances of both add up to that of ``sigma_next``, as in the ancestral sampling of DDPM; ``eta`` (0 to 1)
    scales the noise. Song et al. (2020), equation 16, https://arxiv.org/abs/2010.02502.
    """
    up = eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2).sqrt()
    sigma_up = torch.minimum(sigma_next, up)
    return (sigma_next**2 - sigma_up**2).sqrt(), sigma_up


def fading_step(
    sigma: Tensor, sigma_next: Tensor, alpha: Callable[[Tensor], Tensor], eta: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Split a step where the signal fades as noise rises: what `ancestral_step` is where it does not.

    Returns:
        the level to step down to, ``eta`` times as far below the next as that is below this one, in shares; the factor
        that brings the signal there to its size at the next level; and the noise that is missing then.

    """
    sigma_down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
    scale = alpha(sigma_next) / alpha(sigma_down)
    return sigma_down, scale, (sigma_next**2 - (sigma_down * scale) ** 2).clamp(min=0).sqrt()


Advance = Callable[["Denoiser", "Tensor", "Tensor", "Tensor", "Tensor"], "Tensor"]
"""From the denoiser, ``x``, the clean latent expected behind it, its level and a lower one: ``x`` there."""


@dataclass(frozen=True)
class Ancestral:
    """A sampler that steps below each level, then adds noise up to it: https://github.com/crowsonkb/k-diffusion.

    Attributes:
        advance: takes the deterministic part of a step.
        eta: share of the noise, 0 (none) to 1 (as in the ancestral sampling of DDPM), or more.

    """

    advance: Advance
    eta: float = 1.0

    def __call__(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
    ) -> Tensor:
        """Return the latent at the last level; see `Sampler`."""
        draw, alpha = noise.gaussian(x), denoiser.prediction.alpha
        fading = bool((alpha(sigmas) != 1).any())
        for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
            denoised = denoiser(x, at(sigma, x))
            callback(Step(i, float(sigma), x, denoised))
            if fading:
                sigma_down, scale, sigma_up = fading_step(sigma, sigma_next, alpha, self.eta)
                x = self.advance(denoiser, x, denoised, sigma, sigma_down) * scale
            else:
                sigma_down, sigma_up = ancestral_step(sigma, sigma_next, self.eta)
                x = self.advance(denoiser, x, denoised, sigma, sigma_down)
            if sigma_next > 0:
                x = x + draw(sigma, sigma_next) * sigma_up
        return x
