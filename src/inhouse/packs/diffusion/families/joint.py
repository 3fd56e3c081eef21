"""What families share whose network is a transformer over text and picture: Stable Diffusion 3 and Flux.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.errors import NodeInputError
from inhouse.models.detection import detect
from inhouse.packs.diffusion.assembly import build_vae
from inhouse.packs.diffusion.families.encoders import ENCODERS, SETS
from inhouse.packs.diffusion.text_model import TextModels

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.layouts import Components
    from inhouse.packs.diffusion.unet import Conditioner
    from inhouse.packs.diffusion.vae import Vae


def text_models(components: Components, kind: str, placement: Placement) -> TextModels | None:
    """Return the text models that there are and that the family ``kind`` of `SETS` has, each told by its shapes."""
    family, parts = SETS[kind], {}
    for weights in components.texts.values():
        encoder = detect({name: origin.shape for name, origin in weights.items()}, ENCODERS)
        if encoder is not None and encoder.name in family.habits:
            habits = family.habits[encoder.name](weights)
            parts[habits.part] = habits.build(weights, placement)
    return TextModels(MappingProxyType(parts), family.joiner) if parts else None


def vae_of(components: Components, placement: Placement) -> Vae | None:
    """Return the autoencoder, if there is one."""
    return build_vae(components.vae, placement) if components.vae else None


def pooled(title: str, width: int) -> Conditioner:
    """Return what tells a network the pooled output of an entry, which has to be ``width`` channels wide."""

    def conditioner(options: Mapping[str, Any], latent_size: tuple[int, int]) -> Mapping[str, Tensor]:
        del latent_size
        vector = options.get("pooled_output")
        if vector is None or vector.shape[-1] != width:
            found = "none" if vector is None else f"one of {vector.shape[-1]} channels"
            raise NodeInputError(
                f"{title} needs a pooled output of {width} channels beside the text; the conditioning has {found}.",
                hint="Encode the prompt with the text encoders of this family of models.",
            )
        return {"vector": vector}

    return conditioner


def and_guidance(
    tell: Conditioner, default: float
) -> Callable[[Mapping[str, Any], tuple[int, int]], Mapping[str, Tensor]]:
    """Return the same with the scale of distilled guidance: the entry's option ``guidance``; None there tells none."""

    def conditioner(options: Mapping[str, Any], latent_size: tuple[int, int]) -> Mapping[str, Tensor]:
        import torch

        told = tell(options, latent_size)
        scale = options.get("guidance", default)
        return told if scale is None else {**told, "guidance": torch.tensor([float(scale)])}

    return conditioner
