"""Sample a part of a latent only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.samplers.base import Denoiser
    from inhouse.packs.diffusion.unet import DiffusionModel

DIFFERENTIAL = "differential"
"""Option of a model: how far the grey of a mask says when a place opens rather than how much of it changes, 0 to 1."""


@dataclass(frozen=True)
class Opening:
    """When the grey parts of a mask open: Levin and Fried (2023), https://arxiv.org/abs/2306.00950, algorithm 1.

    A place is shut until no more than its grey's share of the timesteps is left, and wholly open from then on.

    Attributes:
        first: the timestep that sampling starts from.
        last: the one that it ends at.
        strength: 1 opens places so, 0 leaves a mask as it is.

    """

    first: float
    last: float
    strength: float = 1.0

    def at(self, timestep: float, mask: Tensor) -> Tensor:
        """Return a mask (batch, 1, height, width), 0 to 1, as it is at a timestep."""
        left = (timestep - self.last) / (self.first - self.last) if self.first > self.last else 0.0
        return mask.lerp((mask >= left).to(mask), self.strength)


def opening_of(model: DiffusionModel, sigmas: Tensor) -> Opening | None:
    """Return when a mask opens on a model over noise levels (steps + 1,); None where its grey is no matter of time."""
    strength = model.options.get(DIFFERENTIAL)
    if strength is None:
        return None
    prediction = model.prediction
    ends = sigmas.clamp(min=prediction.sigma_min)
    first, last = (float(prediction.timestep(ends[place].reshape(1))) for place in (0, -1))
    return Opening(first, last, strength)


@dataclass(frozen=True)
class MaskedDenoiser:
    """A denoiser that keeps what lies outside a mask: RePaint's blending, once a call.

    Lugmayr et al. (2022), https://arxiv.org/abs/2201.09865, equation 8, without its resampling.

    Attributes:
        inner: the denoiser inside the mask.
        latent: the clean latent to keep, (batch, channels, height, width).
        noise: of unit variance, the same that the sampling started from.
        mask: (batch, 1, height, width), 1 where the picture may change, 0 where it stays.
        opening: when its grey parts open; None for a mask that stays as it is.

    """

    inner: Denoiser
    latent: Tensor
    noise: Tensor
    mask: Tensor
    opening: Opening | None = None

    @property
    def prediction(self) -> Prediction:
        """The model's noise levels, and how it mixes signal and noise."""
        return self.inner.prediction

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean latent expected behind ``x`` inside the mask, and the one to keep outside."""
        mask = self._mask(sigma)
        return _blend(mask, self.inner(self._noised(mask, x, sigma), sigma), self.latent)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same, and the one that the unconditional prediction expects inside the mask."""
        mask = self._mask(sigma)
        denoised, unconditional = self.inner.pair(self._noised(mask, x, sigma), sigma)
        return _blend(mask, denoised, self.latent), _blend(mask, unconditional, self.latent)

    def _mask(self, sigma: Tensor) -> Tensor:
        if self.opening is None:
            return self.mask
        return self.opening.at(float(self.prediction.timestep(sigma)[0]), self.mask)

    def _noised(self, mask: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        return _blend(mask, x, self.prediction.noise_scaling(sigma, self.noise, self.latent))


def _blend(mask: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    return inside * mask + outside * (1 - mask)
