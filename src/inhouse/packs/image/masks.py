"""Masks, (B, H, W) float32: grow, feather, crop, combine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from inhouse.errors import NodeInputError
from inhouse.packs.image.pixels import as_batch, repeat_to, window_maximum

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = ("red", "green", "blue", "alpha")


def from_channel(image: Tensor, channel: str) -> Tensor:
    """Return one channel of a picture (B, H, W, C) as a mask.

    Raises:
        NodeInputError: the picture has no such channel.

    """
    index = CHANNELS.index(channel)
    if index >= image.shape[-1]:
        raise NodeInputError(
            f"The picture has {image.shape[-1]} channels, and {channel} is none of them.",
            hint="Choose another channel.",
            input_name="channel",
        )
    return image[..., index].clone()


def from_color(image: Tensor, color: int) -> Tensor:
    """Return 1 where a picture (B, H, W, C) has exactly the colour 0xRRGGBB in 8 bits, else 0."""
    levels = (image[..., :3].clamp(0, 1) * 255).round().to(torch.int64)
    packed = levels[..., 0] * 65536 + levels[..., 1] * 256 + levels[..., 2]
    return (packed == color).float()


def to_image(mask: Tensor) -> Tensor:
    """Return a mask as a grey picture (B, H, W, 3)."""
    return as_batch(mask).unsqueeze(-1).repeat(1, 1, 1, 3)


def crop(mask: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """Cut a rectangle out; what reaches beyond the mask is left off.

    Raises:
        NodeInputError: nothing would be left.

    """
    batch = as_batch(mask)
    if x >= batch.shape[2] or y >= batch.shape[1]:
        size = f"{batch.shape[2]}x{batch.shape[1]}"
        raise NodeInputError(f"({x}, {y}) lies outside a mask of {size}.", hint="Use a smaller x and y.")
    return batch[:, y : y + height, x : x + width].clone()


def feather(mask: Tensor, *, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Let a mask rise linearly from its borders, over that many pixels from each."""
    batch = as_batch(mask).clone()
    high, wide = batch.shape[1:]
    batch *= _ramp(wide, left) * _ramp(wide, right).flip(0)
    batch *= (_ramp(high, top) * _ramp(high, bottom).flip(0))[:, None]
    return batch


def grow(mask: Tensor, pixels: int, *, tapered: bool) -> Tensor:
    """Grow the bright parts by that many pixels, or shrink them by a negative number.

    Args:
        mask: (B, H, W).
        pixels: how far.
        tapered: in city-block distance, so that a corner becomes a slope; else in chessboard distance.

    """
    batch = as_batch(mask)
    if pixels < 0:
        return -grow(-batch, -pixels, tapered=tapered)
    if not tapered:
        steps = min(pixels, max(batch.shape[1:]))
        return window_maximum(window_maximum(batch, 1, steps, steps), 2, steps, steps).clone()
    for _ in range(min(pixels, sum(batch.shape[1:]))):
        batch = _with_neighbours(batch)
    return batch.clone()


def threshold(mask: Tensor, value: float) -> Tensor:
    """Return 1 where a mask is above ``value``, else 0."""
    return (mask > value).float()


def composite(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """Combine ``source``, laid on ``destination`` at (x, y), with what it covers; within 0 to 1.

    Args:
        destination: (B, H, W).
        source: (B, H, W); what reaches beyond the destination is left off; repeated to the destination's batch.
        x: column of the source's left border.
        y: row of the source's upper border.
        operation: ``multiply``, ``add``, ``subtract``, or a logical ``and``, ``or``, ``xor`` of the rounded values.

    """
    result = as_batch(destination).clone()
    top = repeat_to(as_batch(source), len(result))[:, : max(0, result.shape[1] - y), : max(0, result.shape[2] - x)]
    region = result[:, y : y + top.shape[1], x : x + top.shape[2]]
    match operation:
        case "multiply":
            region.copy_(region * top)
        case "add":
            region.copy_(region + top)
        case "subtract":
            region.copy_(region - top)
        case "and":
            region.copy_((region.round().bool() & top.round().bool()).float())
        case "or":
            region.copy_((region.round().bool() | top.round().bool()).float())
        case _:
            region.copy_((region.round().bool() ^ top.round().bool()).float())
    return result.clamp(0, 1)


def _ramp(length: int, pixels: int) -> Tensor:
    """Return ``length`` factors of which the first ``pixels`` rise linearly to 1."""
    ramp = torch.ones(length)
    pixels = min(pixels, length)
    ramp[:pixels] = torch.arange(1, pixels + 1) / max(pixels, 1)
    return ramp


def _with_neighbours(batch: Tensor) -> Tensor:
    """Return each pixel's maximum with those above, below, left and right of it."""
    padded = functional.pad(batch, (1, 1, 1, 1), value=float("-inf"))
    for neighbours in (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]):
        batch = torch.maximum(batch, neighbours)
    return batch
