"""Filters: blur, sharpen, morphology and noise on pictures, (B, H, W, C) float32."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inhouse.errors import NodeInputError
from inhouse.packs.image.pixels import window_maximum


def blur(image: Tensor, radius: int, sigma: float) -> Tensor:
    """Convolve with a Gaussian of ``2 * radius + 1`` taps a side; borders are mirrored.

    Args:
        image: (B, H, W, C).
        radius: in pixels.
        sigma: standard deviation in units of the radius, so that 1.0 looks alike at every radius.

    Raises:
        NodeInputError: the picture is not larger than the radius.

    """
    if min(image.shape[1:3]) <= radius:
        size = f"{image.shape[2]}x{image.shape[1]}"
        raise NodeInputError(
            f"A picture of {size} is too small for a radius of {radius}.", hint="Use a smaller radius."
        )
    taps = torch.exp(-(torch.linspace(-1, 1, 2 * radius + 1) ** 2) / (2 * sigma**2))
    taps = (taps / taps.sum()).to(image)
    channels = image.shape[-1]
    planes = functional.pad(image.movedim(-1, 1), (radius,) * 4, mode="reflect")
    planes = functional.conv2d(planes, taps.view(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)
    planes = functional.conv2d(planes, taps.view(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)
    return planes.movedim(1, -1)


def sharpen(image: Tensor, radius: int, sigma: float, alpha: float) -> Tensor:
    """Unsharp masking: add ``10 * alpha`` times what a blur takes away, within 0 to 1; see ``blur``."""
    return (image + 10 * alpha * (image - blur(image, radius, sigma))).clamp(0, 1)


def dilate(image: Tensor, size: int) -> Tensor:
    """Take each pixel's maximum over a square of ``size`` pixels; what lies outside does not count."""
    return _highest(image, (size - 1) // 2, size // 2)


def erode(image: Tensor, size: int) -> Tensor:
    """Take each pixel's minimum over a square of ``size`` pixels; what lies outside does not count.

    A square of even size lies the other way round than for ``dilate``, so that one undoes the other's shift.
    """
    return -_highest(-image, size // 2, (size - 1) // 2)


def morphology(image: Tensor, operation: str, size: int) -> Tensor:
    """Apply an operation of grey-scale morphology with a flat square.

    Source: Serra, Image Analysis and Mathematical Morphology (1982).

    Args:
        image: (B, H, W, C).
        operation: ``erode``, ``dilate``, ``open``, ``close``, ``gradient``, ``bottom_hat`` or ``top_hat``.
        size: of the square, in pixels.

    """
    results = {
        "erode": lambda: erode(image, size),
        "dilate": lambda: dilate(image, size),
        "open": lambda: dilate(erode(image, size), size),
        "close": lambda: erode(dilate(image, size), size),
        "gradient": lambda: dilate(image, size) - erode(image, size),
        "bottom_hat": lambda: erode(dilate(image, size), size) - image,
        "top_hat": lambda: image - dilate(erode(image, size), size),
    }
    return results[operation]()


def add_noise(image: Tensor, seed: int, strength: float) -> Tensor:
    """Add Gaussian noise of standard deviation ``strength``, within 0 to 1; the same on every device."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return (image + strength * noise.to(image)).clamp(0, 1)


def _highest(image: Tensor, before: int, after: int) -> Tensor:
    return window_maximum(window_maximum(image, 1, before, after), 2, before, after)
