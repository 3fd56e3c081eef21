"""Compositing: lay pictures on pictures, and move transparency between pictures and masks.

A mask says where something is to be hidden or replaced, so everywhere ``alpha = 1 - mask``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from inhouse.packs.image.pixels import as_batch, match_channels, repeat_to, resize_mask
from inhouse.packs.image.scaling import resize, scale

if TYPE_CHECKING:
    from torch import Tensor


def composite(
    destination: Tensor, source: Tensor, x: int, y: int, *, mask: Tensor | None = None, resize_source: bool = False
) -> Tensor:
    """Lay ``source`` on ``destination`` at (x, y).

    Args:
        destination: (B, H, W, C).
        source: (B, H, W, C); what reaches beyond the destination is left off; repeated to the destination's batch.
        x: column of the source's left border.
        y: row of the source's upper border.
        mask: (B, H, W), scaled to the source: 1 shows the source, 0 the destination; by default all of the source.
        resize_source: first scale the source, bilinearly, to the destination's size.

    """
    count, high, wide, channels = destination.shape
    source = match_channels(source, channels)
    if resize_source:
        source = resize(source, wide, high, "bilinear")
    shown = torch.ones(1, *source.shape[1:3]) if mask is None else resize_mask(mask, source.shape[2], source.shape[1])
    high, wide = max(0, high - y), max(0, wide - x)
    source = repeat_to(source, count)[:, :high, :wide]
    shown = repeat_to(shown, count)[:, :high, :wide].unsqueeze(-1)
    result = destination.clone()
    covered = result[:, y : y + source.shape[1], x : x + source.shape[2]]
    covered.copy_(shown * source + (1 - shown) * covered)
    return result


def split_alpha(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the colours (B, H, W, 3) and the transparency (B, H, W) of a picture; opaque if it has no alpha."""
    if image.shape[-1] > 3:
        return image[..., :3], 1 - image[..., 3]
    return image[..., :3], torch.zeros(image.shape[:3])


def join_alpha(image: Tensor, mask: Tensor) -> Tensor:
    """Make a picture (B, H, W, 4) transparent where a mask, scaled to it, is 1; the shorter batch repeats."""
    alpha = 1 - resize_mask(mask, image.shape[2], image.shape[1])
    count = max(len(image), len(alpha))
    return torch.cat([repeat_to(image[..., :3], count), repeat_to(alpha, count).unsqueeze(-1)], dim=-1)


def porter_duff(
    source: Tensor, source_mask: Tensor, destination: Tensor, destination_mask: Tensor, mode: str
) -> tuple[Tensor, Tensor]:
    """Combine two pictures with transparency.

    Source: Porter and Duff, Compositing Digital Images (1984), with the further modes and the formulas of
    ``android.graphics.PorterDuff.Mode``, on premultiplied colours.

    Args:
        source: (B, H, W, 3).
        source_mask: (B, H, W), scaled to the source: 1 where it is transparent.
        destination: (B, H, W, 3), cut and scaled bicubically to the source's size.
        destination_mask: likewise.
        mode: one of Android's, such as ``SRC_OVER``.

    Returns:
        The picture, not premultiplied, and its mask.

    """
    high, wide = source.shape[1:3]
    target = (
        scale(destination, wide, high, "bicubic", crop=True) if destination.shape[1:3] != (high, wide) else destination
    )
    beneath = as_batch(destination_mask)
    if beneath.shape[1:] != (high, wide):
        beneath = scale(beneath.unsqueeze(-1), wide, high, "bicubic", crop=True).squeeze(-1)
    above = resize_mask(source_mask, wide, high)
    count = min(len(source), len(above), len(target), len(beneath))
    source_alpha, target_alpha = (1 - above[:count]).unsqueeze(-1), (1 - beneath[:count]).unsqueeze(-1)
    color, alpha = _porter_duff(
        source[:count, ..., :3] * source_alpha, source_alpha, target[:count, ..., :3] * target_alpha, target_alpha, mode
    )
    visible = alpha > 1e-5
    color = torch.where(visible, color / torch.where(visible, alpha, 1.0), 0.0)
    return color.clamp(0, 1), 1 - alpha.squeeze(-1).clamp(0, 1)


def _porter_duff(cs: Tensor, s: Tensor, cd: Tensor, d: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Return premultiplied colour and alpha; ``cs`` and ``s`` are the source's, ``cd`` and ``d`` the destination's."""
    if mode in ("DARKEN", "LIGHTEN", "OVERLAY", "SCREEN", "MULTIPLY", "ADD"):
        return _mixed(cs, s, cd, d, mode)
    zero, one = torch.zeros_like(s), torch.ones_like(s)
    # how much of the source and of the destination remains
    source_part, target_part = {
        "CLEAR": (zero, zero),
        "SRC": (one, zero),
        "DST": (zero, one),
        "SRC_OVER": (one, 1 - s),
        "DST_OVER": (1 - d, one),
        "SRC_IN": (d, zero),
        "DST_IN": (zero, s),
        "SRC_OUT": (1 - d, zero),
        "DST_OUT": (zero, 1 - s),
        "SRC_ATOP": (d, 1 - s),
        "DST_ATOP": (1 - d, s),
        "XOR": (1 - d, 1 - s),
    }[mode]
    return cs * source_part + cd * target_part, s * source_part + d * target_part


def _mixed(cs: Tensor, s: Tensor, cd: Tensor, d: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    union = s + d - s * d
    match mode:
        case "ADD":
            return (cs + cd).clamp(0, 1), (s + d).clamp(0, 1)
        case "MULTIPLY":
            return cs * cd, s * d
        case "SCREEN":
            return cs + cd - cs * cd, union
        case "OVERLAY":
            return torch.where(2 * cd < d, 2 * cs * cd, s * d - 2 * (d - cd) * (s - cs)), union
        case "DARKEN":
            return (1 - d) * cs + (1 - s) * cd + torch.minimum(cs, cd), union
        case _:
            return (1 - d) * cs + (1 - s) * cd + torch.maximum(cs, cd), union
