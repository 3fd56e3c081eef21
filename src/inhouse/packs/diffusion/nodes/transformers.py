"""Nodes for models whose network is a transformer: Stable Diffusion 3, Flux.1 and their kin."""

from __future__ import annotations

import math
import re
from typing import Annotated

from inhouse import Latent, Range, node
from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.wires import Conditioning, Model

Side = Annotated[int, Range(16, 16384, step=16)]
Pixels = Annotated[int, Range(16, 16384, step=8)]
Shift = Annotated[float, Range(0, 100, step=0.01)]
Scale = Annotated[float, Range(0, 10, step=0.1)]
Share = Annotated[float, Range(0, 1, step=0.001)]

_FEWEST, _MOST = 256, 4096
"""Tokens of a picture of 256 x 256 pixels, and of 1024 x 1024."""


@node("EmptySD3LatentImage", category="latent/sd3")
def empty_latent(*, width: Side = 1024, height: Side = 1024, batch_size: Annotated[int, Range(1, 4096)] = 1) -> Latent:
    """Start from nothing: a batch of latents of 16 channels, as Stable Diffusion 3 and Flux.1 have them."""
    from inhouse.packs.diffusion import latents

    return latents.empty(width, height, batch_size, channels=16)


@node("FluxGuidance", category="advanced/conditioning/flux")
def flux_guidance(
    *, conditioning: Conditioning, guidance: Annotated[float, Range(0, 100, step=0.1)] = 3.5
) -> Conditioning:
    """Tell Flux.1 dev the scale of guidance that it was distilled for; it costs no second prediction."""
    from inhouse.packs.diffusion.conditioning import set_values

    return set_values(conditioning, guidance=guidance)


@node("FluxDisableGuidance", category="advanced/conditioning/flux")
def flux_disable_guidance(*, conditioning: Conditioning) -> Conditioning:
    """Tell Flux.1 no scale of guidance at all, for models that were trained further without one."""
    from inhouse.packs.diffusion.conditioning import set_values

    return set_values(conditioning, guidance=None)


@node("ModelSamplingSD3", category="advanced/model")
def model_sampling_sd3(*, model: Model, shift: Shift = 3.0) -> Model:
    """Shift the noise levels of a model over straight paths: more for large pictures."""
    return _shifted(model, shift, multiplier=1000.0)


@node("ModelSamplingAuraFlow", category="advanced/model")
def model_sampling_aura_flow(*, model: Model, shift: Shift = 1.73) -> Model:
    """Shift the noise levels of a model that is told the level itself as its timestep."""
    return _shifted(model, shift, multiplier=1.0)


@node("ModelSamplingFlux", category="advanced/model")
def model_sampling_flux(
    *, model: Model, max_shift: Shift = 1.15, base_shift: Shift = 0.5, width: Pixels = 1024, height: Pixels = 1024
) -> Model:
    """Shift Flux.1's noise levels by the size of the picture: ``base_shift`` at 256 pixels, ``max_shift`` at 1024."""
    from inhouse.packs.diffusion.families.flux import dev_levels
    from inhouse.packs.diffusion.prediction import Flow

    tokens = width * height / (8 * 8 * 2 * 2)
    slope = (max_shift - base_shift) / (_MOST - _FEWEST)
    log_shift = slope * (tokens - _FEWEST) + base_shift
    if log_shift > math.log(1e6):
        raise NodeInputError(
            f"The shift of a picture of {width} x {height} is out of all bounds.", hint="Lower max_shift."
        )
    return model.with_prediction(Flow(dev_levels(log_shift)))


def _shifted(model: Model, shift: float, *, multiplier: float) -> Model:
    from inhouse.packs.diffusion.noise_levels import FlowLevels
    from inhouse.packs.diffusion.prediction import Flow

    if shift <= 0:
        raise NodeInputError("A shift of 0 leaves no noise at any level.", hint="Set it above 0.", input_name="shift")
    return model.with_prediction(Flow(FlowLevels(shift=shift, multiplier=multiplier)))


@node("SkipLayerGuidanceSD3", category="advanced/guidance", flags={"experimental": True})
def skip_layer_guidance_sd3(
    *,
    model: Model,
    layers: str = "7, 8, 9",
    scale: Scale = 3.0,
    start_percent: Share = 0.01,
    end_percent: Share = 0.15,
) -> Model:
    """Guide away from what the network predicts without some of its blocks, which mends anatomy."""
    return _skipping(model, {"double": layers}, scale, start_percent, end_percent)


@node("SkipLayerGuidanceDiT", category="advanced/guidance", flags={"experimental": True})
def skip_layer_guidance_dit(
    *,
    model: Model,
    double_layers: str = "7, 8, 9",
    single_layers: str = "7, 8, 9",
    scale: Scale = 3.0,
    start_percent: Share = 0.01,
    end_percent: Share = 0.15,
    rescaling_scale: Annotated[float, Range(0, 10, step=0.01)] = 0.0,
) -> Model:
    """Guide away from what the network predicts without some of its blocks, of either kind."""
    layers = {"double": double_layers, "single": single_layers}
    return _skipping(model, layers, scale, start_percent, end_percent, rescaling_scale)


def _skipping(
    model: Model, layers: dict[str, str], scale: float, start: float, end: float, rescale: float = 0.0
) -> Model:
    from inhouse.packs.diffusion.guidance import guidance_of
    from inhouse.packs.diffusion.skipping import SkipLayers

    blocks = {part: frozenset(map(int, re.findall(r"\d{1,6}", text))) for part, text in layers.items()}
    if not any(blocks.values()):
        return model
    first, last = (model.prediction.percent_to_sigma(share) for share in (start, end))
    adjust = SkipLayers(blocks, scale, first, last, rescale)
    return model.with_options(guidance=guidance_of(model).then(adjust))


NODES = [
    empty_latent,
    flux_guidance,
    flux_disable_guidance,
    model_sampling_sd3,
    model_sampling_aura_flow,
    model_sampling_flux,
    skip_layer_guidance_sd3,
    skip_layer_guidance_dit,
]
