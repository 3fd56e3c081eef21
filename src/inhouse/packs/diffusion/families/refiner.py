"""The refiner of Stable Diffusion XL: conditioned on OpenCLIP-G, on sizes and on how well the picture is to be liked.

Podell et al. (2023), https://arxiv.org/abs/2307.01952, section 2.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Checkpoint, build_diffusion_model, build_vae
from inhouse.packs.diffusion.families.encoders import CLIP_G_ALONE
from inhouse.packs.diffusion.families.sd import prediction_of
from inhouse.packs.diffusion.families.sdxl import LATENT_FORMAT
from inhouse.packs.diffusion.families.sizes import REFINER_SIZES, and_sizes, number_of_sizes, sizes_of
from inhouse.packs.diffusion.text_model import TextModels

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.layouts import Components

SCORE, NEGATIVE_SCORE = 6.0, 2.5
"""Aesthetic scores, 0 to 10, of what the picture shows and of what it does not, where a prompt states none."""


def _matches(shapes: Shapes) -> bool:
    return number_of_sizes(shapes) == len(REFINER_SIZES)


def _numbers(options: Mapping[str, Any], latent_size: tuple[int, int]) -> list[float]:
    score = options.get("aesthetic_score", NEGATIVE_SCORE if options.get("negative") else SCORE)
    return [*sizes_of(options, latent_size)[:4], score]


def _build(components: Components, placement: Placement) -> Checkpoint:
    text = components.text
    parts = MappingProxyType({CLIP_G_ALONE.part: CLIP_G_ALONE.build(text, placement)} if text else {})
    return Checkpoint(
        model=build_diffusion_model(
            components.unet,
            prediction_of(components),
            placement,
            head_channels=64,
            latent_format=LATENT_FORMAT,
            conditioner=and_sizes("The refiner of Stable Diffusion XL", components.unet, _numbers),
        ),
        clip=TextModels(parts) if parts else None,
        vae=build_vae(components.vae, placement) if components.vae else None,
    )


FAMILY = Family("sdxl_refiner", "the Stable Diffusion XL refiner", _matches, _build)
