"""The text models of the families, and how to tell them when they come in a file of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Encoder
from inhouse.packs.diffusion.families.t5 import T5_OF_FLUX, T5_OF_SD3, is_t5
from inhouse.packs.diffusion.text.joining import ALONE, FLUX, SD3, SDXL, Joiner

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.text_model import TextPart
    from inhouse.packs.diffusion.weights import Weights

CLIP_L = Encoder("clip_l", activation="quick_gelu", default_layer=-1, pad_token=49407)
CLIP_H = Encoder("clip_h", activation="gelu", default_layer=-2, pad_token=0)
CLIP_G = Encoder(
    "clip_g",
    activation="gelu",
    default_layer=-2,
    pad_token=0,
    prefixes=("lora_te2_", "text_encoder_2."),
    normed=False,
)
"""OpenCLIP-G, as every family has it."""
CLIP_L_BESIDE = replace(CLIP_L, default_layer=-2, normed=False)
"""CLIP-L as the families have it in which it stands beside OpenCLIP-G: Stable Diffusion XL and 3."""
CLIP_L_POOLED = replace(CLIP_L, projected=False)
"""CLIP-L as Flux.1 has it, which takes its pooled output alone."""
CLIP_G_ALONE = replace(CLIP_G, prefixes=("lora_te_", "lora_te1_", "lora_te2_", "text_encoder.", "text_encoder_2."))
"""OpenCLIP-G as the SDXL refiner has it."""


class Habits(Protocol):
    """What a family knows of one of its text models."""

    @property
    def part(self) -> str:
        """Its short name among the family's encoders."""

    def build(self, weights: Weights, placement: Placement) -> TextPart:
        """Return the text model; its weights are read when it is first asked."""


def _width(shapes: Shapes) -> int:
    """Return the width of a token; 0 where the file has no text model of CLIP's."""
    shape = shapes.get("text_model.embeddings.token_embedding.weight", ())
    return shape[1] if len(shape) == 2 else 0


ENCODERS: tuple[Family[None], ...] = (
    Family("clip_l", "CLIP-L", lambda shapes: 0 < _width(shapes) <= 768, None),
    Family("clip_h", "OpenCLIP-H", lambda shapes: _width(shapes) == 1024, None),
    Family("clip_g", "OpenCLIP-G", lambda shapes: _width(shapes) == 1280, None),
    Family("t5xxl", "T5-XXL", is_t5, None),
)
"""CLIP's text models by the width of a token; what is narrower than CLIP-L is a smaller one of its kind."""


@dataclass(frozen=True, slots=True)
class EncoderSet:
    """The text models that a family may have, and how it joins what they say.

    Attributes:
        title: of the family.
        habits: a row of `ENCODERS` -> from the model's weights to what the family knows of it.
        joiner: makes one conditioning of what they say.

    """

    title: str
    habits: Mapping[str, Callable[[Weights], Habits]]
    joiner: Joiner


def clip_h(weights: Weights) -> Encoder:
    """Return OpenCLIP-H's habits.

    Diffusers' folders have 23 of its 24 layers: the last conditions nothing and is left out.
    """
    cut = [f"text_model.encoder.layers.{layer}.mlp.fc1.weight" in weights for layer in (22, 23)] == [True, False]
    return replace(CLIP_H, default_layer=-1) if cut else CLIP_H


def _always(encoder: Habits) -> Callable[[Weights], Habits]:
    return lambda _: encoder


_BESIDE = MappingProxyType({"clip_l": _always(CLIP_L_BESIDE), "clip_g": _always(CLIP_G)})
_SD3 = EncoderSet(
    "Stable Diffusion 3",
    # CLIP-L's pooled output is taken without its projection, whatever the file holds.
    MappingProxyType(
        {**_BESIDE, "clip_l": _always(replace(CLIP_L_BESIDE, projected=False)), "t5xxl": _always(T5_OF_SD3)}
    ),
    SD3,
)
SETS: Mapping[str, EncoderSet] = MappingProxyType(
    {
        "stable_diffusion": EncoderSet(
            "Stable Diffusion",
            MappingProxyType({"clip_l": _always(CLIP_L), "clip_h": clip_h, "clip_g": _always(CLIP_G_ALONE)}),
            ALONE,
        ),
        "sdxl": EncoderSet("Stable Diffusion XL", _BESIDE, SDXL),
        "sd3": _SD3,
        "flux": EncoderSet(
            "Flux.1", MappingProxyType({"clip_l": _always(CLIP_L_POOLED), "t5xxl": _always(T5_OF_FLUX)}), FLUX
        ),
    }
)
"""What the loaders of text encoders can be asked for, by its name on the wire."""
