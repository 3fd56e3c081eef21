"""Blending of two pictures, pixel by pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from inhouse.packs.image.pixels import match_channels, repeat_to
from inhouse.packs.image.scaling import scale


def blend(base: Tensor, top: Tensor, factor: float, mode: str) -> Tensor:
    """Mix ``base`` with its blend with ``top``; formulas of W3C Compositing and Blending Level 1, section 9.1.

    Args:
        base: (B, H, W, C), 0 to 1.
        top: likewise; cut and scaled bicubically to the base's size.
        factor: 0 keeps the base, 1 gives the blend alone.
        mode: ``normal``, ``multiply``, ``screen``, ``overlay``, ``soft_light``, or ``difference``, signed: what
            is negative shows as black.

    """
    top = match_channels(top, base.shape[-1])
    if top.shape[1:3] != base.shape[1:3]:
        top = scale(top, base.shape[2], base.shape[1], "bicubic", crop=True)
    if len(top) != 1 and len(base) != 1:
        top = repeat_to(top, len(base))
    blended = _blended(base, top, mode)
    return (base * (1 - factor) + blended * factor).clamp(0, 1)


def _blended(base: Tensor, top: Tensor, mode: str) -> Tensor:
    match mode:
        case "multiply":
            return base * top
        case "screen":
            return 1 - (1 - base) * (1 - top)
        case "overlay":
            return torch.where(base <= 0.5, 2 * base * top, 1 - 2 * (1 - base) * (1 - top))
        case "soft_light":
            lighter = torch.where(base <= 0.25, ((16 * base - 12) * base + 4) * base, base.clamp(min=0).sqrt())
            darkened = base - (1 - 2 * top) * base * (1 - base)
            return torch.where(top <= 0.5, darkened, base + (2 * top - 1) * (lighter - base))
        case "difference":
            return base - top
        case _:
            return top
