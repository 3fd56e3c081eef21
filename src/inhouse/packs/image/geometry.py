"""Geometry: cut, pad, turn, mirror and stitch pictures, (B, H, W, C) float32."""

from __future__ import annotations

import torch
from torch import Tensor

from inhouse.packs.image.pixels import match_both
from inhouse.packs.image.scaling import resize, scale

COLORS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}


def crop(image: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """Cut a rectangle out; what reaches beyond the picture is left off, but at least a pixel remains."""
    x = min(x, image.shape[2] - 1)
    y = min(y, image.shape[1] - 1)
    return image[:, y : y + height, x : x + width]


def pad_for_outpaint(
    image: Tensor, *, left: int, top: int, right: int, bottom: int, feathering: int
) -> tuple[Tensor, Tensor]:
    """Put a grey frame around a picture, and mark it in a mask.

    Args:
        image: (B, H, W, C).
        left: width of the frame in pixels, likewise the other sides.
        top: see left.
        right: see left.
        bottom: see left.
        feathering: pixels over which the mask fades, quadratically, into the picture from each side that has a frame;
            no fading where twice as much does not fit into the picture.

    Returns:
        The framed picture, and its mask (1, H, W): 1 in the frame, 0 in the picture.

    """
    count, high, wide, channels = image.shape
    framed = torch.full((count, top + high + bottom, left + wide + right, channels), 0.5)
    framed[:, top : top + high, left : left + wide] = image
    mask = torch.ones(1, framed.shape[1], framed.shape[2])
    inner = torch.zeros(high, wide)
    if feathering and 2 * feathering < min(high, wide):
        rows = _distance(high, before=bool(top), after=bool(bottom))
        columns = _distance(wide, before=bool(left), after=bool(right))
        distance = torch.minimum(rows[:, None], columns[None, :])
        inner = (1 - distance / feathering).clamp(0, 1) ** 2
    mask[0, top : top + high, left : left + wide] = inner
    return framed, mask


def resize_and_pad(image: Tensor, width: int, height: int, color: float, method: str) -> Tensor:
    """Scale a picture so that it just fits into ``width`` x ``height``, and centre it on ``color`` (0 to 1)."""
    high, wide = image.shape[1:3]
    factor = min(width / wide, height / high)
    fitted = resize(image, max(1, int(wide * factor + 1e-6)), max(1, int(high * factor + 1e-6)), method)
    high, wide = fitted.shape[1:3]
    x, y = (width - wide) // 2, (height - high) // 2
    padded = torch.full((image.shape[0], height, width, image.shape[3]), color)
    padded[:, y : y + high, x : x + wide] = fitted
    return padded


def flip(image: Tensor, *, vertically: bool) -> Tensor:
    """Mirror top and bottom, or left and right."""
    return image.flip(1 if vertically else 2)


def rotate(image: Tensor, quarters: int) -> Tensor:
    """Turn clockwise by that many quarters."""
    return image.rot90(quarters, dims=(2, 1))


def stitch(first: Tensor, second: Tensor, direction: str, *, match: bool, gap: int, color: str) -> Tensor:
    """Put a second picture beside the first.

    Args:
        first: (B, H, W, C).
        second: (B, H, W, C); the shorter batch repeats its last picture.
        direction: where the second goes: ``right``, ``left``, ``up`` or ``down`` of the first.
        match: scale the second to the common side's length; else the smaller one is centred, on white if that is the
            colour of the gap, on black otherwise.
        gap: pixels between the two; odd numbers are rounded up.
        color: of the gap, a key of ``COLORS``.

    """
    sideways = direction in ("right", "left")
    count = max(len(first), len(second))
    first, second = _last_repeated(first, count), _last_repeated(second, count)
    if match and sideways:
        second = scale(second, 0, first.shape[1], "lanczos")
    elif match:
        second = scale(second, first.shape[2], 0, "lanczos")
    first, second = match_both(first, second)
    across = 1 if sideways else 2
    longer = max(first.shape[across], second.shape[across])
    background = 1.0 if color == "white" else 0.0
    parts = [_centred(part, across, longer, background) for part in (first, second)]
    if direction in ("left", "up"):
        parts.reverse()
    if gap:
        parts.insert(1, _strip(parts[0], 3 - across, gap + gap % 2, color))
    return torch.cat(parts, dim=3 - across)


def _distance(length: int, *, before: bool, after: bool) -> Tensor:
    """Return how far each coordinate is from the ends that count; infinitely far if none does."""
    coordinates = torch.arange(length, dtype=torch.float32)
    far = torch.full_like(coordinates, float("inf"))
    return torch.minimum(coordinates if before else far, length - coordinates if after else far)


def _last_repeated(image: Tensor, count: int) -> Tensor:
    missing = count - len(image)
    return torch.cat([image, image[-1:].expand(missing, -1, -1, -1)]) if missing else image


def _centred(image: Tensor, axis: int, length: int, background: float) -> Tensor:
    missing = length - image.shape[axis]
    if not missing:
        return image
    shape = list(image.shape)
    shape[axis] = length
    padded = torch.full(shape, background)
    if image.shape[-1] > 3:
        padded[..., 3:] = 1.0
    padded.narrow(axis, missing // 2, image.shape[axis]).copy_(image)
    return padded


def _strip(beside: Tensor, axis: int, length: int, color: str) -> Tensor:
    shape = list(beside.shape)
    shape[axis] = length
    strip = torch.ones(shape)
    strip[..., :3] = torch.tensor(COLORS[color])[: shape[-1]]
    return strip
