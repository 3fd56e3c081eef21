"""Guidance away from what a network predicts of a picture that is blurred where it looks most.

Hong et al. (2022), Improving Sample Quality of Diffusion Models Using Self-Attention Guidance,
https://arxiv.org/abs/2210.00939, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.diffusion.patches import Patches

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.guidance import Adjust, GuidanceStep
    from inhouse.packs.diffusion.patches import Attention, Site

THRESHOLD = 1.0
"""Attention that a place must get to count, of 1 on average."""
KERNEL = 9
"""Places along a side of the blur."""


def self_attention_guidance(scale: float, blur_sigma: float) -> Adjust:
    """Return the guidance.

    Args:
        scale: how far away, -2..5.
        blur_sigma: deviation of the blur in latent pixels, 0..10.

    """

    def adjust(step: GuidanceStep, denoised: Tensor) -> Tensor:
        watch = _Watch()
        clean = step.predict(side=1, patches=Patches(attention=(watch,)))
        if scale == 0 or watch.seen is None or len(watch.seen) != len(step.x):
            return denoised
        mask = _mask(watch.seen, step.x.shape[-2], step.x.shape[-1])
        degraded = blurred(clean, blur_sigma) * mask + clean * (1 - mask)
        again = step.predict(x=step.x - clean + degraded, side=1)
        return denoised + (degraded - again) * scale

    return adjust


class _Watch:
    """Looks at the first self-attention of the middle block."""

    def __init__(self) -> None:
        self.seen: Tensor | None = None
        """Attention that each place gets from all, (batch, 1, height, width)."""

    def __call__(
        self, attention: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
    ) -> Tensor:
        if site is not None and site.part == "middle" and not site.cross and site.depth == 0:
            queries, keys = (
                tokens.float().reshape(*tokens.shape[:2], heads, -1).transpose(1, 2) for tokens in (query, key)
            )
            scores = (queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5).softmax(-1)
            self.seen = scores.mean(1).sum(1).reshape(-1, 1, site.height, site.width)
        return attention(query, key, value, heads, site)


def _mask(seen: Tensor, height: int, width: int) -> Tensor:
    from torch.nn.functional import interpolate

    return interpolate((seen > THRESHOLD).float(), size=(height, width), mode="nearest")


def blurred(latent: Tensor, sigma: float) -> Tensor:
    """Return a latent (batch, channels, height, width) under a Gaussian blur; its borders are mirrored."""
    import torch
    from torch.nn.functional import conv2d, pad

    half = KERNEL // 2
    places = torch.arange(-half, half + 1, dtype=latent.dtype, device=latent.device)
    line = torch.exp(-0.5 * (places / max(sigma, 1e-3)) ** 2)
    line = line / line.sum()
    channels = latent.shape[1]
    kernel = (line[:, None] * line).expand(channels, 1, KERNEL, KERNEL)
    mode = "reflect" if min(latent.shape[-2:]) > half else "replicate"
    return conv2d(pad(latent, (half,) * 4, mode=mode), kernel, groups=channels)
