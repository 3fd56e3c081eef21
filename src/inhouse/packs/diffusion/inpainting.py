"""Encode pictures with a part to be painted anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.diffusion.latents import SCALE
from inhouse.packs.diffusion.resizing import resize_mask

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.vae import Vae
    from inhouse.wires import Image, Latent, Mask

GRAY = 0.5
"""What is put in place of what will be painted."""


def encode_for_inpaint(vae: Vae, pixels: Image, mask: Mask, grow_mask_by: int = 6) -> Latent:
    """Encode a picture with the part to be painted greyed out.

    Args:
        vae: the autoencoder.
        pixels: (batch, height, width, channels), 0..1; cropped at the centre to a multiple of 8.
        mask: (batch, height, width), 1 where the picture is painted anew; stretched over the picture, and cut at 0.5.
        grow_mask_by: image pixels (0..64) by which the mask of the noise is wider than the grey.

    Returns:
        A latent with a ``noise_mask`` (batch, 1, height, width) in image pixels.

    """
    height, width = pixels.shape[1:3]
    planes = _centred(resize_mask(mask, width, height)[:, 0]).round()[..., None]
    kept = 1 - planes
    colours = _centred(pixels)[..., :3]
    grey = (colours - GRAY) * kept + GRAY
    return {"samples": vae.encode(grey), "noise_mask": grow(planes[..., 0], grow_mask_by)[:, None]}


def grow(mask: Tensor, pixels: int) -> Tensor:
    """Widen a mask (batch, height, width) of zeros and ones by a square of ``pixels`` pixels a side."""
    import math

    from torch.nn.functional import max_pool2d, pad

    if pixels < 2:
        return mask
    before = math.ceil((pixels - 1) / 2)
    padded = pad(mask[:, None], (before, pixels - 1 - before) * 2)
    return max_pool2d(padded, pixels, stride=1)[:, 0]


def _centred(planes: Tensor) -> Tensor:
    """Crop (batch, height, width, ...) at the centre to multiples of a latent pixel."""
    for axis in (1, 2):
        length = planes.shape[axis]
        planes = planes.narrow(axis, length % SCALE // 2, length - length % SCALE)
    return planes
