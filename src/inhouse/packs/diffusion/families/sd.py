"""What Stable Diffusion 1 and 2 share: one UNet architecture, one autoencoder, one noise schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.diffusion.assembly import Checkpoint, build_diffusion_model, build_vae
from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.prediction import Epsilon, Prediction, Velocity
from inhouse.packs.diffusion.text_model import TextModels

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Encoder, Placement
    from inhouse.packs.diffusion.layouts import Components

_MARKS = ("input_blocks.0.0.weight", "time_embed.0.weight", "out.2.weight")
_VELOCITY = frozenset({"v", "v_prediction", "velocity"})
_METADATA = "modelspec.prediction_type"


def is_sd_unet(shapes: Shapes, *, projection_axes: int) -> bool:
    """Whether it is a UNet of Stable Diffusion 1 or 2.

    Args:
        shapes: of the UNet's parameters, under their original names.
        projection_axes: axes of the weights around its transformers: 4 (convolutions) or 2 (linear layers).

    """
    projections = {len(shape) for name, shape in shapes.items() if name.endswith(".proj_in.weight")}
    known = all(mark in shapes for mark in _MARKS) and projections == {projection_axes}
    return known and "label_emb.0.0.weight" not in shapes


def prediction_of(components: Components, *, velocity: bool = False) -> Prediction:
    """Return what the network predicts: what the file says of itself, else ``velocity`` or epsilon."""
    stated = components.metadata.get(_METADATA)
    if stated is not None:
        velocity = stated.lower() in _VELOCITY
    if "v_pred" in components.flags:
        velocity = True
    levels = DiscreteLevels.from_betas(zero_terminal_snr="ztsnr" in components.flags)
    return Velocity(levels) if velocity else Epsilon(levels)


def build_checkpoint(
    components: Components,
    placement: Placement,
    *,
    encoder: Encoder,
    prediction: Prediction,
    head_channels: int | None,
) -> Checkpoint:
    """Return the parts that there are."""
    return Checkpoint(
        model=build_diffusion_model(components.unet, prediction, placement, head_channels=head_channels),
        clip=TextModels({encoder.part: encoder.build(components.text, placement)}) if components.text else None,
        vae=build_vae(components.vae, placement) if components.vae else None,
    )
