"""Parameter names of ControlNets and T2I-adapters: from the layouts that files come in to those of our networks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.names import original_unet_name, unet_prefixes_of_names

if TYPE_CHECKING:
    from inhouse.packs.diffusion.weights import Origin, Weights

_HINT_BLOCKS = 6
_PREFIX = "control_model."


def without_prefix(weights: Weights) -> Weights:
    """Return a ControlNet's weights by the names that they have inside of it."""
    return {name.removeprefix(_PREFIX): origin for name, origin in weights.items()}


def control_net_from_diffusers(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of a diffusers ControlNet to the original layout."""
    prefixes = unet_prefixes_of_names(weights) | {
        "controlnet_cond_embedding.conv_in": "input_hint_block.0",
        "controlnet_cond_embedding.conv_out": f"input_hint_block.{2 * _HINT_BLOCKS + 2}",
        "controlnet_mid_block": "middle_block_out.0",
    }
    for block in range(_HINT_BLOCKS):
        prefixes[f"controlnet_cond_embedding.blocks.{block}"] = f"input_hint_block.{2 * block + 2}"
    renamed = {}
    for name, origin in weights.items():
        zero = re.sub(r"^controlnet_down_blocks\.(\d+)\.", r"zero_convs.\1.0.", name)
        ours = zero if zero != name else original_unet_name(name, prefixes)
        if ours is not None:
            renamed[ours] = origin
    return renamed


_FULL = re.compile(r"body\.(\d+)\.(block\d\..*|in_conv\..*)")
_LIGHT = re.compile(r"body\.(\d+)\.body\.(\d+)\.(.*)")
_BLOCKS = 2


def adapter_from_original(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of a T2I-adapter of the paper's layout to diffusers', which has levels of blocks."""
    renamed = {}
    for name, origin in weights.items():
        ours = name
        if match := _LIGHT.fullmatch(name):
            ours = f"body.{match[1]}.resnets.{match[2]}.{match[3]}"
        elif (match := _FULL.fullmatch(name)) and not _is_light(weights):
            level, block = divmod(int(match[1]), _BLOCKS)
            inner = match[2] if match[2].startswith("in_conv") else f"resnets.{block}.{match[2]}"
            ours = f"body.{level}.{inner}"
        renamed[f"adapter.{ours}"] = origin
    return renamed


def _is_light(weights: Weights) -> bool:
    return "body.0.body.0.block1.weight" in weights
