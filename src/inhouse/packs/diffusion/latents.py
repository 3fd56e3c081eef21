"""Latents as values: dicts with ``samples`` (batch, channels, height / 8, width / 8) and what nodes add to them.

The functions here return new dicts and leave their arguments alone. Lengths are in image pixels, a latent pixel being
8 of them, and are rounded down to whole latent pixels. What else a latent carries:

===============  =====================================================================================================
``noise_mask``   (batch, 1, height, width), 0..1, of any size: where sampling may change the picture
``batch_index``  for each sample, which draw of the seed's noise is its own
===============  =====================================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.resizing import fade, repeat_to, resize, resize_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from inhouse.wires import Latent, Mask

SCALE = 8
"""Image pixels along one side of a latent pixel."""
ROTATIONS = ("none", "90 degrees", "180 degrees", "270 degrees")
"""Clockwise."""
FLIPS = ("x-axis: vertically", "y-axis: horizontally")

_SMALLEST = 64


def empty(width: int, height: int, batch_size: int = 1, channels: int = 4) -> Latent:
    """Return a latent of zeros."""
    import torch

    return {"samples": torch.zeros(batch_size, channels, height // SCALE, width // SCALE)}


def upscale(latent: Latent, method: str, width: int, height: int, *, crop: bool = False) -> Latent:
    """Resize to a width and height in image pixels.

    Args:
        latent: what is resized.
        method: see :data:`~inhouse.packs.diffusion.resizing.UPSCALE_METHODS`.
        width: new width; 0 keeps the proportions, and with ``height`` 0 too the size.
        height: new height, likewise.
        crop: whether to cut equal strips off two sides first, so that nothing is stretched.

    """
    samples = latent["samples"]
    if width == 0 and height == 0:
        return latent
    rows, columns = samples.shape[-2:]
    new_width, new_height = max(_SMALLEST, width), max(_SMALLEST, height)
    if width == 0:
        new_width = max(_SMALLEST, round(columns * new_height / rows))
    elif height == 0:
        new_height = max(_SMALLEST, round(rows * new_width / columns))
    return {**latent, "samples": resize(samples, new_width // SCALE, new_height // SCALE, method, crop=crop)}


def upscale_by(latent: Latent, method: str, factor: float) -> Latent:
    """Resize by a factor, 0.01..8, rounded to whole latent pixels."""
    samples = latent["samples"]
    height, width = (max(1, round(side * factor)) for side in samples.shape[-2:])
    return {**latent, "samples": resize(samples, width, height, method)}


def from_batch(latent: Latent, index: int, length: int = 1) -> Latent:
    """Take ``length`` samples from ``index`` on, as far as there are; each keeps the noise it had in the batch."""
    samples = latent["samples"]
    start = min(index, samples.shape[0] - 1)
    chosen = slice(start, start + max(1, length))
    taken = {**latent, "samples": samples[chosen].clone()}
    mask = latent.get("noise_mask")
    if mask is not None and mask.shape[0] > 1:
        taken["noise_mask"] = repeat_to(mask, samples.shape[0])[chosen].clone()
    indices = latent.get("batch_index") or range(samples.shape[0])
    taken["batch_index"] = list(indices)[chosen]
    return taken


def repeat_batch(latent: Latent, amount: int) -> Latent:
    """Repeat the whole batch; each repetition gets noise of its own."""
    samples = latent["samples"]
    repeated = {**latent, "samples": samples.repeat(amount, *[1] * (samples.ndim - 1))}
    mask = latent.get("noise_mask")
    if mask is not None and mask.shape[0] > 1:
        repeated["noise_mask"] = repeat_to(mask, samples.shape[0]).repeat(amount, *[1] * (mask.ndim - 1))
    indices = latent.get("batch_index")
    if indices:
        span = max(indices) - min(indices) + 1
        repeated["batch_index"] = [index + span * turn for turn in range(amount) for index in indices]
    return repeated


def composite(to: Latent, source: Latent, x: int, y: int, feather: int = 0) -> Latent:
    """Paste ``source`` into ``to`` at a place in image pixels.

    Args:
        to: what is pasted into; keeps its size.
        source: what is pasted; what lies beyond the borders is cut off.
        x: left edge.
        y: upper edge.
        feather: image pixels over which the pasted borders inside ``to`` fade.

    """
    import torch

    base = to["samples"].clone()
    column, row, over = x // SCALE, y // SCALE, feather // SCALE
    height, width = base.shape[-2:]
    if row >= height or column >= width:
        return {**to, "samples": base}
    piece = repeat_to(source["samples"], base.shape[0])[..., : height - row, : width - column].to(base)
    rows, columns = piece.shape[-2:]
    weight = torch.ones(rows, columns)
    if over:
        across = fade(columns, over, before=column > 0, after=column + columns < width)
        weight = fade(rows, over, before=row > 0, after=row + rows < height)[:, None] * across
    weight = weight.to(base)
    under = base[..., row : row + rows, column : column + columns]
    under.copy_(piece * weight + under * (1 - weight))
    return {**to, "samples": base}


def composite_masked(
    destination: Latent, source: Latent, x: int, y: int, *, resize_source: bool = False, mask: Mask | None = None
) -> Latent:
    """Paste ``source`` into ``destination`` where a mask lets it.

    Args:
        destination: what is pasted into; keeps its size.
        source: what is pasted; what lies beyond the borders is cut off.
        x: left edge, in image pixels.
        y: upper edge.
        resize_source: whether to stretch the source to the size of the destination first.
        mask: (batch, height, width), 0..1, stretched over the source; all of it without one.

    """
    import torch

    base = destination["samples"].clone()
    height, width = base.shape[-2:]
    piece = repeat_to(source["samples"], base.shape[0]).to(base)
    if resize_source:
        piece = resize(piece, width, height, "bilinear")
    rows, columns = piece.shape[-2:]
    weight = torch.ones(1, 1, rows, columns) if mask is None else resize_mask(mask, columns, rows)
    column, row = min(x // SCALE, width), min(y // SCALE, height)
    visible = (..., slice(0, height - row), slice(0, width - column))
    piece, weight = piece[visible], repeat_to(weight.to(base), base.shape[0])[visible]
    under = base[..., row : row + piece.shape[-2], column : column + piece.shape[-1]]
    under.copy_(piece * weight + under * (1 - weight))
    return {**destination, "samples": base}


def blend(first: Latent, second: Latent, factor: float) -> Latent:
    """Mix two latents: ``first * factor + second * (1 - factor)``, the second resized to the first."""
    return _with_both(first, second, lambda a, b: a * factor + b * (1 - factor))


def add(first: Latent, second: Latent) -> Latent:
    """Add two latents, the second resized to the first."""
    return _with_both(first, second, lambda a, b: a + b)


def subtract(first: Latent, second: Latent) -> Latent:
    """Subtract the second latent, resized to the first."""
    return _with_both(first, second, lambda a, b: a - b)


def multiply(latent: Latent, multiplier: float) -> Latent:
    """Scale a latent."""
    return {**latent, "samples": latent["samples"] * multiplier}


def batch(first: Latent, second: Latent) -> Latent:
    """Put two batches behind each other, the second resized to the first; every sample keeps its noise."""
    import torch

    joined = _with_both(first, second, lambda a, b: torch.cat([a, b]), repeat=False)
    indices = [
        index for latent in (first, second) for index in latent.get("batch_index") or range(latent["samples"].shape[0])
    ]
    return {**joined, "batch_index": indices}


def rotate(latent: Latent, rotation: str) -> Latent:
    """Turn by one of :data:`ROTATIONS`, clockwise."""
    import torch

    quarters = _choice(ROTATIONS, rotation, "rotation")
    return {**latent, "samples": torch.rot90(latent["samples"], k=quarters, dims=(3, 2))}


def flip(latent: Latent, method: str) -> Latent:
    """Mirror by one of :data:`FLIPS`."""
    import torch

    axis = 2 + _choice(FLIPS, method, "flip_method")
    return {**latent, "samples": torch.flip(latent["samples"], dims=(axis,))}


def crop(latent: Latent, width: int, height: int, x: int, y: int) -> Latent:
    """Cut a rectangle out, in image pixels; it is moved inside and made smaller where it would not fit."""
    samples = latent["samples"]
    spans = []
    for start, length, side in ((y, height, samples.shape[-2]), (x, width, samples.shape[-1])):
        first = min(start // SCALE, max(0, side - _SMALLEST // SCALE))
        spans.append(slice(first, first + length // SCALE))
    return {**latent, "samples": samples[..., spans[0], spans[1]].clone()}


def set_noise_mask(latent: Latent, mask: Mask) -> Latent:
    """Let sampling change the picture only where a mask (height, width) or (batch, height, width) says so, 0..1."""
    return {**latent, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])}


def interpolate(first: Latent, second: Latent, ratio: float) -> Latent:
    """Mix the directions of two latents, and their lengths, by a ratio (0..1) of the first.

    Both are taken apart at every pixel into a length over the channels and a direction.
    """

    def mixed(a: Tensor, b: Tensor) -> Tensor:
        lengths = [tensor.norm(dim=1, keepdim=True) for tensor in (a, b)]
        units = [tensor / length.clamp(min=1e-12) for tensor, length in zip((a, b), lengths, strict=True)]
        direction = units[0] * ratio + units[1] * (1 - ratio)
        direction = direction / direction.norm(dim=1, keepdim=True).clamp(min=1e-12)
        result: Tensor = direction * (lengths[0] * ratio + lengths[1] * (1 - ratio))
        return result

    return _with_both(first, second, mixed)


def _with_both(
    first: Latent, second: Latent, mix: Callable[[Tensor, Tensor], Tensor], *, repeat: bool = True
) -> Latent:
    """Return the first latent with what a function makes of both latents' samples, which it gets in one size."""
    a, b = first["samples"], second["samples"]
    if a.shape[1] != b.shape[1]:
        raise NodeInputError(
            f"The latents have {a.shape[1]} and {b.shape[1]} channels.", hint="Use latents of one model family."
        )
    b = resize(b.to(a), a.shape[-1], a.shape[-2], "bicubic", crop=True)
    return {**first, "samples": mix(a, repeat_to(b, a.shape[0]) if repeat else b)}


def _choice(choices: tuple[str, ...], value: Any, input_name: Literal["rotation", "flip_method"]) -> int:
    if value not in choices:
        raise NodeInputError(f"{value!r} is none of {', '.join(choices)}.", input_name=input_name)
    return choices.index(value)
