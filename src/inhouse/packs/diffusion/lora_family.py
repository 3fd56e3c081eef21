"""Which family of models a LoRA was made for, told from the names and widths of what it changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inhouse.packs.diffusion.lora_file import Lora

UNET_FAMILIES: Mapping[int, str] = MappingProxyType(
    {
        768: "Stable Diffusion 1",
        1024: "Stable Diffusion 2",
        1280: "the Stable Diffusion XL refiner",
        2048: "Stable Diffusion XL",
    }
)
"""Width of a UNet's conditioning -> family."""

_NAMES = (
    ("Flux", re.compile(r"double_blocks|single_blocks|single_transformer_blocks")),
    ("Stable Diffusion 3", re.compile(r"joint_blocks|^(lora_)?transformer[._]transformer_blocks")),
)
_CROSS = re.compile(r"[._]attn2[._]to_[kv]$")
_SECOND_TEXT = re.compile(r"^(lora_te2_|text_encoder_2\.)")


def family_title(names: Iterable[str], width: int | None) -> str | None:
    """Return the title of the family with layers of these names whose conditioning is so wide, where it is known."""
    names = tuple(names)
    for title, pattern in _NAMES:
        if any(pattern.search(name) for name in names):
            return title
    if width is not None:
        return UNET_FAMILIES.get(width)
    return "Stable Diffusion XL" if any(_SECOND_TEXT.search(name) for name in names) else None


def conditioning_widths(lora: Lora) -> frozenset[int]:
    """Return how wide the conditioning is in the UNet that a LoRA was made for; empty where it does not touch that."""
    return frozenset(
        change.shape[1]
        for place, change in lora.changes.items()
        if place.parameter == "weight" and _CROSS.search(place.layer)
    )


def made_for(lora: Lora) -> str | None:
    """Return the title of the family that a LoRA seems to be made for."""
    widths = conditioning_widths(lora)
    return family_title((place.layer for place in lora.changes), next(iter(widths)) if len(widths) == 1 else None)
