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


def dual(cfg_second: float, *, nested: bool = False) -> Combine:
    """Return guidance with a scale of its own for a second conditioning, the last of a step's others.

    Brooks et al. (2022), InstructPix2Pix, equation 3, https://arxiv.org/abs/2211.09800.

    Args:
        cfg_second: scale from the negative prediction to the second, 0..100.
        nested: whether it applies to what the first scale came to, rather than to the second prediction.

    """

    def combine(step: GuidanceStep) -> Tensor:
        second = step.others[-1]
        added = (step.positive - second) * step.cfg
        if nested:
            return step.negative + (second + added - step.negative) * cfg_second
        return step.negative + (second - step.negative) * cfg_second + added

    return combine


def perpendicular_negative(scale: float) -> Combine:
    """Return guidance away from the negative prompt only as far as it is perpendicular to the positive one.

    Armandpour et al. (2023), Re-imagine the Negative Prompt Algorithm, section 3.3, https://arxiv.org/abs/2304.04968.
    Both count from the prediction under an empty prompt, the last of a step's others.

    Args:
        scale: how far away, 0..100.

    """

    def combine(step: GuidanceStep) -> Tensor:
        empty = step.others[-1]
        positive, negative = step.positive - empty, step.negative - empty
        away = negative - along(negative, positive)
        return empty + (positive - away * scale) * step.cfg

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


def along(vector: Tensor, direction: Tensor) -> Tensor:
    """Return, for each sample, the part of a vector that lies along a direction."""
    axes = tuple(range(1, vector.ndim))
    length = (direction * direction).sum(axes, keepdim=True)
    return (vector * direction).sum(axes, keepdim=True) / length.clamp(min=1e-12) * direction


def _deviation(latent: Tensor) -> Tensor:
    """Return the standard deviation of each sample (batch, 1, 1, 1)."""
    return latent.std(dim=(1, 2, 3), keepdim=True)
