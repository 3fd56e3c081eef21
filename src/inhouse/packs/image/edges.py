"""Edges of a picture, for models that are steered by line drawings.

Source: Canny, A Computational Approach to Edge Detection (1986).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from inhouse.packs.image.pixels import match_channels

_LUMINANCE = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""
_TINY = 1e-6
_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""(row, column) offsets in the directions 0, 45, ... 315 degrees of a gradient whose y points down."""


def canny(image: Tensor, low: float, high: float) -> Tensor:
    """Return white lines on black, (B, H, W, 3), where a picture's brightness has its steepest slopes.

    Args:
        image: (B, H, W, C), 0 to 1; alpha is ignored.
        low: the slope (Sobel, not normalised) from which a pixel belongs to a line that it touches.
        high: the slope from which it starts a line.

    """
    grey = (match_channels(image, 3) * torch.tensor(_LUMINANCE)).sum(-1) if image.shape[-1] > 2 else image[..., 0]
    horizontal, vertical = _sobel(_smoothed(grey.unsqueeze(1)))
    slope = (horizontal**2 + vertical**2 + _TINY).sqrt()
    ridge = slope * _is_ridge(slope, torch.atan2(vertical, horizontal))
    lines = _connected(ridge > high, ridge > low)
    return lines.float().movedim(1, -1).repeat(1, 1, 1, 3)


def _smoothed(grey: Tensor) -> Tensor:
    """Convolve (B, 1, H, W) with a Gaussian of sigma 1, 5 taps a side, borders mirrored."""
    taps = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / 2)
    taps = taps / taps.sum()
    padded = functional.pad(grey, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, taps.view(1, 1, 1, 5)), taps.view(1, 1, 5, 1))


def _sobel(grey: Tensor) -> tuple[Tensor, Tensor]:
    padded = functional.pad(grey, (1, 1, 1, 1), mode="replicate")
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    return (
        functional.conv2d(padded, kernel.view(1, 1, 3, 3)),
        functional.conv2d(padded, kernel.T.reshape(1, 1, 3, 3)),
    )


def _is_ridge(slope: Tensor, angle: Tensor) -> Tensor:
    """Return where the slope exceeds both neighbours along its direction, to the nearest 45 degrees."""
    direction = torch.round(angle / (math.pi / 4)).long() % 8
    higher = torch.cat([slope - _moved(slope, offset) for offset in _NEIGHBOURS], dim=1)
    ahead = higher.gather(1, direction)
    behind = higher.gather(1, (direction + 4) % 8)
    return (ahead > 0) & (behind > 0)


def _connected(strong: Tensor, weak: Tensor) -> Tensor:
    """Return the strong pixels, and the weak ones that a chain of weak ones connects with them."""
    lines = strong
    while True:
        grown = weak & (functional.max_pool2d(lines.float(), 3, stride=1, padding=1) > 0) | strong
        if grown.equal(lines):
            return lines
        lines = grown


def _moved(planes: Tensor, offset: tuple[int, int]) -> Tensor:
    """Return each pixel's neighbour at that offset, 0 outside."""
    row, column = offset
    high, wide = planes.shape[2:]
    padded = functional.pad(planes, (1, 1, 1, 1))
    return padded[:, :, 1 + row : 1 + row + high, 1 + column : 1 + column + wide]
