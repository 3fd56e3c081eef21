"""Stable Diffusion 2: conditioned on OpenCLIP-H, attention heads of 64 channels, epsilon or v prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.models.detection import Family
from inhouse.packs.diffusion.families.encoders import clip_h
from inhouse.packs.diffusion.families.sd import build_checkpoint, is_sd_unet, prediction_of
from inhouse.packs.diffusion.weights import read_origin

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Checkpoint, Placement
    from inhouse.packs.diffusion.layouts import Components
    from inhouse.packs.diffusion.weights import Weights

_TELLTALE = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
_SPREAD = 0.09


def _matches(shapes: Shapes) -> bool:
    return is_sd_unet(shapes, projection_axes=2)


def _predicts_velocity(unet: Weights) -> bool:
    """Whether a UNet was trained to predict v, which only the spread of one bias tells.

    Inpainting and depth models, of more than 4 input channels, were all trained to predict noise.
    """
    if _TELLTALE not in unet or unet["input_blocks.0.0.weight"].shape[1] != 4:
        return False
    origin = unet[_TELLTALE]
    with origin.file.reader() as reader:
        return float(read_origin(reader, origin).float().std(correction=0)) > _SPREAD


def _build(components: Components, placement: Placement) -> Checkpoint:
    prediction = prediction_of(components, velocity=_predicts_velocity(components.unet))
    encoder = clip_h(components.text)
    return build_checkpoint(components, placement, encoder=encoder, prediction=prediction, head_channels=64)


FAMILY = Family("sd2", "Stable Diffusion 2", _matches, _build)
