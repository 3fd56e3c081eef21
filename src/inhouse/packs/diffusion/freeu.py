"""FreeU: a U listens more to what comes from below, and less to the low frequencies from its other side.

Si et al. (2023), FreeU: Free Lunch in Diffusion U-Net, https://arxiv.org/abs/2309.11497.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.diffusion.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from inhouse.packs.diffusion.patches import Place

Factors = tuple[float, float]
"""b of the backbone and s of the skip connection."""


def freeu(factors: Mapping[int, Factors], *, adaptive: bool) -> Patches:
    """Return FreeU.

    Args:
        factors: the channels of a feature map from below -> its factors.
        adaptive: whether the backbone's factor follows the map's mean at each place (equation 4, version 2), rather
            than being the same everywhere.

    """

    def joining(h: Tensor, skip: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        del place
        if h.shape[1] not in factors:
            return h, skip
        b, s = factors[h.shape[1]]
        half = h.shape[1] // 2
        changed = h.clone()
        changed[:, :half] *= _backbone(h, b) if adaptive else b
        return changed, lowered(skip, s)

    return Patches(joining=(joining,))


def _backbone(h: Tensor, b: float) -> Tensor:
    """Return the factor at each place (batch, 1, height, width): 1 where the mean is lowest, b where it is highest."""
    import torch

    mean = h.mean(1, keepdim=True)
    lowest, highest = mean.amin((1, 2, 3), keepdim=True), mean.amax((1, 2, 3), keepdim=True)
    # A map of one place, or one that is flat, is its own lowest.
    spread = (highest - lowest).clamp_min(torch.finfo(h.dtype).tiny)
    return (b - 1) * (mean - lowest) / spread + 1


def lowered(skip: Tensor, scale: float, threshold: int = 1) -> Tensor:
    """Return a feature map with its frequencies below ``threshold``, along both sides, scaled (equation 6)."""
    return spectrum_scaled(skip, scale, 1.0, threshold)


def spectrum_scaled(x: Tensor, low: float, high: float, cutoff: int) -> Tensor:
    """Return maps (batch, channels, height, width) with their low and high frequencies scaled.

    Args:
        x: the maps.
        low: factor on the square of frequencies from -cutoff up to cutoff, not included, along both sides.
        high: factor on the others.
        cutoff: in whole waves.

    """
    import torch

    spectrum = torch.fft.fftshift(torch.fft.fftn(x.float(), dim=(-2, -1)), dim=(-2, -1))
    mask = torch.full(x.shape[-2:], high, dtype=torch.float32, device=x.device)
    row, column = x.shape[-2] // 2, x.shape[-1] // 2
    mask[max(row - cutoff, 0) : row + cutoff, max(column - cutoff, 0) : column + cutoff] = low
    shifted = torch.fft.ifftshift(spectrum * mask, dim=(-2, -1))
    filtered: Tensor = torch.fft.ifftn(shifted, dim=(-2, -1)).real
    return filtered.to(x.dtype)
