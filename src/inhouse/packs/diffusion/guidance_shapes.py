"""Guidance that keeps what classifier-free guidance spoils: parts of its change are projected, damped or limited.

All work on clean latents, or on the direction ``x - denoised`` in which the noise lies, which is the network's output
but for a factor; sums and norms go over whole samples.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.freeu import spectrum_scaled
from inhouse.packs.diffusion.guidance import classifier_free
from inhouse.packs.diffusion.guidance_variants import along

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.guidance import Adjust, Combine, GuidanceStep, Prepare

_TINY = 1e-8


def zero_star(step: GuidanceStep) -> Tensor:
    """Guide from as much of the negative direction as lies along the positive one.

    Fan et al. (2025), CFG-Zero*, section 4.1, https://arxiv.org/abs/2503.18886.
    """
    positive, negative = step.x - step.positive, step.x - step.negative
    fitted = negative * (_dot(positive, negative) / (_dot(negative, negative) + _TINY))
    return step.x - (fitted + (positive - fitted) * step.cfg)


def normalised(strength: float) -> Adjust:
    """Return a limit on each place's length over the channels: that of the positive prediction.

    As the pipelines of Qwen-Image in https://github.com/huggingface/diffusers guide.

    Args:
        strength: factor on the result, 0..100.

    """

    def adjust(step: GuidanceStep, denoised: Tensor) -> Tensor:
        length = denoised.norm(dim=1, keepdim=True)
        wanted = step.positive.norm(dim=1, keepdim=True)
        limited: Tensor = denoised * (wanted / (length + _TINY)).clamp(0, 1)
        return limited * strength

    return adjust


def tangential_damping(step: GuidanceStep) -> GuidanceStep:
    """Keep of the negative direction only what both have in common.

    Kwon et al. (2025), TCFG, section 4, https://arxiv.org/abs/2503.18137: the first right singular vector of the two
    directions as rows; it is found by the eigenvectors of their two by two products.
    """
    import torch

    positive, negative = step.x - step.positive, step.x - step.negative
    rows = torch.stack([positive.flatten(1), negative.flatten(1)], dim=1).double()
    _, vectors = torch.linalg.eigh(rows @ rows.transpose(1, 2))
    common = (vectors[:, :, -1:] * rows).sum(1)
    common = common / common.norm(dim=1, keepdim=True).clamp(min=_TINY)
    kept = (rows[:, 1] * common).sum(1, keepdim=True) * common
    return replace(step, negative=step.x - kept.to(step.x.dtype).view_as(step.x))


def projected(eta: float, norm_threshold: float, momentum: float) -> Combine:
    """Return adaptive projected guidance, which does not oversaturate at high scales.

    Sadat et al. (2024), section 4, Algorithm 1, https://arxiv.org/abs/2410.02416.

    Args:
        eta: factor on the part of the change along the positive prediction; 1 keeps it.
        norm_threshold: the largest length of the change; 0 is none.
        momentum: share of the changes of earlier steps that counts; negative pushes away from them.

    """

    def combine(step: GuidanceStep) -> Tensor:
        change = step.positive - step.negative
        if momentum:
            change = change + momentum * step.memory.get(combine, 0.0)
            step.memory[combine] = change
        if norm_threshold > 0:
            length = _dot(change, change).sqrt()
            change = change * (norm_threshold / (length + _TINY)).clamp(max=1)
        parallel = along(change, step.positive)
        return step.positive + (change - parallel + eta * parallel) * (step.cfg - 1)

    return combine


def renormalised(cfg_trunc: float, renorm_cfg: float) -> Combine:
    """Return guidance below a noise level only, no longer than a multiple of the positive direction.

    Qin et al. (2025), Lumina-Image 2.0, section 4.3 (CFG-Renorm, CFG-Trunc), https://arxiv.org/abs/2503.21758.

    Args:
        cfg_trunc: the noise level from which on nothing is guided.
        renorm_cfg: the multiple; 0 sets no limit.

    """

    def combine(step: GuidanceStep) -> Tensor:
        import torch

        positive = step.x - step.positive
        guided = step.x - classifier_free(step)
        if renorm_cfg > 0:
            longest = _dot(positive, positive).sqrt() * renorm_cfg
            guided = guided * (longest / (_dot(guided, guided).sqrt() + _TINY)).clamp(max=1)
        below = (step.sigma < cfg_trunc).reshape(-1, *[1] * (step.x.ndim - 1))
        return torch.where(below, step.x - guided, step.positive)

    return combine


def epsilon_scaled(factor: float) -> Adjust:
    """Return a correction of exposure bias: the noise is taken for a little less than the network says.

    Ning et al. (2023), section 4.1, https://arxiv.org/abs/2308.15321.

    Args:
        factor: what the noise is divided by, 0.5..1.5.

    """
    return lambda step, denoised: step.x - (step.x - denoised) / factor


def frequencies(low: float, high: float, cutoff: int) -> Prepare:
    """Return factors on the low and the high frequencies of what guidance adds.

    Huang et al. (2025), FreSca, section 4, https://arxiv.org/abs/2504.02154.

    Args:
        low: factor on frequencies within ``cutoff``.
        high: factor on the others.
        cutoff: in waves over the picture.

    """

    def prepare(step: GuidanceStep) -> GuidanceStep:
        change = spectrum_scaled(step.positive - step.negative, low, high, cutoff)
        return replace(step, positive=step.negative + change)

    return prepare


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the product of each sample with its fellow, (batch, 1, ...)."""
    return (one * other).sum(tuple(range(1, one.ndim)), keepdim=True)
