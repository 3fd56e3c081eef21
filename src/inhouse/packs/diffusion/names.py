"""Parameter names: between the original layout of checkpoints, which our networks have, and others'.

The correspondence is derived from the architecture, so that smaller variants need no table of their own. All functions
map *prefixes* (names of layers); what follows them, ``.weight`` or a LoRA's suffix, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.networks.numbering import consecutive

if TYPE_CHECKING:
    from inhouse.packs.diffusion.networks.unet import UNetSpec
    from inhouse.packs.diffusion.weights import Origin, Weights

_RESIDUAL = MappingProxyType(
    {
        "norm1": "in_layers.0",
        "conv1": "in_layers.2",
        "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0",
        "conv2": "out_layers.3",
        "conv_shortcut": "skip_connection",
    }
)
_TOP = MappingProxyType(
    {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
    }
)
_RESNET = re.compile(r"(.*\.resnets\.\d+)\.(\w+)(\..*|$)")


def unet_prefixes(down: Iterable[int], up: Iterable[Iterable[bool]]) -> dict[str, str]:
    """Return the names that diffusers gives a UNet's blocks -> the original names.

    Args:
        down: residual blocks of each level on the way down.
        up: for each level on the way up, whether each of its residual blocks is followed by attention.

    """
    prefixes = dict(_TOP)
    index = 1
    for level, blocks in enumerate(down):
        for block in range(blocks):
            prefixes[f"down_blocks.{level}.resnets.{block}"] = f"input_blocks.{index}.0"
            prefixes[f"down_blocks.{level}.attentions.{block}"] = f"input_blocks.{index}.1"
            index += 1
        prefixes[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{index}.0.op"
        index += 1
    index = 0
    for level, attended in enumerate(up):
        place = 1
        for block, attention in enumerate(attended):
            prefixes[f"up_blocks.{level}.resnets.{block}"] = f"output_blocks.{index}.0"
            prefixes[f"up_blocks.{level}.attentions.{block}"] = f"output_blocks.{index}.1"
            place = 2 if attention else 1
            index += 1
        prefixes[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{index - 1}.{place}.conv"
    return prefixes


def unet_prefixes_of_spec(spec: UNetSpec) -> dict[str, str]:
    """Return `unet_prefixes` of an architecture."""
    down, up = [0], [[]]  # type: tuple[list[int], list[list[bool]]]
    for block in spec.input[1:]:
        if block.resample == "down":
            down.append(0)
        else:
            down[-1] += 1
    for block in spec.output:
        up[-1].append(block.depth > 0)
        if block.resample == "up":
            up.append([])
    return unet_prefixes(down, up)


def unet_prefixes_of_names(names: Iterable[str]) -> dict[str, str]:
    """Return `unet_prefixes` of a UNet with these diffusers parameter names."""
    names = set(names)

    def count(pattern: str) -> int:
        return consecutive(int(match[1]) for match in (re.match(pattern, name) for name in names) if match)

    down = [count(rf"down_blocks\.{level}\.resnets\.(\d+)\.") for level in range(count(r"down_blocks\.(\d+)\."))]
    up = [
        [
            any(name.startswith(f"up_blocks.{level}.attentions.{block}.") for name in names)
            for block in range(count(rf"up_blocks\.{level}\.resnets\.(\d+)\."))
        ]
        for level in range(count(r"up_blocks\.(\d+)\."))
    ]
    return unet_prefixes(down, up)


def original_unet_name(name: str, prefixes: Mapping[str, str]) -> str | None:
    """Return the original name of a diffusers UNet parameter or layer, None for one that nothing corresponds to."""
    inner = ""
    if match := _RESNET.fullmatch(name):
        name, inner = match[1], f".{_RESIDUAL.get(match[2], match[2])}{match[3]}"
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in prefixes:
            return ".".join([prefixes[prefix], *parts[length:]]) + inner
    return None


def diffusers_unet_name(name: str, inverse: Mapping[str, str]) -> str | None:
    """Return the name that diffusers gives an original UNet layer, None for one that nothing corresponds to.

    Args:
        name: the original name.
        inverse: the original names of blocks -> diffusers', `unet_prefixes` turned round.

    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if theirs := inverse.get(".".join(parts[:length])):
            inner = ".".join(parts[length:])
            if ".resnets." in theirs:
                inner = next((new for new, old in _RESIDUAL.items() if old == inner), inner)
            return f"{theirs}.{inner}" if inner else theirs
    return None


def unet_from_diffusers(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of a diffusers UNet."""
    prefixes = unet_prefixes_of_names(weights)
    renamed = {original_unet_name(name, prefixes): origin for name, origin in weights.items()}
    return {name: origin for name, origin in renamed.items() if name is not None}


_VAE_RULES = (
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.(?:to_q|query)", "mid.attn_1.q"),
    (r"mid_block\.attentions\.0\.(?:to_k|key)", "mid.attn_1.k"),
    (r"mid_block\.attentions\.0\.(?:to_v|value)", "mid.attn_1.v"),
    (r"mid_block\.attentions\.0\.(?:to_out\.0|proj_attn)", "mid.attn_1.proj_out"),
    (r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d+)\.resnets\.(\d+)", r"up.\1.block.\2"),
    (r"up_blocks\.(\d+)\.upsamplers\.0", r"up.\1.upsample"),
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
)
_UP_LEVEL = re.compile(r"(decoder\.up\.)(\d+)(\..*)")


def vae_from_diffusers(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of a diffusers autoencoder, whose decoder counts its levels from the other end."""
    renamed = {}
    for old, origin in weights.items():
        name = old
        for pattern, replacement in _VAE_RULES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = origin
    levels = {int(match[2]) for match in map(_UP_LEVEL.fullmatch, renamed) if match}
    top = max(levels, default=0)
    return {_UP_LEVEL.sub(lambda m: f"{m[1]}{top - int(m[2])}{m[3]}", name): origin for name, origin in renamed.items()}


_OPENCLIP_RULES = (
    ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
    ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    ("ln_final.", "text_model.final_layer_norm."),
    ("transformer.resblocks.", "text_model.encoder.layers."),
)
_OPENCLIP_LAYER = MappingProxyType(
    {".ln_1.": ".layer_norm1.", ".ln_2.": ".layer_norm2.", ".mlp.c_fc.": ".mlp.fc1.", ".mlp.c_proj.": ".mlp.fc2."}
    | {".attn.out_proj.": ".self_attn.out_proj."}
)


def text_from_openclip(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of an OpenCLIP text model, which keeps queries, keys and values in one matrix."""
    renamed: dict[str, Origin] = {}
    for old, origin in weights.items():
        if old in {"text_projection", "text_projection.weight"}:
            # A bare parameter is multiplied from the other side than a linear layer's weight.
            renamed["text_projection.weight"] = replace(origin, transposed=old == "text_projection")
            continue
        name = next((new + old[len(start) :] for start, new in _OPENCLIP_RULES if old.startswith(start)), None)
        if name is None:
            continue
        if match := re.fullmatch(r"(.*)\.attn\.in_proj_(weight|bias)", name):
            for letter, part in zip("qkv", origin.split(3), strict=True):
                renamed[f"{match[1]}.self_attn.{letter}_proj.{match[2]}"] = part
            continue
        for inner, new in _OPENCLIP_LAYER.items():
            name = name.replace(inner, new)
        renamed[name] = origin
    return renamed
