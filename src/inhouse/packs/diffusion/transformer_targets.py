"""By which names LoRA files call the layers of a transformer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.lora import Target, Targets

if TYPE_CHECKING:
    from inhouse.packs.diffusion.transformer_names import Correspondence

_ORIGINAL = ("diffusion_model.", "transformer.", "base_model.model.", "")
_ORIGINAL_FLAT = ("lora_unet_", "lora_transformer_", "lycoris_")
_DIFFUSERS = ("transformer.", "diffusion_model.", "base_model.model.", "unet.", "")
_DIFFUSERS_FLAT = ("lora_transformer_", "lora_unet_", "lycoris_")


def transformer_targets(layers: Mapping[str, tuple[int, ...]], correspondence: Correspondence) -> Targets:
    """Return the names of a transformer's layers: the original ones, which may stand for several, and diffusers'.

    Args:
        layers: layer -> its weight's shape.
        correspondence: the original's layer -> ours, of `inhouse.packs.diffusion.transformer_names`.

    """
    targets: dict[str, tuple[Target, ...]] = {}
    for original, pieces in correspondence.items():
        found = tuple(
            Target(path, (layers[path][0] // len(rows.parts) * rows.count, *layers[path][1:]), rows)
            for path, rows in pieces
            if path in layers
        )
        if len(found) == len(pieces):
            targets |= dict.fromkeys(_names(original, _ORIGINAL, _ORIGINAL_FLAT), found)
    for path, shape in layers.items():
        targets |= dict.fromkeys(_names(path, _DIFFUSERS, _DIFFUSERS_FLAT), (Target(path, shape),))
    return MappingProxyType(targets)


def _names(path: str, dotted: tuple[str, ...], flat: tuple[str, ...]) -> list[str]:
    return [*(prefix + path for prefix in dotted), *(prefix + path.replace(".", "_") for prefix in flat)]
