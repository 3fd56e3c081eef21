"""Tensors of the golden networks under the names that other programs give them."""

from __future__ import annotations

import torch
from tests.golden.shapes import Tensors

_RESIDUAL = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_OPENCLIP = (
    ("self_attn.out_proj", "attn.out_proj"),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
)


def openclip(text: Tensors) -> Tensors:
    """Return a CLIP text model as OpenCLIP stores it: one matrix for queries, keys and values."""
    head = "text_model."
    tensors = {
        "token_embedding.weight": text[f"{head}embeddings.token_embedding.weight"],
        "positional_embedding": text[f"{head}embeddings.position_embedding.weight"],
        "logit_scale": torch.tensor(4.6052, dtype=torch.float16),
    }
    for leaf in ("weight", "bias"):
        tensors[f"ln_final.{leaf}"] = text[f"{head}final_layer_norm.{leaf}"]
        layer = 0
        while f"{head}encoder.layers.{layer}.mlp.fc1.{leaf}" in text:
            ours, theirs = f"{head}encoder.layers.{layer}", f"transformer.resblocks.{layer}"
            parts = [text[f"{ours}.self_attn.{part}_proj.{leaf}"] for part in "qkv"]
            tensors[f"{theirs}.attn.in_proj_{leaf}"] = torch.cat(parts)
            for old, new in _OPENCLIP:
                tensors[f"{theirs}.{new}.{leaf}"] = text[f"{ours}.{old}.{leaf}"]
            layer += 1
    if "text_projection.weight" in text:
        tensors["text_projection"] = text["text_projection.weight"].t().contiguous()
    return tensors


def diffusers_vae(vae: Tensors) -> Tensors:
    """Return an autoencoder as diffusers stores it."""
    rules = {
        "mid.block_1": "mid_block.resnets.0",
        "mid.block_2": "mid_block.resnets.1",
        "nin_shortcut": "conv_shortcut",
        "norm_out": "conv_norm_out",
        "mid.attn_1.norm": "mid_block.attentions.0.group_norm",
        "mid.attn_1.q.": "mid_block.attentions.0.to_q.",
        "mid.attn_1.k.": "mid_block.attentions.0.to_k.",
        "mid.attn_1.v.": "mid_block.attentions.0.to_v.",
        "mid.attn_1.proj_out.": "mid_block.attentions.0.to_out.0.",
    }
    for level in range(4):
        rules |= {
            f"encoder.down.{level}.block.": f"encoder.down_blocks.{level}.resnets.",
            f"encoder.down.{level}.downsample.": f"encoder.down_blocks.{level}.downsamplers.0.",
            f"decoder.up.{level}.block.": f"decoder.up_blocks.{3 - level}.resnets.",
            f"decoder.up.{level}.upsample.": f"decoder.up_blocks.{3 - level}.upsamplers.0.",
        }
    tensors = {}
    for name, tensor in vae.items():
        for old, new in rules.items():
            name = name.replace(old, new)  # noqa: PLW2901 - rule after rule
        projection = "attentions.0.to_" in name and name.endswith("weight")
        tensors[name] = tensor[:, :, 0, 0].contiguous() if projection else tensor
    return tensors


def diffusers_control(control: Tensors) -> Tensors:
    """Return a ControlNet of Stable Diffusion 1's full topology as diffusers stores it."""
    return {_control_name(name.split(".")): tensor for name, tensor in control.items()}


def _control_name(parts: list[str]) -> str:  # noqa: PLR0911 - a row of the table each
    leaf, number = parts[-1], int(parts[1])
    level, place = divmod(number - 1, 3)
    match parts[0], number, place:
        case "time_embed", _, _:
            return f"time_embedding.linear_{number // 2 + 1}.{leaf}"
        case "zero_convs", _, _:
            return f"controlnet_down_blocks.{number}.{leaf}"
        case "input_hint_block", _, _:
            layer = {0: "conv_in", 14: "conv_out"}.get(number, f"blocks.{number // 2 - 1}")
            return f"controlnet_cond_embedding.{layer}.{leaf}"
        case "middle_block_out", _, _:
            return f"controlnet_mid_block.{leaf}"
        case "middle_block", _, _:
            return _inner("mid_block", parts[2:], residual=number != 1, number=0 if number == 1 else number // 2)
        case _, 0, _:
            return f"conv_in.{leaf}"
        case _, _, 2:
            return f"down_blocks.{level}.downsamplers.0.conv.{leaf}"
    return _inner(f"down_blocks.{level}", parts[3:], residual=parts[2] == "0", number=place)


def _inner(block: str, rest: list[str], *, residual: bool, number: int) -> str:
    if not residual:
        return ".".join([block, "attentions", str(number), *rest])
    return ".".join([block, "resnets", str(number), _RESIDUAL[".".join(rest[:-1])], rest[-1]])
