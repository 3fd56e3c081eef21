"""The file that ships: one .safetensors in Stable Diffusion 1's layout, float16."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from training.icons.latents import SCALE

if TYPE_CHECKING:
    from torch import Tensor

    from training.icons.tokens import Vocabulary

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer.text_model."
METADATA = {
    "format": "pt",
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": "stable-diffusion-v1",
    "modelspec.implementation": "sgm",
    "modelspec.title": "Inhouse icons",
    "modelspec.author": "The Inhouse authors",
    "modelspec.license": "Apache-2.0; trained on Fluent Emoji (MIT) and Noto Emoji (Apache-2.0)",
    "modelspec.description": "Draws icons of some 330 everyday things, 128x128. Trained from nothing on a CPU.",
    "modelspec.resolution": "128x128",
    "modelspec.prediction_type": "v",
    "modelspec.usage_hint": "128x128, dpmpp_2m, karras, 20 steps, cfg 3",
}


@dataclass(frozen=True)
class Weights:
    """The trained parts, by their modules' own names. Any of the VAE's halves has the full module's keys."""

    unet: dict[str, Tensor]
    text: dict[str, Tensor]
    decoder: dict[str, Tensor]
    encoder: dict[str, Tensor]

    @classmethod
    def read(cls, work: Path) -> Weights:
        """Read the averages of the four courses' checkpoints."""
        denoiser = torch.load(work / "denoiser.pt", weights_only=True)["averages"]
        halves = [
            torch.load(work / f"{name}.pt", weights_only=True)["averages"]["half"] for name in ("decoder", "encoder")
        ]
        return cls(denoiser["unet"], denoiser["text"], *halves)


def scaled(weights: dict[str, Tensor], key: str, factor: float, outputs: int) -> dict[str, Tensor]:
    """Return the weights with the first ``outputs`` rows of a layer (weight and bias) multiplied."""
    changed = dict(weights)
    for part in ("weight", "bias"):
        tensor = weights[f"{key}.{part}"].clone()
        tensor[:outputs] *= factor
        changed[f"{key}.{part}"] = tensor
    return changed


def fold_scale(weights: Weights) -> dict[str, Tensor]:
    """Return the VAE with the family's 0.18215 folded in: its latents are ours divided by that, as loaders expect."""
    mean_rows = weights.encoder["quant_conv.bias"].shape[0] // 2
    encoder = scaled(weights.encoder, "quant_conv", 1 / SCALE, mean_rows)
    shift = torch.tensor(SCALE).log() * 2
    bias = encoder["quant_conv.bias"].clone()
    bias[mean_rows:] -= shift
    encoder["quant_conv.bias"] = bias
    decoder = dict(weights.decoder)
    decoder["post_quant_conv.weight"] = decoder["post_quant_conv.weight"] * SCALE
    return encoder | decoder


def checkpoint(weights: Weights, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """Return every tensor of the file by its key."""
    text = dict(weights.text)
    table = "embeddings.token_embedding.weight"
    text[table] = vocabulary.spread(text[table])
    tensors = {UNET + key: value for key, value in weights.unet.items()}
    tensors |= {VAE + key: value for key, value in fold_scale(weights).items()}
    tensors |= {TEXT + key: value for key, value in text.items()}
    tensors |= {"v_pred": torch.zeros(1), "model.diffusion_model.v_pred": torch.zeros(1)}
    return {key: value.half().contiguous() for key, value in sorted(tensors.items())}


def write(tensors: dict[str, Tensor], path: Path) -> None:
    """Write beside, flush, rename."""
    beside = path.with_name(path.name + ".part")
    save_file(tensors, beside, metadata=METADATA)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)
