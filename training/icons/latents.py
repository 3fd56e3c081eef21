"""The latent space: a fixed linear map, so that denoiser and decoder can be trained side by side.

A 128-pixel picture is halved, cut into 4x4x3 patches, and each patch keeps its four largest principal components,
scaled to unit variance: 16x16x4. The decoder learns what the other components were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = 4
PATCH = 4
PIXELS = 128
SIDE = 16
SCALE = 0.18215


def patches(pictures: Tensor) -> Tensor:
    """Return (batch, 48, 16, 16) patches of (batch, 3, 64 or 128, same) pictures in 0..1, as -1..1."""
    side = SIDE * PATCH
    small = functional.avg_pool2d(pictures, pictures.shape[-1] // side) if pictures.shape[-1] > side else pictures
    return functional.pixel_unshuffle(small * 2 - 1, PATCH)


@dataclass(frozen=True)
class Projection:
    """``weight`` (4, 48) and ``mean`` (48,): latents are weight @ (patch - mean)."""

    weight: Tensor
    mean: Tensor

    @classmethod
    def fit(cls, pictures: Tensor) -> Projection:
        """Fit to pictures (batch, 3, 64 or 128, same) in 0..1."""
        rows = patches(pictures).permute(0, 2, 3, 1).reshape(-1, 3 * PATCH**2).double()
        mean = rows.mean(0)
        values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
        top = vectors[:, -CHANNELS:].flip(1).T
        top = top * top.sum(1, keepdim=True).sign()
        return cls((top / values[-CHANNELS:].flip(0).sqrt()[:, None]).float(), mean.float())

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents (batch, 4, 16, 16) of about unit variance."""
        return torch.einsum("kc,nchw->nkhw", self.weight, patches(pictures) - self.mean[None, :, None, None])
