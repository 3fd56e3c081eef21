"""Names in transformers: between the original layout of Stable Diffusion 3 and Flux.1 files, and diffusers', ours.

The originals keep queries, keys and values in one matrix, and the last modulation's shift before its scale; diffusers
has a layer for each, and the scale first. The correspondence is one table a family, from a layer of the original to the
layers that it is split into, for weights and LoRA files alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from inhouse.packs.diffusion.networks.numbering import consecutive
from inhouse.packs.diffusion.rows import SWAPPED, WHOLE, Rows, equal

if TYPE_CHECKING:
    from inhouse.packs.diffusion.weights import Origin, Weights

Pieces: TypeAlias = "tuple[tuple[str, Rows], ...]"
"""Layers of ours, and which rows of the original's weight are theirs."""
Correspondence: TypeAlias = "Mapping[str, Pieces]"
"""The original's layer -> ours."""

_Q, _K, _V = equal(3)
_FIRST, _SECOND, _THIRD = equal(7)[:3]
_REST = Rows((3, 4, 5, 6), 7)


def _one(name: str, rows: Rows = WHOLE) -> Pieces:
    return ((name, rows),)


def _fused(query: str, key: str, value: str) -> Pieces:
    return ((query, _Q), (key, _K), (value, _V))


_ENDS: Correspondence = MappingProxyType(
    {
        "final_layer.linear": _one("proj_out"),
        "final_layer.adaLN_modulation.1": _one("norm_out.linear", SWAPPED),
    }
)
_SD3: Correspondence = MappingProxyType(
    {
        "x_embedder.proj": _one("pos_embed.proj"),
        "t_embedder.mlp.0": _one("time_text_embed.timestep_embedder.linear_1"),
        "t_embedder.mlp.2": _one("time_text_embed.timestep_embedder.linear_2"),
        "y_embedder.mlp.0": _one("time_text_embed.text_embedder.linear_1"),
        "y_embedder.mlp.2": _one("time_text_embed.text_embedder.linear_2"),
        "context_embedder": _one("context_embedder"),
        **_ENDS,
    }
)
_SD3_BLOCK: Correspondence = MappingProxyType(
    {
        "x_block.attn.qkv": _fused("attn.to_q", "attn.to_k", "attn.to_v"),
        "x_block.attn.proj": _one("attn.to_out.0"),
        "x_block.attn.ln_q": _one("attn.norm_q"),
        "x_block.attn.ln_k": _one("attn.norm_k"),
        "x_block.attn2.qkv": _fused("attn2.to_q", "attn2.to_k", "attn2.to_v"),
        "x_block.attn2.proj": _one("attn2.to_out.0"),
        "x_block.attn2.ln_q": _one("attn2.norm_q"),
        "x_block.attn2.ln_k": _one("attn2.norm_k"),
        "x_block.mlp.fc1": _one("ff.net.0.proj"),
        "x_block.mlp.fc2": _one("ff.net.2"),
        "x_block.adaLN_modulation.1": _one("norm1.linear"),
        "context_block.attn.qkv": _fused("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        "context_block.attn.proj": _one("attn.to_add_out"),
        "context_block.attn.ln_q": _one("attn.norm_added_q"),
        "context_block.attn.ln_k": _one("attn.norm_added_k"),
        "context_block.mlp.fc1": _one("ff_context.net.0.proj"),
        "context_block.mlp.fc2": _one("ff_context.net.2"),
        "context_block.adaLN_modulation.1": _one("norm1_context.linear"),
    }
)
_FLUX: Correspondence = MappingProxyType(
    {
        "img_in": _one("x_embedder"),
        "txt_in": _one("context_embedder"),
        "time_in.in_layer": _one("time_text_embed.timestep_embedder.linear_1"),
        "time_in.out_layer": _one("time_text_embed.timestep_embedder.linear_2"),
        "vector_in.in_layer": _one("time_text_embed.text_embedder.linear_1"),
        "vector_in.out_layer": _one("time_text_embed.text_embedder.linear_2"),
        "guidance_in.in_layer": _one("time_text_embed.guidance_embedder.linear_1"),
        "guidance_in.out_layer": _one("time_text_embed.guidance_embedder.linear_2"),
        **_ENDS,
    }
)
_FLUX_DOUBLE: Correspondence = MappingProxyType(
    {
        "img_mod.lin": _one("norm1.linear"),
        "txt_mod.lin": _one("norm1_context.linear"),
        "img_attn.qkv": _fused("attn.to_q", "attn.to_k", "attn.to_v"),
        "txt_attn.qkv": _fused("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        "img_attn.norm.query_norm": _one("attn.norm_q"),
        "img_attn.norm.key_norm": _one("attn.norm_k"),
        "txt_attn.norm.query_norm": _one("attn.norm_added_q"),
        "txt_attn.norm.key_norm": _one("attn.norm_added_k"),
        "img_attn.proj": _one("attn.to_out.0"),
        "txt_attn.proj": _one("attn.to_add_out"),
        "img_mlp.0": _one("ff.net.0.proj"),
        "img_mlp.2": _one("ff.net.2"),
        "txt_mlp.0": _one("ff_context.net.0.proj"),
        "txt_mlp.2": _one("ff_context.net.2"),
    }
)
_FLUX_SINGLE: Correspondence = MappingProxyType(
    {
        "modulation.lin": _one("norm.linear"),
        "linear1": (("attn.to_q", _FIRST), ("attn.to_k", _SECOND), ("attn.to_v", _THIRD), ("proj_mlp", _REST)),
        "linear2": _one("proj_out"),
        "norm.query_norm": _one("attn.norm_q"),
        "norm.key_norm": _one("attn.norm_k"),
    }
)


def sd3_layers(blocks: int) -> dict[str, Pieces]:
    """Return the correspondence for a Stable Diffusion 3 of so many blocks.

    The last block's text conditions nothing behind it, so its modulation is a final layer's: shift and scale alone.
    """
    layers = dict(_SD3) | _blocks("joint_blocks", "transformer_blocks", _SD3_BLOCK, blocks)
    last = blocks - 1
    layers[f"joint_blocks.{last}.context_block.adaLN_modulation.1"] = _one(
        f"transformer_blocks.{last}.norm1_context.linear", SWAPPED
    )
    return layers


def flux_layers(doubles: int, singles: int) -> dict[str, Pieces]:
    """Return the correspondence for a Flux.1 of so many blocks of either kind."""
    return (
        dict(_FLUX)
        | _blocks("double_blocks", "transformer_blocks", _FLUX_DOUBLE, doubles)
        | _blocks("single_blocks", "single_transformer_blocks", _FLUX_SINGLE, singles)
    )


def _blocks(theirs: str, ours: str, block: Correspondence, count: int) -> dict[str, Pieces]:
    return {
        f"{theirs}.{index}.{inner}": tuple((f"{ours}.{index}.{name}", rows) for name, rows in pieces)
        for index in range(count)
        for inner, pieces in block.items()
    }


def numbered(names: Iterable[str], prefix: str) -> int:
    """Return how many numbers follow a prefix among names, from 0 on without a hole."""
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
    return consecutive(int(match[1]) for match in map(pattern.match, names) if match)


def sd3_from_original(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of an original Stable Diffusion 3 file."""
    renamed = _renamed(weights, sd3_layers(numbered(weights, "joint_blocks")))
    if "pos_embed" in weights:
        renamed["pos_embed.pos_embed"] = weights["pos_embed"]
    return renamed


def flux_from_original(weights: Weights) -> dict[str, Origin]:
    """Rename the parameters of an original Flux.1 file."""
    return _renamed(weights, flux_layers(numbered(weights, "double_blocks"), numbered(weights, "single_blocks")))


def _renamed(weights: Weights, layers: Correspondence) -> dict[str, Origin]:
    renamed = {}
    for name, origin in weights.items():
        layer, _, parameter = name.rpartition(".")
        for ours, rows in layers.get(layer, ()):
            renamed[f"{ours}.{'weight' if parameter == 'scale' else parameter}"] = replace(origin, rows=rows)
    return renamed
