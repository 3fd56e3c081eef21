"""Batches and tiles, as custom packs put them together (``comfy.utils``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def repeat_to_batch_size(tensor: torch.Tensor, batch_size: int, dim: int = 0) -> torch.Tensor:
    """Return a tensor with so many entries along a dimension: repeated from its beginning, or cut off."""
    have = tensor.shape[dim]
    if have < batch_size:
        repeats = [1] * tensor.dim()
        repeats[dim] = math.ceil(batch_size / have)
        tensor = tensor.repeat(repeats)
    return tensor.narrow(dim, 0, batch_size)


def resize_to_batch_size(tensor: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Return a tensor with so many entries: evenly picked from it where it has more, each held longer where fewer."""
    import torch

    have = tensor.shape[0]
    if have == batch_size:
        return tensor
    places = torch.linspace(0, have - 1, batch_size).round().long()
    return tensor[places]


def get_tiled_scale_steps(width: int, height: int, tile_x: int, tile_y: int, overlap: int) -> int:
    """Return how many tiles ``tiled_scale`` will make of a picture."""
    return len(_starts(height, tile_y, overlap)) * len(_starts(width, tile_x, overlap))


def tiled_scale(
    samples: torch.Tensor,
    function: Callable[[torch.Tensor], torch.Tensor],
    tile_x: int = 64,
    tile_y: int = 64,
    overlap: int = 8,
    upscale_amount: float = 4,
    out_channels: int = 3,
    output_device: Any = "cpu",
    pbar: Any = None,
) -> torch.Tensor:
    """Apply a function that changes the size of pictures to overlapping tiles, which are faded into one another.

    Args:
        samples: (batch, channels, height, width).
        function: gives ``upscale_amount`` times the height and width.
        tile_x: the width of a tile.
        tile_y: the height of a tile.
        overlap: how far tiles reach into one another, in pixels of ``samples``.
        upscale_amount: by how much the function enlarges.
        out_channels: how many channels it gives.
        output_device: where the result is put together.
        pbar: told of each tile.

    """
    import torch

    batch, _, height, width = samples.shape
    size = round(height * upscale_amount), round(width * upscale_amount)
    result = torch.zeros((batch, out_channels, *size), device=output_device)
    for index in range(batch):
        total = torch.zeros((1, out_channels, *size), device=output_device)
        weights = torch.zeros((1, 1, *size), device=output_device)
        for y in _starts(height, tile_y, overlap):
            for x in _starts(width, tile_x, overlap):
                tile = function(samples[index : index + 1, :, y : y + tile_y, x : x + tile_x]).to(output_device)
                fade = _fade(tile.shape[-2:], round(overlap * upscale_amount)).to(total)
                top, left = round(y * upscale_amount), round(x * upscale_amount)
                place = (..., slice(top, top + tile.shape[-2]), slice(left, left + tile.shape[-1]))
                total[place] += tile * fade
                weights[place] += fade
                if pbar is not None:
                    pbar.update(1)
        result[index : index + 1] = total / weights
    return result


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles begin; the last one ends where the picture does."""
    if length <= tile:
        return [0]
    step = max(1, tile - overlap)
    return [*range(0, length - tile, step), length - tile]


def _fade(size: Any, feather: int) -> torch.Tensor:
    """Return weights (height, width) that rise from the edges of a tile over ``feather`` pixels."""
    import torch

    def ramp(length: int) -> torch.Tensor:
        distance = torch.arange(length, dtype=torch.float32).add(1)
        return torch.minimum(distance, distance.flip(0)).div(feather + 1).clamp(max=1)

    height, width = size
    return ramp(height)[:, None] * ramp(width)[None, :]
