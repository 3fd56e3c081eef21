"""Stable Diffusion 3 and 3.5: a transformer, conditioned on CLIP-L, OpenCLIP-G and T5-XXL, over straight paths.

Esser et al. (2024), https://arxiv.org/abs/2403.03206. Every text encoder may be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Checkpoint, assemble, layer_shapes, read_spec
from inhouse.packs.diffusion.families.joint import pooled, text_models, vae_of
from inhouse.packs.diffusion.networks.sd3 import SD3Spec, SD3Transformer
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow
from inhouse.packs.diffusion.transformer_names import sd3_layers
from inhouse.packs.diffusion.transformer_targets import transformer_targets
from inhouse.packs.diffusion.unet import LatentFormat

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.layouts import Components
    from inhouse.packs.diffusion.unet import DiffusionModel

LATENT_FORMAT = LatentFormat(channels=16, scale_factor=1.5305, shift_factor=0.0609)
SHIFT = 3.0


def _matches(shapes: Shapes) -> bool:
    return "pos_embed.proj.weight" in shapes and "transformer_blocks.0.attn.add_k_proj.weight" in shapes


def _model(components: Components, placement: Placement) -> DiffusionModel:
    spec = read_spec(components.unet, SD3Spec.from_shapes)
    return assemble(
        components.unet,
        lambda: SD3Transformer(spec),
        placement,
        spec=spec,
        prediction=Flow(FlowLevels(shift=SHIFT)),
        targets=transformer_targets(layer_shapes(components.unet), sd3_layers(spec.blocks)),
        form=LATENT_FORMAT,
        conditioner=pooled("Stable Diffusion 3", spec.vector),
    )


def _build(components: Components, placement: Placement) -> Checkpoint:
    return Checkpoint(
        _model(components, placement), text_models(components, "sd3", placement), vae_of(components, placement)
    )


FAMILY = Family("sd3", "Stable Diffusion 3", _matches, _build)
