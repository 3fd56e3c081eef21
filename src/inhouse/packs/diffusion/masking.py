"""Sample a part of a latent only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.samplers.base import Denoiser


@dataclass(frozen=True)
class MaskedDenoiser:
    """A denoiser that keeps what lies outside a mask: RePaint's blending, once a call.

    Lugmayr et al. (2022), https://arxiv.org/abs/2201.09865, equation 8, without its resampling.

    Attributes:
        inner: the denoiser inside the mask.
        latent: the clean latent to keep, (batch, channels, height, width).
        noise: of unit variance, the same that the sampling started from.
        mask: (batch, 1, height, width), 1 where the picture may change, 0 where it stays.

    """

    inner: Denoiser
    latent: Tensor
    noise: Tensor
    mask: Tensor

    @property
    def prediction(self) -> Prediction:
        """The model's noise levels, and how it mixes signal and noise."""
        return self.inner.prediction

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean latent expected behind ``x`` inside the mask, and the one to keep outside."""
        return self._blend(self.inner(self._noised(x, sigma), sigma), self.latent)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same, and the one that the unconditional prediction expects inside the mask."""
        denoised, unconditional = self.inner.pair(self._noised(x, sigma), sigma)
        return self._blend(denoised, self.latent), self._blend(unconditional, self.latent)

    def _noised(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self._blend(x, self.prediction.noise_scaling(sigma, self.noise, self.latent))

    def _blend(self, inside: Tensor, outside: Tensor) -> Tensor:
        return inside * self.mask + outside * (1 - self.mask)
