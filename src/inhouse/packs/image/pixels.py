"""Pixels: between float tensors and 8-bit arrays, and between pictures of unlike shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """Return 0..1 as 0..255, cut off (not rounded) and clipped; what is not a number becomes 0."""
    scaled = torch.nan_to_num(image.detach().float() * 255.0, nan=0.0)
    return scaled.clamp(0, 255).cpu().numpy().astype(np.uint8)


def from_bytes(picture: Image | NDArray[np.uint8]) -> Tensor:
    """Return 0..255 as float32, 0..1, in the shape it comes in."""
    return torch.from_numpy(np.asarray(picture).astype(np.float32) / 255.0)


def repeat_to(tensor: Tensor, count: int) -> Tensor:
    """Repeat a batch from its start until it has ``count`` elements, or cut it to as many."""
    if tensor.shape[0] >= count:
        return tensor[:count]
    repeats = -(-count // tensor.shape[0])
    return tensor.repeat(repeats, *([1] * (tensor.dim() - 1)))[:count]


def match_channels(image: Tensor, channels: int) -> Tensor:
    """Drop channels from the end, or add opaque ones, until the picture (B, H, W, C) has ``channels``."""
    missing = channels - image.shape[-1]
    if missing > 0:
        return functional.pad(image, (0, missing), value=1.0)
    return image[..., :channels]


def match_both(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Give two pictures as many channels as the one with more has."""
    channels = max(first.shape[-1], second.shape[-1])
    return match_channels(first, channels), match_channels(second, channels)


def as_batch(mask: Tensor) -> Tensor:
    """Return a mask as (B, H, W); other packs hand over (H, W) and (B, 1, H, W), too."""
    return mask.reshape(-1, mask.shape[-2], mask.shape[-1])


def resize_mask(mask: Tensor, width: int, height: int) -> Tensor:
    """Scale a mask to (B, height, width), bilinearly."""
    batch = as_batch(mask)
    if batch.shape[1:] == (height, width):
        return batch
    return functional.interpolate(batch.unsqueeze(1), size=(height, width), mode="bilinear").squeeze(1)


def window_maximum(planes: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Return each element's maximum over ``before`` neighbours, itself and ``after`` neighbours along an axis.

    What lies outside does not count. The window doubles at each pass, so that its size hardly matters.
    """
    padding = [0, 0] * (planes.dim() - axis)
    padding[-2:] = [before, after]
    planes = functional.pad(planes, padding, value=float("-inf"))
    size, span = before + 1 + after, 1
    while span < size:
        step = min(span, size - span)
        rest = planes.shape[axis] - step
        planes = torch.maximum(planes.narrow(axis, 0, rest), planes.narrow(axis, step, rest))
        span += step
    return planes
