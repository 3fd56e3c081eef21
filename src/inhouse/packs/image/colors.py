"""Colours: other colour spaces, and pictures of few colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from inhouse.packs.image.pixels import from_bytes, match_channels, to_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_TO_YUV = ((0.299, 0.587, 0.114), (-0.147, -0.289, 0.436), (0.615, -0.515, -0.100))


def to_yuv(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return Y (0 to 1), U (-0.436 to 0.436) and V (-0.615 to 0.615) of a picture, each as a grey one (B, H, W, 3).

    Source: ITU-R BT.470, system B, rounded as kornia rounds it.
    """
    planes = match_channels(image, 3) @ torch.tensor(_TO_YUV).T
    y, u, v = (plane.unsqueeze(-1).repeat(1, 1, 1, 3) for plane in planes.unbind(-1))
    return y, u, v


def from_yuv(y: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Return the picture (B, H, W, 3) that ``to_yuv`` took apart; of a plane with several channels the mean counts."""
    planes = torch.stack([plane.mean(-1) for plane in (y, u, v)], dim=-1)
    return planes @ torch.tensor(_TO_YUV).inverse().T


def quantize(image: Tensor, colors: int, dither: str) -> Tensor:
    """Reduce each picture to its own palette, made by median cut (Heckbert, 1982).

    Args:
        image: (B, H, W, C), 0 to 1; alpha is dropped.
        colors: how many remain, 1 to 256.
        dither: ``none``, ``floyd-steinberg`` (1976), or ``bayer-N`` for ordered dithering with an N x N matrix.

    """
    arrays = to_bytes(match_channels(image, 3))
    return torch.stack([from_bytes(_quantized(array, colors, dither).convert("RGB")) for array in arrays])


def bayer(size: int) -> NDArray[np.float64]:
    """Return the ordered thresholds (size, size) of Bayer (1973), around 0, within -0.5 to 0.5; size a power of 2."""
    matrix = np.zeros((1, 1))
    while len(matrix) < size:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size - 0.5


def _quantized(array: NDArray[np.uint8], colors: int, dither: str) -> Image.Image:
    palette = Image.fromarray(array).quantize(colors)
    method = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
    if dither.startswith("bayer"):
        thresholds = bayer(int(dither.removeprefix("bayer-")))
        high, wide = array.shape[:2]
        tiled = np.tile(thresholds, (-(-high // len(thresholds)), -(-wide // len(thresholds))))[:high, :wide, None]
        apart = 255 / max(colors ** (1 / 3) - 1, 1)  # two levels of a channel, were the palette a regular cube
        array = np.clip(array + tiled * apart, 0, 255).astype(np.uint8)
    return Image.fromarray(array).quantize(palette=palette, dither=method)
