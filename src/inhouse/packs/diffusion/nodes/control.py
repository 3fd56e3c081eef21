"""Nodes that steer a sampling by a picture: ControlNets and T2I-adapters."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from inhouse import Choices, Context, Image, Range, node
from inhouse.models.catalogue import ModelCatalogue
from inhouse.packs.diffusion.nodes.loaders import file_state, placement_of
from inhouse.packs.diffusion.wires import Conditioning, ControlNet, Model, Vae

CATEGORY = "conditioning/controlnet"

ControlFile = Annotated[str, Choices("models/controlnet")]
Strength = Annotated[float, Range(0, 10, step=0.01)]
Percent = Annotated[float, Range(0, 1, step=0.001)]


class Sides(NamedTuple):
    """Both sides of guidance."""

    positive: Conditioning
    negative: Conditioning


def _state(*, control_net_name: str, context: Context) -> Any:
    return file_state("controlnet", control_net_name, context)


@node("ControlNetLoader", category="loaders", display_name="Load ControlNet Model", fingerprint=_state)
def load(*, control_net_name: ControlFile, context: Context) -> ControlNet:
    """Load a ControlNet or a T2I-adapter."""
    from inhouse.packs.diffusion.control_loading import load_control_net

    return load_control_net(context.service(ModelCatalogue).path("controlnet", control_net_name), placement_of(context))


@node("DiffControlNetLoader", category="loaders", display_name="Load ControlNet Model (diff)", fingerprint=_state)
def load_difference(*, model: Model, control_net_name: ControlFile, context: Context) -> ControlNet:
    """Load a ControlNet that may be stored as the difference to a model's own weights."""
    from inhouse.packs.diffusion.control_loading import load_control_net

    path = context.service(ModelCatalogue).path("controlnet", control_net_name)
    return load_control_net(path, placement_of(context), model)


@node("ControlNetApply", category=CATEGORY, display_name="Apply ControlNet (OLD)", flags={"deprecated": True})
def apply(
    *, conditioning: Conditioning, control_net: ControlNet, image: Image, strength: Strength = 1.0
) -> Conditioning:
    """Steer by a picture, under the positive conditioning and the negative one alike."""
    from inhouse.packs.diffusion.control import ControlUse, steer

    return steer(conditioning, ControlUse(control_net, image, strength, both_sides=True))


def _both(positive: Conditioning, negative: Conditioning, control: ControlNet, image: Image, *how: float) -> Sides:
    from inhouse.packs.diffusion.control import ControlUse, steer

    strength, start, end = how
    use = ControlUse(control, image, strength, start, end)
    return Sides(steer(positive, use), steer(negative, use))


@node("ControlNetApplyAdvanced", category=CATEGORY, display_name="Apply ControlNet")
def apply_advanced(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    vae: Vae | None = None,  # noqa: ARG001 - on the wire; for controls that look at latents
) -> Sides:
    """Steer by a picture during a part of the sampling, 0 (pure noise) to 1 (done)."""
    return _both(positive, negative, control_net, image, strength, start_percent, end_percent)


@node(
    "ControlNetApplySD3",
    category=CATEGORY,
    display_name="Apply Controlnet with VAE",
    flags={"deprecated": True},
)
def apply_with_vae(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Vae | None,  # noqa: ARG001 - on the wire; for controls that look at latents
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
) -> Sides:
    """Steer by a picture during a part of the sampling, with an autoencoder for controls that look at latents."""
    return _both(positive, negative, control_net, image, strength, start_percent, end_percent)


NODES = [load, load_difference, apply, apply_advanced, apply_with_vae]
