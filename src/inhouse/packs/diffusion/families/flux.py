"""Flux.1: a transformer, conditioned on T5-XXL and CLIP-L's pooled output, over straight paths.

Black Forest Labs (2024), https://github.com/black-forest-labs/flux. Dev is told a scale of guidance that it was
distilled for; schnell, which takes a few steps, is not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from inhouse.errors import ModelUnsupportedError
from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Checkpoint, assemble, layer_shapes, read_spec
from inhouse.packs.diffusion.families.joint import and_guidance, pooled, text_models, vae_of
from inhouse.packs.diffusion.networks.flux import FluxSpec, FluxTransformer
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow
from inhouse.packs.diffusion.transformer_names import flux_layers
from inhouse.packs.diffusion.transformer_targets import transformer_targets
from inhouse.packs.diffusion.unet import LatentFormat

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.layouts import Components
    from inhouse.packs.diffusion.unet import DiffusionModel

LATENT_FORMAT = LatentFormat(channels=16, scale_factor=0.3611, shift_factor=0.1159)
GUIDANCE = 3.5
"""What dev is told where the conditioning says nothing."""
LOG_SHIFT = 1.15
"""Natural logarithm of dev's shift."""
DEV_LEVELS = 10_000
"""Noise levels that dev's schedules choose from."""


def dev_levels(log_shift: float = LOG_SHIFT) -> FlowLevels:
    """Return dev's noise levels; the network is told the level itself."""
    return FlowLevels(shift=math.exp(log_shift), multiplier=1.0, count=DEV_LEVELS)


SCHNELL_LEVELS = FlowLevels(shift=1.0, multiplier=1.0)


def _matches(shapes: Shapes) -> bool:
    return "x_embedder.weight" in shapes and "single_transformer_blocks.0.proj_mlp.weight" in shapes


def _model(components: Components, placement: Placement) -> DiffusionModel:
    spec = read_spec(components.unet, FluxSpec.from_shapes)
    if spec.in_channels != LATENT_FORMAT.channels:
        raise ModelUnsupportedError(
            f"{components.source} is a Flux.1 that is shown {spec.in_channels} channels: fill, canny or depth.",
            hint="Use Flux.1 dev or schnell, with a ControlNet or a noise mask.",
        )
    tell = pooled("Flux.1", spec.vector)
    return assemble(
        components.unet,
        lambda: FluxTransformer(spec),
        placement,
        spec=spec,
        prediction=Flow(dev_levels() if spec.guided else SCHNELL_LEVELS),
        targets=transformer_targets(layer_shapes(components.unet), flux_layers(spec.doubles, spec.singles)),
        form=LATENT_FORMAT,
        conditioner=and_guidance(tell, GUIDANCE) if spec.guided else tell,
    )


def _build(components: Components, placement: Placement) -> Checkpoint:
    return Checkpoint(
        _model(components, placement), text_models(components, "flux", placement), vae_of(components, placement)
    )


FAMILY = Family("flux", "Flux.1", _matches, _build)
