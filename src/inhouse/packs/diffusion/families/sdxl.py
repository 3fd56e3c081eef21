"""Stable Diffusion XL: conditioned on CLIP-L beside OpenCLIP-G, on sizes and on the crop of the picture.

Podell et al. (2023), https://arxiv.org/abs/2307.01952.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Checkpoint, build_diffusion_model, build_vae
from inhouse.packs.diffusion.families.encoders import CLIP_G, CLIP_L_BESIDE
from inhouse.packs.diffusion.families.sd import prediction_of
from inhouse.packs.diffusion.families.sizes import SIZES, and_sizes, number_of_sizes, sizes_of
from inhouse.packs.diffusion.preview import SDXL as COLOURS
from inhouse.packs.diffusion.text.joining import SDXL
from inhouse.packs.diffusion.text_model import TextModels
from inhouse.packs.diffusion.unet import LatentFormat

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.layouts import Components

LATENT_FORMAT = LatentFormat(scale_factor=0.13025, colours=COLOURS)


def _matches(shapes: Shapes) -> bool:
    return number_of_sizes(shapes) == len(SIZES)


def text_models(components: Components, placement: Placement) -> TextModels | None:
    """Return the text models that there are."""
    habits = {1: CLIP_L_BESIDE, 2: CLIP_G}
    parts = {
        encoder.part: encoder.build(components.texts[slot], placement)
        for slot, encoder in habits.items()
        if slot in components.texts
    }
    return TextModels(MappingProxyType(parts), SDXL) if parts else None


def _build(components: Components, placement: Placement) -> Checkpoint:
    return Checkpoint(
        model=build_diffusion_model(
            components.unet,
            prediction_of(components),
            placement,
            head_channels=64,
            latent_format=LATENT_FORMAT,
            conditioner=and_sizes("Stable Diffusion XL", components.unet, sizes_of),
        ),
        clip=text_models(components, placement),
        vae=build_vae(components.vae, placement) if components.vae else None,
    )


FAMILY = Family("sdxl", "Stable Diffusion XL", _matches, _build)
