"""Other ways to guide: what a model can carry as its :class:`~inhouse.packs.diffusion.guidance.Guidance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.diffusion.patches import Patches

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.guidance import Adjust, Combine, GuidanceStep
    from inhouse.packs.diffusion.patches import Attention, Site


def rescaled(multiplier: float) -> Combine:
    """Return classifier-free guidance whose contrast is held down.

    Lin et al. (2023), Common Diffusion Noise Schedules and Sample Steps are Flawed, section 3.4,
    https://arxiv.org/abs/2305.08891, on velocities, whatever the network predicts.

    Args:
        multiplier: share of the rescaled prediction, 0..1.

    """

    def combine(step: GuidanceStep) -> Tensor:
        sigma = step.sigma.reshape(-1, 1, 1, 1)
        alpha = (sigma**2 + 1).rsqrt()
        positive, negative = (
            alpha * (step.x - denoised) / sigma - alpha * sigma * denoised
            for denoised in (step.positive, step.negative)
        )
        guided = negative + (positive - negative) * step.cfg
        matched = guided * (_deviation(positive) / _deviation(guided))
        velocity = multiplier * matched + (1 - multiplier) * guided
        return alpha**2 * step.x - alpha * sigma * velocity

    return combine


def perturbed_attention(scale: float) -> Adjust:
    """Return guidance away from what the network predicts when the middle of it looks at no other place.

    Ahn et al. (2024), Self-Rectifying Diffusion Sampling with Perturbed-Attention Guidance, section 4,
    https://arxiv.org/abs/2403.17377.

    Args:
        scale: how far, 0..100.

    """

    def adjust(step: GuidanceStep, denoised: Tensor) -> Tensor:
        if scale == 0:
            return denoised
        return denoised + (step.positive - step.predict(patches=Patches(attention=(_nowhere_else,)))) * scale

    return adjust


def _nowhere_else(
    attend: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
) -> Tensor:
    """Attend, but for self-attention in the middle block, where each place sees only itself."""
    if site is not None and site.part == "middle" and not site.cross:
        return value
    return attend(query, key, value, heads, site)


def _deviation(latent: Tensor) -> Tensor:
    """Return the standard deviation of each sample (batch, 1, 1, 1)."""
    return latent.std(dim=(1, 2, 3), keepdim=True)
