"""Nodes that paint a part of a picture anew."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from inhouse import Image, Latent, Mask, Range, node
from inhouse.packs.diffusion.nodes.vae import whole
from inhouse.packs.diffusion.wires import Conditioning, Model, Vae


class Told(NamedTuple):
    """Both sides of guidance, told what is painted anew, and the picture as a latent."""

    positive: Conditioning
    negative: Conditioning
    latent: Latent


@node("InpaintModelConditioning", category="conditioning/inpaint")
def condition(
    *,
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae | None,
    pixels: Image,
    mask: Mask,
    noise_mask: bool = True,
) -> Told:
    """Tell a model that was trained for it what to paint anew, and around what."""
    from inhouse.packs.diffusion.inpainting import condition_on_picture

    return Told(*condition_on_picture(positive, negative, whole(vae), pixels, mask, noise_mask=noise_mask))


@node(
    "DifferentialDiffusion",
    category="_for_testing",
    display_name="Differential Diffusion",
    flags={"experimental": True},
)
def differential(*, model: Model, strength: Annotated[float | None, Range(0, 1, step=0.01)] = 1.0) -> Model:
    """Let the grey of a noise mask say from when on a place may change, rather than how much of it."""
    from inhouse.packs.diffusion.masking import DIFFERENTIAL

    return model.with_options(**{DIFFERENTIAL: 1.0 if strength is None else strength})


NODES = [condition, differential]
