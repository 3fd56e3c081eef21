"""Batches of pictures: join, take apart, repeat, regroup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from inhouse.errors import NodeInputError
from inhouse.packs.image.pixels import match_both
from inhouse.packs.image.scaling import scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def join(first: Tensor, second: Tensor) -> Tensor:
    """Append a second batch (B, H, W, C) to a first, cut and scaled bilinearly to the first one's size."""
    first, second = match_both(first, second)
    if first.shape[1:3] != second.shape[1:3]:
        second = scale(second, first.shape[2], first.shape[1], "bilinear", crop=True)
    return torch.cat([first, second])


def take(image: Tensor, index: int, length: int) -> Tensor:
    """Return up to ``length`` pictures from ``index`` on; an index beyond the end means the last one."""
    index = min(index, len(image) - 1)
    return image[index : index + length].clone()


def repeat(image: Tensor, times: int) -> Tensor:
    """Return the batch that many times, one after another."""
    return image.repeat(times, 1, 1, 1)


def regroup(batches: Sequence[Tensor], size: int) -> list[Tensor]:
    """Join batches and split them anew into batches of ``size``; the last one may be smaller.

    Raises:
        NodeInputError: pictures of unlike sizes would share a batch.

    """
    pictures = [picture for batch in batches for picture in batch]
    groups = [pictures[start : start + size] for start in range(0, len(pictures), size)]
    for group in groups:
        if len({picture.shape for picture in group}) > 1:
            shapes = ", ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in group[:4])
            raise NodeInputError(
                f"Pictures of unlike sizes ({shapes}) cannot share a batch.",
                hint="Scale them to one size first, or set batch_size to 1.",
                input_name="images",
            )
    return [torch.stack(group) for group in groups]
