"""Makes the models that the golden results were computed with: random weights from a seed, in the original key layouts.

    python -m tests.golden.checkpoints KIND[,KIND...] FOLDER

Each kind becomes FOLDER/<kind's folder>/<its file>. ``tiny`` and ``full`` are Stable Diffusion 1 (502 MB with two
levels, 2.1 GB with all), ``lora`` fits both; the rest is in `checkpoints2` and `loras`. The weights are shaped so that
sampling stays bounded. The pictures mean nothing; the numbers do.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from tests.golden import checkpoints2, loras
from tests.golden.shapes import TEXT_WIDTH, WIDTH, Tensors, UNetShapes, VaeShapes
from tests.golden.transformers import ClipShapes


def checkpoint(*, tiny: bool) -> Tensors:
    """Draw a whole checkpoint."""
    full = UNetShapes([1, 2, 4, 4], [1, 1, 1, 1, 1, 1, 0, 0], 1, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    unet = UNetShapes([1, 1], [1, 1], 1, [1, 1, 1, 1]) if tiny else full
    parts: Mapping[str, Tensors] = {
        "model.diffusion_model.": unet.carrying(1001),
        "first_stage_model.": VaeShapes().scaled(1002),
        "cond_stage_model.transformer.": ClipShapes().draw(1003),
    }
    return {head + name: tensor for head, part in parts.items() for name, tensor in part.items()}


def lora() -> Tensors:
    """Draw a LoRA of rank 4 and alpha 2 for layers that both checkpoints have."""
    generator = torch.Generator().manual_seed(2001)
    drawn: Tensors = {}

    def add(name: str, out: int, in_: int, axes: tuple[int, ...] = ()) -> None:
        drawn[f"{name}.lora_down.weight"] = torch.randn((4, in_, *axes), generator=generator) / math.sqrt(in_)
        drawn[f"{name}.lora_up.weight"] = torch.randn((out, 4, *axes), generator=generator) * 0.3
        drawn[f"{name}.alpha"] = torch.tensor(2.0)

    block = "lora_unet_down_blocks_0_attentions_0_"
    for part in ("proj_in", "proj_out"):
        add(block + part, WIDTH, WIDTH, (1, 1))
    inner = block + "transformer_blocks_0_"
    for part, out, in_ in (
        ("attn1_to_q", WIDTH, WIDTH),
        ("attn1_to_out_0", WIDTH, WIDTH),
        ("attn2_to_k", WIDTH, TEXT_WIDTH),
        ("attn2_to_v", WIDTH, TEXT_WIDTH),
        ("ff_net_0_proj", WIDTH * 8, WIDTH),
        ("ff_net_2", WIDTH, WIDTH * 4),
    ):
        add(inner + part, out, in_)
    for layer in (0, 5, 11):
        name = f"lora_te_text_model_encoder_layers_{layer}_"
        add(f"{name}self_attn_q_proj", TEXT_WIDTH, TEXT_WIDTH)
        add(f"{name}self_attn_v_proj", TEXT_WIDTH, TEXT_WIDTH)
        add(f"{name}mlp_fc1", TEXT_WIDTH * 4, TEXT_WIDTH)
        add(f"{name}mlp_fc2", TEXT_WIDTH, TEXT_WIDTH * 4)
    return drawn


KINDS: Mapping[str, tuple[str, Callable[[], Tensors]]] = {
    "tiny": ("checkpoints/tiny_sd15.safetensors", lambda: checkpoint(tiny=True)),
    "full": ("checkpoints/full_sd15.safetensors", lambda: checkpoint(tiny=False)),
    "lora": ("loras/tiny_lora.safetensors", lora),
    **checkpoints2.KINDS,
    **loras.KINDS,
}
"""Kind -> its file, under a models folder, and what draws it."""


def write(kind: str, folder: Path) -> Path:
    """Write the file of a kind whole: drawn beside its place, then moved there. Return its place."""
    name, draw = KINDS[kind]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{kind}.part")
    tensors = {
        name: (tensor if kind in checkpoints2.WHOLE else tensor.half()).contiguous().clone()
        for name, tensor in draw().items()
    }
    save_file(tensors, beside, metadata={"format": "pt"})
    beside.rename(path)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", help="kinds, with commas between them")
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    for chosen_kind in chosen.kinds.split(","):
        write(chosen_kind, chosen.folder)
