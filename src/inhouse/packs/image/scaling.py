"""Scaling of pictures, (B, H, W, C) float32."""

from __future__ import annotations

import math

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inhouse.packs.image.pixels import from_bytes, to_bytes


def resize(image: Tensor, width: int, height: int, method: str) -> Tensor:
    """Return the picture at exactly that size, stretched where it must be.

    Args:
        image: (B, H, W, C), 0 to 1.
        width: in pixels.
        height: in pixels.
        method: a mode of ``torch.nn.functional.interpolate`` (no antialiasing), or ``lanczos``: Pillow's, in 8 bits.

    """
    if image.shape[1:3] == (height, width):
        return image
    if method == "lanczos":
        return _lanczos(image, width, height)
    scaled = functional.interpolate(image.movedim(-1, 1), size=(height, width), mode=method)
    return scaled.movedim(1, -1)


def crop_to_aspect(image: Tensor, width: int, height: int) -> Tensor:
    """Cut equal margins off, until the picture has the aspect ratio ``width : height`` to the nearest pixel."""
    high, wide = image.shape[1:3]
    given, wanted = wide / high, width / height
    x = _margin(wide, wanted / given)
    y = _margin(high, given / wanted)
    return image[:, y : high - y, x : wide - x]


def scale(image: Tensor, width: int, height: int, method: str, *, crop: bool = False) -> Tensor:
    """Scale to ``width`` x ``height``; a side given as 0 follows from the other one, both 0 change nothing.

    Args:
        image: (B, H, W, C), 0 to 1.
        width: in pixels, or 0.
        height: in pixels, or 0.
        method: see ``resize``.
        crop: cut margins off instead of stretching.

    """
    high, wide = image.shape[1:3]
    if not (width or height):
        return image
    width = width or max(1, round(wide * height / high))
    height = height or max(1, round(high * width / wide))
    return resize(crop_to_aspect(image, width, height) if crop else image, width, height, method)


def scale_by(image: Tensor, factor: float, method: str) -> Tensor:
    """Scale both sides by a factor, rounded to the nearest pixel, at least one."""
    high, wide = image.shape[1:3]
    return resize(image, max(1, round(wide * factor)), max(1, round(high * factor)), method)


def scale_to_pixels(image: Tensor, megapixels: float, method: str) -> Tensor:
    """Scale so that the picture has about that many times 1024 x 1024 pixels, keeping its aspect ratio."""
    high, wide = image.shape[1:3]
    return scale_by(image, math.sqrt(megapixels * 1024 * 1024 / (wide * high)), method)


def scale_to_largest(image: Tensor, largest: int, method: str) -> Tensor:
    """Scale so that the longer side has ``largest`` pixels, keeping the aspect ratio."""
    high, wide = image.shape[1:3]
    longer = max(high, wide)
    return resize(image, max(1, round(wide / longer * largest)), max(1, round(high / longer * largest)), method)


def _margin(length: int, kept: float) -> int:
    """Return how much to cut off at each end, so that the share ``kept`` remains, and at least a pixel."""
    return min(round((length - length * kept) / 2), (length - 1) // 2) if kept < 1 else 0


def _lanczos(image: Tensor, width: int, height: int) -> Tensor:
    """Scale band by band, so that colours under a transparent alpha stay what they are."""
    bands = to_bytes(image).transpose(0, 3, 1, 2)
    scaled = [
        torch.stack(
            [from_bytes(Image.fromarray(band).resize((width, height), Image.Resampling.LANCZOS)) for band in one]
        )
        for one in bands
    ]
    return torch.stack(scaled).movedim(1, -1).to(image.device)
