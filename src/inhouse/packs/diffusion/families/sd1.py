"""Stable Diffusion 1: conditioned on CLIP-L, eight attention heads at every level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.models.detection import Family
from inhouse.packs.diffusion.families.encoders import CLIP_L
from inhouse.packs.diffusion.families.sd import build_checkpoint, is_sd_unet, prediction_of

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Checkpoint, Placement
    from inhouse.packs.diffusion.layouts import Components


def _matches(shapes: Shapes) -> bool:
    return is_sd_unet(shapes, projection_axes=4)


def _build(components: Components, placement: Placement) -> Checkpoint:
    prediction = prediction_of(components)
    return build_checkpoint(components, placement, encoder=CLIP_L, prediction=prediction, head_channels=None)


FAMILY = Family("sd1", "Stable Diffusion 1", _matches, _build)
