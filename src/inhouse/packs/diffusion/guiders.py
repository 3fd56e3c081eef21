"""Guidance with more than two sides: guiders that ask under three conditionings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.guidance import guidance_of
from inhouse.packs.diffusion.guidance_variants import dual, perpendicular_negative
from inhouse.packs.diffusion.sampling import Guider

if TYPE_CHECKING:
    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.guidance import Combine
    from inhouse.packs.diffusion.unet import DiffusionModel


def dual_guider(
    model: DiffusionModel,
    first: Conditioning,
    second: Conditioning,
    negative: Conditioning,
    cfg_first: float,
    cfg_second: float,
    *,
    nested: bool = False,
) -> Guider:
    """Return a guider that has a scale for each of two conditionings; see :func:`.guidance_variants.dual`.

    Args:
        model: the network.
        first: what is wanted, all of it.
        second: a part of it, such as a picture without the instruction.
        negative: neither.
        cfg_first: scale from ``second`` to ``first``, 0..100.
        cfg_second: scale from ``negative`` to ``second``, 0..100.
        nested: whether the second scale applies to what the first one came to.

    """
    guided = _combining(model, dual(cfg_second, nested=nested))
    return Guider(guided, first, negative, cfg_first, others=(second,))


def perp_neg_guider(
    model: DiffusionModel,
    positive: Conditioning,
    negative: Conditioning,
    empty: Conditioning,
    cfg: float,
    negative_scale: float,
) -> Guider:
    """Return a guider that takes of the negative prompt only what the positive one does not want.

    See :func:`.guidance_variants.perpendicular_negative`; ``empty`` is the conditioning of an empty prompt.
    """
    return Guider(_combining(model, perpendicular_negative(negative_scale)), positive, negative, cfg, others=(empty,))


def with_perp_neg(model: DiffusionModel, empty: Conditioning, negative_scale: float) -> DiffusionModel:
    """Return a model that is guided so by any sampler."""
    guidance = guidance_of(model)
    combine = perpendicular_negative(negative_scale)
    return model.with_options(
        guidance=replace(guidance, combine=combine, others=(*guidance.others, empty), always_negative=True)
    )


def _combining(model: DiffusionModel, combine: Combine) -> DiffusionModel:
    return model.with_options(guidance=replace(guidance_of(model), combine=combine, always_negative=True))
