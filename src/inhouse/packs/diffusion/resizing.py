"""Resize latents and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

UPSCALE_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")
"""What :func:`resize` knows."""


def resize(samples: Tensor, width: int, height: int, method: str, *, crop: bool = False) -> Tensor:
    """Resize samples (batch, channels, height, width) to ``width`` and ``height``.

    Args:
        samples: what is resized.
        width: new width, in the samples' own pixels.
        height: new height.
        method: one of :data:`UPSCALE_METHODS`.
        crop: whether to cut equal strips off two sides first, so that nothing is stretched.

    """
    from torch.nn.functional import interpolate

    if crop:
        samples = _cropped(samples, width / height)
    if samples.shape[-2:] == (height, width):
        return samples
    if method == "bislerp":
        return _slerped(_slerped(samples, width, axis=3), height, axis=2)
    return interpolate(samples, size=(height, width), mode=method)


def resize_mask(mask: Tensor, width: int, height: int) -> Tensor:
    """Stretch a mask (height, width) or (batch, [1,] height, width) to (batch, 1, height, width)."""
    return resize(mask.reshape(-1, 1, *mask.shape[-2:]), width, height, "bilinear")


def repeat_to(tensor: Tensor, batch: int) -> Tensor:
    """Repeat the samples of a tensor (any batch, ...) in turn, or cut them off, to a number of samples."""
    if tensor.shape[0] == batch:
        return tensor
    times = -(-batch // tensor.shape[0])
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:batch]


def fade(length: int, over: int, *, before: bool, after: bool) -> Tensor:
    """Return weights (length,) that rise to 1 over the first ``over`` pixels, and fall over the last.

    Args:
        length: of the side.
        over: pixels of one ramp.
        before: whether the first pixels fade.
        after: whether the last pixels do.

    """
    import torch

    ramp = ((torch.arange(length) + 1) / max(1, over)).clamp(max=1.0)
    ones = torch.ones(length)
    return (ramp if before else ones) * (ramp.flip(0) if after else ones)


def _cropped(samples: Tensor, aspect: float) -> Tensor:
    """Cut samples down to an aspect ratio (width / height), around their centre."""
    height, width = samples.shape[-2:]
    present = width / height
    if present > aspect:
        strip = round((width - width * (aspect / present)) / 2)
        return samples[..., strip : width - strip]
    strip = round((height - height * (present / aspect)) / 2)
    return samples[..., strip : height - strip, :]


def _slerped(samples: Tensor, length: int, *, axis: int) -> Tensor:
    """Resize along one axis, going around the sphere between neighbours, whose norms are interpolated linearly.

    Shoemake (1985), Animating Rotation with Quaternion Curves. A linear mix of two latents is shorter than either and
    decodes to a duller picture.
    """
    import torch

    size = samples.shape[axis]
    places = ((torch.arange(length) + 0.5) * (size / length) - 0.5).clamp(0, size - 1)
    left = places.floor().long()
    share = (places - left).to(samples).reshape([-1 if side == axis else 1 for side in range(samples.ndim)])
    first, second = (samples.index_select(axis, at.to(samples.device)) for at in (left, (left + 1).clamp(max=size - 1)))
    first_norm, second_norm = first.norm(dim=1, keepdim=True), second.norm(dim=1, keepdim=True)
    first_unit, second_unit = (v / n.clamp(min=1e-12) for v, n in ((first, first_norm), (second, second_norm)))
    cosine = (first_unit * second_unit).sum(dim=1, keepdim=True).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin()
    turned = (((1 - share) * angle).sin() * first_unit + (share * angle).sin() * second_unit) / sine
    norm = first_norm + (second_norm - first_norm) * share
    # Between parallel or opposite vectors, and from zero, no great circle is the only one.
    straight = (cosine.abs() > 1 - 1e-5) | (first_norm == 0) | (second_norm == 0)
    return torch.where(straight, first + (second - first) * share, turned * norm)
